# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
#
# peers.sh - servers that pgcable is measured beside, and how they are told to send; source it after
# load.sh.
#
#   peers_there               those that can be run here
#   server_of PEER            the server that it is; both bare loops are one
#   serve_SERVER              starts it: server_pid, server_port, server_input
#   publish_SERVER PEER TEXT …   to all its clients, at once
#   peers_connect SERVER COUNT [option …]   so many clients, all of which listen when this returns
#   peers_texts SERVER COUNT MARK [TIME]    the next ones of load_texts for them, in $texts; for
#                             servers that do not wrap them, wrapped
#   peers_publish PEER COUNT MARK           these, to all its clients
#   peers_disconnect SERVER   when each of them has had every message, once
#   peers_speak_cable SERVER  is it one that wraps messages as ActionCable does?
#   peers_kill                all of them
#   $peers_clients            by server, what its clients say
#   $peers_nats_hello         what clients of NATS say first
# shellcheck disable=SC2154 # $work, $most, $load and $settings are those of who sources this
. packaging/lib.sh

# By server: its process, where it listens, where it reads; its clients, the number of their last
# message.
declare -A server_pid server_port server_input peers_clients peers_last

peers_nchan=/usr/lib/nginx/modules/ngx_nchan_module.so
# shellcheck disable=SC2034 # for those who source this
peers_nats_hello=$'CONNECT {"verbose":false}\r\nSUB room 1\r\n'

peers_there() {
    local peers="pgcable each together"

    [ ! -e "$peers_nchan" ] || peers+=" nchan"
    [ ! -d tests/bench/node_modules/pg ] || peers+=" ws bridge"
    ! command -v nats-server > /dev/null || peers+=" nats"
    ! ruby -e 'require "action_cable"; require "puma"' 2> /dev/null || peers+=" actioncable"
    echo "$peers"
}

peers_speak_cable() {
    [ "$1" = pgcable ] || [ "$1" = actioncable ]
}

peers_kill() {
    # shellcheck disable=SC2048,SC2086 # those that there are
    kill -KILL ${server_pid[*]}
    server_pid=()
} 2> /dev/null

peers_frame='{"identifier":"{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":1}","message":"'
peers_frame_end='"}'
peers_texts() {
    load_texts "${peers_last[$1]}" "${@:2}"
    peers_last[$1]=$((peers_last[$1] + $2))
    if ! peers_speak_cable "$1"; then
        texts=("${texts[@]/#/$peers_frame}")
        texts=("${texts[@]/%/$peers_frame_end}")
    fi
}

peers_publish() {
    local server texts

    server=$(server_of "$1")
    peers_texts "$server" "${@:2}"
    "publish_$server" "$1" "${texts[@]}"
}

peers_connect() {
    local kind=(--plain)

    ! peers_speak_cable "$1" || kind=(--base)
    [ "$1" != nats ] || kind+=(--hello "$peers_nats_hello")
    server=$1 port=${server_port[$1]} load_clients "${kind[@]}" --clients "$2" --members "$most" \
        --rooms 1 --sources 16 --per-second 1500 "${@:3}"
    peers_clients[$1]=$load_lines
    peers_last[$1]=0
    load_read complete > /dev/null
}

peers_disconnect() {
    load_lines=${peers_clients[$1]}
    peers_publish "$1" 1 ' round end'
    load_read end > /dev/null
    wait "${load_pid[$load_lines]}" || echo "${0##*/}: clients of $1: $line" >&2
    exec {load_lines}<&-
    unset "load_pid[$load_lines]"
}

# Both bare loops are one.
server_of() {
    case $1 in
        each | together) echo bare ;;
        *) echo "$1" ;;
    esac
}

# peers_open SERVER PORT: a connection to publish by, once it listens.
peers_open() {
    local input deadline=$((SECONDS + 60))

    until { exec {input}<> "/dev/tcp/127.0.0.1/$2"; } 2> /dev/null; do
        if [ $SECONDS -ge $deadline ]; then
            echo "${0##*/}: $1 did not take a connection at 127.0.0.1:$2 for a minute; its log:" >&2
            cat "$work/$1.log" >&2
            return 1
        fi
        sleep 0.1
    done
    server_input[$1]=$input
}

# serve_lines SERVER COMMAND …: one that says where it listens, and reads what is published.
serve_lines() {
    local said=$work/$1.log input

    : > "$said"
    exec {input}> >(exec "${@:2}" > "$said" 2>&1)
    server_pid[$1]=$!
    server_input[$1]=$input
    load_listens "${server_pid[$1]}" "$said"
    server_port[$1]=$(sed -n 's/listening on //p' "$said")
}

serve_bare() {
    serve_lines bare "${load%-load}-bare"
}

serve_ws() {
    serve_lines ws node tests/bench/peers/ws.mjs
}

serve_pgcable() {
    load_daemon "${settings[@]}"
    load_publisher
    server_pid[pgcable]=$daemon
    server_port[pgcable]=$port
}

# Who comes is told nothing of what was said before, as elsewhere: the end of the clients before them
# would be theirs.
serve_nchan() {
    local listens

    listens=$(free_port 18473)
    cat > "$work/nginx.conf" << END
load_module $peers_nchan;
user $(id -un) $(id -gn);
daemon off;
master_process off;
pid $work/nginx.pid;
error_log $work/nchan.log;
worker_rlimit_nofile $((most + 1000));
events { worker_connections $((most + 1000)); }
http {
    access_log off;
    server {
        listen 127.0.0.1:$listens backlog=4096;
        client_header_timeout 1d; # who publishes has one connection, and is quiet for long
        keepalive_timeout 1d;
        keepalive_requests 1000000;
        location = /cable {
            nchan_subscriber websocket;
            nchan_channel_id room;
            nchan_subscriber_first_message newest;
        }
        location = /publish { nchan_publisher; nchan_channel_id room; }
    }
}
END
    /usr/sbin/nginx -c "$work/nginx.conf" >> "$work/nchan.log" 2>&1 &
    server_pid[nchan]=$!
    server_port[nchan]=$listens
    peers_open nchan "$listens"
    cat <&"${server_input[nchan]}" > /dev/null & # its answers
    server_pid[reader]=$!
}

serve_bridge() {
    local input

    serve_lines bridge node tests/bench/peers/bridge.mjs
    exec {input}> >(exec psql -XqAt > "$work/bridge.out" 2>&1)
    server_pid[writer]=$!
    server_input[bridge]=$input
}

serve_actioncable() {
    serve_lines actioncable ruby tests/bench/peers/actioncable.rb
}

# Pings are put off: it would throw out clients that do not know them.
serve_nats() {
    local listens

    listens=$(free_port 18573)
    server_port[nats]=$(free_port $((listens + 1)))
    cat > "$work/nats.conf" << END
listen: "127.0.0.1:$listens"
ping_interval: "24h"
max_connections: $((most + 1000))
websocket { listen: "127.0.0.1:${server_port[nats]}", no_tls: true }
END
    nats-server -c "$work/nats.conf" > "$work/nats.log" 2>&1 &
    server_pid[nats]=$!
    peers_open nats "$listens"
    printf 'CONNECT {"verbose":false}\r\n' >&"${server_input[nats]}"
}

# ---- publish_SERVER PEER TEXT … ----

publish_pgcable() {
    load_publish "${@:2}"
}

publish_bare() {
    printf '%s\n' "${@:2}" "${1/bare/each}" >&"${server_input[bare]}"
}

publish_ws() {
    printf '%s\n' "${@:2}" each >&"${server_input[ws]}"
}

publish_actioncable() {
    printf '%s\n' "${@:2}" each >&"${server_input[actioncable]}"
}

publish_bridge() {
    printf 'begin;'
    printf "select pg_notify('bridge', '%s');" "${@:2}"
    echo 'commit;'
} >&"${server_input[bridge]}"

# To a connection echo writes at once what ends with a line, printf each line by itself: the second
# one would wait until the first is acknowledged.
publish_nats() {
    local text command commands=

    for text in "${@:2}"; do
        printf -v command 'PUB room %d\r\n%s\r\n' ${#text} "$text"
        commands+=$command
    done
    echo -n "$commands" >&"${server_input[nats]}"
}

publish_nchan() {
    local text post posts=

    for text in "${@:2}"; do
        printf -v post \
            'POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s\r\n' \
            ${#text} "$text"
        posts+=$post
    done
    echo -n "$posts" >&"${server_input[nchan]}"
}
