-- 0010_care.sql - pausing, resuming, and what the daemon does every few seconds.
--
-- Breaking: yes. The daemon calls it.

do $migration$
begin
    if pgcable.migrating(10, 'care', true) then
        execute $sql$

-- Prepared ones count, and have no process.  The caller's own changes commit with what it does.
create function pgcable.droppers() returns bigint
    language sql
    volatile
    set search_path = pg_catalog, pg_temp
as $$
    select count(*)
    from pg_locks l
    where l.locktype = 'advisory' and l.classid = 0 and l.objid = 7236358 and l.objsubid = 1
        and l.granted and l.pid is distinct from pg_backend_pid()
        and l.database = (select d.oid from pg_database d where d.datname = current_database());
$$;
comment on function pgcable.droppers() is
    'Internal: how many open transactions made changes that were dropped.';

create function pgcable.pause() returns text
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    update pgcable.meta set paused_at = clock_timestamp() where paused_at is null;
    loop
        exit when pgcable.write_to(null, 3);
        perform pg_sleep(0.01);
    end loop;
    return 'paused: changes are dropped from now on, until "select pgcable.resume()"';
end;
$$;
comment on function pgcable.pause() is
    'Stop capturing at once, in all sessions and without a lock on any table: what changes until'
    ' pgcable.resume() is not sent. Harmless to repeat.';

-- The reload stands in the outbox, in order: who reloads sees what was committed before it.  Who
-- made changes during the pause and has not committed them yet is waited for by tend(), which then
-- has the clients reload again.
create function pgcable.resume() returns text
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_late bigint;
    v_slot bigint;
begin
    if pg_sequence_last_value('pgcable.ctl') & 3 < 3
        and not exists (select from pgcable.meta where paused_at is not null) then
        return 'not paused';
    end if;
    select s into v_slot from generate_series(0, 2) s
    order by pg_relation_size(('pgcable.outbox_' || s)::regclass) limit 1;
    loop
        exit when pg_sequence_last_value('pgcable.ctl') & 3 < 3 or pgcable.write_to(3, v_slot);
        perform pg_sleep(0.01);
    end loop;
    v_late := pgcable.droppers();
    perform pgcable.put('reload', null, null);
    update pgcable.meta set paused_at =
        case when v_late > 0 then coalesce(paused_at, clock_timestamp()) end;
    return 'resumed: changes are captured, and the clients are told to reload' || case
        when v_late > 0 then format('; once more when %s transactions have ended, of which changes'
            ' were dropped', v_late)
        else '' end;
end;
$$;
comment on function pgcable.resume() is
    'Capture again after pgcable.pause(), and have all clients reload. Harmless to repeat.';

-- The word is the truth about being paused, meta.paused_at about what the clients must be told.
-- They differ while late transactions are open, where guard() stopped the capturing, and where
-- somebody rolled pause() or resume() back: all of that ends here.
create function pgcable.tend(p_max_bytes bigint, p_max_payload_bytes bigint default 0)
    returns table (bytes bigint, age_s bigint, ticks bigint, pause text, missed text)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
#variable_conflict use_column
declare
    v_max_value_bytes bigint := greatest(p_max_payload_bytes, 2097152);
    v_bytes bigint;
    v_paused_at timestamptz;
    v_drops boolean;
begin
    update pgcable.meta
    set outbox_max_bytes = p_max_bytes, max_value_bytes = v_max_value_bytes
    where outbox_max_bytes <> p_max_bytes or max_value_bytes <> v_max_value_bytes;
    v_bytes := pgcable.outbox_bytes();
    v_drops := pg_sequence_last_value('pgcable.ctl') & 3 = 3;
    select m.paused_at into v_paused_at from pgcable.meta m;
    if v_drops = (v_paused_at is null) and pg_try_advisory_xact_lock(7236356) then
        if v_drops and (p_max_bytes = 0 or v_bytes <= p_max_bytes)
            or not v_drops and pgcable.droppers() = 0 then
            perform pgcable.resume();
            v_drops := false;
        end if;
    end if;
    return query
        select v_bytes,
            (select extract(epoch from clock_timestamp() - min(o.at))::bigint from (
                (select at from pgcable.outbox_0 limit 1) union all
                (select at from pgcable.outbox_1 limit 1) union all
                (select at from pgcable.outbox_2 limit 1)) o),
            (select max(t.tick) - min(t.tick) + 1 from pgcable.tick t),
            case
                when v_drops and v_paused_at is null then 'the outbox is full'
                when v_drops then format('paused since %s UTC',
                    to_char(v_paused_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')) end,
            (select string_agg(u.kind || ': ' || u.problem, '; ' order by u.kind)
                from pgcable.missed_updates() u);
end;
$$;
comment on function pgcable.tend(bigint, bigint) is
    'Daemon: end a pause that may end, note how large the outbox and an event may be, and say how it'
    ' is.';

create function pgcable.canary(p_name text) returns void
    language sql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    select pgcable.put('canary', p_name, null);
$$;
comment on function pgcable.canary(text) is
    'Daemon: write a row that no client sees, to learn how long it takes to come back.';

grant execute on function
    pgcable.pause(), pgcable.resume(), pgcable.tend(bigint, bigint), pgcable.canary(text)
    to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
