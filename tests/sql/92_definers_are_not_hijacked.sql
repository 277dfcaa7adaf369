-- Functions, operators, types and tables planted in front of PostgreSQL's own and of ours, in public
-- and in pg_temp, are not used by what runs with other rights than the caller's.  Whatever is
-- planted draws a number, which no rollback gives back.
select t.community();
create table orders (id bigint primary key, customer_id bigint, status text, details json);
select pgcable.attach_generic('orders', 'orders-{customer_id}', '{id,status,details}');
create schema app;
create function app.may(member text, params jsonb) returns boolean
    language sql stable as $$ select true $$;
create function app.may_listen(member text, room text) returns boolean
    language sql stable as $$ select true $$;
select pgcable.channel('OrdersChannel', 'orders-{id}', 'app.may');
select pgcable.room_rule('app.may_listen');
create role t_mallory;
create role t_app;
grant create, usage on schema public to t_mallory, t_app;
grant all on all tables in schema public to t_app;
grant all on all sequences in schema public to t_app;
grant usage on schema pgcable to t_app;
grant execute on function pgcable.broadcast(text, jsonb), pgcable.broadcast(text, text, jsonb)
    to t_app;
create schema trap;
grant usage on schema trap to public;
create sequence trap.sprung;
grant usage on sequence trap.sprung to public;
create function trap.spring() returns void
    language plpgsql
    security definer
as $$
begin
    perform pg_catalog.nextval('trap.sprung');
end;
$$;

-- By somebody who may create in public: everything that a function of ours names.
set role t_mallory;
do $$
declare
    v_source text := (
        select pg_catalog.string_agg(prosrc, ' ') from pg_catalog.pg_proc
        where pronamespace = 'pgcable'::regnamespace);
    f record;
begin
    for f in
        select p.oid, p.proname, p.proretset, p.prorettype::regtype as result,
            pg_catalog.pg_get_function_identity_arguments(p.oid) as args, p.provariadic
        from pg_catalog.pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f'
            and v_source ~ ('\m' || p.proname || '\M')
    loop
        begin
            execute format('create function public.%I(%s) returns %s %s language plpgsql as %L',
                f.proname, f.args, case when f.proretset then 'setof' end, f.result,
                format('begin perform trap.spring(); %s; end;',
                    case when f.proretset then 'return' else 'return null' end));
        exception when others then
            null; -- of pseudotypes: none that plpgsql can write
        end;
    end loop;
    for f in
        select o.oprname, o.oprleft::regtype as l, o.oprright::regtype as r,
            o.oprresult::regtype as result
        from pg_catalog.pg_operator o
        where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprkind = 'b'
            and strpos(v_source, o.oprname) > 0
            and o.oprleft::regtype::text in ('bigint', 'integer', 'text', 'name', 'oid', 'xid8',
                'json', 'jsonb', 'boolean', '"char"', 'timestamp with time zone', 'interval',
                'record', 'anyarray', 'text[]', 'double precision', 'numeric', 'uuid')
    loop
        begin
            execute format('create function public.trap_op(%s, %s) returns %s language plpgsql as'
                ' ''begin perform trap.spring(); return null; end;''', f.l, f.r, f.result);
        exception when others then
            null; -- there is one for these types
        end;
        begin
            execute format('create operator public.%s (leftarg = %s, rightarg = %s, function ='
                ' public.trap_op)', f.oprname, f.l, f.r);
        exception when others then
            null;
        end;
    end loop;
end;
$$;
-- One that fits better than PostgreSQL's own, for varchar arguments, and one for a row.
create function public.row_to_json(public.orders) returns json language plpgsql
    as $$ begin perform trap.spring(); return '{}'; end; $$;
create function public.row_to_json(public.chat_room_messages) returns json language plpgsql
    as $$ begin perform trap.spring(); return '{}'; end; $$;
reset role;
select t.ok(count(*) > 100, 'functions are planted') from pg_proc
    where pronamespace = 'public'::regnamespace and prosrc like '%trap.spring%';
select t.ok(count(*) > 60, 'operators are planted') from pg_operator
    where oprnamespace = 'public'::regnamespace;

-- The trap works.
set search_path = public, pg_catalog;
select set_config('application_name', 'x', false);
select 1::bigint & 1::bigint;
set search_path = pg_catalog, public;
select t.is(last_value::text, '2', 'two sprung, by these') from trap.sprung;
select from setval('trap.sprung', 1, false);

-- Tables and types that every session may make for itself, named like those that we read.
create function trap.plant() returns void
    language plpgsql
    set search_path = pg_catalog
as $$
declare
    v_name text;
begin
    for v_name in
        select relname from pg_class
        where relnamespace = 'pgcable'::regnamespace and relkind = 'r'
        union
        select unnest('{pg_class,pg_attribute,pg_proc,pg_trigger,pg_namespace,pg_locks,pg_type,
            pg_database,pg_policy,pg_roles,pg_stat_activity}'::text[])
    loop
        execute format('create temp table %I (id int, kind text, relation text, tick int)', v_name);
    end loop;
    foreach v_name in array '{bigint,text,json,jsonb,xid8,regclass,interval,pg_snapshot}'::text[]
    loop
        execute format('create domain pg_temp.%I as integer check (value < 0)', v_name);
    end loop;
end;
$$;

-- The application: the triggers of every kind and op, both broadcasts.
set role t_app;
select trap.plant();
set search_path = pg_temp, public, pg_catalog;
insert into public.orders values ('1', '7', 'new', '{"a":"\u0000"}');
update public.orders set status = 'paid';
delete from public.orders;
insert into public.chat_room_messages (id, chat_room_id, chat_room_participant_id, body)
    values ('1', '7', '22', 'x');
update public.chat_room_messages set body = 'y';
update public.chat_rooms set name = 'y';
update public.chat_room_participants set pinned_at = '2026-01-01';
update public.chat_thread_participants set last_read_at = '2026-01-01';
update public.notifications set seen_at = '2026-01-01';
delete from public.notifications;
delete from public.community_members where id operator(pg_catalog.=) 44;
truncate public.notifications;
select pgcable.broadcast('a', '1');
select pgcable.broadcast('a', 'b', '1');
-- A column that is gone: the long way.
reset role;
alter table public.chat_room_messages drop column lesson_id;
set role t_app;
update public.chat_room_messages set body = 'z';
reset role;
set search_path = pg_catalog, public;
select t.is(last_value || ' ' || is_called, '1 false', 'sprung by the application')
    from trap.sprung;
select t.ok(count(*) > 20, 'and all was captured') from pgcable.outbox_0;
discard temp;

-- The daemon: all that it may call.
set role pgcable_daemon;
grant usage on schema trap to pgcable_daemon;
reset role;
set role pgcable_daemon;
select trap.plant();
set search_path = pg_temp, public, pg_catalog;
select from pgcable.hello();
select from pgcable.advance('[{"req":1,"member":"42","channel":"room","room":"7"},
    {"req":2,"member":"42","channel":"custom","class":"OrdersChannel","params":{"id":"7"}},
    {"req":3,"member":"44","channel":"room","room":"7"}]');
select from pgcable.tick_info('1');
select from pgcable.batches('0', '99');
select from pgcable.beginning('1 h', '100', '1000');
select from pgcable.facts('{"room":["7"],"message":["981"],"last_message":["7"],
    "sender":[{"participant":"21"},{"room":"7","member":"42"}],"count":["42"],
    "stats":[{"message":"981","thread":"5"}],"viewers":[{"room":"7","members":["42"]}]}');
select from pgcable.mapping_info();
select from pgcable.doctor();
select from pgcable.writers();
select from pgcable.ring(1);
select from pgcable.canary('x');
select from pgcable.tend('1000000');
select from pgcable.prune('0 s', '99', '1');
select from pgcable.pause();
select from pgcable.resume();
reset role;
set search_path = pg_catalog, public;
select t.is(last_value || ' ' || is_called, '1 false', 'sprung by the daemon') from trap.sprung;
discard temp;

-- Whoever installs: a superuser, whose rights are worth most.
select trap.plant();
set search_path = pg_temp, public, pg_catalog;
select pgcable.detach('message');
select pgcable.attach('message', 'public.chat_room_messages', '{"extra": ["updated_at"]}');
select pgcable.attach_generic('public.orders', 'orders-{customer_id}', '{id}');
select pgcable.detach_generic('public.orders');
select pgcable.channel('OtherChannel', 'other-{id}', 'app.may');
select pgcable.drop_channel('OtherChannel');
select pgcable.room_rule(null);
select from pgcable.doctor();
select from pgcable.detect();
reset search_path;
set search_path = pg_catalog, public;
select t.is(last_value || ' ' || is_called, '1 false', 'sprung by whoever installs')
    from trap.sprung;
drop owned by t_app, t_mallory cascade;
drop role t_app, t_mallory;
