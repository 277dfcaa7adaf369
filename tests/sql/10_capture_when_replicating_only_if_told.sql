-- Rows written in replica role are captured only where attach was told "always".
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');
set session_replication_role = replica;
insert into notifications (community_member_id) values (42);
reset session_replication_role;
select from pgcable.advance();
select t.is(t.seen(), null, 'not by default');

select pgcable.attach('notification', 'notifications', '{"always": true}');
set session_replication_role = replica;
insert into notifications (community_member_id) values (42);
reset session_replication_role;
select from pgcable.advance();
select t.is(t.seen(), 'mapping B, notification I', 'if told');

select pgcable.attach('notification', 'notifications');
select t.is(string_agg(distinct tgenabled::text, ''), 'O', 'and told otherwise again')
    from pg_trigger where tgrelid = 'notifications'::regclass and tgname like 'pgcable%';
