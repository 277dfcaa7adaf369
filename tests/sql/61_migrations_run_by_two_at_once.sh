# Two installers, three times over: both end well, one did the work.
for round in 1 2 3; do
    createdb "race_$round"
    for installer in a b c; do
        (
            for file in "$ROOT"/sql/migrations/*.sql; do
                sql -d "race_$round" -f "$file" || exit 1
            done
        ) >"$SCRATCH/race_$installer" 2>&1 &
        eval "pid_$installer=$!"
    done
    for installer in a b c; do
        pid=pid_$installer
        wait "${!pid}" || {
            cat "$SCRATCH/race_$installer" >&2
            exit 1
        }
    done
    is "$(sql -d "race_$round" -c 'select count(*) from pgcable.migration')" \
        "$(find "$ROOT/sql/migrations" -name '*.sql' | wc -l)" 'all are in place'
    dropdb "race_$round"
done
