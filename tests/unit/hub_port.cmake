# SPDX-License-Identifier: PostgreSQL
pgc_test(port LIBS pgc_hub)
