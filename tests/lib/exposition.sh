# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
# exposition DIR: what $PGCABLE_BIN answers to /metrics, in DIR/metrics.  It finds no database, and
# needs none: all metrics are there from the start.
exposition() {
    local dir=$1 port='' status=0 daemon
    local deadline=$((SECONDS + 60))

    cat > "$dir/conf" <<- EOF
	listen_port = 0
	admin_port = 0
	database = host=$dir
	hs256_secret = only-for-this-one-look-at-the-metrics
	EOF
    "$PGCABLE_BIN" serve -c "$dir/conf" > "$dir/log" 2>&1 &
    daemon=$!
    while [ -z "$port" ] && [ $SECONDS -lt $deadline ] && kill -0 "$daemon" 2> /dev/null; do
        sleep 0.1
        port=$(sed -nE 's/.* admin on 127\.0\.0\.1:([0-9]+)$/\1/p' "$dir/log")
    done
    curl -sSf --max-time 60 -o "$dir/metrics" "http://127.0.0.1:$port/metrics" || status=1
    kill "$daemon" 2> /dev/null || true
    wait "$daemon" || status=1
    if [ $status -ne 0 ]; then
        echo "no metrics from $PGCABLE_BIN; its log:"
        cat "$dir/log"
    fi
    return $status
}
