# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
#
# load.sh - a daemon, a chat and pgcable-load, for the benchmarks with clients; source it after
# lib.sh.
#
#   load_programs NAME           $pgcable, $load and $attack, or what to do so that they are there
#   load_chat MEMBERS ROOMS      the database: member m is in room 1 + (m - 1) % ROOMS
#   load_listens PID LOG [TEXT]  waits until that process says in its log that it listens, or that
#   load_daemon [setting …]      starts it, again at the same $port; $daemon
#   load_clients [option …]      starts pgcable-load; $clients, and $load_lines, what it says; of
#                                another $server than pgcable, with another $port
#   load_read WORD               what it says next that begins with that, in $line; the clock for it
#                                is a minute and a half
#   load_value NAME              what NAME=… says in $line
#   load_write SECONDS RATE      writers, in the background; $writers
#   load_say [TEXT]              one message in each room, this behind it, such as " end"
#   load_publisher               a session that writes what load_publish is told; $publisher
#   load_publish TEXT …          messages to room 1, in one transaction
#   load_texts LAST COUNT MARK [TIME]   as many texts of 600 bytes with their quotes, numbered from
#                                behind LAST on, the last one with this MARK, in $texts; their clock
#                                starts now, or at that time, in microseconds since 1970
#   load_stop                    kills all of these
#   load_descriptors NAME COUNT  raises the limit, or says that it cannot be raised and exits
#   load_until_asleep            waits until the daemon has sent all that there is
#   load_until_at_rest PID       waits until none of its threads is at work
#   load_processor_time PID …    of these processes, in seconds
#   load_processor_ns PID [NAME] of all threads that it has, or of those with that name
#   load_postgres_ms             processor time of PostgreSQL, all sessions that are or were
#   load_memory PID [FIELD]      what is resident, in bytes
#   load_statements REGEX        such that the daemon has sent, since it first was there
# shellcheck disable=SC2154 # $work is made by bench_begin
load_secret=0123456789abcdef0123456789abcdef

load_programs() {
    local program

    pgcable=${PGCABLE_BIN:-build/ci/src/app/pgcable}
    load=${PGCABLE_LOAD:-build/ci/tests/bench/load/pgcable-load}
    attack=${load%-load}-attack
    for program in "$pgcable" "$load" "$attack"; do
        if [ ! -x "$program" ]; then
            echo "$1: there is no $program: cmake --preset ci && cmake --build --preset ci," \
                "or set PGCABLE_BIN and PGCABLE_LOAD" >&2
            exit 2
        fi
    done
}

load_chat() {
    sql << SQL
create extension pg_stat_statements;
create table users (id bigint primary key, name text not null);
create table rooms (id bigint primary key, name text not null);
create table members (room_id bigint, user_id bigint, primary key (room_id, user_id));
create table messages (
    id bigint generated always as identity primary key,
    room_id bigint not null,
    user_id bigint not null,
    body text not null,
    created_at timestamptz not null default now()
);
create table said (room_id bigint primary key, count bigint not null);
insert into users select i, 'u' || i from generate_series(1, $1) i;
insert into rooms select i, 'r' || i from generate_series(1, $2) i;
insert into members select 1 + (m - 1) % $2, m from generate_series(1, $1) m;
insert into said select i, 0 from generate_series(1, $2) i;

-- Numbered in the order of the commits, for the room's row is locked until then.
create function say(room bigint, behind text default '') returns void language sql as \$\$
    with next as (update said set count = count + 1 where room_id = room returning count)
    insert into messages (room_id, user_id, body)
    select room, room, concat('load ', count, ' ',
        (extract(epoch from clock_timestamp()) * 1000000)::bigint, behind)
    from next
\$\$;
vacuum analyze;
SQL
    bench_attach_chat
    load_rooms=$2
    printf '%s\n' "\\set room random(1, $2)" "select say(:room);" > "$work/say.sql"
}

# load_listens PID LOG [TEXT]: waits until that process says in its log that it listens, or that.
load_listens() {
    local deadline=$((SECONDS + 60)) text=${3:-listening on}

    until grep -q "$text" "$2"; do
        if ! kill -0 "$1" 2> /dev/null || [ $SECONDS -ge $deadline ]; then
            echo "${2##*/}: it ended, or did not say \"$text\" within a minute; the log:" >&2
            cat "$2" >&2
            return 1
        fi
        sleep 0.1
    done
}

port=0
load_daemon() {
    : > "$work/pgcable.log"
    "$pgcable" serve --database "host=$PGHOST dbname=$PGDATABASE user=pgcable_daemon" \
        --listen_port "$port" --admin_port -1 --hs256_secret "$load_secret" "$@" \
        >> "$work/pgcable.log" 2>&1 &
    daemon=$!
    load_listens "$daemon" "$work/pgcable.log"
    port=$(sed -n 's/.*listening on .*://p' "$work/pgcable.log")
}

load_stop() {
    # shellcheck disable=SC2048,SC2086 # what is not there is no argument
    kill -KILL ${writers:-} ${publisher:-} ${load_pid[*]} ${daemon:-}
    wait
    load_pid=()
} 2> /dev/null

# By $load_lines: their process, and whose clients they are.
declare -A load_pid load_server

load_clients() {
    exec {load_lines}< <(exec "$load" --port "$port" --secret "$load_secret" "$@" 2>&1)
    clients=$!
    load_pid[$load_lines]=$clients
    load_server[$load_lines]=${server:-pgcable}
}

load_read() {
    local status=0 said=nothing

    while read -r -t 90 -u "$load_lines" line || status=$?; [ $status = 0 ]; do
        if [[ $line == "$1 "* ]]; then
            echo "  $line"
            return
        fi
        said=$line
    done
    load_complain "$1" $status "$said"
}

# load_complain WORD STATUS SAID: after read ended with that; over 128: there was nothing to read.
load_complain() {
    local server=${load_server[$load_lines]} why="they have ended" said=$3

    if [ "$2" -gt 128 ]; then
        why="nothing came for a minute and a half"
        kill -USR1 "${load_pid[$load_lines]}"
        read -r -t 10 -u "$load_lines" said || true
    fi
    echo "waited in vain until the clients of $server said \"$1\": $why; said since:" \
        "$said; the end of $server.log:" >&2
    tail -n 5 "$work/$server.log" >&2
    return 1
}

load_value() {
    local rest=${line#* "$1"=}

    echo "${rest%% *}"
}

load_write() {
    "$(pg_bin)/pgbench" -n -M prepared -T "$1" -R "$2" -c 4 -f "$work/say.sql" \
        > "$work/pgbench.log" 2>&1 &
    writers=$!
}

load_say() {
    sql -c "select say(room, '${1:-}') from generate_series(1, $load_rooms) room" > /dev/null
}

load_publisher() {
    exec {load_publishing}> >(exec psql -XqAt > "$work/publish.log" 2>&1)
    publisher=$!
}

load_publish() {
    local list

    printf -v list "'%s'," "$@"
    echo "select pgcable.broadcast('chat-room-1-channel', to_jsonb(text))
        from unnest(array[${list%,}]) text;" >&"$load_publishing"
}

printf -v load_filling '%598s' ''
load_filling=${load_filling// /x}
load_texts() {
    local i mark='' text time=${4:-${EPOCHREALTIME/[.,]/}}

    texts=()
    for ((i = 1; i <= $2; i++)); do
        [ "$i" -lt "$2" ] || mark=$3
        printf -v text 'load %d %s%s ' $(($1 + i)) "$time" "$mark"
        texts+=("$text${load_filling:${#text}}")
    done
}

load_descriptors() {
    if ! ulimit -n "$2" 2> /dev/null; then
        echo "$1: needs $2 descriptors, the limit is $(ulimit -Hn) (ulimit -n)" >&2
        exit 2
    fi
}

load_until_asleep() {
    local deadline=$((SECONDS + 120))

    until [ "$(sql -c "select pg_sequence_last_value('pgcable.ctl') >> 2
            > extract(epoch from clock_timestamp())
        and not exists (select from pg_stat_activity
            where usename = 'pgcable_daemon' and state <> 'idle')")" = t ]; do
        if [ $SECONDS -ge $deadline ]; then
            echo "the daemon was still at work after two minutes; its last lines:" >&2
            tail -n 5 "$work/pgcable.log" >&2
            return 1
        fi
        sleep 0.1
    done
}

load_until_at_rest() {
    local deadline=$((SECONDS + 60))

    while grep -q '^State:.R' "/proc/$1/task"/*/status; do
        if [ $SECONDS -ge $deadline ]; then
            echo "process $1 was still at work a minute after all had been received" >&2
            return 1
        fi
    done
}

load_memory() {
    awk -v field="${2:-VmRSS}:" '$1 == field { print $2 * 1024 }' "/proc/$1/status"
}

load_processor_ns() {
    local task

    for task in "/proc/$1/task"/*; do
        if [ -z "${2:-}" ] || [ "$(< "$task/comm")" = "$2" ]; then
            cat "$task/schedstat"
        fi
    done | awk '{ ns += $1 } END { printf "%.0f", ns }'
}

load_postgres_ms() {
    local postmaster child files

    postmaster=$(head -n 1 "$work/pg/data/postmaster.pid")
    files=("/proc/$postmaster/stat")
    for child in $(< "/proc/$postmaster/task/$postmaster/children"); do
        files+=("/proc/$child/stat")
    done
    sed 's/.*) //' "${files[@]}" 2> /dev/null | awk -v hz="$(getconf CLK_TCK)" '
        { t += $12 + $13 + (NR == 1 ? $14 + $15 : 0) }
        END { printf "%.0f", t * 1000 / hz }'
}

load_statements() {
    sql -c "select coalesce(sum(calls), 0) from pg_stat_statements
        where userid = 'pgcable_daemon'::regrole and query ~ '$1'"
}

load_processor_time() {
    local pid

    for pid in "$@"; do
        sed 's/.*) //' "/proc/$pid/stat"
    done 2> /dev/null | awk -v hz="$(getconf CLK_TCK)" '{ t += $12 + $13 } END { print t / hz }'
}
