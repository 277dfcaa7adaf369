-- The rows of a tick are the same whenever asked; of one that is not kept, an error and never nothing.
select pgcable.broadcast('a', '1');
select tick from pgcable.advance() \gset
create temp table first as select * from pgcable.batch(:tick);
select pgcable.broadcast('a', '2');
select from pgcable.advance();
select t.is(count(*)::text, '1', 'one row') from first;
select t.is(count(*)::text, '0', 'the same')
    from (select * from first except select * from pgcable.batch(:tick)) d;
select t.is(kind || op || stream || new || coalesce(old, ''), 'broadcastBa1', 'all columns')
    from first;
select t.ok(abs(extract(epoch from now()) * 1000000 - at_us) < 60000000, 'at_us is Unix time')
    from first;
select t.throws('select from pgcable.batch(1000)', '%rows of tick 1000 are not kept%');
select t.throws('select from pgcable.batch(0)', '%rows of tick 0 are not kept%');
select t.throws('select from pgcable.batch(null)', '%rows of tick <NULL> are not kept%');
