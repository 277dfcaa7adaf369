-- "update_of": true: only updates that name a mapped column reach the trigger; PostgreSQL guards these.
select t.community();
select pgcable.attach('message', 'chat_room_messages', '{"update_of": true}');
select from pgcable.advance();
select t.seen();

update chat_room_messages set updated_at = now();
select from pgcable.advance();
select t.is(t.seen(), null, 'an update that names no mapped column');
update chat_room_messages set body = body, updated_at = now();
select from pgcable.advance();
select t.is(t.seen(), null, 'one that names it and changes nothing');
update chat_room_messages set body = 'x' where id = 981;
select from pgcable.advance();
select t.is(t.seen(), 'message U', 'one that changes it');

select t.throws('alter table chat_room_messages drop column body', '%pgcable_capture_update%');
alter table chat_room_messages add column more text;
select pgcable.attach('message', 'chat_room_messages');
alter table chat_room_messages drop column body;
update chat_room_messages set sent_at = now() where id = 981;
select from pgcable.advance();
select t.is(t.seen(), 'mapping B, message U', 'attached without it, nothing is guarded');
