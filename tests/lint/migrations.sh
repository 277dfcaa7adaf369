#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# A released migration never changes (its hash is in migrations.sha256), the numbers have no gap,
# and each file says at its head what it does and whether it is breaking.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
complain() {
    printf '%s\n' "$1"
    status=1
}

released=$(grep -vE '^(#|$)' tests/lint/migrations.sha256 || true)
if [ -n "$released" ] && ! (cd sql/migrations && sha256sum --check --quiet <<< "$released"); then
    complain "a released migration was changed or removed: put the change into a new one"
fi

number=0
for path in sql/migrations/*; do
    file=${path##*/}
    number=$((number + 1))
    if ! [[ "$file" =~ ^$(printf '%04d' $number)_[a-z0-9_]+\.sql$ ]]; then
        complain "$path: want $(printf '%04d' $number)_<name>.sql here"
    fi
    # A licence line may come first.
    if ! head -n 2 "$path" | grep -q "^-- $file - .*\.$"; then
        complain "$path: the first line is not \"-- $file - <what it does>.\""
    fi
    if ! head -n 8 "$path" | grep -qE '^-- Breaking: (yes|no)\.'; then
        complain "$path: no line \"-- Breaking: yes|no. <why>\" at its head"
    fi
done
exit $status
