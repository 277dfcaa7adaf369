-- Where nobody makes room the triggers stop by themselves, and go on when there is room again.
select t.community();
select from pgcable.advance();
select t.seen() is not null;
select pause as is_paused from pgcable.tend(1000000) \gset
update notifications set action = repeat('x', 2000);
insert into notifications (community_member_id, action)
    select 42, repeat('x', 2000) from generate_series(1, 5000);
select t.ok(pgcable.outbox_bytes() between 2000000 and 6000000, 'it stopped soon after');
select t.is(pause, 'the outbox is full', 'and says so') from pgcable.tend(1000000);
select t.is(level || ' ' || finding, 'fail it is full: changes are dropped', 'to the doctor, too')
    from pgcable.doctor() where subject = 'outbox' and level = 'fail';
select pgcable.outbox_bytes() as bytes \gset
insert into notifications (community_member_id) values (42);
select t.is(pgcable.outbox_bytes()::text, :'bytes', 'nothing more');

select t.is(pgcable.prune('1 hour', 0, 1000000), 'nothing', 'what no tick has stays');
select from pgcable.advance();
select t.ok(pgcable.prune('1 hour', 0, 1000000) like 'truncated outbox_0%', 'room');
select t.is(pause, null, 'so it goes on') from pgcable.tend(1000000);
insert into notifications (community_member_id) values (42);
select from pgcable.advance();
delete from t.place;
insert into t.place select max(tick) - 1 from pgcable.tick;
select t.is(t.seen(), 'reload B, notification I', 'and the clients are told');

-- No cap, no end.
select from pgcable.tend(0);
insert into notifications (community_member_id, action)
    select 42, repeat('x', 2000) from generate_series(1, 5000);
select t.ok(pgcable.outbox_bytes() > 10000000, 'all of it');
select t.is(pause, null, 'is there') from pgcable.tend(0);
