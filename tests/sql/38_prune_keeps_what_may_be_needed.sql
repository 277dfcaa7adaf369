-- Old rows go once they were read, by truncation in turns; younger or unread ones stay.
select t.is(pgcable.prune('1 hour', 1000), 'nothing', 'nothing is old');
select pgcable.broadcast('a', '"old"');
select tick as old from pgcable.advance() \gset
update pgcable.tick set at = at - interval '1 day';
update pgcable.outbox_0 set at = at - interval '1 day';
select pgcable.broadcast('a', '"young"');
select tick as young from pgcable.advance() \gset

select t.is(pgcable.prune('1 hour', 0), 'writing to outbox_1', 'nothing was read: only the next table');
select t.is(pgcable.prune('1 hour', 0), 'nothing', 'once');
select pgcable.broadcast('a', '"younger"');
select tick as younger from pgcable.advance() \gset
select t.is((select count(*)::text from pgcable.outbox_1), '1', 'it is written now');
select t.is((select string_agg(new, ' ') from pgcable.batch(:old)), '"old"', 'still there');

select t.ok(pgcable.prune('1 hour', :younger) like 'deleted % ticks', 'ticks go, a young row stays');
select t.is((select string_agg(new, ' ') from pgcable.batch(:young)), '"young"', 'the young one');
select t.throws('select from pgcable.batch(' || :old || ')', '%not kept%');

update pgcable.tick set at = at - interval '1 day' where tick <= :young;
select t.ok(pgcable.prune('1 hour', :younger) like 'truncated outbox_0%', 'all of it is old and read');
select t.is((select count(*)::text from pgcable.outbox_0), '0', 'empty');
select t.is((select string_agg(new, ' ') from pgcable.batch(:younger)), '"younger"', 'whole');
select t.is(first_tick::text, :'young', 'hello says from where') from pgcable.hello();
