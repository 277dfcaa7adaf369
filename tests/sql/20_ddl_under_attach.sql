-- The application may change its tables as it likes: no write fails, no migration is refused, and
-- rows go on being captured.  All in one session, whose cached plans are the hard part.
select t.community();
insert into chat_room_messages (id, chat_room_id, body) values (1, 7, 'x');
update chat_room_messages set body = 'y' where id = 1;
update chat_room_messages set updated_at = now() where id = 1;
update community_members set avatar_url = 'a';
insert into community_members (id, name, email) values (50, 'Di', 'di@example.org');
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

alter table chat_room_messages add column mood text default 'fine';
update chat_room_messages set mood = 'bad' where id = 1;
alter table chat_room_messages drop column lesson_id;
update chat_room_messages set body = 'z' where id = 1;
alter table chat_room_messages rename column body to content;
update chat_room_messages set content = 'zz', edited_at = '2026-01-01' where id = 1;
update chat_room_messages set content = 'a column that is not mapped' where id = 1;
alter table chat_room_messages alter column creation_uuid type text using creation_uuid::text;
update chat_room_messages set edited_at = now() where id = 1;
alter table chat_room_messages alter column sent_at type text;
update chat_room_messages set edited_at = now() where id = 1;
alter table chat_room_messages rename to notes;
update notes set edited_at = now() where id = 1;
alter table notes drop column edited_at, drop column deleted_at, drop column updated_at cascade;
update notes set mood = 'good' where id = 1;
insert into notes (id, chat_room_id, content) values (2, 7, 'new');
delete from notes where id = 2;
alter table community_members drop column name, drop column avatar_url, drop column updated_at;
update community_members set email = 'd@example.org' where id = 50;
update community_members set id = 5000 where id = 50;
alter table chat_rooms drop column name;
update chat_rooms set description = 'x' where id = 7;
alter table chat_room_participants drop column last_read_at;
update chat_room_participants set pinned_at = now() where id = 21;
alter table notifications drop column seen_at;
update notifications set read_at = now() where id = 1;
select from pgcable.advance();
select t.is(t.seen(), 'message U, message U, message U, message U, message U, message I,'
    ' message D, member U, room U, participant U, notification U', 'all goes on');

select t.ok(pgcable.mapping_info()::text like '%no column body any more%', 'and it is known');
select t.ok(pgcable.mapping_info() #>> '{kinds,message,table}' = 'public.notes', 'by its new name');
select t.is(pgcable.mapping_info() #>> '{kinds,message,columns,body}', null, 'what is gone is gone');
select from pgcable.advance('[{"req":1,"member":"42","channel":"room","room":"7"}]');
select t.is((select data ->> 'chat_room_id' from pgcable.facts('{"message":["1"]}')
    where what = 'message'), '7', 'facts read what is left');
select t.is((select data ->> 'body' from pgcable.facts('{"message":["1"]}')
    where what = 'message'), null, 'and null for the rest');

select pgcable.attach('message', 'notes', '{"body": "content"}');
update notes set content = 'again' where id = 1;
select t.is((select data ->> 'body' from pgcable.facts('{"message":["1"]}')
    where what = 'message'), 'again', 'attached again, it is whole');
drop table notes cascade;
select t.ok(pgcable.mapping_info()::text like '%attached as message is gone%', 'a table dropped');
select t.is(count(*)::text, '0', 'nothing to tell') from pgcable.facts('{"message":["1"]}');
select pgcable.detach('message');
