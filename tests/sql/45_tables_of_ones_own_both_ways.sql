-- What attach_generic() writes for a table sends just what the long way of a row does.  A session that
-- prints its floats rounded takes the latter.
create type mood as enum ('fine', 'so \u0000 so');
create domain key as bigint check (value > 0);
create table orders (f double precision default 0.1::float8 + 0.2::float8, "I'd" key,
    customer text, n numeric, b boolean, c char(9), m mood, at timestamptz, day date, j json,
    jb jsonb, list text[], secret text default 'swordfish', "{odd}" text);
create table t.stream (s text);
insert into t.stream values ('plain'), ('o-{customer}'), ('{customer}'), ('{I''d}-{customer}-{I''d}'),
    ('n-{n}'), ('b-{b}'), ('c-{c}-'), ('m-{m}'), ('{at}'), ('{day}'), ('j-{j}'), ('jb-{jb}'),
    ('list-{list}'), ('a{b{n}}'), ('{}{n}'), ('{ {n}'), ('%s''\{n}'), ('chat-{customer}'),
    (E'control\x02{n}');
create table t.written (customer text, n numeric, b boolean, c text, m mood, j json);
insert into t.written values ('7', 1.50, true, 'x', 'fine', '"text"'), (null, null, null, null, null, null),
    ('', 'NaN', false, ' y ', 'so \u0000 so', '7'), ('{n}', -0.0, true, '', 'fine', '{"b":1.50,"a":[]}'),
    (E'a\nb', 1e30, true, E'\t', 'fine', '"\u0000"'), ('\u0000', 1, true, 'é☃', 'fine', '"\ud800"'),
    (repeat('x', 254), 1, true, 'c', 'fine', 'null'), (repeat('é', 127), 2, true, 'c', 'fine', '1e5'),
    ('room-7', 0, true, 'c', 'fine', '[1, 2]'), ('room-members:', 0, true, '\', 'fine', 'true');
create table t.sent (run int, stream_of text, row_of text, place bigint, stream text, new text);

create procedure t.write()
    language plpgsql
as $$
begin
    insert into orders ("I'd", customer, n, b, c, m, at, day, j, jb, list, "{odd}")
        select row_number() over (), customer, n, b, c, m, '2026-10-01 09:00+02', '2026-10-01', j,
            case when j::text !~ '\\' then j::jsonb end, array[customer, null], c
        from t.written;
    update orders set secret = 'another';
    update orders set f = f, list = '[0:1]={a,b}';
    update orders set list = '{a,b}'; -- other bounds, the same text
    update orders set f = f + 1;
    update orders set customer = customer || '!', b = not b;
    delete from orders;
end;
$$;
create procedure t.run(p_run integer, p_stream text)
    language plpgsql
as $$
begin
    truncate pgcable.outbox_0;
    call t.write();
    insert into t.sent
        select p_run, p_stream, k.id, row_number() over (partition by k.id order by o.id), o.stream, o.new
        from pgcable.outbox_0 o, lateral (
            select coalesce(o.new #>> '{record,I''d}', o.new #>> '{old_record,I''d}')) k (id)
        where o.kind = 'broadcast';
end;
$$;
do $$
declare
    v_stream text;
begin
    for v_stream in select s from t.stream loop
        perform pgcable.attach_generic('orders', v_stream,
            '{m,f,"I''d",customer,n,n,b,c,at,day,j,jb,list,"{odd}"}');
        call t.run(1, v_stream);
        set local extra_float_digits = 0;
        call t.run(2, v_stream);
        set local extra_float_digits = 1;
    end loop;
end;
$$;
select t.is(string_agg(distinct s, ', '), 'b-{b}, list-{list}', 'streams that are none')
    from t.stream where s not in (select stream_of from t.sent);
select t.ok(count(*) > 800, 'events') from t.sent;
select t.is(left(string_agg(concat_ws(' ', stream_of, a.stream, b.stream, a.new, b.new), E'\n'), 2000),
        null, 'the same')
    from (select * from t.sent where run = 1) a
    full join (select * from t.sent where run = 2) b using (stream_of, row_of, place)
    where row(a.stream, a.new) is distinct from row(b.stream, b.new);
select t.is(count(*)::text, '0', 'what is not listed') from t.sent where new like '%swordfish%';

-- Nothing of a usual row goes the long way.
select pgcable.attach_generic('orders', 'o-{customer}', '{f,customer,n,j}');
alter function pgcable.capture_generic_row(record, record, text, text[]) rename to gone;
insert into orders (customer, n, j) values ('7', 1, '{"a":1}');
update orders set n = 2;
update orders set secret = 'x';
delete from orders;
alter function pgcable.gone(record, record, text, text[]) rename to capture_generic_row;

-- Columns that are too many for one call of a function.
do $$
begin
    execute (select 'create table wide (' || string_agg('c' || i || ' int default ' || i, ', ') || ')'
        from generate_series(1, 120) i);
    perform pgcable.attach_generic('wide', 'wide-{c120}', array(
        select 'c' || i from generate_series(1, 120) i));
end;
$$;
truncate pgcable.outbox_0;
insert into wide default values;
select t.is(string_agg(o.stream || ' ' || (o.new::jsonb -> 'record' ->> 'c119') || ' ' || (
        select count(*) from jsonb_object_keys(o.new::jsonb -> 'record')), ', '), 'wide-120 119 120', 'wide')
    from pgcable.outbox_0 o;

-- Its functions go with it, also where the table has gone first.
select t.is(count(*)::text, '6', 'of two tables') from pg_proc where proname ~ '^capture_generic_\d+_';
drop table wide;
select pgcable.detach_generic(relation) from pgcable.generic;
select t.is(count(*)::text, '0', 'none') from pg_proc where proname ~ '^capture_generic_\d+_';
