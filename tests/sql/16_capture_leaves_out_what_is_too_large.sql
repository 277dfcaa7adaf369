-- In place of a value that is too large to be sent stands a name that only daemons know.
select t.community();
select install_id as name from pgcable.meta \gset
alter table chat_room_messages alter column body set storage external;
alter table chat_room_messages alter column rich_text_body set storage external;
alter table chat_room_messages add column attachments text[];
select pgcable.attach('message', 'chat_room_messages', '{"extra": ["attachments"]}');
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');
create function t.rows(out op text, out new text, out old text) returns setof record
    language sql
as $$
    select op, new, old from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint) where op <> 'B' or stream is not null;
$$;
select (2 << 20) as most \gset

insert into chat_room_messages (id, chat_room_id, body) values (1, 7, repeat('x', :most)),
    (2, 7, repeat('x', :most + 1)), (3, 7, repeat('x', 10 << 20));
select from pgcable.advance();
create temp table got as select row_number() over () as n, r.* from t.rows() r;
select t.is(string_agg(n || ' ' || octet_length(new::json ->> 'body'), ', '), '1 2097152, 2 39, 3 39',
    'what may be sent is captured') from got;
select t.ok(bool_and(new::jsonb = (select to_jsonb(m) - 'updated_at' || jsonb_build_object('body', :'name' || 'new')
    from chat_room_messages m where m.id = n)), 'and the rest of the row') from got where n > 1;

-- What counts is the text: PostgreSQL takes more room for small numbers, and less for what repeats.
insert into chat_room_messages (id, chat_room_id, rich_text_body, attachments)
    select 4, 7, jsonb_agg(1), array[repeat('x', :most)] from generate_series(1, 600000);
select t.ok(pg_column_size(rich_text_body) > :most, 'large as it is stored')
    from chat_room_messages where id = 4;
alter table chat_room_messages alter column rich_text_body set storage extended;
insert into chat_room_messages (id, chat_room_id, rich_text_body)
    values (5, 7, to_jsonb(repeat('x', :most)));
select t.ok(pg_column_size(rich_text_body) < 100000, 'small as it is stored')
    from chat_room_messages where id = 5;
select from pgcable.advance();
create temp table large as select row_number() over () as n, r.* from t.rows() r;
select t.is(string_agg(concat_ws(' ', octet_length(new::json ->> 'rich_text_body'),
    new::json ->> 'attachments'), ', ' order by n), '1800000 ' || :'name' || 'new, 39', 'by its text')
    from large;

-- A change of what is too large is a change, and only such a one.
update chat_room_messages set body = body || 'x' where id = 3;
update chat_room_messages set updated_at = now() where id = 3;
update chat_room_messages set body = 'small' where id = 3;
update chat_room_messages set body = repeat('x', :most + 1) where id = 3;
delete from chat_room_messages where id = 3;
select from pgcable.advance();
select t.is(string_agg(concat_ws(' ', op, old::json ->> 'body', new::json ->> 'body'), ', '),
    replace('U Xold Xnew, U Xold small, U small Xnew, D Xold', 'X', :'name'), 'before and after') from t.rows();

-- As the daemon's settings say, but what does not harm is read.
select from pgcable.tend(0, :most + 1);
insert into chat_room_messages (id, chat_room_id, body) values (6, 7, repeat('x', :most + 1));
select from pgcable.tend(0, 1000);
insert into chat_room_messages (id, chat_room_id, body) values (7, 7, repeat('x', :most));
select from pgcable.advance();
select t.is(string_agg(octet_length(new::json ->> 'body')::text, ', '), '2097153, 2097152', 'settings')
    from t.rows();

-- Of a type of the application's own no cast is run.
create type t.odd as (x text);
create function t.cast_odd(t.odd) returns text language plpgsql as 'begin raise exception ''run''; end';
create cast (t.odd as text) with function t.cast_odd(t.odd);
alter table chat_room_messages add column odd t.odd;
select pgcable.attach('message', 'chat_room_messages', '{"extra": ["odd"]}');
insert into chat_room_messages (id, chat_room_id, odd) values (8, 7, row(repeat('x', :most)));
select from pgcable.advance();
select t.is(string_agg(new::json ->> 'odd', ', '), :'name' || 'new', 'an odd type') from t.rows();

-- What the application sends by itself keeps what is said of it.
create table orders (id bigint primary key, note text);
select pgcable.attach_generic('orders', 'orders', '{id,note}');
insert into orders values (1, repeat('x', :most));
select pgcable.broadcast('s', jsonb_build_object('event', 'paid', 'id', 7, 'note', repeat('x', :most)));
select pgcable.broadcast('s', 'paid', jsonb_build_object('id', 'seven', 'note', repeat('x', :most)));
select pgcable.broadcast('s', repeat('x', 200), jsonb_build_object('id', repeat('x', :most)));
select pgcable.broadcast('s', jsonb_build_array(repeat('x', :most)));
select pgcable.broadcast('s', to_jsonb(repeat('x', :most - 2)));
select from pgcable.advance();
create temp table sent as select row_number() over () as n, r.* from t.rows() r;
select t.is(string_agg(case when octet_length(new) > 1000 then 'whole' else new::jsonb::text end, e'\n' order by n),
    replace(e'{"id": null, "data": {"id": null, "omitted": "X"}, "event": "INSERT"}\n'
        '{"id": 7, "data": {"id": null, "omitted": "X"}, "event": "paid"}\n'
        '{"id": null, "data": {"id": "seven", "omitted": "X"}, "event": "paid"}\n'
        '{"id": null, "data": {"id": null, "omitted": "X"}, "event": "broadcast"}\n'
        '{"id": null, "data": {"id": null, "omitted": "X"}, "event": "broadcast"}\nwhole', 'X', :'name'),
    'messages') from sent;
