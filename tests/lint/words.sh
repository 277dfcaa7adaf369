#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# Nothing is left for later in the sources, and nothing in them names somebody's machine.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
# must_not_find WHAT REGEX: in all text files but this one and what others wrote.
must_not_find() {
    if grep -rnIE --exclude-dir=node_modules --exclude-dir=build --exclude-dir=.git \
        --exclude="${0##*/}" -e "$2" .; then
        printf '^ %s\n' "$1"
        status=1
    fi
}

must_not_find "left for later" '\b(TODO|FIXME|XXX)\b'
must_not_find "a path of one machine" '(^|[^A-Za-z0-9_./-])/(work|root|home)/'
must_not_find "a package host" '\b(deb\.debian\.org|registry\.npmjs\.org|security\.debian\.org)\b'
exit $status
