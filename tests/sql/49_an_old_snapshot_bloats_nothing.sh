# 50,000 rows flow while a session keeps an old snapshot, another a prepared transaction for ever: the
# outbox stays small, for its rows go by truncation.
sql -c 'select t.community()' >/dev/null
sql <<'SQL'
begin;
insert into notifications (community_member_id) values (42);
prepare transaction 'forgotten';
SQL
open_session old
say old 'begin isolation level repeatable read; select count(*) from community_members;'
until_true "select exists (select from pg_stat_activity where backend_xmin is not null
    and state = 'idle in transaction')"
highest=0
for _ in $(seq 50); do
    sql -c "
        insert into notifications (community_member_id, action)
            select 42, repeat('x', 500) from generate_series(1, 1000)" \
        -c 'select from pgcable.advance()' \
        -c "select pgcable.prune('0', (select max(tick) from pgcable.tick), 100000000)" >/dev/null
    bytes=$(sql -c 'select pgcable.outbox_bytes()')
    highest=$((bytes > highest ? bytes : highest))
done
written=$(sql -c "select 50 * sum(octet_length(row_to_json(n)::text)) from (
    select * from notifications order by id desc limit 1000) n")
if [ $((highest * 5)) -gt "$written" ]; then
    echo "$written bytes were written, and the outbox grew to $highest" >&2
    exit 1
fi
is "$(sql -c 'select count(*) > 0 from pg_stat_activity where backend_xmin is not null
    and state = $$idle in transaction$$')" t 'the snapshot was there all the time'
sql -c "commit prepared 'forgotten'"
sql -c 'select from pgcable.advance()' >/dev/null
is "$(sql -c "select count(*) from pgcable.batch((select max(tick) from pgcable.tick))")" 1 \
    'what was prepared is read as if nothing had been'
say old 'commit;'
close_session old
