-- A foreign key that cascades captures every row it deletes.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

delete from chat_rooms where id = 7;
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(string_agg(distinct kind || ' ' || op, ', ' order by kind || ' ' || op),
    'message D, participant D, room D, thread_participant D',
    'the room and what hung on it') from got;
select t.is(count(*)::text, '2', 'each participant') from got where kind = 'participant';
select t.is((select old::json ->> 'name' from got where kind = 'room'), 'Team',
    'a delete has the old row');
select t.ok(bool_and(new is null), 'and no new one') from got where op = 'D';
select t.is(count(distinct xid)::text, '1', 'one transaction') from got;
