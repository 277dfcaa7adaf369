#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The table of packaging/SETTINGS.md has every setting that the program knows, and no other, with its
# default and a mark if a reload changes it.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to ask for its settings"
    exit 77
fi

# "name = default", and " ↻" behind it.
known=$("$PGCABLE_BIN" --help-settings | awk '
    /^[a-z]/ { setting = $0 }
    /; changed by a / { print setting (/; changed by a reload/ ? " ↻" : "") }' | sort)
# shellcheck disable=SC2016 # the backquotes are Markdown's
documented=$(sed -nE 's/^\| *`([a-z][a-z0-9_]+)`( ↻)? \| `?([^|`]*)`? \|.*/\1 = \3\2/p' packaging/SETTINGS.md |
    sed -E 's/ = empty( ↻)?$/ =\1/' | sort)

if [ -z "$known" ]; then
    echo "$PGCABLE_BIN --help-settings prints no setting"
    exit 1
fi
difference=$(comm -3 <(printf '%s\n' "$known") <(printf '%s\n' "$documented"))
if [ -n "$difference" ]; then
    echo "settings that only the program knows so (left), or only packaging/SETTINGS.md (right):"
    printf '%s\n' "$difference"
    exit 1
fi
