-- Members may live in a view: read for facts and access, without triggers.
select t.community();
create view people as select id, name || ' L.' as full_name from community_members where id <> 44;
select pgcable.attach('member', 'people', '{"name": "full_name"}');
select t.is((select data ->> 'name' from pgcable.facts('{"sender":[{"participant":"22"}]}')),
    'Bo L.', 'facts come from the view');
select t.is(string_agg(stream, ' ' order by req), 'notification-channel-42', 'access asks it')
    from pgcable.access('[{"req":1,"member":"42","channel":"notifications"},
        {"req":2,"member":"44","channel":"notifications"}]');
select t.is(count(*)::text, '0', 'the table has no trigger any more') from pg_trigger
    where tgrelid = 'community_members'::regclass and tgname like 'pgcable%';
select pgcable.detach('member');
drop view people;
