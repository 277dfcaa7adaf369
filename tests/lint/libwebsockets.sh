#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# libwebsockets.sh - configuring with a wrong libwebsockets fails, and names the script that helps.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# refused WHAT WORDS: configuring with the libwebsockets in $work/lws fails, in these words.
refused() {
    local said

    if said=$(cmake -S . -B "$work/build" -DPGC_LWS_PREFIX="$work/lws" -DBUILD_TESTING=OFF 2>&1); then
        echo "$1: configuring went through"
        failed=1
    elif [[ $said != *./packaging/build-libwebsockets* || $said != *"$2"* ]]; then
        printf '%s: the message does not say "%s" and what to do:\n%s\n' "$1" "$2" "$said"
        failed=1
    fi
}

mkdir -p "$work/lws/include"
refused "none at all" "lws_config.h"
printf '#define LWS_LIBRARY_VERSION_MAJOR 4\n#define LWS_ROLE_H2\n#define LWS_WITH_HTTP2\n' \
    > "$work/lws/include/lws_config.h"
refused "one with HTTP/2" "LWS_WITH_HTTP2 is on"
exit $failed
