-- t.sql - assertions and a small community, for the tests.

create schema t;

create function t.is(p_got text, p_want text, p_what text) returns void
    language plpgsql
as $$
begin
    if p_got is distinct from p_want then
        raise exception E'%\n  got:  %\n  want: %', p_what, p_got, p_want;
    end if;
end;
$$;

create function t.ok(p_got boolean, p_what text) returns void
    language plpgsql
as $$
begin
    if p_got is not true then
        raise exception '%', p_what;
    end if;
end;
$$;

-- The statement must fail, with a message, a detail or a hint like that.
create function t.throws(p_sql text, p_like text) returns void
    language plpgsql
as $$
declare
    v_message text;
    v_detail text;
    v_hint text;
begin
    begin
        execute p_sql;
    exception when others then
        get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail,
            v_hint = pg_exception_hint;
        v_message := concat_ws(' ', v_message, v_detail, v_hint);
        if v_message not like p_like then
            raise exception E'% failed otherwise\n  got:  %\n  want: %', p_sql, v_message, p_like;
        end if;
        return;
    end;
    raise exception '% did not fail', p_sql;
end;
$$;

-- The rows of the ticks that were made since it was called last.  Call pgcable.advance() before, in
-- a statement of its own.
select from pgcable.advance();
create table t.place (tick bigint not null);
insert into t.place select max(tick) from pgcable.tick;
create function t.news() returns setof record
    language plpgsql
as $$
declare
    v_tick bigint;
begin
    for v_tick in
        select k.tick from pgcable.tick k, t.place p where k.tick > p.tick order by k.tick
    loop
        return query select * from pgcable.batch(v_tick);
        update t.place set tick = v_tick;
    end loop;
end;
$$;

-- 'message I, message U': what is new.
create function t.seen() returns text
    language sql
as $$
    select string_agg(kind || ' ' || op, ', ') from (
        select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
            new text, old text, at_us bigint)) n;
$$;

-- Three members, two rooms, a thread.
create function t.community() returns void
    language sql
as $$
    insert into community_members (id, name, email)
        values (42, 'Ann', 'ann@example.org'), (43, 'Bo', 'bo@example.org'),
            (44, 'Cy', 'cy@example.org');
    insert into chat_rooms (id, uuid, identifier, chat_room_kind, name, description)
        values (7, '0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10', 'team', 'group_chat', 'Team', 'All'),
            (8, '1c6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a11', 'ann-cy', 'direct', null, null);
    insert into chat_room_participants (id, chat_room_id, community_member_id)
        values (21, 7, 42), (22, 7, 43), (23, 8, 42), (24, 8, 44);
    insert into chat_room_messages (id, chat_room_id, chat_room_participant_id, body, created_at)
        values (981, 7, 22, 'Hi', '2026-10-01 09:14:31.001');
    insert into chat_threads (id, chat_room_id, parent_message_id) values (5, 7, 981);
    insert into chat_thread_participants (id, chat_thread_id, community_member_id)
        values (4, 5, 43), (6, 5, 42);
    insert into chat_room_messages (id, chat_room_id, chat_room_participant_id, body,
            parent_message_id, chat_thread_id, created_at)
        values (982, 7, 21, 'Hello', 981, 5, '2026-10-01 09:15:00');
    insert into notifications (id, community_member_id, action)
        values (1, 42, 'add'), (2, 42, 'add'), (3, 43, 'add');
    select setval(pg_get_serial_sequence(c.oid::regclass::text, 'id'), 10000)
        from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r';
$$;
