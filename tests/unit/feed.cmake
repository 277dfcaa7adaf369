# SPDX-License-Identifier: PostgreSQL
foreach(test asks bell)
  pgc_test(${test} LIBS pgc_feed)
  target_include_directories(test_${test} PRIVATE ${PROJECT_SOURCE_DIR}/src/feed)
endforeach()
pgc_test(bell_model LIBS pgc_feed SOURCES bell_world.c)
target_include_directories(test_bell_model PRIVATE ${PROJECT_SOURCE_DIR}/src/feed)
foreach(test feed feed_ahead feed_care feed_channel feed_exact feed_failure feed_goes_on feed_history)
  pgc_test(${test} LIBS pgc_feed pgc_pg PkgConfig::PQ SOURCES feed_scene.c server.c
    LABEL integration WRAP ${CMAKE_CURRENT_SOURCE_DIR}/with-postgres)
endforeach()
