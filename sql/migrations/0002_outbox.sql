-- 0002_outbox.sql - the outbox, the ticks, the doorbell.
--
-- Breaking: yes. Nothing is delivered without it.

do $migration$
begin
    if pgcable.migrating(2, 'outbox', true) then
        execute $sql$

-- The control word: lease << 2 | slot, in a sequence because a sequence is not transactional.  Slot
-- is the outbox table written now, 3 = none, changes are dropped; lease is the second (Unix time)
-- until which writers must ring.
create sequence pgcable.ctl as bigint minvalue 0 start 0;
select pg_catalog.setval('pgcable.ctl', 0);

-- CACHE 1 is part of the proof of order: an id drawn later is larger, in whatever session.
create sequence pgcable.outbox_id as bigint cache 1;

-- Three fixed tables take turns, so that old rows go by TRUNCATE and never by DELETE.  Logged: what
-- was committed is delivered after a crash.  External: compressing a row costs its writer more than
-- storing it.  No primary key on id: only (xid) is searched.
create table pgcable.outbox_0 (
    id bigint not null,
    xid xid8 not null,
    kind text not null,
    op "char" not null,
    stream text,
    new json,
    old json,
    at timestamptz not null
) with (autovacuum_enabled = false, toast.autovacuum_enabled = false);
alter table pgcable.outbox_0 alter column new set storage external;
alter table pgcable.outbox_0 alter column old set storage external;
comment on table pgcable.outbox_0 is
    'Captured changes: op I, U, D, T (truncated) or B (broadcast). Read through pgcable.batch().';
create index outbox_0_xid on pgcable.outbox_0 (xid);

create table pgcable.outbox_1 (like pgcable.outbox_0 including storage)
    with (autovacuum_enabled = false, toast.autovacuum_enabled = false);
comment on table pgcable.outbox_1 is 'Another one like outbox_0.';
create index outbox_1_xid on pgcable.outbox_1 (xid);

create table pgcable.outbox_2 (like pgcable.outbox_0 including storage)
    with (autovacuum_enabled = false, toast.autovacuum_enabled = false);
comment on table pgcable.outbox_2 is 'Another one like outbox_0.';
create index outbox_2_xid on pgcable.outbox_2 (xid);

-- A tick is a snapshot that was taken: the rows of tick n are those visible in its snapshot and not
-- in that of n - 1, for every reader and for ever.  The nonce tells a tick from another one of the
-- same number in another history (crash, failover, restore).
create table pgcable.tick (
    tick bigint primary key,
    snap pg_snapshot not null,
    nonce uuid not null default pg_catalog.gen_random_uuid(),
    at timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table pgcable.tick is 'Snapshots that cut the outbox into batches.';
insert into pgcable.tick (tick, snap) values (0, pg_catalog.pg_current_snapshot());

-- Whoever drops a change holds a lock that nobody else ever asks for, until its transaction ends or
-- the savepoint is gone: resume() must know of whom nobody will hear.  The word is read AGAIN under
-- the lock: who finds it changed captures, and who does not is seen by whoever changes it.
create function pgcable.slot_or_drop() returns bigint
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock_shared(7236358);
    return pg_sequence_last_value('pgcable.ctl') & 3;
end;
$$;
comment on function pgcable.slot_or_drop() is
    'Internal: the outbox table to write although a pause was seen, or 3: drop the change.';

create function pgcable.outbox_bytes() returns bigint
    language sql
    volatile
    set search_path = pg_catalog, pg_temp
as $$
    select pg_total_relation_size('pgcable.outbox_0') + pg_total_relation_size('pgcable.outbox_1')
        + pg_total_relation_size('pgcable.outbox_2');
$$;
comment on function pgcable.outbox_bytes() is 'Internal: what the outbox takes on disk.';

-- Old rows are dropped by prune(), for which a daemon must run and no transaction hold the tables.
-- Where that fails the disk is worth more than the events: at twice the cap capturing stops, as by
-- pause(), until tend() finds room again.  In the application's transaction, so it waits for nobody.
create function pgcable.guard() returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_max bigint := (select outbox_max_bytes from pgcable.meta);
    v_bytes bigint;
begin
    if v_max = 0 then
        return;
    end if;
    v_bytes := pgcable.outbox_bytes();
    if v_bytes > 2 * v_max and pgcable.write_to(null, 3) then
        raise log 'pgcable: the outbox takes % bytes, twice its cap of %: changes are dropped',
            v_bytes, v_max
            using hint = 'Start a daemon, which makes room and tells the clients to reload.';
    end if;
end;
$$;
comment on function pgcable.guard() is
    'Internal: stop capturing where the outbox is twice as large as outbox_max_bytes.';

-- Escapes that json stores but cannot read back (\u0000, halves of surrogate pairs) are blunted
-- before a row is taken apart: they must not make the application's write fail, nor must its own
-- settings.
create function pgcable.blunt(p_row json) returns json
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
    set standard_conforming_strings = on
as $$
    select case
        when strpos(p_row::text, '\u') = 0 then p_row
        else regexp_replace(
            p_row::text, '\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::json
    end;
$$;
comment on function pgcable.blunt(json) is 'Internal: a row whose text can be taken apart.';

create function pgcable.kept(p_row json, p_columns text[]) returns json
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select json_object_agg(f.key, f.value)
    from json_each(pgcable.blunt(p_row)) f
    where f.key = any (p_columns);
$$;
comment on function pgcable.kept(json, text[]) is
    'Internal: these columns of a row, as far as it has them.';

-- A message that is too large to be sent, less what is not said of it anyway.
create function pgcable.sendable(p_message json) returns json
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select case
        when octet_length(p_message::text) <= max_value_bytes then p_message
        else json_build_object(
            'event', case when octet_length(p_message ->> 'event') <= 128
                then p_message -> 'event' else '"broadcast"' end,
            'id', case when octet_length(p_message ->> 'id') <= 128 then p_message -> 'id' end,
            'data', json_build_object(
                'id', case when octet_length(p_message -> 'data' ->> 'id') <= 128
                    then p_message -> 'data' -> 'id' end,
                'omitted', install_id))
        end
    from pgcable.meta;
$$;
comment on function pgcable.sendable(json) is
    'Internal: a message, or what is kept of one that is too large to be sent.';

-- Ring while a lease is on.  The clock is read before the word, and by ring() after it was set: if one
-- who writes found that the lease had ended, whoever renews it finds that, too, however long either is
-- held up in between.  Where transactions can be prepared, which is refused to those that did, a lease
-- (of 10 seconds: PGC_BELL_LEASE_S) from before the server's start may be one of a time when they
-- could not; and who slept then is gone.
create function pgcable.knock() returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_now double precision := date_part('epoch', clock_timestamp());
    v_lease bigint := pg_sequence_last_value('pgcable.ctl') >> 2;
begin
    if v_lease > v_now
        and (current_setting('max_prepared_transactions') = '0'
            or v_lease - 10 > floor(date_part('epoch', pg_postmaster_start_time()))) then
        perform pg_notify('pgcable', '');
    end if;
end;
$$;
comment on function pgcable.knock() is 'Internal: notify, if a daemon sleeps that relies on it.';

-- The long way into the outbox; the short one, for almost all rows, is written by attach().  The
-- control word is read AGAIN after the insert took its lock: a daemon that goes to sleep waits for
-- everybody who holds that lock and may have seen the old word.  Every 1024th row looks how large the
-- outbox is (0.3 ms): see guard().
create function pgcable.put(
    p_kind text, p_stream text, p_new json, p_op "char" default 'B', p_old json default null
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_slot bigint := pg_sequence_last_value('pgcable.ctl') & 3;
    v_id bigint;
begin
    if v_slot = 3 then
        v_slot := pgcable.slot_or_drop();
        if v_slot = 3 then
            return;
        end if;
    end if;
    if p_op = 'B' and octet_length(p_new::text) > 8192 then
        p_new := pgcable.sendable(p_new);
    end if;
    v_id := nextval('pgcable.outbox_id');
    execute format(
        'insert into pgcable.outbox_%s (id, xid, kind, op, stream, new, old, at)'
        ' values ($1, pg_current_xact_id(), $2, $3, $4, $5, $6, clock_timestamp())', v_slot)
        using v_id, p_kind, p_op, p_stream, p_new, p_old;
    perform pgcable.knock();
    if v_id & 1023 = 0 then
        perform pgcable.guard();
    end if;
end;
$$;
comment on function pgcable.put(text, text, json, "char", json) is
    'Internal: write a row into the outbox and ring if somebody sleeps.';

create function pgcable.check_broadcast(p_stream text) returns void
    language plpgsql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
begin
    if p_stream is null or octet_length(p_stream) not between 1 and 255 then
        raise exception 'pgcable: cannot broadcast to a stream whose name has % bytes',
            coalesce(octet_length(p_stream), 0)
            using errcode = 'invalid_parameter_value',
                hint = 'The name of a stream has 1 to 255 bytes, e.g. chat-room-7-channel.';
    end if;
    if p_stream ~ '^(room-members|thread-members):' then
        raise exception 'pgcable: cannot broadcast to %: it is an internal topic', p_stream
            using errcode = 'invalid_parameter_value',
                hint = 'Broadcast to a stream that clients subscribe to, e.g. chat-room-7-channel.';
    end if;
end;
$$;
comment on function pgcable.check_broadcast(text) is 'Internal: refuse what is no stream.';

-- Security definer: whoever may call it writes to the outbox through it and in no other way.
create function pgcable.broadcast(p_stream text, p_message jsonb) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcable.check_broadcast(p_stream);
    perform pgcable.put('broadcast', p_stream, coalesce(p_message, 'null')::json);
end;
$$;
comment on function pgcable.broadcast(text, jsonb) is
    'Send any JSON value to a stream, in order with the rows of this transaction. To allow it to a'
    ' role: grant usage on schema pgcable and execute on this function.';

-- A lock keeps those who write the control word from undoing each other; rolling back what took it
-- lets it go at once, not at the end of a transaction that may be long, and setval() stays.
create function pgcable.write_to(p_from bigint, p_to bigint) returns boolean
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_control bigint;
    v_done boolean := false;
begin
    begin
        if pg_try_advisory_xact_lock(7236357) then
            v_control := pg_sequence_last_value('pgcable.ctl');
            if v_control & 3 = coalesce(p_from, v_control & 3) then
                perform setval('pgcable.ctl', (v_control >> 2 << 2) | p_to);
                v_done := true;
            end if;
        end if;
        raise exception using errcode = 'PGC00';
    exception when sqlstate 'PGC00' then
        return v_done;
    end;
end;
$$;
comment on function pgcable.write_to(bigint, bigint) is
    'Internal: changes go to that table of the outbox from now on, 3 = they are dropped. False if'
    ' they did not go where the caller thought, or somebody else is at it.';

-- Whoever ends a lease, or finds that one ran out, says "quiet" to all daemons: one may be asleep
-- and rely on the writers.  A second to spare, for a clock that is set back.  The word stays set even
-- if the transaction fails, so what is said must not: at commit NOTIFY waits for all others that
-- notify, and no lock_timeout may end that.  In the second of the server's start the next one counts,
-- or knock() would take the lease for an older one.
create function pgcable.ring(p_loud_seconds integer) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_now bigint;
    v_control bigint;
begin
    perform pg_advisory_xact_lock(7236357);
    perform set_config('lock_timeout', '0', true);
    v_now := greatest(floor(extract(epoch from clock_timestamp())),
        floor(extract(epoch from pg_postmaster_start_time())) + 1);
    v_control := pg_sequence_last_value('pgcable.ctl');
    perform setval('pgcable.ctl', (v_control & 3)
        | (case when p_loud_seconds > 0 then v_now + p_loud_seconds else 0 end << 2));
    if v_control >> 2 > 0 and (p_loud_seconds = 0
        or v_control >> 2 <= extract(epoch from clock_timestamp()) + 1) then
        perform pg_notify('pgcable', 'quiet');
    end if;
end;
$$;
comment on function pgcable.ring(integer) is
    'Daemon: writers must notify for so many seconds from now; 0 = they need not.';

-- A prepared transaction shows as -1/… and counts like any other.
create function pgcable.writers() returns setof text
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    select l.virtualtransaction
    from pg_locks l
    where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
        and l.database = (select d.oid from pg_database d where d.datname = current_database())
        and l.relation in (
            'pgcable.outbox_0'::regclass, 'pgcable.outbox_1'::regclass,
            'pgcable.outbox_2'::regclass);
$$;
comment on function pgcable.writers() is
    'Daemon: the transactions that hold the outbox and may have read an older control word.';

grant execute on function pgcable.ring(integer), pgcable.writers() to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
