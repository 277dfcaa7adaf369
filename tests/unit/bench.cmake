# SPDX-License-Identifier: PostgreSQL
pgc_test(histogram LIBS pgc_bench)
