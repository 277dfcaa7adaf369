-- mapping_info() says of members, participants and rooms whether each change of them is captured; what
-- is not known to be counts as missed.
create function t.followed() returns text
    language sql
as $$
    select string_agg(k.key || case k.value #>> '{followed}' when 'true' then '' when 'false' then '-'
        else '?' end, ' ' order by k.key)
    from json_each(pgcable.mapping_info() -> 'kinds') k
    where k.key in ('member', 'participant', 'room');
$$;
-- doctor() tells why not.
create function t.follows(p_change text, p_followed text, p_why text default null) returns void
    language plpgsql
as $$
begin
    execute p_change;
    perform t.is(t.followed(), p_followed, p_change);
    perform t.is((
        select string_agg(substring(finding from '; looked up for every tick: (.*)$'), '; ')
        from pgcable.doctor() where level = 'ok'), p_why, 'and doctor() says why');
    raise exception using errcode = 'T0000'; -- takes it back
exception when sqlstate 'T0000' then null;
end;
$$;
select t.is(t.followed(), 'member participant room', 'the reference schema');
select t.is(string_agg(distinct k.value #>> '{followed}', ' '), 'false', 'no other kind')
    from json_each(pgcable.mapping_info() -> 'kinds') k
    where k.key not in ('member', 'participant', 'room');

-- Whatever a sender or a room shows is watched: who adds a column to what is read of them, or takes
-- one out of what is watched, hears it here.
select t.community();
select t.is(count(distinct f.what)::text, '2', 'a room and a sender'),
    t.is(string_agg(distinct format('%s of a %s', k.name, f.what), ', ') filter (
        where k.name <> 'extra' and not exists (
            select from pgcable.canonical c
            where c.name = k.name and c.watched and c.kind = any (
                case f.what when 'room' then '{room}' else '{member,participant}' end::text[]))), null,
        'shown of a sender or a room, and not watched')
    from pgcable.facts('{"room": ["7"], "sender": [{"participant": "21"}]}') f
    cross join json_object_keys(f.data) k (name);

-- Columns that are not watched.
alter table community_members add column status text;
alter table chat_rooms add column color text;
alter table chat_room_participants add column seat text;
select t.follows($$select pgcable.attach('member', 'community_members', '{"extra": ["status"]}')$$,
    'member- participant room', 'changes of its extra columns are not captured');
select t.follows($$select pgcable.attach('room', 'chat_rooms', '{"extra": ["color"]}')$$,
    'member participant room-', 'changes of its extra columns are not captured');
select t.follows($$select pgcable.attach('participant', 'chat_room_participants', '{"extra": ["seat"]}')$$,
    'member participant room');
select t.follows($$select pgcable.attach('member', 'community_members', '{"extra": []}')$$,
    'member participant room');

-- Triggers.
select t.follows('alter table community_members disable trigger pgcable_capture_update',
    'member- participant room');
select t.follows('alter table community_members enable replica trigger pgcable_capture_delete',
    'member- participant room');
select t.follows('alter table chat_rooms enable always trigger pgcable_capture_update',
    'member participant room');
select t.follows('alter table chat_rooms disable trigger all', 'member participant room-');
select t.follows('drop trigger pgcable_capture_insert on chat_room_participants',
    'member participant- room');
select t.follows('drop trigger pgcable_capture_truncate on chat_rooms', 'member participant room-');
create function t.shout() returns trigger language plpgsql
    as 'begin new.name := upper(new.name); return new; end';
select t.follows($$select pgcable.attach('room', 'chat_rooms', '{"update_of": true}')$$,
    'member participant room');
select t.follows($$select pgcable.attach('room', 'chat_rooms', '{"update_of": true}');
    create trigger shout before update on chat_rooms for each row execute function t.shout()$$,
    'member participant room-');
select t.follows($$select pgcable.attach('room', 'chat_rooms', '{"update_of": true}');
    create trigger shout before update of name on chat_rooms for each row execute function t.shout()$$,
    'member participant room');
select t.follows('create trigger shout before update on chat_rooms for each row'
    ' execute function t.shout()', 'member participant room');

-- Columns, tables and rights that are gone.
select t.follows('alter table chat_rooms rename identifier to label', 'member participant room-');
select t.follows('drop table chat_rooms cascade', 'member participant room-');
select t.follows('revoke select on community_members from pgcable_owner', 'member- participant room');

-- What a policy shows may change without any row.
select t.follows('alter table chat_rooms enable row level security;'
    ' create policy p on chat_rooms for select to pgcable_owner using (true)',
    'member participant room-', 'what a policy shows of it may change without any row');

-- Views, and tables whose rows are elsewhere.
create view people as select id, name from community_members;
create materialized view halls as select id, name from chat_rooms;
select t.follows($$select pgcable.attach('member', 'people')$$, 'member- participant room',
    'it is a view or a foreign table');
select t.follows($$select pgcable.attach('room', 'halls')$$, 'member participant room-',
    'it is a view or a foreign table');
select t.follows('create table more_rooms () inherits (chat_rooms)', 'member participant room-',
    'other tables inherit from it');
create foreign data wrapper far;
create server far foreign data wrapper far;
create table spaces (id bigint, name text) partition by list (id);
create table spaces_1 partition of spaces for values in (1);
select t.follows($$select pgcable.attach('room', 'spaces')$$, 'member participant room');
select t.follows($$select pgcable.attach('room', 'spaces_1')$$, 'member participant room');
select t.follows($$select pgcable.attach('room', 'spaces');
    alter table spaces_1 disable trigger pgcable_capture_update$$, 'member participant room-');
select t.follows($$select pgcable.attach('room', 'spaces');
    create table spaces_2 (like spaces) partition by list (id);
    create foreign table spaces_3 partition of spaces_2 for values in (2) server far;
    alter table spaces attach partition spaces_2 for values in (2)$$, 'member participant room-',
    'one of its partitions is foreign');

-- A column that is never stored is not compared (PostgreSQL 18 and newer; stored ones are).
select t.follows($$create table stored (id int, given text, name text generated always as (given) stored);
    select pgcable.attach('room', 'stored')$$, 'member participant room');
select current_setting('server_version_num')::int >= 180000 as has_virtual \gset
\if :has_virtual
    select t.follows($$create table made (id int, given text, name text generated always as (given) virtual);
        select pgcable.attach('room', 'made')$$, 'member participant room-', 'it has virtual columns');
\endif

-- What is attached nowhere is not told, and hinders nothing.
select t.follows($$select pgcable.detach('member')$$, 'participant room');
select t.follows($$select pgcable.detach('message')$$, 'member participant room');
