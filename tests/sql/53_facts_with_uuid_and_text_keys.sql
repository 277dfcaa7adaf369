-- Keys may be uuids or text, and need not be of one type throughout.
select pgcable.detach(kind) from pgcable.mapping;
create domain handle as varchar(20);
create table users (id handle primary key, name text);
create table rooms (id uuid primary key, name text, hidden boolean);
create table seats (id smallint primary key, room uuid, who text, gone boolean not null default false);
create table posts (id uuid primary key, room text, seat bigint, created_at timestamptz default now());
select pgcable.attach('member', 'users');
select pgcable.attach('room', 'rooms', '{"deleted_at": "hidden"}');
select pgcable.attach('participant', 'seats',
    '{"chat_room_id": "room", "community_member_id": "who", "deleted_at": "gone"}');
select pgcable.attach('message', 'posts', '{"chat_room_id": "room", "chat_room_participant_id": "seat"}');
\set room 0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10
insert into users values ('o''neil', 'O''Neil'), ('bo', 'Bo');
insert into rooms values (:'room', 'Team');
insert into seats values (1, :'room', 'o''neil'), (2, :'room', 'bo');
insert into posts values ('7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77', :'room', 2);
select t.is(string_agg(what || ' ' || key, ', ' order by what), 'last_message ' || :'room'
    || ', message 7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77, room ' || :'room'
    || ', sender p:2, stats 7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77, viewer ' || :'room' || ':o''neil',
    'all found')
    from pgcable.facts(format('{"message":["7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77","x","1"],
        "last_message":["%1$s"],"viewers":[{"room":"%1$s","members":["o''neil"]}]}', :'room')::json);
select t.is(string_agg(coalesce(stream, topic), ' '), format('chat-room-channel-o''neil'
    ' room-members:%1$s chat-room-%1$s-channel chat-room-%1$s-channel', :'room'), 'access')
    from pgcable.access(format('[{"req":1,"member":"o''neil","channel":"member"},
        {"req":2,"member":"o''neil","channel":"room","room":"%1$s"},
        {"req":3,"member":"o''neil","channel":"room","uuid":"%1$s"},
        {"req":4,"member":"o''neil","channel":"room","uuid":"7"},
        {"req":5,"member":"nobody","channel":"member"}]', :'room')::json);
update seats set gone = true where id = 1;
select t.is(count(stream)::text, '0', 'gone by a boolean') from pgcable.access(
    format('[{"req":2,"member":"o''neil","channel":"room","room":"%s"}]', :'room')::json);

-- Two keys are one key of a fact: no other two are the same.
create table halls (id text primary key, name text);
create table chairs (id int primary key, hall text, who text);
create table notes (id int primary key, hall text, who text, created_at timestamptz default now());
select pgcable.attach('room', 'halls');
select pgcable.attach('participant', 'chairs', '{"chat_room_id": "hall", "community_member_id": "who"}');
select pgcable.attach('message', 'notes', '{"chat_room_id": "hall", "community_member_id": "who"}');
insert into users values ('c', 'Cy'), ('b:c', 'Bea');
insert into halls values ('a'), ('a:b'), ('a%3Ab');
insert into chairs values (1, 'a', 'b:c'), (2, 'a:b', 'c'), (3, 'a%3Ab', 'c');
select t.is(string_agg(what || ' ' || key, ', ' order by what, data ->> 'id', key), 'sender m:a:b:c,'
    ' sender m:a%3Ab:c, sender m:a%253Ab:c, viewer a%253Ab:c, viewer a%3Ab:c, viewer a:b:c',
    'pairs of keys') from pgcable.facts('{"sender":[{"room":"a","member":"b:c"},{"room":"a:b","member":"c"},
        {"room":"a%3Ab","member":"c"}], "viewers":[{"room":"a","members":["b:c"]},
        {"room":"a:b","members":["c"]}, {"room":"a%3Ab","members":["c"]}]}');
