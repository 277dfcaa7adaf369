#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The metrics of the program are those of packaging/METRICS.md, name and type, and what else speaks
# of metrics (dashboard, alerts, page, documentation) names none that there is not.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/exposition.sh

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to ask for its metrics"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exposition "$work" all feed edge

known=$(sed -nE 's/^# TYPE (\S+) (\S+)$/\1 \2/p' "$work/metrics" | sort -u)
# shellcheck disable=SC2016 # the backquotes are Markdown's
documented=$(sed -nE 's/^\| `([a-z_]+)` \| ([a-z]+) \|.*/\1 \2/p' packaging/METRICS.md | sort)
status=0
difference=$(comm -3 <(printf '%s\n' "$known") <(printf '%s\n' "$documented"))
if [ -z "$known" ] || [ -n "$difference" ]; then
    echo "metrics that only the program knows (left), or only packaging/METRICS.md (right):"
    printf '%s\n' "$difference"
    status=1
fi

# check REGEX FILE...: the files name metrics, and none that there is not.
check() {
    local regex=$1 named unknown
    shift
    named=$(grep -ohE "$regex" "$@" | sed -E "s/^metric\('//; s/_(bucket|sum|count)$//" | sort -u)
    unknown=$(comm -13 <(cut -d' ' -f1 <<< "$known") - <<< "$named")
    if [ -z "$named" ]; then
        echo "no metric is named in: $*"
        status=1
    elif [ -n "$unknown" ]; then
        echo "what is no metric is named in: $*"
        printf '%s\n' "$unknown"
        status=1
    fi
}

check '(pgcable|process)_[a-z_]+' packaging/grafana/pgcable.json
check '(pgcable|process)_[a-z_]+' packaging/prometheus/pgcable.rules.yml
check 'pgcable_[a-z_]+' src/app/page/page.js
check 'pgcable_[a-z_]+' src/app/trend.c
check "metric\('[a-z_]+" tests/integration/*.mjs
# Roles and schemas of the database are called pgcable_*, too: in prose a unit tells what is meant.
check '\bpgcable_[a-z_]+_(total|seconds|bytes|ratio)\b' README.md packaging/*.md
exit $status
