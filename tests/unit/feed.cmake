# SPDX-License-Identifier: PostgreSQL
foreach(test asks bell)
  pgc_test(${test} LIBS pgc_feed)
  target_include_directories(test_${test} PRIVATE ${PROJECT_SOURCE_DIR}/src/feed)
endforeach()
foreach(test feed feed_channel feed_exact feed_failure)
  pgc_test(${test} LIBS pgc_feed pgc_pg PkgConfig::PQ SOURCES feed_scene.c server.c
    LABEL integration WRAP ${CMAKE_CURRENT_SOURCE_DIR}/with-postgres)
endforeach()
