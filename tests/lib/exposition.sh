# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
# exposition DIR ROLE…: what $PGCABLE_BIN answers to /metrics in those roles, in DIR/metrics.  It finds
# no database and no NATS, and needs none: all metrics are there from the start.
exposition() {
    local dir=$1 role

    shift
    cat > "$dir/conf" <<- EOF
	listen_port = 0
	admin_port = 0
	database = host=$dir
	hs256_secret = only-for-this-one-look-at-the-metrics
	nats_url = nats://127.0.0.1:1
	EOF
    : > "$dir/metrics"
    for role in "$@"; do
        exposition_of "$role" "$dir" || return 1
    done
}

# exposition_of ROLE DIR: what one of them answers, behind what is in DIR/metrics.
exposition_of() {
    local dir=$2 port='' status=0 daemon
    local deadline=$((SECONDS + 60))

    "$PGCABLE_BIN" serve -c "$dir/conf" --role "$1" > "$dir/log" 2>&1 &
    daemon=$!
    while [ -z "$port" ] && [ $SECONDS -lt $deadline ] && kill -0 "$daemon" 2> /dev/null; do
        sleep 0.1
        port=$(sed -nE 's/.* admin on 127\.0\.0\.1:([0-9]+)$/\1/p' "$dir/log")
    done
    curl -sSf --max-time 60 "http://127.0.0.1:$port/metrics" >> "$dir/metrics" || status=1
    kill "$daemon" 2> /dev/null || true
    wait "$daemon" || status=1
    if [ $status -ne 0 ]; then
        echo "no metrics from $PGCABLE_BIN with role = $1; its log:"
        cat "$dir/log"
    fi
    return $status
}
