# Many writers, with savepoints, rollbacks and pauses, while ticks are made: every committed row
# arrives exactly once, no rolled-back one does, and the changes of one row keep their order.
sql -c 'create table ledger (key bigserial primary key, row_id int, n int)' \
    -c "create table hot (id bigint primary key, community_member_id bigint, n int)" \
    -c "insert into hot select i, 42, 0 from generate_series(1, 5) i" \
    -c "select pgcable.attach('notification', 'hot', '{\"extra\": [\"n\"], \"seen_at\": \"n\"}')" >/dev/null
cat >"$SCRATCH/write.sql" <<'SQL'
\set id random(1, 5)
\set pause random(0, 3000)
begin;
update hot set n = n + 1 where id = :id;
insert into ledger (row_id, n) select id, n from hot where id = :id;
savepoint a;
insert into hot values (nextval('ledger_key_seq') + 1000, 0, -1);
update hot set n = -1 where id = :id;
rollback to a;
\sleep :pause us
commit;
SQL
cat >"$SCRATCH/roll.sql" <<'SQL'
\set id random(1, 5)
begin;
update hot set n = n + 1 where id = :id;
rollback;
SQL
cat >"$SCRATCH/tick.sql" <<'SQL'
select count(*) from pgcable.advance();
\sleep 3 ms
SQL
# Until there is enough of everything, however long that takes here.
until [ "$(sql -c 'select (select count(*) > 100 from ledger) and
    (select count(*) > 50 from pgcable.tick)')" = t ]; do
    pgbench -n -c 8 -T 3 -f "$SCRATCH/write.sql@3" -f "$SCRATCH/roll.sql@1" >/dev/null 2>&1 &
    writers=$!
    pgbench -n -c 2 -T 3 -f "$SCRATCH/tick.sql" >/dev/null 2>&1
    wait $writers
    [ $SECONDS -lt 300 ] || { echo 'no rows or no ticks in 5 minutes' >&2; exit 1; }
done
sql -c 'select from pgcable.advance()' >/dev/null
sql -c "create table got as select row_number() over () as place, (new::json ->> 'id')::int as row_id,
    (new::json ->> 'n')::int as n from t.news() as (id bigint, xid text, kind text, op text,
    stream text, new text, old text, at_us bigint) where op = 'U'" >/dev/null
is "$(sql -c 'select count(*) from (select row_id, n from ledger except all select row_id, n from got) x')" \
    0 'none is missing'
is "$(sql -c 'select count(*) from (select row_id, n from got except all select row_id, n from ledger) x')" \
    0 'none is there twice or was rolled back'
is "$(sql -c 'select count(*) from (select n <> lag(n, 1, 0) over (partition by row_id order by place) + 1
    as wrong from got) x where wrong')" 0 'each row in the order of its changes'
