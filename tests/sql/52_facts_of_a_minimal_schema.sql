-- messages(id, room_id, user_id, body, created_at) with rooms, memberships and users will do.
select pgcable.detach(kind) from pgcable.mapping;
create table users (id serial primary key, login text);
create table rooms (id serial primary key, title text);
create table memberships (room_id int references rooms, user_id int references users,
    primary key (room_id, user_id));
create table messages (id bigserial primary key, room_id int, user_id int, body text,
    created_at timestamptz default '2026-10-01 11:14:31.001+02');
create table alerts (id serial primary key, user_id int, read_at timestamptz);
select pgcable.attach('member', 'users', '{"name": "login"}');
select pgcable.attach('room', 'rooms', '{"chat_room_name": "title"}');
select pgcable.attach('participant', 'memberships',
    '{"chat_room_id": "room_id", "community_member_id": "user_id"}');
select pgcable.attach('message', 'messages',
    '{"chat_room_id": "room_id", "community_member_id": "user_id"}');
select pgcable.attach('notification', 'alerts', '{"community_member_id": "user_id"}');
insert into users values (42, 'Ann'), (43, 'Bo');
insert into rooms values (7, 'Team');
insert into memberships values (7, 42), (7, 43);
insert into messages (id, room_id, user_id, body) values (1, 7, 43, 'Hi');
insert into alerts (user_id, read_at) values (42, null), (42, now());
create table told as select * from pgcable.facts('{"message":["1"],"last_message":["7"],
    "count":["42"],"viewers":[{"room":"7","members":["42"]}]}');
select t.is(data::text, '{"id":7,"chat_room_name":"Team","extra":{}}', 'room')
    from told where what = 'room';
select t.is(key || data::text, 'm:7:43{"id":null,"community_member_id":43,"name":"Bo","extra":{}}',
    'sender') from told where what = 'sender';
select t.is(data::text, '{"id":1,"chat_room_id":7,"community_member_id":43,"body":"Hi",'
    '"created_at":"2026-10-01T09:14:31.001+00:00","extra":{}}', 'message')
    from told where what = 'message';
select t.is(data::text, '{"replies_count":0,"total_thread_participants_count":0,'
    '"thread_participants_preview":[],"chat_thread_replies_count":0}', 'stats')
    from told where what = 'stats';
select t.is(data::text, '1', 'count, by read_at') from told where what = 'count';
select t.is(data::text, '{"unread_messages_count":0,"current_participant":{"id":null,"name":"Ann",'
    '"user_public_uid":null,"headline":null,"email":null,"avatar_url":null,'
    '"community_member_id":42,"deleted_at":null,"admin":false,"muted":false},'
    '"other_participants_preview":[{"id":null,"name":"Bo","user_public_uid":null,"headline":null,'
    '"email":null,"avatar_url":null,"community_member_id":43,"deleted_at":null,"admin":false,'
    '"muted":false}],"direct_name":null}', 'viewer') from told where what = 'viewer';
select t.is(string_agg(what, ' ' order by what),
    'count last_message message room sender stats viewer', 'each once') from told;
select t.is(string_agg(coalesce(stream, topic), ' '), 'chat-room-channel-42 room-members:7'
    ' chat-room-7-channel chat-room-7-channel chat-community-member-42-threads-channel', 'access')
    from pgcable.access('[{"req":1,"member":"42","channel":"member"},
        {"req":2,"member":"42","channel":"room","room":"7"},
        {"req":3,"member":"42","channel":"room","uuid":"7"},
        {"req":4,"member":"42","channel":"threads"}]');
