-- Attaching twice is attaching once; attaching another table lets the first one go.
select pgcable.attach('message', 'chat_room_messages');
select pgcable.attach('message', 'chat_room_messages', '{"body": null}');
select t.is(count(*)::text, '4', 'one trigger each') from pg_trigger
    where tgrelid = 'chat_room_messages'::regclass and tgname like 'pgcable%';
select t.ok(not (select columns from pgcable.mapping where kind = 'message') ? 'body',
    'null: there is none');

create table m (id uuid, room_id uuid, user_id text, body text, created_at timestamptz);
select pgcable.attach('message', 'm',
    '{"chat_room_id": "room_id", "community_member_id": "user_id"}');
select t.is(count(*)::text, '0', 'the first one is free') from pg_trigger
    where tgrelid = 'chat_room_messages'::regclass and tgname like 'pgcable%';
select t.ok(not has_table_privilege('pgcable_owner', 'chat_room_messages', 'select'),
    'and not ours to read');
select t.ok(has_table_privilege('pgcable_owner', 'm', 'select'), 'the other one is');
insert into m values (gen_random_uuid(), gen_random_uuid(), 'u', 'x', now());
select from pgcable.advance();
select t.ok(t.seen() like '%mapping B, message I', 'and captured');
