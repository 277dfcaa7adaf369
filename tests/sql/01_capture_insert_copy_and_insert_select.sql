-- Whatever statement inserts, each row is captured once, in order.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

insert into chat_room_messages (id, chat_room_id, chat_room_participant_id, body)
    values (1001, 7, 21, 'one');
copy chat_room_messages (id, chat_room_id, chat_room_participant_id, body) from stdin;
1002	7	21	two
1003	7	21	three
\.
insert into chat_room_messages (id, chat_room_id, chat_room_participant_id, body)
    select i, 7, 21, 'bulk ' || i from generate_series(1004, 3000) i;

select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(count(*)::text, '2000', 'each row once') from got where kind = 'message' and op = 'I';
select t.ok(bool_and((new::json ->> 'id')::bigint = 1000 + n), 'in the order of the statements')
    from (select new, row_number() over (order by id) as n from got) g;
select t.is((select new::jsonb::text from got order by id limit 1),
    (select (to_jsonb(m) - 'updated_at')::text from chat_room_messages m where id = 1001),
    'what is mapped travels');
select t.ok(bool_and(old is null), 'an insert has no old row') from got;
