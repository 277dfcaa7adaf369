-- What else doctor() looks at: the daemon's rights, rules, tables of one's own, settings.
create function t.ills() returns text
    language sql
as $$
    select string_agg(format('%s %s: %s', level, subject, finding), '; ')
    from pgcable.doctor()
    where level <> 'ok' and finding not like '%prepared transactions%';
$$;
create procedure t.heal()
    language plpgsql
as $$
declare
    v_remedy text;
begin
    for v_remedy in select remedy from pgcable.doctor() where remedy like 'grant %' loop
        execute v_remedy;
    end loop;
end;
$$;

revoke execute on function pgcable.batches(bigint, bigint) from pgcable_daemon;
revoke usage on schema pgcable from pgcable_daemon;
select t.is(t.ills(), 'fail rights: pgcable_daemon lacks execute on function pgcable.batches(bigint,bigint);'
    ' fail rights: pgcable_daemon lacks usage on schema pgcable', 'rights');
call t.heal();
select t.is(t.ills(), null, 'granted');
create temp table allowed as
    select oid from pg_proc where pronamespace = 'pgcable'::regnamespace
        and has_function_privilege('pgcable_daemon', oid, 'execute');
revoke execute on all functions in schema pgcable from pgcable_daemon;
call t.heal();
select t.is(string_agg(oid::regprocedure::text, ', '), null, 'each function that it may call')
    from allowed where not has_function_privilege('pgcable_daemon', oid, 'execute');

create schema app;
create function app.rule(member text, params jsonb) returns boolean
    language sql stable as $$ select true $$;
create function app.room_rule(member text, room text) returns boolean
    language sql stable as $$ select true $$;
select pgcable.channel('OrdersChannel', 'orders-{id}', 'app.rule');
select pgcable.room_rule('app.room_rule');
create table app.orders (id integer primary key, customer_id integer, status text);
select pgcable.attach_generic('app.orders', 'orders-{customer_id}', '{id,status}');
select t.is(t.ills(),
    'warn channel OrdersChannel: the rule is asked again every reauthorize_s only, and a right that'
    ' has ended lasts until then: nothing says which tables it reads;'
    ' warn rooms: the rule is asked again every reauthorize_s only, and a right that'
    ' has ended lasts until then: nothing says which tables it reads', 'rules without tables');
alter function app.room_rule immutable; -- it reads none
create table app.staff (id integer primary key);
select pgcable.recheck_on('OrdersChannel', '{app.orders,app.staff}');
select t.is(t.ills(), null, 'of one''s own');
select t.is(string_agg(subject || ': ' || finding, '; ' order by subject, finding),
    'channel OrdersChannel: the rule app.rule(text,jsonb) is there;'
    ' channel OrdersChannel: the rule is asked again when app.orders, app.staff changes;'
    ' rooms: the rule app.room_rule(text,text) is there;'
    ' table app.orders: is sent to orders-{customer_id}', 'and told')
    from pgcable.doctor() where subject ~ '^(channel|rooms|table)';

alter table app.staff disable trigger pgcable_rule;
select t.is(t.ills(), 'fail channel OrdersChannel: the rule is not asked again when app.staff'
    ' changes: no trigger pgcable_rule is enabled there', 'a table that is mute');
drop table app.staff;
select t.ok(t.ills() ~ '^fail channel OrdersChannel: the rule is not asked again when \d+ changes',
    'one that is gone');
select pgcable.recheck_on('OrdersChannel', '{app.orders}');
select t.is(t.ills(), null, 'mended');

alter function app.rule volatile;
revoke execute on function app.room_rule from public, pgcable_owner;
alter table app.orders rename column customer_id to buyer_id;
select t.is(t.ills(),
    'fail channel OrdersChannel: the rule app.rule(text,jsonb) is volatile: rights are judged as of'
    ' a tick; fail rooms: the rule app.room_rule(text,text) may not be called by pgcable_owner:'
    ' everybody is refused; fail table app.orders: has no column customer_id any more',
    'all wrong');
drop function app.rule;
select pgcable.room_rule(null);
alter table app.orders disable trigger user;
select t.is(t.ills(),
    'fail channel OrdersChannel: the rule app.rule(text,jsonb) is gone: everybody is refused;'
    ' fail table app.orders: has no trigger of attach_generic() that is enabled', 'worse');
select pgcable.channel('OrdersChannel', 'orders-{id}');
select pgcable.detach_generic('app.orders');
select t.is(t.ills(), 'warn channel OrdersChannel: has no rule and accepts nobody', 'no rule');
select pgcable.drop_channel('OrdersChannel');

set client_min_messages = error;
create publication everything for all tables;
reset client_min_messages;
select t.ok(t.ills() like 'warn server: a publication holds the tables%', 'a publication');
drop publication everything;
alter database test set session_replication_role = replica;
select t.ok(t.ills() like 'warn server: session_replication_role is set to replica%', 'a setting');
alter database test reset session_replication_role;
update pgcable.meta set system_id = system_id + 1;
select t.ok(t.ills() like 'fail server: is another one than pgcable was installed on%',
    'another server');
update pgcable.meta set system_id = system_id - 1;
select t.is(t.ills(), null, 'all is well again');
