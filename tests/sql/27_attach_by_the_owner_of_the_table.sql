-- An owner who is a member of pgcable_owner may attach his tables, and nobody else's.
create role t_dev;
grant pgcable_owner to t_dev;
create schema dev authorization t_dev;
create table dev.notes (id bigint, community_member_id bigint);
alter table dev.notes owner to t_dev;
grant usage on schema t to t_dev;
select pgcable.detach('notification');
set role t_dev;
select pgcable.attach('notification', 'dev.notes');
insert into dev.notes values (1, 42);
select t.throws($$select pgcable.attach('message', 'chat_room_messages')$$,
    '%cannot attach public.chat_room_messages: it belongs to postgres%Attach as the owner%');
reset role;
select from pgcable.advance();
select t.ok(t.seen() like '%mapping B, notification I', 'captured');
select t.is((select data::text from pgcable.facts('{"count":["42"]}')), '1', 'and read');
set role t_dev;
select pgcable.detach('notification');
reset role;
select t.ok(not has_schema_privilege('pgcable_owner', 'dev', 'usage'), 'the schema is his again');
drop owned by t_dev;
drop role t_dev;
