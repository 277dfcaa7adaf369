# SPDX-License-Identifier: PostgreSQL
# Writes the files of the page into a C file:
#   cmake -D PAGE_DIR=… -D OUTPUT=… -P embed.cmake
include(${CMAKE_CURRENT_LIST_DIR}/../../embed.cmake)

file(WRITE ${OUTPUT} "/* Made by src/app/page/embed.cmake. */\n#include \"app.h\"\n\n")
embed(page_html ${PAGE_DIR}/index.html)
embed(page_css ${PAGE_DIR}/page.css)
embed(page_js ${PAGE_DIR}/page.js)
embed(page_icon ${PAGE_DIR}/icon.svg)
file(APPEND ${OUTPUT} "const struct app_page_file app_page_files[] = {
    {\"/admin\", \"text/html; charset=utf-8\", page_html, sizeof(page_html) - 1},
    {\"/admin/page.css\", \"text/css; charset=utf-8\", page_css, sizeof(page_css) - 1},
    {\"/admin/page.js\", \"text/javascript; charset=utf-8\", page_js, sizeof(page_js) - 1},
    {\"/admin/icon.svg\", \"image/svg+xml\", page_icon, sizeof(page_icon) - 1},
    {0},
};\n")
