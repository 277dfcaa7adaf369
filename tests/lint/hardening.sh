#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The program is built so that a fault in it is hard to use: what its headers and symbols show.
set -euo pipefail

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to look at"
    exit 77
fi
# All at once: a reader that stops early would break the pipe.
headers=$(readelf --wide --file-header --program-headers --dynamic --notes "$PGCABLE_BIN")
symbols=$(readelf --wide --dyn-syms "$PGCABLE_BIN" | awk '{ print $8 }')
code=$(objdump --disassemble --no-show-raw-insn "$PGCABLE_BIN")
if [[ $symbols == *__asan_init* || $symbols == *__tsan_init* ]]; then
    echo "SKIPPED: $PGCABLE_BIN is built with a sanitizer, not as it is installed"
    exit 77
fi

status=0
# want WHAT REGEX TEXT and must_not WHAT REGEX TEXT
want() {
    grep -qE -- "$2" <<< "$3" || {
        echo "$PGCABLE_BIN: $1"
        status=1
    }
}
must_not() {
    if grep -E -- "$2" <<< "$3"; then
        echo "^ $PGCABLE_BIN: $1"
        status=1
    fi
}

want "it is no position-independent program (-fPIE -pie)" 'FLAGS_1.* PIE' "$headers"
want "its relocations stay writable (-Wl,-z,relro)" '^ *GNU_RELRO ' "$headers"
want "its relocations are made late (-Wl,-z,now)" 'FLAGS_1.* NOW' "$headers"
want "its stack may be executed (-Wl,-z,noexecstack)" '^ *GNU_STACK .* RW ' "$headers"
must_not "a segment is both writable and executable" '^ *LOAD .* RWE ' "$headers"
must_not "it relocates its code (-fPIC is missing somewhere)" 'TEXTREL' "$headers"
must_not "it looks for libraries in a place of its own" '(RPATH|RUNPATH)' "$headers"
want "no stack protector (-fstack-protector-strong)" '^__stack_chk_fail' "$symbols"
want "no bounds in libc's calls (-D_FORTIFY_SOURCE)" '^__v?snprintf_chk' "$symbols"

# libwebsockets, which parses what strangers send, is linked in: there, too.
for function in pgc_ws_new lws_ws_rx_sm; do
    [ "$(uname -m)" = x86_64 ] || break
    body=$(awk -v name="<$function>:" '$2 == name { on = 1 } on; on && /^$/ { exit }' <<< "$code")
    want "$function does not check where it is jumped to (-fcf-protection)" 'endbr64' "$body"
done
want "libwebsockets has no stack protector" '__stack_chk_fail' \
    "$(awk '/^[0-9a-f]+ <lws_/ { on = 1 } /^[0-9a-f]+ <pgc_/ { on = 0 } on' <<< "$code")"

# The mark that lets the kernel enforce it needs a C runtime that has it as well; Debian's has not.
runtime=$(readelf --wide --notes "$(cc -print-file-name=crt1.o)")
if [[ $runtime == *IBT* ]]; then
    want "the mark of -fcf-protection got lost in linking" 'x86 feature:.*IBT' "$headers"
fi
exit $status
