#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# Every setting that the program knows stands in README.md's table of settings, and no other.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to ask for its settings"
    exit 77
fi

known=$("$PGCABLE_BIN" --help-settings |
    sed -nE 's/^([a-z][a-z0-9_]+)([[:space:]].*)?$/\1/p' | sort)
# In "## Settings", up to the next heading of that rank: the first column of the tables.
# shellcheck disable=SC2016 # the backquotes are Markdown's
documented=$(sed -n '/^## Settings/,/^## [^S]/p' README.md |
    sed -nE 's/^\| *`([a-z][a-z0-9_]+)`[^|]*\|.*/\1/p' | sort)

if [ -z "$known" ]; then
    echo "$PGCABLE_BIN --help-settings prints no setting"
    exit 1
fi
difference=$(comm -3 <(printf '%s\n' "$known") <(printf '%s\n' "$documented"))
if [ -n "$difference" ]; then
    echo "settings that only the program knows (left), or only README.md (right):"
    printf '%s\n' "$difference"
    exit 1
fi
