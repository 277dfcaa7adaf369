-- Names with quotes, dots, braces, 63 bytes and mixed case; the worst come from security reviews.
create schema "my.app""s";
create table "my.app""s"."x""; drop table pgcable.tick; --" (
    "Id" bigint primary key, "a'b" bigint, "c""d" bigint, "{message m.id}" text,
    "%s %I $1 $body$" text, "select" timestamptz default now(),
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" text);
select t.is(length(attname)::text, '63', 'as long as names go') from pg_attribute
    where attrelid = '"my.app""s"."x""; drop table pgcable.tick; --"'::regclass and attname like 'nnn%';
select pgcable.attach('message', '"my.app""s"."x""; drop table pgcable.tick; --"', '{"id": "Id",
    "chat_room_id": "a''b", "community_member_id": "c\"d", "body": "{message m.id}",
    "created_at": "select", "extra": ["%s %I $1 $body$",
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"]}');
insert into "my.app""s"."x""; drop table pgcable.tick; --"
    values (1, 7, 42, 'body', 'extra', '2026-01-01', 'long');
update "my.app""s"."x""; drop table pgcable.tick; --" set "{message m.id}" = 'other';
select from pgcable.advance();
select t.is(t.seen(), 'mapping B, mapping B, message I, message U', 'captured');
select t.is(data::text, '{"id":1,"chat_room_id":7,"community_member_id":42,"body":"other",'
    '"created_at":"2026-01-01T00:00:00+00:00","extra":{"%s %I $1 $body$":"extra",'
    '"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn":"long"}}', 'read')
    from pgcable.facts('{"message":["1"]}') where what = 'message';
select pgcable.detach('message');
select t.is(count(*)::text, '0', 'no trigger left') from pg_trigger
    where tgrelid = '"my.app""s"."x""; drop table pgcable.tick; --"'::regclass;
select t.is(nspacl::text, null, 'no right left') from pg_namespace where nspname = 'my.app"s'
    and nspacl::text like '%pgcable%';
