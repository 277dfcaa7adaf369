#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# packaging/SECURITY.md has a row for each threat, and the tests that it names exist.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
complain() {
    echo "packaging/SECURITY.md: $1"
    status=1
}

# exists NAME: a file, a lint, a sentence of tests/integration, or a function of tests/unit.
exists() {
    case $1 in
        tests/*) [ -e "$1" ] ;;
        lint.*) [ -e "tests/lint/${1#lint.}.sh" ] ;;
        *': '*)
            # The name of a sentence stands in single or double quotes.
            grep -qF -e "'${1#*: }'(" -e "\"${1#*: }\"(" "tests/integration/${1%%: *}.mjs"
            ;;
        *) grep -qx "$1(void \*\*state.*" tests/unit/test_*.c ;;
    esac
}

number=0
names=0
while IFS='|' read -r _ row _ _ shown _; do
    number=$((number + 1))
    [ "$((row))" -eq $number ] || complain "row $row stands where row $number should"
    [[ $shown == *\`* ]] || complain "row $row names no test"
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    while read -r name; do
        names=$((names + 1))
        exists "$name" || complain "row $row names a test that does not exist: $name"
    done < <(grep -oE '`[^`]+`' <<< "$shown" | tr -d '`')
done < <(grep -E '^\| [0-9]+ \|' packaging/SECURITY.md)
[ $number -eq 36 ] || complain "has $number rows of threats, not 36"
[ $names -gt 36 ] || complain "names $names tests only"
exit $status
