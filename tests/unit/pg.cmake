# SPDX-License-Identifier: PostgreSQL
set(with_postgres ${CMAKE_CURRENT_SOURCE_DIR}/with-postgres)
pgc_test(pg LIBS pgc_pg SOURCES pg_bench.c server.c LABEL integration WRAP ${with_postgres})
pgc_test(migrate LIBS pgc_pg PkgConfig::PQ SOURCES server.c LABEL integration WRAP ${with_postgres})
