-- Any JSON value, to any stream that is one, in order with the rows of the transaction.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');
begin;
select pgcable.broadcast('chat-room-7-channel', '{"b": 1, "a": [1.50, null, "ü"]}');
insert into notifications (community_member_id) values (42);
select pgcable.broadcast('x', 'null');
select pgcable.broadcast('x', null);
select pgcable.broadcast('x', '"text"');
commit;
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(string_agg(concat_ws(' ', kind, op, stream), ', ' order by id),
    'broadcast B chat-room-7-channel, notification I, broadcast B x, broadcast B x, broadcast B x',
    'in order') from got;
select t.is(string_agg(new, ' ' order by id), '{"a": [1.50, null, "ü"], "b": 1} null null "text"',
    'the values') from got where kind = 'broadcast';

select t.throws($$select pgcable.broadcast('', '1')$$, '%0 bytes%1 to 255%');
select t.throws($$select pgcable.broadcast(null, '1')$$, '%0 bytes%');
select t.throws($$select pgcable.broadcast(repeat('ü', 128), '1')$$, '%256 bytes%');
select t.throws($$select pgcable.broadcast('room-members:7', '1')$$, '%internal topic%');
select t.throws($$select pgcable.broadcast('thread-members:7', '1')$$, '%internal topic%');
select pgcable.broadcast(repeat('x', 255), '1');
