-- An update that no event shows is not captured; one that any event shows is, with both rows.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

update chat_room_messages set updated_at = now() + interval '1 hour';
update chat_room_messages set body = body;
update chat_rooms set updated_at = now() + interval '1 hour', identifier = identifier;
update chat_room_participants set unread_messages_count = unread_messages_count + 1;
update notifications set actor_name = 'somebody';
update community_members set name = name, email = 'x' || email, headline = 'New', encrypted_password = 'secret';
select from pgcable.advance();
select t.is(t.seen(), null, 'nothing to see');

update chat_room_messages set body = 'Hi!', updated_at = now() where id = 981;
update chat_rooms set name = 'Crew' where id = 7;
update chat_room_participants set last_read_at = now() where id = 21;
update notifications set seen_at = now() where id = 1;
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(string_agg(kind || ' ' || op, ', ' order by id),
    'message U, room U, participant U, notification U', 'what is shown is captured') from got;
select t.is((old::json ->> 'body') || ' -> ' || (new::json ->> 'body'), 'Hi -> Hi!',
    'with the row as it was and as it is') from got where kind = 'message';
