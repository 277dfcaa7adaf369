#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The shells' completion offers what there is: run in bash; in zsh and fish, where these are
# installed, read for errors.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to complete for"
    exit 77
fi
# The completion runs the command that stands on the line.
# shellcheck source=packaging/completion/pgcable.bash
. packaging/completion/pgcable.bash
[ "$(complete -p pgcable)" = "complete -o default -F _pgcable pgcable" ]

status=0
# offers WANTED WORD…: of these, in that order, for what was typed; the last one is not finished.
offers() {
    local wanted=$1
    shift
    COMP_WORDS=("$PGCABLE_BIN" "$@")
    COMP_CWORD=$#
    _pgcable
    if [ "${COMPREPLY[*]}" != "$wanted" ]; then
        printf 'pgcable %s<TAB> offers: %s\n  want: %s\n' "$*" "${COMPREPLY[*]}" "$wanted"
        status=1
    fi
}
offers "$("$PGCABLE_BIN" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' | xargs)" ''
offers 'tail token' t
offers '--json --jwks_file' tail --j
offers '--jwks_file' serve --j
offers 'tail' -c x ta
offers 'tail' -d x --json ta
offers '--print-config' --print
offers 'message' attach mes
offers '--detect' attach --det
offers 'LICENSE' serve -c LIC
offers '' tail chat

for shell in 'zsh -n packaging/completion/_pgcable' \
    'fish --no-execute packaging/completion/pgcable.fish'; do
    # shellcheck disable=SC2086 # a command and its arguments
    if command -v "${shell%% *}" > /dev/null && ! $shell; then
        status=1
    fi
done
exit $status
