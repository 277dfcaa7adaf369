-- recheck_on(): a change of a table that a rule reads puts a row into the outbox.
create schema app;
create table app.customers (id bigint primary key, blocked boolean not null default false);
create table app.staff (id bigint primary key, customer_id bigint references app.customers
    on delete cascade);
create function app.may_see(member text, params jsonb) returns boolean
    language sql stable as $$ select true $$;
create function app.may_listen(member text, room text) returns boolean
    language sql stable as $$ select true $$;
create function t.put() returns text
    language sql
as $$
    select string_agg(concat_ws(' ', kind, stream), ', ') from (
        select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
            new text, old text, at_us bigint)) n;
$$;

-- A channel that changes or goes is asked again, and so is the rule for rooms.
select pgcable.channel('OrdersChannel', 'orders-{id}', 'app.may_see');
select pgcable.room_rule('app.may_listen');
select from pgcable.advance();
select t.is(t.put(), 'recheck OrdersChannel, recheck Chats::RoomChannel', 'made');
select t.is(string_agg(what || ' ' || id, ', ' order by id),
    'rule Chats::RoomChannel, rule OrdersChannel', 'both are asked now and then')
    from pgcable.rights(true);

select pgcable.recheck_on('OrdersChannel', '{app.customers,app.staff,app.staff}');
select pgcable.recheck_on('Chats::RoomChannel', '{app.customers}');
select from pgcable.advance();
select t.is(t.put(), 'recheck OrdersChannel, recheck Chats::RoomChannel', 'declared');

-- In order with the rows of the transaction; once for a statement; none that is rolled back.
begin;
select pgcable.broadcast('orders-1', '1');
insert into app.customers (id) values (1), (2);
select pgcable.broadcast('orders-1', '2');
commit;
begin;
delete from app.customers;
rollback;
select from pgcable.advance();
select t.is(t.put(), 'broadcast orders-1, recheck Chats::RoomChannel, recheck OrdersChannel,'
    ' broadcast orders-1', 'insert');
insert into app.staff values (1, 1);
update app.customers set blocked = true where id = 2;
delete from app.customers where id = 1;
truncate app.customers cascade;
select from pgcable.advance();
select t.is(t.put(), 'recheck OrdersChannel,'
    ' recheck Chats::RoomChannel, recheck OrdersChannel,'
    ' recheck Chats::RoomChannel, recheck OrdersChannel, recheck OrdersChannel,'
    ' recheck Chats::RoomChannel, recheck OrdersChannel, recheck OrdersChannel',
    'update, delete with a cascade, truncate with another');

-- Tables that are named no more lose the trigger; one that is still named keeps it.
select pgcable.recheck_on('OrdersChannel', '{app.staff}');
select pgcable.recheck_on('Chats::RoomChannel', '{}');
select t.is(string_agg(tgrelid::regclass::text, ', '), 'app.staff', 'triggers')
    from pg_trigger where tgname = 'pgcable_rule';
select from pgcable.advance();
select t.put();
insert into app.customers (id) values (3);
insert into app.staff values (3, 3);
select pgcable.recheck('OrdersChannel');
select pgcable.recheck(null);
select pgcable.drop_channel('OrdersChannel');
select pgcable.room_rule(null);
select from pgcable.advance();
select t.is(t.put(), 'recheck OrdersChannel, recheck OrdersChannel, recheck OrdersChannel,'
    ' recheck Chats::RoomChannel', 'asked for, dropped');
select t.is(count(*)::text, '0', 'nothing to ask any more') from pgcable.rights(true);

select t.throws($$select pgcable.recheck_on('NoChannel', '{app.staff}')$$, '%no channel%');
select t.throws($$select pgcable.recheck_on(null, '{}')$$, '%no channel%');
select pgcable.channel('OrdersChannel', 'orders-{id}', 'app.may_see');
create view app.people as select 1 as id;
select t.throws($$select pgcable.recheck_on('OrdersChannel', '{app.people}')$$, '%no table%');

-- Uninstalling takes the trigger along.
select pgcable.recheck_on('OrdersChannel', '{app.staff}');
\i :ROOT/sql/uninstall.sql
select t.is(count(*)::text, '0', 'no trigger is left') from pg_trigger where tgname = 'pgcable_rule';
