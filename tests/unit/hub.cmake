# SPDX-License-Identifier: PostgreSQL
pgc_test(hub LIBS pgc_hub SOURCES hub_world.c)
pgc_test(hub_end LIBS pgc_hub SOURCES hub_world.c)
