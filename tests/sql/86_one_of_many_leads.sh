# Of many who ask at once one leads, and whoever waited for its row does not take the lease away.

for n in 1 2 3 4 5 6 7 8; do
    sql -c "select term is not null from pgcable.lead('daemon $n', '1 hour')" > "$SCRATCH/lead.$n" &
done
wait
is "$(cat "$SCRATCH"/lead.* | sort | uniq -c | tr -s ' \n' ' ')" ' 7 f 1 t ' 'one of eight leads'

# The lease is over when the other asks, and is renewed while it waits.
sql -c "update pgcable.leader set name = 'ann', until = clock_timestamp()"
open_session ann
say ann "begin; select 'ann leads' from pgcable.lead('ann', '1 hour') where term is not null;"
until_true "select exists (select from pg_locks l join pg_stat_activity a using (pid)
    where l.relation = 'pgcable.leader'::regclass and l.mode = 'RowExclusiveLock'
        and a.state = 'idle in transaction')"
sql -c "select 'bo ' || coalesce('leads', '') from pgcable.lead('bo', '1 hour') where term is not null
    union all select 'nobody else'" > "$SCRATCH/bo" &
until_true "select exists (select from pg_stat_activity where wait_event_type = 'Lock')"
say ann 'commit;'
wait %?nobody || true
close_session ann
is "$(cat "$SCRATCH/bo")" 'nobody else' 'who waited does not lead'
