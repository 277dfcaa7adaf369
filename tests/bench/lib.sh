# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
#
# lib.sh - what the benchmarks share; source it from the root of the repository.
#
#   bench_usage FILE                   what the comment at the top of FILE says, from its line 4 on
#   bench_options "NAME …" "$@"        --NAME VALUE sets the variable NAME, or with NAME:VARIABLE that
#                                      one; its default tells whether it is text, a number or several;
#                                      if -- is among the names, what follows it is $settings
#   bench_begin [line of conf …]       a throwaway server, set up as it is installed: a commit waits
#                                      for the disk; $work is a folder that goes away at the end
#   bench_later COMMAND                run at the end, however that comes
#   sql [psql options]                 fails with what psql said
#   bench_migrate [psql options]       makes the schema pgcable
#   bench_attach_chat [psql options]   the same, and attaches users, rooms, members and messages
#   bench_processor_time DATABASE      of all sessions that have ended, in hundredths of a second,
#                                      once no pgbench is connected to it; what others do to
#                                      the machine disturbs it less than any other measure
#   $bench_statistics                  functions for awk: sort, middle, spread
#   bench_record PART NAME=VALUE …     adds a line of JSON to the results: the file $BENCH_RESULTS,
#                                      or one that goes away
#   bench_show PART                    prints the tables that tests/bench/page makes of them
. tests/lib/postgres.sh

bench_usage() {
    sed -n '4,/^set/s/^# \{0,1\}//p' "$1"
}

bench_wrong() {
    echo "${0##*/}: $1; --help lists the options" >&2
    exit 2
}

# bench_set VARIABLE OPTION VALUE
bench_set() {
    local number='[1-9][0-9]*' default=${!1}

    if [[ $default =~ ^$number$ && ! $3 =~ ^$number$ ]]; then
        bench_wrong "$2 \"$3\" is no number from 1 on"
    elif [[ $default =~ ^$number( $number)+$ && ! $3 =~ ^$number( $number)*$ ]]; then
        bench_wrong "$2 \"$3\" is no list of numbers from 1 on, such as \"$default\""
    fi
    printf -v "$1" %s "$3"
}

bench_options() {
    local name option
    local -A variables=()

    for name in $1; do
        variables[--${name%:*}]=${name#*:}
    done
    shift
    settings=()
    while [ $# -gt 0 ]; do
        option=$1
        if [ "$option" = -h ] || [ "$option" = --help ]; then
            bench_usage "tests/bench/${0##*/}"
            exit 0
        elif [ "$option" = -- ] && [ -n "${variables[----]:-}" ]; then
            # shellcheck disable=SC2034 # for those who source this
            settings=("${@:2}")
            return
        elif [ -z "$option" ] || [ -z "${variables[$option]:-}" ]; then
            bench_wrong "unknown option \"$option\""
        elif [ $# -lt 2 ]; then
            bench_wrong "$option needs a value"
        fi
        bench_set "${variables[$option]}" "$option" "$2"
        shift 2
    done
}

bench_endings=()
bench_later() {
    bench_endings+=("$1")
}

bench_end() {
    local ending
    for ending in "${bench_endings[@]}"; do
        $ending || true
    done
    pg_stop "$work/pg" || true
    rm -rf "$work"
}

bench_begin() {
    work=$(mktemp -d)
    chmod 711 "$work" # the server may run as another user
    trap bench_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    results=${BENCH_RESULTS:-$work/results.jsonl}
    pg_start "$work/pg" "fsync = on" "autovacuum = off" "max_wal_size = 4GB" \
        "checkpoint_timeout = 1h" "shared_buffers = 256MB" "$@"
}

sql() {
    psql -XqAt -v ON_ERROR_STOP=1 "$@" 2> "$work/psql.log" || {
        cat "$work/psql.log" >&2
        return 1
    }
}

bench_migrate() {
    local migration

    for migration in sql/migrations/*.sql; do
        sql "$@" -f "$migration"
    done
}

bench_attach_chat() {
    bench_migrate "$@"
    sql "$@" > /dev/null << 'SQL'
select pgcable.attach('member', 'users');
select pgcable.attach('room', 'rooms');
select pgcable.attach('participant', 'members', '{
    "chat_room_id": "room_id", "community_member_id": "user_id"}');
select pgcable.attach('message', 'messages', '{
    "chat_room_id": "room_id", "community_member_id": "user_id", "sent_at": "created_at"}');
SQL
}

bench_record() {
    local pair line="\"part\": \"$1\""

    for pair in "${@:2}"; do
        if [[ ${pair#*=} =~ ^-?[0-9]+(\.[0-9]+)?$ ]]; then
            line+=", \"${pair%%=*}\": ${pair#*=}"
        else
            line+=", \"${pair%%=*}\": \"${pair#*=}\""
        fi
    done
    echo "{$line}" >> "$results"
}

bench_show() {
    python3 tests/bench/page --tables "$1" "$results"
}

bench_processor_time() {
    while [ "$(sql -c "select count(*) from pg_stat_activity where datname = '$1'
            and application_name = 'pgbench'")" != 0 ]; do
        :
    done
    awk '{ print $16 + $17 }' "/proc/$(head -n 1 "$work/pg/data/postmaster.pid")/stat"
}

# shellcheck disable=SC2034 # for those who source this
bench_statistics='
    function sort(v, count, i, j, x) {
        for (i = 2; i <= count; i++) {
            x = v[i]
            for (j = i - 1; j > 0 && v[j] > x; j--) {
                v[j + 1] = v[j]
            }
            v[j + 1] = x
        }
    }
    function middle(v, count) {
        sort(v, count)
        return v[int((count + 1) / 2)]
    }
    function spread(v, count) {
        sort(v, count)
        return sprintf("%.2f – %.2f – %.2f", v[1], v[int((count + 1) / 2)], v[count])
    }'
