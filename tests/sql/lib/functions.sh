# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
# functions.sh - for the tests that need more than one session.

sql() {
    psql -qAtX -v ON_ERROR_STOP=1 "$@"
}

# is GOT WANT WHAT
is() {
    if [ "$1" != "$2" ]; then
        printf '%s\n  got:  %s\n  want: %s\n' "$3" "$1" "$2" >&2
        exit 1
    fi
}

# has TEXT WORDS WHAT
has() {
    case $1 in
    *"$2"*) ;;
    *)
        printf '%s\n  in:     %s\n  missed: %s\n' "$3" "$1" "$2" >&2
        exit 1
        ;;
    esac
}

# until_true SQL: wait for a condition, at most 90 s.
until_true() {
    local end=$((SECONDS + 90))
    until [ "$(sql -c "$1")" = t ]; do
        if [ $SECONDS -ge $end ]; then
            echo "never came true: $1" >&2
            exit 1
        fi
        read -r -t 0.02 <> <(:) || true
    done
}

# A session that stays: open_session NAME; then `say NAME SQL`; close_session NAME commits nothing.
open_session() {
    mkfifo "$SCRATCH/$1.in"
    psql -qAtX -v ON_ERROR_STOP=0 <"$SCRATCH/$1.in" >"$SCRATCH/$1.out" 2>&1 &
    eval "pid_$1=$!"
    eval "exec {fd_$1}>\"$SCRATCH/$1.in\""
}

say() {
    local fd=fd_$1
    printf '%s\n' "$2" "\\echo done-$RANDOM" >&"${!fd}"
}

close_session() {
    local fd=fd_$1 pid=pid_$1
    eval "exec ${!fd}>&-"
    wait "${!pid}" || true
    rm -f "$SCRATCH/$1.in"
}
