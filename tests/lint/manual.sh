#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The manual pages are well-formed, and say of verbs, options, settings, events, reasons and close
# codes what the program knows: all of them, and no other.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${PGCABLE_BIN:-}" ] || ! command -v groff > /dev/null; then
    echo "SKIPPED: PGCABLE_BIN names no program, or groff is not installed (packaging/deps test)"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
man=packaging/man
status=0

# compare WHAT KNOWN DOCUMENTED: lists, one a line.
compare() {
    local difference
    difference=$(comm -3 <(sort -u <<< "$2") <(sort -u <<< "$3"))
    if [ -z "$2" ] || [ -n "$difference" ]; then
        printf '%s that only the program knows (left), or only the manual (right):\n%s\n' "$1" "$difference"
        status=1
    fi
}
# In a section of a page, up to the next: what stands behind ".It MACRO".
items() { # page, section, macro
    sed -n "/^\.S[hs] $2\$/,/^\.S[hs]/p" "$man/$1" | sed -nE "s/^\.It $3 ([^ ]+).*/\1/p"
}

"$man/settings" "$PGCABLE_BIN" < $man/pgcable.conf.5.in > "$scratch/pgcable.conf.5"
for page in "$man"/*.[157] "$scratch/pgcable.conf.5"; do
    complaints=$(groff -mdoc -ww -Tascii -z "$page" 2>&1)
    if [ -n "$complaints" ]; then
        printf '%s\n' "$complaints"
        status=1
    fi
done

help=$("$PGCABLE_BIN" --help)
verbs=$(sed -nE 's/^  ([a-z]+) .*/\1/p' <<< "$help")
compare verbs "$verbs" "$(items pgcable.1 VERBS Cm)"
options=$(for verb in $verbs; do
    "$PGCABLE_BIN" "$verb" --help | sed -nE 's/^  --([a-z][a-z-]*) .*/\1/p'
done)
documented=$(items pgcable.1 VERBS Fl | sed 's/^-//')
compare "options of verbs" "$options" "$documented"
compare options "$(sed -nE 's/^  (-[a-z], )?--([a-z][a-z-]*) .*/\2/p' <<< "$help")" \
    "$(sed -n '/^\.Sh OPTIONS$/,/^\.Sh/p' $man/pgcable.1 |
        sed -nE 's/^\.It Fl ([a-z] , )?-([a-z-]+).*/\2/p' | grep -v '^setting$')"

compare settings \
    "$("$PGCABLE_BIN" --help-settings | sed -nE 's/^([a-z][a-z0-9_]+) =.*/\1/p')" \
    "$(sed -nE 's/^\.It Va ([a-z0-9_]+) .*/\1/p' "$scratch/pgcable.conf.5")"

events=$(grep -hoE '"[a-z]+[A-Z][A-Za-z]*"' src/event/*_events.c | tr -d '"')
compare events "$events" "$(items pgcable-events.7 EVENTS Ic)"
# shellcheck disable=SC2016 # the braces are JSON's
compare "events of the contract" \
    "$(sed -nE 's/^ +"event": "([A-Za-z]+)".*/\1/p' packaging/types/contract.json)" \
    "$(items pgcable-events.7 EVENTS Ic)"

codes=$(grep -hE '^ *(WS|SESSION)_CLOSE_[A-Z_0-9]+ = [0-9]+,' src/ws/*.[ch] src/cable/*.[ch] |
    grep -vE 'never on the wire|that anybody may send' | grep -oE '[0-9]{4}')
compare "close codes" "$codes" "$(items pgcable-protocol.7 'Close codes' Li)"
reasons=$(
    grep -hoE '(session_close|pgc_session_disconnect|pgc_frame_disconnect)\([^"]*"[a-z_]+"' \
        src/cable/*.c src/ws/*.c | grep -oE '"[a-z_]+"'
    sed -n '/^conn_refusal(/,/^}/p' src/ws/conn.c | grep -oE '"[a-z_]+"'
)
compare "reasons to disconnect" "$(tr -d '"' <<< "$reasons")" \
    "$(items pgcable-protocol.7 'Reasons to disconnect' Ic)"
commands=$(sed -nE 's/^ +\{\.name = "([a-z]+)", \.kind = PGC_COMMAND_.*/\1/p' src/cable/command.c)
compare commands "$commands" "$(items pgcable-protocol.7 'What the client says' Ic)"
frames=$(grep -hoE '(frame_take_text\(wire, [^"]*|\] = )"[a-z_]+"' src/cable/frame.c |
    grep -oE '[a-z_]+"' | tr -d '"')
compare frames "$frames" "$(items pgcable-protocol.7 'What the daemon says' Ic)"
exit $status
