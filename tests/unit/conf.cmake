# SPDX-License-Identifier: PostgreSQL
pgc_test(conf LIBS pgc_conf)
