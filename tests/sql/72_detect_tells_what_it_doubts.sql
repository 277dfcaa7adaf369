-- What detect() is not sure of it says so, and why; what is attached it leaves alone.
create procedure t.start_over()
    language plpgsql
as $$
declare
    v_kind text;
begin
    for v_kind in select kind from pgcable.mapping loop
        perform pgcable.detach(v_kind);
    end loop;
    drop schema public cascade;
    create schema public;
end;
$$;

select t.is(string_agg(concat_ws(' ', kind, statement, sure, reason), '; ' order by kind)
        filter (where kind in ('message', 'room')),
    'message f public.chat_room_messages is attached already; '
    'room f public.chat_rooms is attached already', 'all is attached')
from pgcable.detect();
select pgcable.detach('message');
select t.is(statement, 'select pgcable.attach(''message'', ''public.chat_room_messages'');',
    'what was detached is found beside the rest') from pgcable.detect() where sure;

-- Nothing at all.
call t.start_over();
select t.is(string_agg(distinct reason, ', '), 'no table is named like one', 'an empty database')
    from pgcable.detect();
select t.is(count(statement)::text, '0', 'nothing to run') from pgcable.detect();

-- Two that fit alike: neither is sure, nor is what hangs on it.
create schema archive;
create table public.users (id integer primary key, name text);
create table public.rooms (id integer primary key);
create table archive.rooms (id integer primary key);
create table public.messages (id integer primary key, room_id integer, user_id integer,
    text text, inserted_at timestamptz);
select t.is(string_agg(kind || case when sure then ' sure' else '' end, ', ' order by kind),
    'member sure, message, room', 'rooms in two schemas') from pgcable.detect()
    where statement is not null;
select t.ok(reason like '%unsure: it may be public.rooms as well%'
    or reason like '%unsure: it may be archive.rooms as well%', 'the other one is named')
    from pgcable.detect() where kind = 'room';
select t.ok(reason like '%unsure: so is its room%', 'a message stands in a room')
    from pgcable.detect() where kind = 'message';
alter table public.messages add foreign key (room_id) references public.rooms;
create table public.memberships (room_id integer references public.rooms,
    user_id integer references public.users, primary key (room_id, user_id));
select t.is(statement, 'select pgcable.attach(''room'', ''public.rooms'');',
    'a foreign key decides') from pgcable.detect() where kind = 'room' and sure;

-- A foreign key elsewhere speaks against a name, one to the right table for it.
alter table public.messages add column writer_id integer references users,
    add column parent_id integer references archive.rooms, add column thread_id integer;
select t.is(statement, 'select pgcable.attach(''message'', ''public.messages'', ''{"chat_room_id":'
    ' "room_id", "community_member_id": "writer_id", "body": "text", "sent_at": "inserted_at",'
    ' "created_at": "inserted_at", "chat_thread_id": "thread_id"}'');', 'keys before names')
    from pgcable.detect() where kind = 'message';

-- Who wrote it is required.
alter table public.messages drop column writer_id, drop column user_id;
select t.ok(statement is null and reason like '%public.messages%no column says who wrote it%',
    'what attach() would say') from pgcable.detect() where kind = 'message';

-- Columns of types that cannot be it are not taken, however they are called.
create table public.notifications (id integer primary key, user_id integer, viewed_at boolean,
    deleted boolean, created text);
select t.is(statement, 'select pgcable.attach(''notification'', ''public.notifications'','
    ' ''{"community_member_id": "user_id", "deleted_at": "deleted"}'');', 'types')
    from pgcable.detect() where kind = 'notification';
alter table public.notifications alter user_id type numeric;
select t.ok(statement is null, 'a key that cannot be compared')
    from pgcable.detect() where kind = 'notification';

-- Only the owner may attach.
set client_min_messages = error;
drop schema archive cascade;
reset client_min_messages;
create role t_app;
grant create, usage on schema public to t_app;
grant usage on schema t to t_app;
grant pgcable_owner to t_app;
set role t_app;
create table public.threads (id integer primary key, room_id integer);
select t.ok(sure, 'a table of one''s own') from pgcable.detect() where kind = 'thread';
select t.ok(not sure and statement is not null and reason like '%belongs to postgres%',
    'somebody else''s') from pgcable.detect() where kind = 'member';
reset role;
drop owned by t_app;
drop role t_app;

-- Names that must be quoted come out right, and strangers' names are data.
call t.start_over();
create schema "It's";
create table "It's"."Users" ("Id" integer primary key, "DisplayName" text);
do $$
declare
    v_statement text;
begin
    select statement into strict v_statement from pgcable.detect() where sure;
    execute v_statement;
end;
$$;
select t.is(columns::text, '{"id": "Id", "name": "DisplayName"}', 'quotes')
    from pgcable.mapping where kind = 'member' and relation = '"It''s"."Users"'::regclass;
