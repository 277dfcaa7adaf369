-- Where the changes of a row went: which of them are kept, and in which tick.
insert into community_members (id, name, email) values (1, 'Ann', 'a@x'), (2, 'Bo', 'b@x');
insert into chat_rooms (id, name) values (7, 'Team');
insert into chat_room_participants (id, chat_room_id, community_member_id) values (11, 7, 1);
select tick as before from pgcable.advance() \gset
insert into chat_room_messages (id, chat_room_id, chat_room_participant_id, body)
values (70, 7, 11, 'other, with 71'), (71, 7, 11, E'the "one" \\u0000');
select from pgcable.advance();
begin;
update chat_room_messages set body = 'changed' where id = 70;
update chat_room_messages set body = 'changed' where id = 71;
commit;
select from pgcable.advance();
delete from chat_room_messages where id = 71;

select t.is(string_agg(format('%s %s %s', op, tick - :before, is_kept), ', '), 'I 1 t, U 2 t, D  ',
    'each change, and the last one has no tick yet')
    from pgcable.trace('chat_room_messages', '71');
select t.is(string_agg(format('%s:%s', xid, id), ' '), (
        select string_agg(format('%s:%s', b.xid, b.id), ' ')
        from pgcable.batches(:before, :before + 2) b where '71' in (b.new::json ->> 'id', b.old::json ->> 'id')),
    'by the names that the daemon has for them')
    from pgcable.trace('message', '71') where tick is not null;
select t.is(string_agg(distinct format('%s %s %s', relation, kind, present), ', '),
    'public.chat_room_messages message f', 'what it was, and whether it is there')
    from pgcable.trace('message', '71');
select t.is(count(*)::text, '2', 'by schema and table') from pgcable.trace('public.chat_room_messages', '70');
select t.ok(bool_and(present), 'that one is') from pgcable.trace('message', '70');
select t.is(format('%s %s %s', count(*), count(op), bool_or(present)), '1 0 f', 'what never was')
    from pgcable.trace('message', 'nonsense');
select t.is(count(op)::text, '0', 'nor is a part of an id one') from pgcable.trace('message', '7');

-- The tick before is gone, and with it what the tick of the insert held.
delete from pgcable.tick where tick <= :before;
select t.is(string_agg(format('%s %s', op, is_kept), ', '), 'I f, U t, D ', 'not kept as a whole')
    from pgcable.trace('message', '71');
truncate chat_room_messages cascade;
select t.is(string_agg(op, ' ' order by at_us), 'I U D T', 'truncated, which is of every row')
    from pgcable.trace('message', '71');

select t.throws($$select pgcable.trace('massages', '1')$$, '%massages is not attached%');
select pgcable.detach('thread_participant');
select pgcable.attach('thread_participant', 'chat_thread_participants', '{"id": null}');
select t.throws($$select pgcable.trace('thread_participant', '1')$$, '%cannot be found by its id%');
select pgcable.detach('thread');
select pgcable.attach('thread', 'chat_room_messages', '{"parent_message_id": "id"}');
select t.is(string_agg(distinct k || ' ' || r.kind, ', '), 'message message, thread thread',
    'of two kinds that a table plays, the one that is meant')
    from unnest('{message,thread}'::text[]) k, pgcable.trace(k, '70') r;
create schema old;
create table old.chat_rooms (id bigint primary key, label text, secret text);
select pgcable.attach_generic('old.chat_rooms', stream => 'old-{label}', columns => '{id,label}');
select t.throws($$select pgcable.trace('chat_rooms', '1')$$, '%several tables%');
select from pgcable.advance();
insert into old.chat_rooms values (1, 'a', 'x');
select from pgcable.advance();
update old.chat_rooms set label = 'b' where id = 1;
select pgcable.broadcast('old-a', '{"event": "hello", "record": {"id": 1}}');
select from pgcable.advance();
select t.is(string_agg(format('%s %s', op, is_kept), ', '), 'I t, D t, I t', 'a table of one''s own')
    from pgcable.trace('old.chat_rooms', '1');

set role pgcable_daemon;
select count(*) as seen from pgcable.trace('message', '71') \gset
reset role;
select t.is(:'seen', '4', 'the daemon''s role may ask');
grant usage on schema t to pg_monitor;
set role pg_monitor;
select t.throws($$select pgcable.trace('message', '71')$$, 'permission denied%');
