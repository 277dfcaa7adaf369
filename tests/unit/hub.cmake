# SPDX-License-Identifier: PostgreSQL
pgc_test(hub LIBS pgc_hub)
