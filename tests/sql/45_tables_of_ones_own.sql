-- attach_generic(): listed columns only, in order, and never in the way of the application.
create table orders (id bigint primary key, customer_id bigint, status text, secret text,
    details json);
select pgcable.attach_generic('orders', stream => 'orders-{customer_id}',
    columns => '{id,status,details}');
select from pgcable.advance();
select t.seen();

create function pg_temp.sent() returns text
    language sql
as $$
    select string_agg(stream || ' ' || new, E'\n' order by id)
    from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
$$;

insert into orders values (9007199254740993, 7, 'new', 's', '{"b":1.50,"a":[]}');
update orders set secret = 't';
update orders set status = status;
update orders set status = 'paid';
update orders set customer_id = 8;
delete from orders;
insert into orders values (2, null, 'nobody''s', 's', null);
select from pgcable.advance();
select t.is(pg_temp.sent(),
$$orders-7 {"event" : "INSERT", "record" : { "id" : 9007199254740993, "status" : "new", "details" : {"b":1.50,"a":[]} }, "old_record" : null}
orders-7 {"event" : "UPDATE", "record" : { "id" : 9007199254740993, "status" : "paid", "details" : {"b":1.50,"a":[]} }, "old_record" : { "id" : 9007199254740993, "status" : "new", "details" : {"b":1.50,"a":[]} }}
orders-7 {"event" : "DELETE", "record" : null, "old_record" : { "id" : 9007199254740993, "status" : "paid", "details" : {"b":1.50,"a":[]} }}
orders-8 {"event" : "INSERT", "record" : { "id" : 9007199254740993, "status" : "paid", "details" : {"b":1.50,"a":[]} }, "old_record" : null}
orders-8 {"event" : "DELETE", "record" : null, "old_record" : { "id" : 9007199254740993, "status" : "paid", "details" : {"b":1.50,"a":[]} }}$$,
    'what was sent');

-- What json stores but cannot read back does not stop the application.
insert into orders values (5, 7, 'odd', 's', '{"x":"a\u0000b\ud800"}');
delete from orders where id = 5;
select from pgcable.advance();
select t.ok(pg_temp.sent() like '%a\\ufffdb\\ufffd%', 'blunted');

-- The application alters its table as it likes.
alter table orders drop column status;
alter table orders rename column customer_id to buyer_id;
insert into orders values (3, 7, 's', null);
select from pgcable.advance();
select t.is(pg_temp.sent(), null, 'the column that names the stream is gone');

select pgcable.attach_generic('orders', 'orders-{buyer_id}', '{id}', 'insert');
update orders set id = 30 where id = 3;
insert into orders values (4, 7, 's', null);
select from pgcable.advance();
select t.is(pg_temp.sent(),
    'orders-7 {"event" : "INSERT", "record" : { "id" : 4 }, "old_record" : null}', 'attached anew');

select pgcable.attach_generic('orders', 'orders', '{id}');
insert into orders values (6, 7, 's', null);
delete from orders where id = 6;
select from pgcable.advance();
select t.is(pg_temp.sent(),
    'orders {"event" : "INSERT", "record" : { "id" : 6 }, "old_record" : null}' || E'\n'
    'orders {"event" : "DELETE", "record" : null, "old_record" : { "id" : 6 }}', 'one stream for all');

select pgcable.detach_generic('orders');
insert into orders values (5, 7, 's', null);
select from pgcable.advance();
select t.is(pg_temp.sent(), null, 'detached');
select t.throws($$select pgcable.attach_generic('orders', 'x', '{nope}')$$, '%no column ''nope''%');
select t.throws($$select pgcable.attach_generic('orders', 'x', '{}')$$, '%no columns are listed%');
select t.throws($$select pgcable.attach_generic('orders', 'chat-room-1-channel', '{id}')$$,
    '%built-in%');
