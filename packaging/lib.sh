# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
# What the scripts of packaging/ and tests/ share.  Source it; it runs nothing.

# The root of the work tree, wherever the script was called from.
# shellcheck disable=SC2034 # for those who source this
PGC_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One line of what is going on, apart from the output of the tools that are called.
say() {
    printf '== %s\n' "$*" >&2
}

# die WHAT [HINT]: what went wrong, and what to do.
die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    if [ $# -gt 1 ]; then
        printf 'hint: %s\n' "$2" >&2
    fi
    exit 1
}

# as_root COMMAND...: as it is for root, through sudo for anybody else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo -- "$@"
    else
        die "\"$*\" needs root, and there is no sudo" "run it as root, or install sudo"
    fi
}

# free_port FIRST: the first port from FIRST on that nobody listens on, on the loopback address.
free_port() {
    local port=$1

    while (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do
        port=$((port + 1))
    done
    printf '%s\n' "$port"
}

# mirror_of SUITE: the mirror that this machine's apt has for it; nothing if it has none.
# shellcheck disable=SC2016 # $(SITE) is for apt
mirror_of() {
    apt-get indextargets --no-release-info --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
        awk -v suite="$1" '$2 == suite { print $1; exit }'
}
