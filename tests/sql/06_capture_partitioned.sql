-- Partitioned tables: rows of partitions that exist and of those to come.
create table parts (id bigint, room_id bigint, user_id bigint, body text, created_at timestamptz,
    noise int, primary key (id, created_at)) partition by range (created_at);
create table parts_1 partition of parts for values from ('2026-01-01') to ('2026-02-01');
select pgcable.attach('message', 'parts',
    '{"chat_room_id": "room_id", "community_member_id": "user_id"}');
-- Other order of columns than its parent, as an attached partition may have.
create table parts_2 (noise int, created_at timestamptz not null, body text, user_id bigint,
    room_id bigint, id bigint not null);
alter table parts attach partition parts_2 for values from ('2026-02-01') to ('2026-03-01');
select from pgcable.advance();
select t.ok(t.seen() <> '', 'attached');

insert into parts values (1, 7, 42, 'a', '2026-01-05'), (2, 7, 42, 'b', '2026-02-05');
update parts set noise = 1;
update parts set body = 'c';
update parts_2 set noise = 2;
delete from parts;
truncate parts;
select from pgcable.advance();
select t.is(t.seen(),
    'message I, message I, message U, message U, message D, message D, message T', 'all of them');

select pgcable.detach('message');
insert into parts values (3, 7, 42, 'a', '2026-01-05'), (4, 7, 42, 'b', '2026-02-05');
select from pgcable.advance();
select t.is(t.seen(), 'mapping B', 'and none after detach');
select t.is(count(*)::text, '0', 'no trigger is left on a partition')
    from pg_trigger where tgname like 'pgcable%' and tgrelid in ('parts'::regclass, 'parts_1'::regclass);
