-- ON CONFLICT: what really happened to the row is what is captured.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

insert into chat_room_messages (id, chat_room_id, body) values (981, 7, 'x') on conflict do nothing;
select from pgcable.advance();
select t.is(t.seen(), null, 'do nothing: nothing');

insert into chat_room_messages (id, chat_room_id, body) values (981, 7, 'x'), (990, 7, 'new')
    on conflict (id) do update set body = excluded.body;
select from pgcable.advance();
select t.is(t.seen(), 'message U, message I', 'an update and an insert');
