# SPDX-License-Identifier: PostgreSQL
foreach(test backlog_item backlog_kept backlog_replay backlog_seen)
  pgc_test(${test} LIBS pgc_hub SOURCES hub_past.c hub_world.c)
endforeach()
pgc_test(hub LIBS pgc_hub SOURCES hub_world.c)
pgc_test(hub_end LIBS pgc_hub SOURCES hub_world.c)
