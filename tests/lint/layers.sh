#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# No layer includes a header of a layer above it, and each third-party library is included by one
# folder only.  The link lines cannot see this: all headers share include/pgcable.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Which layer a header of include/pgcable belongs to.
declare -A layer_of
while read -r layer headers; do
    for header in $headers; do
        layer_of[$header]=$layer
    done
done << 'END'
core   compiler err mem buf log clock table loop mailbox metrics http msg batch near place recent utf8
conf   conf
pg     pg migrate
event  event json
hub    hub port
auth   auth tls
feed   feed
bus    bus
cable  cable frame history
ws     ws
bench  load histogram
END

# Whose headers a layer may include, beside its own; "json" is that one header of event.
declare -A may_include=(
    [core]="" [conf]="core" [pg]="core" [event]="core" [hub]="core"
    [auth]="core json"
    [feed]="core pg event hub"
    [bus]="core hub json"
    [cable]="core hub auth json"
    [ws]="core auth cable"
    [bench]="core auth"
    [app]="core conf pg event hub auth feed bus cable ws bench"
)

# Which folder owns a library; the start of the header's name as it is included.
declare -A owner=(
    [event2/]=core [event.h]=core [libpq]=pg [postgres_ext.h]=pg [json-c/]=event
    [cjose/]=auth [jansson.h]=auth [openssl/]=auth [lws]=ws [libwebsockets]=ws
    [nats/]=bus [nats.h]=bus
)

status=0
complain() {
    printf '%s\n' "$1"
    status=1
}

# check_library LAYER FILE HEADER
check_library() {
    local start

    for start in "${!owner[@]}"; do
        if [[ "$3" == "$start"* && "$1" != "${owner[$start]}" ]]; then
            complain "$2: includes <$3>, which only src/${owner[$start]} may"
        elif [[ "$3" == "$start"* && "$2" == include/* ]]; then
            complain "$2: includes <$3>, but a public header shows no library"
        fi
    done
}

# check_ours LAYER FILE NAME
check_ours() {
    local its_layer=${layer_of[$3]:-unknown}

    if [ "$its_layer" != "$1" ] && [[ " ${may_include[$1]} " != *" $its_layer "* ]] &&
        [[ " ${may_include[$1]} " != *" $3 "* ]]; then
        complain "$2: $1 includes pgcable/$3.h of $its_layer, which it may not know"
    fi
}

# A source file's layer is its folder, a public header's stands in the table.
while IFS=: read -r file header; do
    header=${header##*[<\"]}
    name=${file##*/}
    layer=$(cut -d / -f 2 <<< "$file")
    if [ "${file%%/*}" = include ]; then
        layer=${layer_of[${name%.h}]:-unknown}
    fi
    if [ -z "${may_include[$layer]+known}" ]; then
        complain "$file: belongs to no layer (add it to the tables of ${0##*/})"
    elif [[ "$header" == pgcable/* ]]; then
        name=${header#pgcable/}
        check_ours "$layer" "$file" "${name%.h}"
    else
        check_library "$layer" "$file" "$header"
    fi
done < <(grep -roE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' \
    include src)
exit $status
