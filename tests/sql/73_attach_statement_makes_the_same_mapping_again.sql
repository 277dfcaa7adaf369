-- The call that doctor() proposes makes the mapping that was there, nulls and extras included.
create table notes (id integer primary key, room text, "Wrote" integer, body text,
    created_at timestamptz, "co'lor" text, sent_at timestamptz);
select pgcable.attach('message', 'notes', '{"chat_room_id": "room", "community_member_id": "Wrote",
    "sent_at": null, "extra": ["co''lor"], "always": true}');
create temp table before as select * from pgcable.mapping where kind = 'message';
create temp table said as
    select pgcable.attach_statement(kind, relation, columns, extra, true) as statement from before;
select t.is(statement, 'select pgcable.attach(''message'', ''public.notes'', ''{"chat_room_id":'
    ' "room", "community_member_id": "Wrote", "sent_at": null, "extra": ["co''''lor"],'
    ' "always": true}'');', 'the statement') from said;
select pgcable.detach('message');
do $$ begin execute (select statement from said); end $$;
select t.ok(b.columns = m.columns and b.extra = m.extra and b.relation = m.relation, 'the same')
    from before b, pgcable.mapping m where m.kind = 'message';
select t.is(string_agg(distinct tgenabled::text, ''), 'A', 'and always')
    from pg_trigger where tgrelid = 'notes'::regclass and tgname like 'pgcable%';
