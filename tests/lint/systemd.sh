#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The systemd unit has no directive that systemd does not know, is shut in well enough, and the score
# that packaging/SECURITY.md prints is the one that systemd gives.
set -euo pipefail
cd "$(dirname "$0")/../.."
unit=packaging/systemd/pgcable.service

if ! command -v systemd-analyze > /dev/null; then
    echo "SKIPPED: systemd-analyze is not installed (packaging/deps test)"
    exit 77
fi
status=0
said=$(systemd-analyze verify --man=no "$unit" 2>&1 |
    grep -vE 'Command /usr/bin/pgcable is not executable' | grep -F "${unit##*/}") || true
if [ -n "$said" ]; then
    echo "$unit: $said"
    status=1
fi
analysis=$(systemd-analyze security --offline=true --no-pager "$unit")
score=$(sed -nE 's/.*exposure level for [^:]*: ([0-9.]+).*/\1/p' <<< "$analysis")
if ! awk -v score="$score" 'BEGIN { exit !(score != "" && score <= 1.5) }'; then
    printf '%s\n%s: the exposure is %s, more than 1.5\n' "$analysis" "$unit" "$score"
    status=1
fi
if ! grep -qF "says **$score**" packaging/SECURITY.md; then
    echo "packaging/SECURITY.md does not say that systemd-analyze \"says **$score**\""
    status=1
fi
exit $status
