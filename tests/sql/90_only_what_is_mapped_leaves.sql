-- What the mapping does not list leaves by none of the daemon's functions: it is not in the outbox.
-- Row level security is the application's; policies for the owner let us read, secrets stay.
select t.community();
do $$
declare
    v_table regclass;
begin
    for v_table in select relation from pgcable.mapping loop
        execute format('alter table %s add column secret text default ''swordfish'','
            ' enable row level security', v_table);
        execute format('create policy ours on %s for select to pgcable_owner using (true)', v_table);
    end loop;
end;
$$;
create table orders (id bigint primary key, customer_id bigint, status text,
    secret text default 'swordfish');
select pgcable.attach_generic('orders', 'orders-{customer_id}', '{id,status}');
select pgcable.attach('member', 'community_members', '{"extra": ["headline"]}');
select from pgcable.advance();
select t.seen();

-- Every kind of change, also of the secret alone, and of the key.
insert into orders values (1, 7, 'new');
update orders set status = 'paid';
update orders set secret = 'swordfish, too';
update chat_rooms set name = 'new name', secret = 'swordfish 2';
update chat_room_participants set last_read_at = now(), secret = 'swordfish 2';
update chat_room_messages set body = body || '!', secret = 'swordfish 2';
update chat_room_messages set secret = 'swordfish 3';
update chat_thread_participants set last_read_at = now();
update notifications set seen_at = now();
insert into notifications (community_member_id, action) values (42, 'add');
delete from chat_room_messages where id = 982;
delete from community_members where id = 44;
delete from orders;

-- What the daemon's role gets, by all functions that it may call and that answer with data.
set role pgcable_daemon;
select from pgcable.advance();
create temp table got (what text, answer text);
insert into got select 'hello', h::text from pgcable.hello() h;
insert into got select 'mapping_info', pgcable.mapping_info()::text;
insert into got select 'doctor', d::text from pgcable.doctor() d;
insert into got select 'advance', a::text from pgcable.advance('[
    {"req":1,"member":"42","channel":"room","room":"7"},
    {"req":2,"member":"42","channel":"member"}]') a;
insert into got select 'batches ' || coalesce(b.kind, 'end'), b::text
    from pgcable.hello() h, pgcable.batches(h.first_tick, h.last_tick) b;
insert into got select 'facts', f::text from pgcable.facts('{"room":["7"],"message":["981"],
    "last_message":["7"],"sender":[{"participant":"21"},{"room":"7","member":"42"}],
    "stats":[{"message":"981","thread":"5"}],"count":["42"],
    "viewers":[{"room":"7","members":["42"]}]}') f;
reset role;
select t.is(string_agg(distinct what, ' ' order by what),
    'advance batches broadcast batches end batches mapping batches member batches message'
    ' batches notification batches participant batches room batches thread_participant doctor facts'
    ' hello mapping_info', 'all of them answered') from got;
select t.is(count(*)::text, '0', 'the secret in what the daemon gets') from got
    where answer like '%swordfish%' or answer like '%hunter2%';
select t.is(count(*)::text, '0', 'the secret in the outbox') from (
    select o::text from pgcable.outbox_0 o union all
    select o::text from pgcable.outbox_1 o union all
    select o::text from pgcable.outbox_2 o) r (row) where row like '%swordfish%';

-- Not directly either: no table, no view of statistics about its contents, no copying out.
do $$
declare
    v_table regclass;
begin
    for v_table in
        select c.oid from pg_class c
        where c.relnamespace in ('public'::regnamespace, 'pgcable'::regnamespace)
            and c.relkind in ('r', 'p', 'v', 'm', 'S')
    loop
        perform t.throws(format('set local role pgcable_daemon; select * from %s', v_table),
            'permission denied for %');
        perform t.throws(format('set local role pgcable_daemon; copy %s to stdout', v_table), '%');
    end loop;
end;
$$;
set role pgcable_daemon;
insert into got select 'statistics', s::text from pg_stats s
    where s.schemaname in ('public', 'pgcable');
reset role;
select t.is(count(*)::text, '0', 'statistics') from got where what = 'statistics';

-- Without a policy nothing of a table can be read, doctor() says so, and the application goes on.
drop policy ours on chat_room_messages;
update chat_room_messages set body = 'unseen' where id = 981;
select from pgcable.advance();
select t.is(count(*)::text, '0', 'facts without a policy')
    from pgcable.facts('{"message":["981"]}');
select t.ok(bool_or(finding like 'row level security of public.chat_room_messages hides its rows'
    and remedy = 'create a policy for select to pgcable_owner'), 'doctor') from pgcable.doctor()
    where level = 'fail' and subject = 'message';
