-- A large outbox is never read as a whole.
insert into pgcable.outbox_0 (id, xid, kind, op, at)
    select nextval('pgcable.outbox_id'), pg_current_xact_id(), 'broadcast', 'B', now()
    from generate_series(1, 50000);
select tick from pgcable.advance() \gset
select t.is(count(*)::text, '50000', 'there they are') from pgcable.batch(:tick);
select pg_stat_force_next_flush();
create temp table before as select relname, seq_scan from pg_stat_user_tables
    where schemaname = 'pgcable' and relname like 'outbox%';
select pgcable.broadcast('a', '1');
select tick from pgcable.advance() \gset
select t.is(count(*)::text, '1', 'one row') from pgcable.batch(:tick);
select pg_stat_force_next_flush();
select t.is(string_agg((s.seq_scan - b.seq_scan)::text, ''), '000', 'by index')
    from pg_stat_user_tables s join before b using (relname);
