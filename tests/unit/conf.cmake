# SPDX-License-Identifier: PostgreSQL
pgc_test(conf LIBS pgc_conf)
pgc_test(conf_print LIBS pgc_conf)
