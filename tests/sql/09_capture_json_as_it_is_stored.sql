-- json columns travel byte for byte; what JSON can hold and PostgreSQL cannot read fails no write.
alter table chat_room_messages alter column rich_text_body drop default;
alter table chat_room_messages alter column rich_text_body type json using '{}';
alter table chat_room_messages alter column rich_text_body set default '{}';
alter table community_members add column settings json;
select pgcable.attach('member', 'community_members', '{"extra": ["settings", "headline"]}');
select t.community();
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

\set tricky '{"z": 1.00, "a" : 12345678901234567890123, "e":1e999999, "u":"\\u00e9 \\u0000 \\ud83d", "z":2}'
insert into chat_room_messages (id, chat_room_id, rich_text_body) values (1, 7, :'tricky');
update chat_room_messages set body = 'x' where id = 1;
update chat_room_messages set rich_text_body = '{"z": 1.0}' where id = 1;
update community_members set settings = :'tricky', headline = 'x' where id = 42;
delete from community_members where id = 42;
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.ok(position('"rich_text_body" : ' || :'tricky' in new) > 0, 'the stored text') from got
    where kind = 'message' and op = 'I';
select t.is(string_agg(op, '' order by id), 'IUU', 'all three') from got
    where kind = 'message' and new like '{"id" : 1,%';
select t.ok(position('"settings" : ' || :'tricky' in old) > 0, 'of members, too') from got
    where kind = 'member' and op = 'D';

alter table community_members drop column headline;
update community_members set settings = :'tricky' where id = 43;
delete from community_members where id = 43;
select from pgcable.advance();
select t.ok(position('"settings" : ' || :'tricky' in old) > 0, 'and where a column is gone')
    from t.news() as (id bigint, xid text, kind text, op text, stream text, new text, old text,
        at_us bigint)
    where kind = 'member' and op = 'D';
