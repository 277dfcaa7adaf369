-- Rolled back, by transaction, savepoint or exception: never seen.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

begin;
insert into chat_room_messages (chat_room_id, body) values (7, 'whole transaction');
rollback;
begin;
insert into chat_room_messages (chat_room_id, body) values (7, 'kept 1');
savepoint a;
insert into chat_room_messages (chat_room_id, body) values (7, 'to savepoint');
rollback to a;
insert into chat_room_messages (chat_room_id, body) values (7, 'kept 2');
savepoint b;
insert into chat_room_messages (chat_room_id, body) values (7, 'kept 3');
release b;
commit;
do $$
begin
    insert into chat_room_messages (chat_room_id, body) values (7, 'in a block');
    raise exception 'no';
exception when others then
    null;
end;
$$;
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(string_agg(new::json ->> 'body', ', ' order by id), 'kept 1, kept 2, kept 3',
    'only what was committed') from got;
select t.is(count(distinct xid)::text, '1', 'under the number of the whole transaction') from got;
