-- A channel accepts whom its rule accepts, and nobody without a rule.
create schema app;
create table app.orders (id bigint primary key, customer_id bigint, status text);
create function app.may_see_orders(member text, params jsonb) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$ select params ->> 'customer_id' = member $$;
create function app.volatile_rule(member text, params jsonb) returns boolean
    language sql as $$ select true $$;
create function app.broken_rule(member text, params jsonb) returns boolean
    language plpgsql stable as $$ begin raise exception 'ouch'; end $$;

select pgcable.channel('OrdersChannel', stream => 'orders-{customer_id}',
    authorize => 'app.may_see_orders');
select pgcable.channel('Lonely', stream => 'lonely');
select pgcable.channel('Broken', stream => 'broken', authorize => 'app.broken_rule');

create function pg_temp.ask(p_class text, p_params text) returns text
    language sql
as $$
    select string_agg(coalesce(stream, 'refused') || coalesce(' ' || topic, ''), ', ')
    from pgcable.advance(json_build_array(json_build_object('req', 1, 'member', '42',
        'channel', 'custom', 'class', p_class, 'params', p_params::json)));
$$;

select t.is(pg_temp.ask('OrdersChannel', '{"customer_id": 42}'), 'orders-42', 'a number');
select t.is(pg_temp.ask('OrdersChannel', '{"customer_id": "42"}'), 'orders-42', 'a string');
select t.is(pg_temp.ask('OrdersChannel', '{"customer_id": 43}'), 'refused', 'the rule says no');
select t.is(pg_temp.ask('OrdersChannel', '{}'), 'refused', 'nothing to fill in');
select t.is(pg_temp.ask('OrdersChannel', '{"customer_id": null}'), 'refused', 'null');
select t.is(pg_temp.ask('Lonely', '{}'), 'refused', 'no rule');
select t.is(pg_temp.ask('Broken', '{}'), 'refused', 'a rule that fails');
select t.is(pg_temp.ask('Unheard', '{}'), 'refused', 'no such channel');

-- A broken rule refuses the one who asked, and nobody else.
select t.community();
select t.is(string_agg(req || ' ' || coalesce(stream, 'refused'), ', ' order by req)
        filter (where topic is null),
    '1 refused, 2 orders-42, 3 notification-channel-42, 4 refused', 'each its own answer')
from pgcable.advance('[
    {"req": 1, "member": "42", "channel": "custom", "class": "Broken", "params": {}},
    {"req": 2, "member": "42", "channel": "custom", "class": "OrdersChannel",
        "params": {"customer_id": 42}},
    {"req": 3, "member": "42", "channel": "notifications"},
    {"req": 4, "member": "42", "channel": "room", "room": "99"}]');

-- What a value makes of a template cannot be a stream of the chat.
create function app.anyone(member text, params jsonb) returns boolean
    language sql stable as $$ select true $$;
select pgcable.channel('Sly', stream => '{a}{b}', authorize => 'app.anyone');
select t.is(pg_temp.ask('Sly', '{"a": "chat-", "b": "room-7-channel"}'), 'refused', 'reserved');
select t.is(pg_temp.ask('Sly', '{"a": "{b}", "b": "x"}'), '{b}x', 'braces of a value stay');

select pgcable.drop_channel('OrdersChannel');
select t.is(pg_temp.ask('OrdersChannel', '{"customer_id": 42}'), 'refused', 'dropped');

select t.throws($$select pgcable.channel('ChatRoomChannel', 'x')$$, '%built-in%');
select t.throws($$select pgcable.channel('a b', 'x')$$, '%no name of a channel%');
select t.throws($$select pgcable.channel('X', 'chat-room-{id}-channel')$$, '%built-in channels%');
select t.throws($$select pgcable.channel('X', 'x', 'app.volatile_rule')$$, '%stable%');
select t.throws($$select pgcable.channel('X', 'x', 'pg_catalog.now')$$, '%returns boolean%');
