# SPDX-License-Identifier: PostgreSQL
# embed(NAME FILE) appends FILE to ${OUTPUT}, as an array of that name with a 0 behind it.
# Bytes, not string literals: C promises no more than 4095 characters of those.
function(embed name file)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  file(APPEND ${OUTPUT} "static const unsigned char ${name}[] = {\n${hex}0x00};\n\n")
endfunction()
