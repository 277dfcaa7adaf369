-- A sender or a room is kept under its key: where tables print one key in several ways, or find it under
-- another, nothing is.
create extension citext;
create collation anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create domain number as bigint;
create domain number_of_ours as number;
create domain word as varchar(40);
create domain anyword as text collate anycase;

-- With keys of these types of rooms, and of what points to one.
create function t.is_alike(p_room text, p_to_room text, p_want boolean) returns void
    language plpgsql
as $$
declare
    v_got text;
begin
    execute format('create table r (id %s, name text)', p_room);
    execute format('create table p (id int, chat_room_id %s, community_member_id bigint)', p_to_room);
    perform pgcable.attach('room', 'r');
    perform pgcable.attach('participant', 'p');
    select string_agg(k.value #>> '{followed}', ' ') into v_got
    from json_each(pgcable.mapping_info() -> 'kinds') k
    where k.key in ('member', 'participant', 'room');
    perform t.is(v_got, rtrim(repeat(p_want::text || ' ', 3)), format('%s and %s', p_room, p_to_room));
    raise exception using errcode = 'T0000'; -- takes it back
exception when sqlstate 'T0000' then null;
end;
$$;
select pgcable.detach('message');
select t.is_alike(a, b, true) from (values
    ('bigint', 'bigint'), ('int', 'bigint'), ('smallint', 'int'), ('number', 'int'),
    ('bigint', 'number_of_ours'), ('uuid', 'uuid'), ('text', 'text'), ('text', 'varchar(20)'),
    ('word', 'text'), ('text collate "C"', 'text')) v (a, b);
select t.is_alike(a, b, false) from (values
    ('text', 'bigint'), ('bigint', 'text'), ('uuid', 'text'), ('varchar', 'uuid'), ('number', 'word'),
    ('char(8)', 'char(8)'), ('text', 'char(8)'), ('name', 'name'), ('name', 'text'),
    ('citext', 'citext'), ('citext', 'text'), ('text', 'citext'), ('text collate anycase', 'text'),
    ('text', 'varchar collate anycase'), ('anyword', 'anyword')) v (a, b);
select t.throws('create table n (id numeric, name text); select pgcable.attach(''room'', ''n'')',
    '%column id is a key of type numeric%');

-- Members and participants alike, by what a message points to as well.
create table notes (id bigint, room text, chat_room_id int, who text, seat text, created_at timestamptz);
create function t.notes_follow(p_mapping jsonb, p_want text) returns void
    language plpgsql
as $$
begin
    perform pgcable.attach('message', 'notes',
        '{"chat_room_participant_id": null, "community_member_id": null}' || p_mapping);
    perform t.is((select string_agg(k.value #>> '{followed}', ' ')
        from json_each(pgcable.mapping_info() -> 'kinds') k where k.key in ('member', 'room')),
        p_want, p_mapping::text);
end;
$$;
alter table notes add column chat_seat int, add column chat_who bigint;
select t.notes_follow('{"chat_room_participant_id": "chat_seat"}', 'true true');
select t.notes_follow('{"community_member_id": "chat_who"}', 'true true');
select t.notes_follow('{"chat_room_participant_id": "seat"}', 'false false');
select t.notes_follow('{"community_member_id": "who"}', 'false false');
select t.notes_follow('{"community_member_id": "chat_who", "chat_room_id": "room"}', 'false false');
select t.notes_follow('{"community_member_id": "chat_who"}', 'true true');

-- What becomes of them later counts at the next look.
alter table notes alter chat_who type text;
select t.is(substring(finding from ': (.*)$'),
    'what points to rooms, members or participants has keys of other types than they', subject)
    from pgcable.doctor() where level = 'ok' and subject in ('member', 'participant', 'room');
alter table notes alter chat_who type smallint using chat_who::smallint;
select t.is(substring(finding from ': (.*)$'), null, subject || ' and back')
    from pgcable.doctor() where level = 'ok' and subject in ('member', 'participant', 'room');
