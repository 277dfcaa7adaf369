-- broadcast(stream, event, data): the daemon puts the envelope around it.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');
select pgcable.broadcast('orders-7', 'orderPaid', '{"id": 1, "sum": 10.50}');
select pgcable.broadcast('orders-7', 'ping', null);
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(string_agg(concat_ws(' ', kind, op, stream), ', ' order by id),
    'event B orders-7, event B orders-7', 'in order') from got;
select t.is((min(new::jsonb::text) filter (where new like '%Paid%')),
    '{"data": {"id": 1, "sum": 10.50}, "event": "orderPaid"}', 'event and data') from got;
select t.throws($$select pgcable.broadcast('orders-7', '', '1')$$, '%without a name%');
select t.throws($$select pgcable.broadcast('room-members:7', 'x', '1')$$, '%internal topic%');
