#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# All our scripts pass shellcheck.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v shellcheck > /dev/null; then
    echo "SKIPPED: shellcheck is not installed (packaging/deps test)"
    exit 77
fi
# By the first line, since not all have a name that tells; sourced files say "shellcheck shell=".
mapfile -t scripts < <(find .ci packaging tests -name node_modules -prune -o -type f -print0 |
    xargs -0 awk '
        FNR == 1 && /^#!\/(usr\/)?bin\/(env )?(ba)?sh/ { print FILENAME }
        FNR <= 3 && /^# shellcheck shell=/ { print FILENAME }
        FNR > 3 { nextfile }')
shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
