-- Extra columns travel in the objects of their kind; a name that is taken does not come twice.
select t.community();
alter table community_members add column status text default 'online';
alter table chat_room_participants add column status text default 'seated', add column "Bio" text;
alter table chat_rooms add column color text default 'red';
alter table chat_room_messages add column mood json default '{"a" : 1.0}';
select pgcable.attach('member', 'community_members', '{"extra": ["status", "headline"]}');
select pgcable.attach('participant', 'chat_room_participants', '{"extra": ["status", "Bio"]}');
select pgcable.attach('room', 'chat_rooms', '{"extra": ["color"]}');
select pgcable.attach('message', 'chat_room_messages', '{"extra": ["mood"]}');
create table told as select * from pgcable.facts(
    '{"message":["981"],"viewers":[{"room":"8","members":["42"]}]}');
select t.is(data ->> 'extra', '{"mood":{"a" : 1.0}}', 'message') from told where what = 'message';
select t.is(data ->> 'extra', '{"color":"red"}', 'room') from told where what = 'room';
select t.is(data ->> 'extra', '{"status":"online","headline":null}', 'sender')
    from told where what = 'sender';
select t.is(data ->> 'current_participant', '{"id":23,"name":"Ann","user_public_uid":'
    || to_json(m.user_public_uid)::text || ',"headline":null,"email":"ann@example.org",'
    '"avatar_url":null,"community_member_id":42,"deleted_at":null,"admin":false,"muted":false,'
    '"status":"online","Bio":null}', 'viewer')
    from told, community_members m where what = 'viewer' and m.id = 42;
