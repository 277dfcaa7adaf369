-- schema.sql - the ledger: what was committed, written by the database itself in the same
-- transaction, by triggers of the test's own.
--
-- Run by the application, on top of the reference schema.  The triggers' names sort before
-- pgcable's, so that the snapshot in the ledger is taken before the row is captured.

create schema chaos;

alter table chat_room_messages add version integer not null default 1;

create table chaos.orders (
    id bigserial primary key,
    customer_id integer not null,
    version integer not null default 1,
    body text not null
);

create sequence chaos.ledger_seq cache 1;
create table chaos.ledger (
    seq bigint not null default nextval('chaos.ledger_seq'),
    xid xid8 not null default pg_current_xact_id(),
    snap pg_snapshot not null,
    at timestamptz not null default clock_timestamp(),
    kind text not null,
    op text not null,
    entity bigint not null,
    version integer,
    room bigint,
    member bigint,
    thread bigint,
    stream text,
    writer integer default nullif(current_setting('chaos.writer', true), '')::integer,
    turn integer default nullif(current_setting('chaos.turn', true), '')::integer,
    sha text
);

create function chaos.sha(p_body text) returns text
    language sql
    immutable
as $$
    select left(encode(sha256(convert_to(p_body, 'UTF8')), 'hex'), 16);
$$;

create function chaos.note(
    p_kind text, p_op text, p_entity bigint, version integer default null, room bigint default null,
    member bigint default null, thread bigint default null, stream text default null,
    body text default null
) returns void
    language sql
as $$
    insert into chaos.ledger (snap, kind, op, entity, version, room, member, thread, stream, sha)
    values (pg_current_snapshot(), p_kind, p_op, p_entity, version, room, member, thread, stream,
        chaos.sha(body));
$$;

-- Every change that a message's payload shows has a number of its own, whatever statement or
-- foreign key made it.
create function chaos.number_message() returns trigger
    language plpgsql
as $$
begin
    if (new.body, new.chat_room_participant_id, new.chat_thread_id, new.parent_message_id)
        is distinct from
        (old.body, old.chat_room_participant_id, old.chat_thread_id, old.parent_message_id) then
        new.version := old.version + 1;
    end if;
    return new;
end;
$$;
create trigger chaos_number before update on chat_room_messages
    for each row execute function chaos.number_message();

create function chaos.note_message() returns trigger
    language plpgsql
as $$
declare
    v_was boolean := tg_op <> 'INSERT' and old.deleted_at is null;
    v_is boolean := tg_op <> 'DELETE' and new.deleted_at is null;
begin
    if v_is and (not v_was or new.version <> old.version) then
        perform chaos.note('message', case when v_was then 'U' else 'I' end, new.id, new.version,
            room => new.chat_room_id, thread => new.chat_thread_id, body => new.body);
    elsif v_was and not v_is then
        perform chaos.note('message', 'D', old.id,
            room => old.chat_room_id, thread => old.chat_thread_id);
    end if;
    return null;
end;
$$;
create trigger chaos_ledger after insert or update or delete on chat_room_messages
    for each row execute function chaos.note_message();

create function chaos.note_room() returns trigger
    language plpgsql
as $$
begin
    if old.deleted_at is null and (tg_op = 'DELETE' or new.deleted_at is not null) then
        perform chaos.note('room', 'D', old.id, room => old.id);
    elsif tg_op = 'UPDATE' and new.description is distinct from old.description then
        perform chaos.note('room', 'U', new.id,
            substring(new.description from '^d(\d+) ')::integer,
            room => new.id, body => new.description);
    end if;
    return null;
end;
$$;
create trigger chaos_ledger after update or delete on chat_rooms
    for each row execute function chaos.note_room();

create function chaos.note_participant() returns trigger
    language plpgsql
as $$
declare
    v_was boolean := tg_op <> 'INSERT' and old.deleted_at is null;
    v_is boolean := tg_op <> 'DELETE' and new.deleted_at is null;
begin
    if v_is and not v_was then
        perform chaos.note('participant', 'I', new.id,
            room => new.chat_room_id, member => new.community_member_id);
    elsif v_was and not v_is then
        perform chaos.note('participant', 'D', old.id,
            room => old.chat_room_id, member => old.community_member_id);
    end if;
    return null;
end;
$$;
create trigger chaos_ledger after insert or update or delete on chat_room_participants
    for each row execute function chaos.note_participant();

create function chaos.note_notification() returns trigger
    language plpgsql
as $$
begin
    perform chaos.note('notification', 'I', new.id, member => new.community_member_id);
    return null;
end;
$$;
create trigger chaos_ledger after insert on notifications
    for each row execute function chaos.note_notification();

create function chaos.note_order() returns trigger
    language plpgsql
as $$
declare
    v_row chaos.orders := case when tg_op = 'DELETE' then old else new end;
begin
    perform chaos.note('order', left(tg_op, 1), v_row.id, v_row.version,
        stream => 'orders-' || v_row.customer_id, body => v_row.body);
    return null;
end;
$$;
create trigger chaos_ledger after insert or update or delete on chaos.orders
    for each row execute function chaos.note_order();

-- A broadcast and its entry.
create sequence chaos.broadcast_id;
create function chaos.say(p_stream text, p_body text) returns void
    language plpgsql
as $$
declare
    v_id bigint := nextval('chaos.broadcast_id');
begin
    perform chaos.note('broadcast', 'B', v_id, stream => p_stream, body => p_body);
    perform pgcable.broadcast(p_stream,
        jsonb_build_object('event', 'said', 'id', v_id, 'body', p_body));
end;
$$;

-- Tokens, by their number, and all that were issued to a member in that second or before.
create function chaos.revoke_token(p_token bigint) returns void
    language plpgsql
as $$
begin
    perform chaos.note('token', 'D', p_token);
    perform pgcable.revoke_token(p_token::text, now() + interval '2 days');
end;
$$;

create function chaos.revoke_tokens(p_member bigint, p_second bigint) returns void
    language plpgsql
as $$
begin
    perform chaos.note('tokens', 'D', p_second, member => p_member);
    perform pgcable.revoke_member(p_member::text, to_timestamp(p_second), now() + interval '2 days');
end;
$$;

create function chaos.may(member text, params jsonb) returns boolean
    language sql
    stable
as $$
    select true;
$$;
