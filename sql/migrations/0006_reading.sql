-- 0006_reading.sql - what the daemon reads: ticks, batches; and pruning.
--
-- Breaking: yes. The daemon reads through these functions only.
--
-- All are security definer: the daemon's role may call them and see no table, neither ours nor the
-- application's.  Those that search the outbox run without sequential scans (its tables are never
-- analysed) and without the just-in-time compiler, which a forbidden scan's price would wake.

do $migration$
begin
    if pgcable.migrating(6, 'reading', true) then
        execute $sql$

create function pgcable.hello() returns table (
    schema_version integer, breaking_version integer, install_id text, system_ok boolean,
    in_recovery boolean, encoding text, prepared integer,
    first_tick bigint, first_nonce text, last_tick bigint, last_nonce text
)
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    select
        (select max(id) from pgcable.migration),
        (select max(id) from pgcable.migration where breaking),
        m.install_id::text,
        m.system_id = (select system_identifier from pg_control_system()),
        pg_is_in_recovery(),
        current_setting('server_encoding'),
        current_setting('max_prepared_transactions')::integer,
        a.tick, a.nonce::text, z.tick, z.nonce::text
    from pgcable.meta m,
        (select tick, nonce from pgcable.tick order by tick limit 1) a,
        (select tick, nonce from pgcable.tick order by tick desc limit 1) z;
$$;
comment on function pgcable.hello() is
    'Daemon: is this the server and the schema it can work with?';

create function pgcable.tick_info(p_tick bigint) returns text
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    select nonce::text from pgcable.tick where tick = p_tick;
$$;
comment on function pgcable.tick_info(bigint) is
    'Daemon: the nonce of a tick that is kept, else null. Another nonce = another history.';

-- Where to begin, so that all that is to be kept in memory is read once more: the newest tick that is
-- older than that, or young enough for about so many rows to come after it, or so many bytes.  The size
-- of a large value stands in the row, it is not read for that.
create function pgcable.beginning(p_keep interval, p_max_rows bigint, p_max_bytes bigint)
    returns table (tick bigint, nonce text, at_us bigint)
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_newest timestamptz := (select at from pgcable.tick order by tick desc limit 1);
    v_one_more xid8;
    v_too_large xid8;
begin
    select max(xid) filter (where place > p_max_rows), max(xid) filter (where total > p_max_bytes)
    into v_one_more, v_too_large
    from (
        select xid, row_number() over w as place, sum(bytes) over w as total
        from (
            select xid, coalesce(pg_column_size(new), 0) + coalesce(pg_column_size(old), 0) as bytes
            from (
                select xid, new, old from pgcable.outbox_0
                union all
                select xid, new, old from pgcable.outbox_1
                union all
                select xid, new, old from pgcable.outbox_2
            ) o
            order by xid desc
            limit p_max_rows + 1
        ) b
        window w as (order by xid desc rows unbounded preceding)
    ) s;
    return query
        select t.tick, t.nonce::text, (extract(epoch from t.at) * 1000000)::bigint
        from pgcable.tick t
        where t.tick = greatest(
            (select min(tick) from pgcable.tick),
            (select tick from pgcable.tick where at <= v_newest - p_keep order by tick desc limit 1),
            (select tick from pgcable.tick
                where pg_snapshot_xmax(snap) <= v_one_more order by tick desc limit 1),
            (select tick from pgcable.tick
                where pg_snapshot_xmax(snap) > v_too_large order by tick limit 1));
end;
$$;
comment on function pgcable.beginning(interval, bigint, bigint) is
    'Daemon: the tick after which to begin, to know so much of the past.';

-- What is visible in one snapshot and was not in the one before.  Written so that both halves search
-- the index on xid; "xid >= xmin and not visible before" would read everything since the oldest open
-- transaction.  Without settings of its own it becomes part of the query that calls it; hence all names
-- are qualified.
create function pgcable.rows_between(p_before pg_snapshot, p_snap pg_snapshot)
    returns table (
        id bigint, xid xid8, kind text, op "char", stream text, new json, old json, at timestamptz)
    language sql
    stable
as $$
    select o.id, o.xid, o.kind, o.op, o.stream, o.new, o.old, o.at
    from (
        select * from pgcable.outbox_0
        where xid operator(pg_catalog.>=) pg_catalog.pg_snapshot_xmax(p_before)
            and xid operator(pg_catalog.<) pg_catalog.pg_snapshot_xmax(p_snap)
        union all
        select * from pgcable.outbox_0
        where xid operator(pg_catalog.=) any (array(select pg_catalog.pg_snapshot_xip(p_before)))
        union all
        select * from pgcable.outbox_1
        where xid operator(pg_catalog.>=) pg_catalog.pg_snapshot_xmax(p_before)
            and xid operator(pg_catalog.<) pg_catalog.pg_snapshot_xmax(p_snap)
        union all
        select * from pgcable.outbox_1
        where xid operator(pg_catalog.=) any (array(select pg_catalog.pg_snapshot_xip(p_before)))
        union all
        select * from pgcable.outbox_2
        where xid operator(pg_catalog.>=) pg_catalog.pg_snapshot_xmax(p_before)
            and xid operator(pg_catalog.<) pg_catalog.pg_snapshot_xmax(p_snap)
        union all
        select * from pgcable.outbox_2
        where xid operator(pg_catalog.=) any (array(select pg_catalog.pg_snapshot_xip(p_before)))
    ) o
    where pg_catalog.pg_visible_in_snapshot(o.xid, p_snap);
$$;
comment on function pgcable.rows_between(pg_snapshot, pg_snapshot) is
    'Internal: the rows that one snapshot has more than another, in no order.';

-- Make the next tick if something new was committed, and answer who may listen as of its end.  Where
-- it is the one after p_after and small, its rows follow as batches() would give them: the daemon can
-- work on them while this transaction is being committed.
create function pgcable.advance(p_requests json default null, p_after bigint default null)
    returns table (
        tick bigint, nonce text, made boolean, req integer, stream text, topic text,
        tick_at_us bigint, id bigint, xid text, kind text, op text, new text, old text, at_us bigint)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set jit = off
    set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_last pgcable.tick;
    v_before pg_snapshot;
    v_now pg_snapshot;
    v_new boolean;
    v_answers json;
begin
    if pg_is_in_recovery() then
        -- Its snapshots lack the transactions in progress.
        raise exception 'pgcable: cannot advance: this server is a standby'
            using errcode = 'read_only_sql_transaction',
                hint = 'Connect with target_session_attrs=read-write.';
    end if;
    if current_setting('transaction_isolation') <> 'read committed'
        or pg_current_xact_id_if_assigned() is not null then
        raise exception 'pgcable: advance() must be alone in a READ COMMITTED transaction'
            using errcode = 'invalid_transaction_state';
    end if;
    perform pg_advisory_xact_lock(7236355); -- one at a time, until commit
    select * into strict v_last from pgcable.tick t order by t.tick desc limit 1;

    -- One statement, hence one snapshot, for the snapshot, the look at the outbox and the answers.
    select pg_current_snapshot(),
        exists (select from pgcable.outbox_0 where xid >= w.xmax)
            or exists (select from pgcable.outbox_1 where xid >= w.xmax)
            or exists (select from pgcable.outbox_2 where xid >= w.xmax)
            or exists (select from pgcable.outbox_0 where xid = any (w.xip))
            or exists (select from pgcable.outbox_1 where xid = any (w.xip))
            or exists (select from pgcable.outbox_2 where xid = any (w.xip)),
        case when p_requests is not null then (
            select json_agg(a) from pgcable.access(p_requests) a) end
    into v_now, v_new, v_answers
    from (
        select pg_snapshot_xmax(v_last.snap) as xmax,
            array(select pg_snapshot_xip(v_last.snap)) as xip
    ) w;

    v_before := v_last.snap;
    if v_new then
        insert into pgcable.tick as t (tick, snap) values (v_last.tick + 1, v_now)
            returning t.* into v_last;
    end if;
    tick := v_last.tick;
    nonce := v_last.nonce;
    made := v_new;
    tick_at_us := date_part('epoch', v_last.at) * 1000000;
    if v_answers is null then
        return next;
    else
        return query
            select advance.tick, advance.nonce, advance.made, a.req, a.stream, a.topic,
                advance.tick_at_us, null::bigint, null, null, null, null, null, null::bigint
            from json_to_recordset(v_answers) as a (req integer, stream text, topic text);
    end if;
    if v_new and v_last.tick = p_after + 1 then
        return query
            select advance.tick, advance.nonce, true, null::integer, o.stream, null,
                advance.tick_at_us, o.id, o.xid::text, o.kind, o.op::text, o.new::text, o.old::text,
                (date_part('epoch', o.at) * 1000000)::bigint
            from (
                select r.*, count(*) over () as how_many,
                    sum(coalesce(pg_column_size(r.new), 0) + coalesce(pg_column_size(r.old), 0))
                        over () as bytes
                from (select * from pgcable.rows_between(v_before, v_now) limit 129) r
            ) o
            where o.how_many <= 128 and o.bytes <= 262144
            order by o.id;
        if found then
            return next;
        end if;
    end if;
end;
$$;
comment on function pgcable.advance(json, bigint) is
    'Daemon: make a tick if something is new; answer access requests as of it.';

-- The rows of some ticks; behind those of each comes one without an id.  A time in double precision
-- is exact to the microsecond for two centuries more, and cheaper than a numeric.
create function pgcable.batches(p_after bigint, p_to bigint)
    returns table (
        tick bigint, nonce text, tick_at_us bigint,
        id bigint, xid text, kind text, op text, stream text, new text, old text, at_us bigint)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set jit = off
    set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_before pg_snapshot;
    v_snap pg_snapshot;
begin
    -- prune() truncates and deletes in one transaction: once we hold these locks, a tick that a new
    -- statement still sees has all its rows.
    lock table pgcable.outbox_0, pgcable.outbox_1, pgcable.outbox_2 in access share mode;
    for tick, nonce, tick_at_us, v_before, v_snap in
        select n.tick, n.nonce::text, (date_part('epoch', n.at) * 1000000)::bigint, b.snap, n.snap
        from pgcable.tick n join pgcable.tick b on b.tick = n.tick - 1
        where n.tick > p_after and n.tick <= p_to
        order by n.tick loop
        return query
            select batches.tick, batches.nonce, batches.tick_at_us,
                o.id, o.xid::text, o.kind, o.op::text, o.stream, o.new::text, o.old::text,
                (date_part('epoch', o.at) * 1000000)::bigint
            from pgcable.rows_between(v_before, v_snap) o
            order by o.id;
        return next; -- the columns of rows were never set
    end loop;
end;
$$;
comment on function pgcable.batches(bigint, bigint) is
    'Daemon: the rows of some ticks in order, and one without an id at the end of each; the same'
    ' whenever asked, until they are pruned.';

-- For people and tests.
create function pgcable.batch(p_tick bigint)
    returns table (
        id bigint, xid text, kind text, op text, stream text, new text, old text, at_us bigint)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if not exists (
        select from pgcable.tick n join pgcable.tick b on b.tick = n.tick - 1
        where n.tick = p_tick) then
        raise exception 'pgcable: the rows of tick % are not kept', p_tick
            using errcode = 'no_data_found';
    end if;
    return query
        select b.id, b.xid, b.kind, b.op, b.stream, b.new, b.old, b.at_us
        from pgcable.batches(p_tick - 1, p_tick) b
        where b.id is not null;
end;
$$;
comment on function pgcable.batch(bigint) is 'Internal: the rows of one tick, or an error.';

-- The first tick whose snapshot sees every row of a table, if nobody can add any.
create function pgcable.tick_behind(p_table regclass) returns bigint
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set jit = off
as $$
declare
    v_last xid8;
    v_tick bigint;
begin
    execute format('select xid from %s order by xid desc limit 1', p_table) into v_last;
    execute format(
        'select t.tick from pgcable.tick t'
        ' where pg_snapshot_xmax(t.snap) > $1 and not exists ('
        '   select from %s where xid = any (array(select pg_snapshot_xip(t.snap))))'
        ' order by t.tick limit 1', p_table)
        into v_tick using v_last;
    return v_tick;
end;
$$;
comment on function pgcable.tick_behind(regclass) is
    'Internal: the tick after which nothing of an outbox table is needed; null = there is none yet.';

-- Old rows go.  Their age is measured against the newest tick, so that a clock set wrong does not
-- matter while nothing happens.  A table is truncated only when every row in it belongs to a tick
-- that is past the retention and was read, and nobody writes to it; a writer who chose it before it
-- was left may come later and finds it as good as any other.  Where the outbox takes more than
-- p_max_bytes (0 = no matter) the oldest table goes although it is young or was not read: its ticks
-- go with it, and whoever is not past them finds that and starts from the newest.  May be called by
-- several daemons.
create function pgcable.prune(p_keep interval, p_safe_tick bigint, p_max_bytes bigint default 0)
    returns text
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
declare
    v_newest pgcable.tick;
    v_base bigint;
    v_behind bigint;
    v_slots integer[];
    v_slot integer;
    v_table text;
    v_current integer;
    v_busy boolean;
    v_too_much boolean;
    v_oldest timestamptz;
    v_count bigint;
    v_done text[] := '{}';
begin
    if not pg_try_advisory_xact_lock(7236356) then
        return 'nothing: another daemon is at it';
    end if;
    select * into strict v_newest from pgcable.tick order by tick desc limit 1;
    select tick into v_base from pgcable.tick
    where tick <= p_safe_tick and at < v_newest.at - p_keep
    order by tick desc limit 1;
    v_current := pg_sequence_last_value('pgcable.ctl') & 3;

    -- Into an array first: a query that is still open would keep its tables from being truncated.
    v_slots := array(
        select o.slot
        from (
            select 0 as slot, (select at from pgcable.outbox_0 limit 1) as at union all
            select 1, (select at from pgcable.outbox_1 limit 1) union all
            select 2, (select at from pgcable.outbox_2 limit 1)
        ) o
        where o.slot <> v_current and o.at is not null
        order by o.at);
    foreach v_slot in array v_slots loop
        v_table := 'pgcable.outbox_' || v_slot;
        v_too_much := p_max_bytes > 0 and pgcable.outbox_bytes() > p_max_bytes;
        continue when v_base is null and not v_too_much;
        begin
            execute format('lock table %s in access exclusive mode nowait', v_table);
        exception when lock_not_available then
            continue; -- somebody writes or reads; the next round will do
        end;
        v_behind := pgcable.tick_behind(v_table);
        continue when v_behind is null or not v_too_much and v_behind > v_base;
        execute format('truncate %s', v_table);
        v_base := greatest(v_base, v_behind);
        v_done := v_done || format('truncated outbox_%s', v_slot);
    end loop;

    -- v_base itself stays: the tick after it is what came since.
    delete from pgcable.tick where tick < v_base;
    get diagnostics v_count = row_count;
    if v_count > 0 then
        v_done := v_done || format('deleted %s ticks', v_count);
    end if;

    -- Leave the table written now when it holds rows of half the retention, or a quarter of what
    -- all may take, and another one is free.  Whichever: a transaction that was prepared and
    -- forgotten may hold one of them for ever.
    if v_current < 3 then
        v_table := 'pgcable.outbox_' || v_current;
        execute format('select at from %s limit 1', v_table) into v_oldest;
        for v_step in 1..2 loop
            v_slot := (v_current + v_step) % 3;
            execute format('select exists (select from pgcable.outbox_%s)', v_slot) into v_busy;
            exit when not v_busy;
        end loop;
        if not v_busy and (v_oldest < v_newest.at - p_keep / 2
            or p_max_bytes > 0 and pg_total_relation_size(v_table) > p_max_bytes / 4) then
            if pgcable.write_to(v_current, v_slot) then
                v_done := v_done || format('writing to outbox_%s', v_slot);
            end if;
        end if;
    end if;
    return coalesce(nullif(array_to_string(v_done, ', '), ''), 'nothing');
end;
$$;
comment on function pgcable.prune(interval, bigint, bigint) is
    'Daemon: drop rows and ticks older than that, as far as they were read, and the oldest ones'
    ' where all take more than so many bytes; says what it did.';

grant execute on function
    pgcable.hello(), pgcable.tick_info(bigint), pgcable.advance(json, bigint),
    pgcable.batches(bigint, bigint), pgcable.beginning(interval, bigint, bigint),
    pgcable.prune(interval, bigint, bigint)
    to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
