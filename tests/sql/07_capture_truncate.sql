-- TRUNCATE is captured as one row without content, also where it cascades.
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');
truncate notifications;
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(kind || ' ' || op || coalesce(new, '') || coalesce(old, ''), 'notification T', 'one row')
    from got;
truncate chat_threads cascade;
select from pgcable.advance();
select t.ok(t.seen() like '%message T%', 'messages went with the threads');
