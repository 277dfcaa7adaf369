# SPDX-License-Identifier: PostgreSQL
foreach(test ws_handshake ws_queue)
  pgc_test(${test} LIBS pgc_ws)
  target_include_directories(test_${test} PRIVATE ${PROJECT_SOURCE_DIR}/src/ws)
endforeach()
foreach(test ws_accept ws_events ws_flow ws_frames ws_http)
  pgc_test(${test} LIBS pgc_ws SOURCES ws_harbour.c ws_ship.c)
endforeach()
