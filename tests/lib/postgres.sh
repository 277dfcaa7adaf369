# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
#
# postgres.sh - throwaway PostgreSQL servers for tests and the demo; source it.
#
#   pg_start DIR [extra lines for postgresql.conf …]   make a cluster in DIR/data and start it
#   pg_restart DIR [pg_ctl options …]                  stop (default: -m fast) and start it again
#   pg_stop DIR [MODE]                                 stop it (default: immediate); harmless if it
#                                                      is not running
#   pg_standby DIR PRIMARY                             make a standby of PRIMARY in DIR and start it
#   pg_promote DIR                                     it takes writes from now on
#
# The server listens on a unix socket in DIR only, so that no port can collide, and trusts whoever
# may enter DIR: the superuser is `postgres`, the database `postgres`.  After pg_start the variables
# PGHOST, PGPORT, PGUSER and PGDATABASE are exported, so that plain `psql` reaches it.
#
# PGBIN names the folder of initdb, pg_ctl and postgres; default: the newest Debian package found.
# PostgreSQL refuses to run as root; then everything is done as the user `postgres`.

pg_bin() {
    if [ -n "${PGBIN:-}" ]; then
        echo "$PGBIN"
        return
    fi
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    if [ ! -x "$found/initdb" ]; then
        echo "postgres.sh: no PostgreSQL server found; install postgresql or set PGBIN" >&2
        return 1
    fi
    echo "$found"
}

pg_as() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

pg_start() {
    local dir=$1 bin
    shift
    bin=$(pg_bin) || return 1
    mkdir -p "$dir"
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$dir"
        chmod 711 "$dir"
    fi
    pg_as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-locale --no-sync \
        >"$dir/initdb.log" 2>&1 || {
        cat "$dir/initdb.log" >&2
        return 1
    }
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$dir'"
        echo "unix_socket_permissions = 0777"
        echo "fsync = off"
        printf '%s\n' "$@"
    } | pg_as tee -a "$dir/data/postgresql.conf" >/dev/null
    export PGHOST=$dir PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
    pg_up "$dir"
}

pg_up() {
    local dir=$1 bin
    bin=$(pg_bin) || return 1
    pg_as "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -s start >/dev/null || {
        cat "$dir/server.log" >&2
        return 1
    }
}

pg_stop() {
    local dir=$1 bin
    [ -f "$dir/data/postmaster.pid" ] || return 0
    bin=$(pg_bin) || return 1
    pg_as "$bin/pg_ctl" -D "$dir/data" -w -s -m "${2:-immediate}" stop >/dev/null
}

pg_restart() {
    local dir=$1 bin
    shift
    bin=$(pg_bin) || return 1
    pg_as "$bin/pg_ctl" -D "$dir/data" -w -s "${@:--mfast}" stop >/dev/null || return 1
    pg_up "$dir"
}

pg_standby() {
    local dir=$1 primary=$2 bin
    bin=$(pg_bin) || return 1
    mkdir -p "$dir"
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$dir"
        chmod 711 "$dir"
    fi
    pg_as "$bin/pg_basebackup" -h "$primary" -U postgres -D "$dir/data" -R -X stream -c fast \
        --no-sync || return 1
    echo "unix_socket_directories = '$dir'" |
        pg_as tee -a "$dir/data/postgresql.conf" >/dev/null
    pg_up "$dir"
}

pg_promote() {
    local bin
    bin=$(pg_bin) || return 1
    pg_as "$bin/pg_ctl" -D "$1/data" -w -s promote >/dev/null
}
