#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The C files are as clang-format 14 writes them; tests/format does it.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v clang-format-14 > /dev/null; then
    echo "SKIPPED: clang-format-14 is not installed (packaging/deps test)"
    exit 77
fi
find src include tests -name node_modules -prune -o -name '*.[ch]' -print0 |
    xargs -0 clang-format-14 --dry-run -Werror
