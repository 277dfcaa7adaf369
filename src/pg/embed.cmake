# SPDX-License-Identifier: PostgreSQL
# Writes the SQL files into a C file:
#   cmake -D SQL_DIR=… -D OUTPUT=… -P embed.cmake
include(${CMAKE_CURRENT_LIST_DIR}/../embed.cmake)
file(GLOB files ${SQL_DIR}/migrations/*.sql)
list(SORT files)

file(WRITE ${OUTPUT} "/* Made by src/pg/embed.cmake from sql/. */\n#include \"migrations.h\"\n\n")
set(rows "")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
    message(FATAL_ERROR "${file}: want NNNN_name.sql")
  endif()
  math(EXPR id "1${CMAKE_MATCH_1} - 10000")
  file(READ ${file} head LIMIT 4000)
  if(NOT head MATCHES "\n-- Breaking: (yes|no)")
    message(FATAL_ERROR "${file}: want a line \"-- Breaking: yes\" or \"-- Breaking: no\" at the top")
  endif()
  string(COMPARE EQUAL "${CMAKE_MATCH_1}" "yes" breaking)
  embed(sql_${name} ${file})
  string(APPEND rows "    {.id = ${id}, .name = \"${name}\", .breaking = ${breaking}, "
    ".sql = (const char *)sql_${name}},\n")
endforeach()
embed(sql_uninstall ${SQL_DIR}/uninstall.sql)

file(APPEND ${OUTPUT}
  "const struct pgc_migration pgc_pg_migrations[] = {\n${rows}};\n"
  "const size_t pgc_pg_migration_count = sizeof(pgc_pg_migrations) / sizeof(pgc_pg_migrations[0]);\n"
  "const char *const pgc_pg_uninstall_sql = (const char *)sql_uninstall;\n")
