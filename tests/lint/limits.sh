#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The table of limits in packaging/SECURITY.md against program and source: each setting of
# options_limits.c has a row, each row's default is the program's, each reason for which a
# connection is refused or ended has a row, and none is invented.  That the rows are true is shown
# by tests/integration/62_limits.mjs.
# shellcheck disable=SC2016 # the backquotes are Markdown's
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to ask for its settings"
    exit 77
fi

# limit | setting | default | answer | told | counted in
rows=$(sed -n '/^## Limits/,/^## T/p' packaging/SECURITY.md | { grep -E '`pgcable_[a-z_]+_total' || true; })
if [ -z "$rows" ]; then
    echo "packaging/SECURITY.md has no table of limits"
    exit 1
fi

# compare WHAT KNOWN DOCUMENTED: both one a line.
status=0
compare() {
    local difference
    difference=$(comm -3 <(sort -u <<< "$2") <(sort -u <<< "$3"))
    if [ -n "$difference" ]; then
        echo "$1 that only the program knows (left), or only packaging/SECURITY.md (right):"
        printf '%s\n' "$difference"
        status=1
    fi
}

# "setting = default"; some rows have none, and some name one that is no limit.
documented=$(sed -nE 's/^\|[^|]*\| `([a-z_0-9]+)` \| `?([^|`]*)`? \|.*/\1 = \2/p' <<< "$rows" |
    sed 's/ empty$/ /')
of_limits=$(sed -nE 's/^ *OPTION_FIELD\(([a-z_0-9]+)\),$/\1/p' src/conf/options_limits.c)
others=$(cut -d' ' -f1 <<< "$documented" | { grep -vxF "$of_limits" || true; })
known=$("$PGCABLE_BIN" --help-settings | sed -nE 's/^([a-z_0-9]+) =( ?.*)$/\1 =\2/p' | sed 's/=$/= /')
compare "limits" "$(awk 'NR == FNR { wanted[$1]; next } $1 in wanted' \
    <(printf '%s\n' "$of_limits" "$others") - <<< "$known")" "$documented"

# "refused capacity"
compare "reasons" "$(
    grep -oE 'reason=\\"[a-z_0-9]+' src/ws/entry.c | sed 's/.*"/refused /'
    grep -oE 'stats_(refused|ended)\(metrics, "reason=\\"[a-z_0-9]+' src/ws/stats.c |
        sed -E 's/stats_([a-z]+).*"/\1 /'
)" "$(sed -nE 's/.*`pgcable_ws_(refused|ended)_total\{reason="([a-z_0-9]+)"\}`.*/\1 \2/p' <<< "$rows")"
exit $status
