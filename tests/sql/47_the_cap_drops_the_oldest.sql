-- Above the cap the oldest table goes, young and unread as it may be, and its ticks go with it.
create function t.write(p_rows integer) returns void
    language sql
as $$
    select pgcable.broadcast('a', to_jsonb(repeat('x', 1000)))
    from generate_series(1, p_rows);
$$;
select t.write(300);
select tick as first from pgcable.advance() \gset
select t.is(pgcable.prune('1 hour', 0, 2000000), 'nothing', 'below a quarter of the cap');
select t.write(300);
select tick as second from pgcable.advance() \gset
select t.is(pgcable.prune('1 hour', 0, 2000000), 'writing to outbox_1', 'a quarter is in one table');
select t.write(600);
select tick as third from pgcable.advance() \gset
select t.is(pgcable.prune('1 hour', 0, 2000000), 'writing to outbox_2', 'and in the next');
select t.write(200);
select t.ok(pgcable.outbox_bytes() > 1500000, 'bytes are counted');
select t.is(pgcable.prune('1 hour', 0, 1600000), 'truncated outbox_0, deleted 3 ticks',
    'the oldest, and no more than need be');
select t.throws('select from pgcable.batch(' || :second || ')', '%not kept%');
select t.is(pgcable.tick_info(:first), null, 'whoever was there finds it gone');
select t.is((select count(*)::text from pgcable.batch(:third)), '600', 'the next one is whole');
select tick as fourth from pgcable.advance() \gset
select t.is(pgcable.prune('1 hour', 0, 0), 'nothing', 'no cap, nothing is old');
select t.ok(pgcable.prune('1 hour', 0, 1) like 'truncated outbox_1, deleted % tick%',
    'a cap that cannot be met: all but the table written now');
select t.is((select count(*)::text from pgcable.batch(:fourth)), '200', 'that one stays');
select t.throws('select from pgcable.batch(' || :third || ')', '%not kept%');

-- Rows that no tick has yet must not vanish silently.
select pgcable.write_to(null, 0);
select t.ok(pgcable.prune('1 hour', 0, 1) like 'truncated outbox_2%', 'all of it is in a tick');
select pgcable.write_to(null, 2);
select t.write(10);
select pgcable.write_to(null, 0);
select t.ok(pgcable.prune('1 hour', 1000, 1) not like '%truncated%', 'nobody could be told');
select tick as fifth from pgcable.advance() \gset
select t.is((select count(*)::text from pgcable.batch(:fifth)), '10', 'still there');
select t.ok(pgcable.prune('1 hour', 0, 1) like 'truncated outbox_2%', 'now');
