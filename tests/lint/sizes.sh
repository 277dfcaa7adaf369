#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# No source file has over 500 lines: such a file does more than one thing.
set -euo pipefail
cd "$(dirname "$0")/../.."

find src include tests -name node_modules -prune -o -name '*.[ch]' -exec wc -l {} + | awk '
    $2 != "total" && $1 > 500 { print $2 ": " $1 " lines, split it"; bad = 1 }
    END { exit bad }'
