# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
#
# cost.sh - what statements take of the server; source it behind lib.sh, which has the rest.
#
#   cost_single PART TURN NAME WHERE   pgbench with $work/statement.sql, one session, for $seconds in
#                                      database WHERE; records µs of processor time and p50 by the
#                                      clock, of a transaction
#   cost_bulk PART TURN NAME WHERE     the SQL on standard input, which writes $rows rows; records µs
#                                      of processor time of a row, and seconds
# shellcheck disable=SC2154 # what the script that sources this has

cost_single() {
    local before figures

    rm -f "$work"/took.*
    before=$(bench_processor_time "$4")
    "$(pg_bin)/pgbench" -n -M prepared -T "$seconds" -l --log-prefix="$work/took" \
        -f "$work/statement.sql" "$4" > "$work/pgbench.log" 2>&1 || {
        cat "$work/pgbench.log" >&2
        return 1
    }
    before=$(($(bench_processor_time "$4") - before))
    read -r -a figures < <(awk '{ print $3 }' "$work"/took.* | sort -n | awk -v ticks=$before '
        { took[NR] = $1 }
        END { printf "us=%.1f p50_us=%d\n", ticks * 10000 / NR, took[int((NR + 1) / 2)] }')
    bench_record "$1" kind=single turn="$2" statement="$3" where="$4" "${figures[@]}"
}

cost_bulk() {
    local before since_us=${EPOCHREALTIME/[.,]/}

    before=$(bench_processor_time "$4")
    PGAPPNAME=pgbench sql -d "$4" > /dev/null
    since_us=$((${EPOCHREALTIME/[.,]/} - since_us))
    before=$(($(bench_processor_time "$4") - before))
    bench_record "$1" kind=bulk turn="$2" statement="$3" where="$4" rows="$rows" \
        us="$(awk -v t=$before -v n="$rows" 'BEGIN { printf "%.2f", t * 10000 / n }')" \
        seconds="$(awk -v us=$since_us 'BEGIN { printf "%.3f", us / 1e6 }')"
}
