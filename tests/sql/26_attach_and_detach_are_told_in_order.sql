-- A daemon learns of a new mapping between the rows before it and those after.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');
begin;
insert into notifications (community_member_id) values (42);
select pgcable.attach('notification', 'notifications', '{"extra": ["action"]}');
insert into notifications (community_member_id) values (42);
select pgcable.detach('notification');
insert into notifications (community_member_id) values (42);
commit;
select from pgcable.advance();
select t.is(t.seen(), 'notification I, mapping B, notification I, mapping B', 'in its place');
select t.is(pgcable.mapping_info() #>> '{kinds,notification}', null, 'and it is gone');
select pgcable.detach('notification');
select t.is(count(*)::text, '0', 'no function is left') from pg_proc
    where proname like 'capture\_notification\_%';
