# A table that somebody holds is left for the next time; a second daemon does nothing meanwhile.
sql >/dev/null <<'SQL'
select pgcable.broadcast('a', '1');
select from pgcable.advance();
update pgcable.tick set at = at - interval '1 day';
update pgcable.outbox_0 set at = at - interval '1 day';
select pgcable.broadcast('a', '2');
select from pgcable.advance();
select pgcable.prune('1 hour', 0);
update pgcable.tick set at = at - interval '1 day';
select pgcable.broadcast('a', '3');
select from pgcable.advance();
SQL
open_session reader
say reader 'begin; select count(*) from pgcable.outbox_0;'
until_true "select count(*) > 0 from pg_locks where relation = 'pgcable.outbox_0'::regclass"
has "$(sql -c "select pgcable.prune('1 hour', 1000)")" 'deleted' 'somebody reads: ticks only'
is "$(sql -c 'select count(*) > 0 from pgcable.outbox_0')" t 'the rows stay'
say reader 'commit;'
until_true "select count(*) = 0 from pg_locks where relation = 'pgcable.outbox_0'::regclass"
is "$(sql -c "select pgcable.prune('1 hour', 1000)")" 'truncated outbox_0' 'the next time'
say reader "begin; select pgcable.prune('1 hour', 1000);"
until_true "select count(*) > 0 from pg_locks where locktype = 'advisory' and objid = 7236356"
has "$(sql -c "select pgcable.prune('1 hour', 1000)")" 'another daemon' 'one at a time'
close_session reader
