-- Statements that read the application's tables are functions that attach() wrote, whose plans a
-- session keeps; where the tables have changed since they are built anew.  All in one session.
select t.community();
create function t.kept() returns boolean language sql as $$
    select bool_and(value like 'select * from pgcable.read\_%') from jsonb_each_text(pgcable.statements());
$$;
create function t.told() returns text language sql as $$
    select string_agg(what || ' ' || key || coalesce(' ' || (data ->> 'chat_room_name'), ''), ', '
        order by what, key)
    from pgcable.facts('{"message":["981"],"sender":[{"room":"8","member":"43"}],"count":["42"]}');
$$;
\set told 'count 42, message 981, room 7 Team, sender m:8:43, sender p:22, stats 981'
select t.ok(t.kept(), 'written by attach()');
select t.is(t.told(), :'told', 'planned');
select t.is(t.told(), :'told', 'and run again');

alter table chat_rooms rename to chambers;
select t.ok(not t.kept(), 'a table that is called otherwise');
select t.is(t.told(), :'told', 'is read by its new name');
create table chat_rooms (like chambers);
select t.is(t.told(), :'told', 'and no other one by its old name');
drop table chat_rooms;
alter table chambers rename to chat_rooms;
select t.ok(t.kept(), 'back again');
select t.is(t.told(), :'told', 'as before');

alter table chat_room_messages drop constraint chat_room_messages_chat_room_participant_id_fkey;
alter table chat_room_participants alter column id type text;
select t.ok(t.kept(), 'keys of another type show only when they are compared');
select t.is(t.told(), :'told', 'and then the statement is built anew');
alter table chat_rooms drop column name;
select t.is(t.told(), replace(:'told', ' Team', ''), 'a column dropped is null');
select pgcable.attach('room', 'chat_rooms');
select t.is(t.told(), replace(:'told', ' Team', ''), 'attached again');
select pgcable.detach('room');
select t.ok(t.kept(), 'written by detach(), too');
select t.is(t.told(), replace(:'told', 'room 7 Team, ', ''), 'without rooms');
