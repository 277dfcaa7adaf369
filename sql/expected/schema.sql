-- schema.sql - what the migrations make: pg_dump --schema-only, normalised. Not to be run.

CREATE SCHEMA pgcable;

ALTER SCHEMA pgcable OWNER TO pgcable_owner;

COMMENT ON SCHEMA pgcable IS 'pgcable: captures changes of chat and notification tables for the websocket daemon.';

CREATE TYPE pgcable.access_answer AS (
	req integer,
	stream text,
	topic text
);

ALTER TYPE pgcable.access_answer OWNER TO pgcable_owner;

CREATE TYPE pgcable.fact AS (
	what text,
	key text,
	data json
);

ALTER TYPE pgcable.fact OWNER TO pgcable_owner;

CREATE TYPE pgcable.key_pair AS (
	one text,
	other text
);

ALTER TYPE pgcable.key_pair OWNER TO pgcable_owner;

CREATE TYPE pgcable.message_fact AS (
	what text,
	key text,
	data json,
	message text,
	room text,
	participant text,
	member text,
	thread text
);

ALTER TYPE pgcable.message_fact OWNER TO pgcable_owner;

CREATE FUNCTION pgcable.access(p_requests json) RETURNS TABLE(req integer, stream text, topic text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_custom json;
    v_builtin json;
begin
    select json_agg(q) filter (where q ->> 'channel' = 'custom'),
        json_agg(q) filter (where q ->> 'channel' is distinct from 'custom')
    into v_custom, v_builtin
    from json_array_elements(p_requests) q;

    if v_custom is not null then
        return query select * from pgcable.channel_access(v_custom);
    end if;
    if v_builtin is null then
        return;
    end if;
    if not exists (select from pgcable.room_rule) then
        return query select * from pgcable.builtin_access(v_builtin);
        return;
    end if;
    return query
        with answer as materialized (select * from pgcable.builtin_access(v_builtin)),
        ruled as materialized (
            select r.* from (
                select json_agg(q) as list
                from json_array_elements(v_builtin) q
                where q ->> 'channel' = 'room' and not exists (
                    select from answer a
                    where a.req = (q ->> 'req')::integer and a.stream is not null)
            ) refused, pgcable.room_access(refused.list) r
            where refused.list is not null and r.stream is not null
        )
        select * from answer a where not exists (select from ruled r where r.req = a.req)
        union all
        select * from ruled;
end;
$$;

ALTER FUNCTION pgcable.access(p_requests json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.access(p_requests json) IS 'Internal: who may listen to what: per request the stream and the topics granted, or nulls.';

CREATE FUNCTION pgcable.advance(p_requests json DEFAULT NULL::json, p_after bigint DEFAULT NULL::bigint) RETURNS TABLE(tick bigint, nonce text, made boolean, req integer, stream text, topic text, tick_at_us bigint, id bigint, xid text, kind text, op text, new text, old text, at_us bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

ALTER FUNCTION pgcable.advance(p_requests json, p_after bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.advance(p_requests json, p_after bigint) IS 'Daemon: make a tick if something is new; answer access requests as of it.';

CREATE FUNCTION pgcable.allows(p_rule text, p_member text, p_about text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_proc pg_proc;
    v_result boolean;
begin
    select * into v_proc from pg_proc where oid = to_regprocedure(p_rule);
    if not found then
        return false;
    end if;
    execute format('select %I.%I($1, $2::%s)', (
            select nspname from pg_namespace where oid = v_proc.pronamespace),
        v_proc.proname, v_proc.proargtypes[1]::regtype)
        into v_result using p_member, p_about;
    return coalesce(v_result, false);
exception when others then
    raise warning 'pgcable: the rule % failed, so member % is refused: %',
        p_rule, quote_nullable(p_member), sqlerrm;
    return false;
end;
$_$;

ALTER FUNCTION pgcable.allows(p_rule text, p_member text, p_about text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.allows(p_rule text, p_member text, p_about text) IS 'Internal: ask a rule.';

CREATE FUNCTION pgcable.attach(p_kind text, p_table regclass, p_mapping jsonb DEFAULT '{}'::jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_columns jsonb;
    v_extra text[];
    v_update_of text[];
begin
    if jsonb_typeof(p_mapping) is distinct from 'object' then
        raise exception 'pgcable: the mapping must be an object, not %',
            coalesce(p_mapping::text, 'null')
            using errcode = 'invalid_parameter_value',
                hint = 'For example {"chat_room_id": "room_id"}, or {}.';
    end if;
    perform pgcable.check_table(p_kind, p_table);
    v_columns := pgcable.resolve(p_kind, p_table, p_mapping);
    v_extra := pgcable.resolve_extra(p_table, p_mapping -> 'extra');
    perform pgcable.check_keys(p_kind, p_table, v_columns);

    if (select relkind from pg_class where oid = p_table) in ('r', 'p') and p_kind <> 'thread' then
        -- From here on rows are captured by the new mapping, and none is underway by the old one.
        execute format('lock table %s in share row exclusive mode', p_table);
    end if;
    if exists (select from pgcable.mapping where kind = p_kind and relation <> p_table) then
        perform pgcable.detach(p_kind);
    end if;
    perform pgcable.mapping_put(p_kind, p_table, v_columns, v_extra);
    perform pgcable.grant_select(p_table);
    if p_kind = 'thread' then
        return; -- a thread is looked up; its own changes raise nothing
    end if;
    if (select relkind from pg_class where oid = p_table) not in ('r', 'p') then
        raise notice 'pgcable: % is no table: it is read, but changes of it raise no events',
            p_table;
        return;
    end if;
    if p_mapping -> 'update_of' = 'true' then
        v_update_of := pgcable.watched(p_kind, v_columns, v_extra);
        perform pgcable.check_update_of(p_kind, p_table, v_update_of);
    end if;
    perform pgcable.put_triggers(p_kind, p_table, v_update_of, p_mapping -> 'always' = 'true');
end;
$$;

ALTER FUNCTION pgcable.attach(p_kind text, p_table regclass, p_mapping jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.attach(p_kind text, p_table regclass, p_mapping jsonb) IS 'Let a table play a kind: attach(''message'', ''messages'', ''{"chat_room_id": "room_id"}''). Columns of the canonical name need no entry; null = there is none; "extra": ["col"] = send these too; "always": true = also for rows that replication writes; "update_of": true = an UPDATE that names no mapped column costs nothing, but PostgreSQL refuses to drop or retype one until detach(); not where a BEFORE UPDATE trigger may change one. Harmless to repeat.';

CREATE FUNCTION pgcable.attach_generic(tbl regclass, stream text, columns text[], ops text DEFAULT 'insert,update,delete'::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_ops text[] := string_to_array(replace(lower(ops), ' ', ''), ',');
    v_number integer;
    v_function text;
    v_column text;
    v_op text;
begin
    perform pgcable.check_stream(stream);
    if not exists (select from pg_class where oid = tbl and relkind in ('r', 'p')) then
        raise exception 'pgcable: cannot attach %: it is no table', tbl
            using errcode = 'wrong_object_type';
    end if;
    for v_column in
        select unnest(columns)
        union
        select m[1] from regexp_matches(stream, '\{([^{}]+)\}', 'g') m
    loop
        if not coalesce(pgcable.has_column(tbl, v_column), false) then
            raise exception 'pgcable: cannot attach %: it has no column %',
                tbl, quote_nullable(v_column)
                using errcode = 'undefined_column', hint = format(
                    'Columns of %s: %s.', tbl, pgcable.column_list(tbl));
        end if;
    end loop;
    if coalesce(cardinality(columns), 0) = 0 then
        raise exception 'pgcable: cannot attach %: no columns are listed', tbl
            using errcode = 'invalid_parameter_value',
                hint = 'Only what is listed is sent: columns => ''{id,status}''.';
    end if;
    foreach v_op in array v_ops loop
        if v_op not in ('insert', 'update', 'delete') then
            raise exception 'pgcable: % is none of insert, update, delete', quote_literal(v_op)
                using errcode = 'invalid_parameter_value';
        end if;
    end loop;
    perform pgcable.detach_generic(tbl);
    v_number := pgcable.generic_put(tbl, stream, columns, v_ops);
    foreach v_op in array v_ops loop
        v_function := pgcable.capture_function('generic_' || v_number, v_op);
        execute format(
            'create trigger pgcable_generic_%s after %s on %s for each row execute function %s',
            v_op, v_op, tbl, v_function);
        perform pgcable.grant_capture(tbl, v_function::regprocedure);
    end loop;
end;
$$;

ALTER FUNCTION pgcable.attach_generic(tbl regclass, stream text, columns text[], ops text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.attach_generic(tbl regclass, stream text, columns text[], ops text) IS 'Send the listed columns of a table''s rows as {event, record, old_record}: attach_generic(''orders'', ''orders-{customer_id}'', ''{id,status}''). Harmless to repeat.';

CREATE FUNCTION pgcable.attach_statement(p_kind text, p_table regclass, p_columns jsonb, p_extra text[], p_always boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with entry as (
        select c.place, format('%s: %s', to_json(c.name),
            coalesce(p_columns -> c.name, 'null')) as entry
        from pgcable.canonical c
        where c.kind = p_kind and p_columns ->> c.name is distinct from case
            when pgcable.has_column(p_table, c.name) then c.name
            when pgcable.has_column(p_table, c.fallback) then c.fallback end
        union all
        select 100, '"extra": ' || to_json(p_extra) where p_extra <> '{}'
        union all
        select 101, '"always": true' where p_always
    )
    select format('select pgcable.attach(%L, %L%s);', p_kind, p_table::text, (
        select ', ' || quote_literal('{' || string_agg(coalesce(e.entry, ''), ', '
            order by e.place) || '}') from entry e having count(*) > 0));
$$;

ALTER FUNCTION pgcable.attach_statement(p_kind text, p_table regclass, p_columns jsonb, p_extra text[], p_always boolean) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.attach_statement(p_kind text, p_table regclass, p_columns jsonb, p_extra text[], p_always boolean) IS 'Internal: the call of attach() that makes a mapping.';

CREATE FUNCTION pgcable.attached(p_table text) RETURNS regclass
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_found regclass[];
begin
    select array_agg(distinct a.relation) into v_found
    from (
        select kind, relation from pgcable.mapping union all
        select null, relation from pgcable.generic) a
    join pg_class c on c.oid = a.relation
    join pg_namespace n on n.oid = c.relnamespace
    where p_table in (a.kind, a.relation::text, c.relname, n.nspname || '.' || c.relname);
    if cardinality(v_found) = 1 then
        return v_found[1];
    elsif v_found is not null then
        raise exception 'pgcable: % is the name of several tables: %',
            p_table, array_to_string(v_found, ', ')
            using errcode = 'ambiguous_alias', hint = 'Name the schema, too.';
    end if;
    raise exception 'pgcable: % is not attached, so nothing of it is captured', p_table
        using errcode = 'undefined_table', hint = coalesce('Attached are: ' || (
            select string_agg(r, ', ' order by r) from (
                select relation::text from pgcable.mapping union
                select relation::text from pgcable.generic) a (r))
            || '; "pgcable attach" adds one.', '"pgcable attach --detect" proposes some.');
end;
$$;

ALTER FUNCTION pgcable.attached(p_table text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.attached(p_table text) IS 'Internal: the attached table of that name or kind.';

CREATE FUNCTION pgcable.base_type(p_type oid) RETURNS oid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with recursive t as (
        select oid, typbasetype from pg_type where oid = p_type
        union all
        select b.oid, b.typbasetype from t join pg_type b on b.oid = t.typbasetype
    )
    select oid from t where typbasetype = 0;
$$;

ALTER FUNCTION pgcable.base_type(p_type oid) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.base_type(p_type oid) IS 'Internal: the type below a domain.';

CREATE FUNCTION pgcable.batch(p_tick bigint) RETURNS TABLE(id bigint, xid text, kind text, op text, stream text, new text, old text, at_us bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.batch(p_tick bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.batch(p_tick bigint) IS 'Internal: the rows of one tick, or an error.';

CREATE FUNCTION pgcable.batches(p_after bigint, p_to bigint) RETURNS TABLE(tick bigint, nonce text, tick_at_us bigint, id bigint, xid text, kind text, op text, stream text, new text, old text, at_us bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

ALTER FUNCTION pgcable.batches(p_after bigint, p_to bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.batches(p_after bigint, p_to bigint) IS 'Daemon: the rows of some ticks in order, and one without an id at the end of each; the same whenever asked, until they are pruned.';

CREATE FUNCTION pgcable.beginning(p_keep interval, p_max_rows bigint, p_max_bytes bigint) RETURNS TABLE(tick bigint, nonce text, at_us bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
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

ALTER FUNCTION pgcable.beginning(p_keep interval, p_max_rows bigint, p_max_bytes bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.beginning(p_keep interval, p_max_rows bigint, p_max_bytes bigint) IS 'Daemon: the tick after which to begin, to know so much of the past.';

CREATE FUNCTION pgcable.blunt(p_row json) RETURNS json
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET standard_conforming_strings TO 'on'
    AS $$
    select case
        when strpos(p_row::text, '\u') = 0 then p_row
        else regexp_replace(
            p_row::text, '\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::json
    end;
$$;

ALTER FUNCTION pgcable.blunt(p_row json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.blunt(p_row json) IS 'Internal: a row whose text can be taken apart.';

CREATE FUNCTION pgcable.broadcast(p_stream text, p_message jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pgcable.check_broadcast(p_stream);
    perform pgcable.put('broadcast', p_stream, coalesce(p_message, 'null')::json);
end;
$$;

ALTER FUNCTION pgcable.broadcast(p_stream text, p_message jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.broadcast(p_stream text, p_message jsonb) IS 'Send any JSON value to a stream, in order with the rows of this transaction. To allow it to a role: grant usage on schema pgcable and execute on this function.';

CREATE FUNCTION pgcable.broadcast(stream text, event text, data jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if coalesce(event, '') = '' then
        raise exception 'pgcable: cannot broadcast an event without a name'
            using errcode = 'invalid_parameter_value',
                hint = 'For example pgcable.broadcast(''orders-7'', ''orderPaid'', ''{"id": 1}'').';
    end if;
    perform pgcable.check_broadcast(stream);
    perform pgcable.put('event', stream,
        json_build_object('event', event, 'data', coalesce(data, 'null')));
end;
$$;

ALTER FUNCTION pgcable.broadcast(stream text, event text, data jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.broadcast(stream text, event text, data jsonb) IS 'Send an event to a stream in the daemon''s envelope: {"event": …} and the members of data, or {"event": …, "data": …}. To allow it to a role: grant usage on schema pgcable and execute.';

CREATE FUNCTION pgcable.build(p_shapes jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select jsonb_object_agg(t.name, pgcable.expand(p_shapes, t.template)) from (values

    ('room', $t$
        select 'room', {room r.id}::text, {room r row}
        from {room} r where {room r.id in $1}
    $t$),

    -- After the data come the keys of what else such a message needs, so that its JSON need not be
    -- read: it may hold escapes that PostgreSQL stores but cannot read back (\u0000).
    ('message', $t$
        select 'message', {message m.id}::text, {message m row},
            {message m.id}::text, {message m.chat_room_id}::text,
            {message m.chat_room_participant_id}::text, {message m.community_member_id}::text,
            {message m.chat_thread_id}::text
        from {message} m where {message m.id in $1}
    $t$),

    ('last_message', $t$
        select 'last_message', l.* from unnest($1) k, lateral (
            select {message m.chat_room_id}::text, {message m row},
                {message m.id}::text, {message m.chat_room_id}::text,
                {message m.chat_room_participant_id}::text, {message m.community_member_id}::text,
                {message m.chat_thread_id}::text
            from {message} m where {message m.chat_room_id = k} and {message m visible}
            order by {message m.created_at} desc, {message m.id} desc limit 1) l
    $t$),

    ('sender', $t$
        select 'sender', 'p:' || a.participant, (select row_to_json(x) from (select
            {participant p.id} as id, {participant p.community_member_id} as community_member_id,
            {member m.name listed}{member m.avatar_url listed}{member m.user_public_uid listed}
            {member m extra} as extra) x)
        from unnest($1) a (participant)
        join {participant} p on {participant p.id = a.participant}
        left join {member} m on {member m.id == participant p.community_member_id}
    $t$),

    -- Of several participant rows a visible one counts; who left still has a name.
    ('sender_in_room', $t$
        select 'sender', 'm:' || replace(replace(a.room, '%', '%25'), ':', '%3A') || ':' || a.member,
            (select row_to_json(x) from (select
            p.id, {member m.id} as community_member_id,
            {member m.name listed}{member m.avatar_url listed}{member m.user_public_uid listed}
            {member m extra} as extra) x)
        from unnest($1) a (room, member)
        join {member} m on {member m.id = a.member}
        left join lateral (
            select {participant p.id} as id from {participant} p
            where {participant p.id mapped} and {participant p.chat_room_id = a.room}
                and {participant p.community_member_id = a.member}
            order by {participant p visible} desc, {participant p.id} desc limit 1) p on true
    $t$),

    -- The thread is the one named, else the one that the message opened; the message that opened it
    -- is no reply in it.
    ('stats', $t$
        select 'stats', a.message, (select row_to_json(x) from (select
            (select count(*) from {message} c
                where {message c.parent_message_id = a.message} and {message c visible}
            ) as replies_count,
            (select count(*) from {thread_participant} t
                where {thread_participant t.chat_thread_id = h.thread}
                    and {thread_participant t visible}
            ) as total_thread_participants_count,
            array_to_json(array(select row_to_json(y) from (
                select {thread_participant t.id} as id,
                    {thread_participant t.community_member_id} as community_member_id,
                    {member m.avatar_url shown} as avatar_url, {member m.name shown} as name
                from {thread_participant} t
                left join {member} m on {member m.id == thread_participant t.community_member_id}
                where {thread_participant t.chat_thread_id = h.thread}
                    and {thread_participant t visible}
                order by {thread_participant t.id}, {thread_participant t.community_member_id}
                limit 5) y)
            ) as thread_participants_preview,
            (select count(*) from {message} c
                where {message c.chat_thread_id = h.thread} and {message c visible}
                    and {message c.id}::text is distinct from (
                        select {thread t.parent_message_id}::text from {thread} t
                        where {thread t.id = h.thread})
            ) as chat_thread_replies_count) x)
        from unnest($1) a (message, thread), lateral (
            select coalesce(a.thread, (
                select {thread t.id}::text from {thread} t
                where {thread t.parent_message_id = a.message} limit 1)) as thread) h
    $t$),

    -- The application's own counter, else counted: not seen, or not read where nothing says seen.
    ('count', $t$
        select 'count', k, to_json(coalesce(
            (select {member m.new_notifications_count}::text::bigint from {member} m
                where {member m.id = k}),
            (select count(*) from {notification} n
                where {notification n.community_member_id = k} and {notification n visible}
                    and case when {notification n.seen_at mapped}
                        then {notification n.seen_at unset}
                        else {notification n.read_at unset} end)))
        from unnest($1) k
    $t$),

    ('viewer', $t$
        select 'viewer', replace(replace(a.room, '%', '%25'), ':', '%3A') || ':' || a.member,
            (select row_to_json(v) from (select
            coalesce({participant p.unread_messages_count}, 0) as unread_messages_count,
            {participant p person m} as current_participant,
            array_to_json(array(
                select {participant o person n} from {participant} o
                left join {member} n on {member n.id == participant o.community_member_id}
                where {participant o.chat_room_id == participant p.chat_room_id}
                    and not {participant o.community_member_id == participant p.community_member_id}
                    and {participant o visible}
                order by {participant o.id}, {participant o.community_member_id} limit 5)
            ) as other_participants_preview,
            case when {room r.chat_room_kind}::text = 'direct' then (
                select {member n.name shown} from {participant} o
                join {member} n on {member n.id == participant o.community_member_id}
                where {participant o.chat_room_id == participant p.chat_room_id}
                    and not {participant o.community_member_id == participant p.community_member_id}
                    and {participant o visible}
                order by {participant o.id} limit 1) end as direct_name) v)
        from (
            select q.room, k.member from json_to_recordset($1) as q (room text, members json),
                json_array_elements_text(q.members) k (member)
        ) a
        join {participant} p on {participant p.chat_room_id = a.room}
            and {participant p.community_member_id = a.member} and {participant p visible}
        left join {member} m on {member m.id == participant p.community_member_id}
        left join {room} r on {room r.id == participant p.chat_room_id}
    $t$),

    -- A kind that is not attached cannot be asked: without members the token's word is taken for
    -- who exists, without rooms all of them are visible, without participants no room is granted.
    -- A room goes by its id where a uuid is asked for and rooms have none.  A member's stream
    -- follows rooms that are deleted softly, too: one that is restored must be heard at once.
    ('access', $t$
        with ask as materialized (
            select a.req, a.channel, a.room, a.uuid,
                case when {member mapped} then {member m.id}::text else a.member end as member
            from json_to_recordset($1)
                as a (req integer, member text, channel text, room text, uuid text)
            left join {member} m on {member m.id = a.member}
            where not {member mapped} or {member m.id} is not null and {member m visible}
        ), answer as (
            select a.req, case a.channel
                when 'notifications' then 'notification-channel-' || a.member
                when 'member' then 'chat-room-channel-' || a.member
                else 'chat-community-member-' || a.member || '-threads-channel'
                end as stream, null as topic
            from ask a where a.channel in ('notifications', 'member', 'threads')
            union
            select a.req, null, 'room-members:' || {participant p.chat_room_id}::text
            from ask a
            join {participant} p on {participant p.community_member_id = a.member}
                and {participant p visible}
            where a.channel = 'member'
            union
            select a.req, 'chat-room-' || {participant p.chat_room_id}::text || '-channel', null
            from ask a
            join {participant} p on {participant p.community_member_id = a.member}
                and {participant p.chat_room_id = a.room} and {participant p visible}
            left join {room} r on {room r.id == participant p.chat_room_id}
            where a.channel = 'room'
                and (not {room mapped} or {room r.id} is not null and {room r visible})
            union
            select a.req, 'chat-room-' || {participant p.chat_room_id}::text || '-channel', null
            from ask a
            join {room} r on {room r visible} and case when {room r.uuid mapped}
                then {room r.uuid = a.uuid} else {room r.id = a.uuid} end
            join {participant} p on {participant p.community_member_id = a.member}
                and {participant p.chat_room_id == room r.id} and {participant p visible}
            where a.channel = 'room' and a.room is null
            union
            select a.req, null,
                'thread-members:' || {thread_participant t.chat_thread_id}::text
            from ask a
            join {thread_participant} t on {thread_participant t.community_member_id = a.member}
                and {thread_participant t visible}
            where a.channel = 'threads'
        )
        select q.req, w.stream, w.topic
        from json_to_recordset($1) as q (req integer) left join answer w on w.req = q.req
        order by q.req, w.topic nulls first
    $t$)

    ) as t (name, template);
$_$;

ALTER FUNCTION pgcable.build(p_shapes jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.build(p_shapes jsonb) IS 'Internal: the statements that read the application''s tables.';

CREATE FUNCTION pgcable.builtin_access(p_requests json) RETURNS TABLE(req integer, stream text, topic text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    begin
        return query execute pgcable.statements() ->> 'access' using p_requests;
    exception when syntax_error_or_access_rule_violation then
        return query execute pgcable.build(pgcable.shapes()) ->> 'access' using p_requests;
    end;
end;
$$;

ALTER FUNCTION pgcable.builtin_access(p_requests json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.builtin_access(p_requests json) IS 'Internal: who may listen to what, on the channels of the chat.';

CREATE FUNCTION pgcable.canary(p_name text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select pgcable.put('canary', p_name, null);
$$;

ALTER FUNCTION pgcable.canary(p_name text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.canary(p_name text) IS 'Daemon: write a row that no client sees, to learn how long it takes to come back.';

CREATE FUNCTION pgcable.candidates() RETURNS TABLE(kind text, relation oid, named integer, points integer)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with tables as materialized (
        select c.oid, pgcable.plain(c.relname) as plain
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
            and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcable')
            and not exists (
                select from pg_depend d
                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    ), named as materialized (
        select p.kind, t.oid, t.plain, max(p.points) as points
        from tables t
        join pgcable.name_patterns() p on t.plain ~ p.pattern
        group by 1, 2, 3
    ), referring as materialized (
        select n.oid, c.plain, c.targets
        from (select distinct oid from named) n, pgcable.columns_of(n.oid) c
        where c.targets <> '{}' or c.plain like '%id'
    )
    select n.kind, n.oid, n.points, n.points + 2 * least(3, (
        select count(distinct r.oid)::integer from referring r
        where r.oid <> n.oid and (n.oid = any (r.targets) or r.targets = '{}'
            and r.plain in (n.plain || '_id', regexp_replace(n.plain, '^.*_', '') || '_id'))))
    from named n;
$$;

ALTER FUNCTION pgcable.candidates() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.candidates() IS 'Internal: tables that may play a kind.';

CREATE FUNCTION pgcable.capture_function(p_kind text, p_event text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select format('pgcable.capture_%s()',
        case p_event when 'truncate' then p_event else p_kind || '_' || p_event end);
$$;

ALTER FUNCTION pgcable.capture_function(p_kind text, p_event text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.capture_function(p_kind text, p_event text) IS 'Internal: what the trigger of that event calls, of a table that plays that kind.';

CREATE FUNCTION pgcable.capture_generic_row(p_new record, p_old record, p_stream text, p_columns text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET extra_float_digits TO '1'
    SET standard_conforming_strings TO 'on'
    AS $$
declare
    v_old json := pgcable.blunt(row_to_json(p_old));
    v_new json := pgcable.blunt(row_to_json(p_new));
    v_from text := case when v_old is not null then pgcable.fill(p_stream, v_old) end;
    v_to text := case when v_new is not null then pgcable.fill(p_stream, v_new) end;
begin
    v_old := pgcable.kept(v_old, p_columns);
    v_new := pgcable.kept(v_new, p_columns);
    if v_from = v_to then
        if v_old::text is distinct from v_new::text then
            perform pgcable.put('broadcast', v_to,
                json_build_object('event', 'UPDATE', 'record', v_new, 'old_record', v_old));
        end if;
        return;
    end if;
    -- A row that moves to another stream leaves the one and appears on the other.
    if v_from is not null then
        perform pgcable.put('broadcast', v_from,
            json_build_object('event', 'DELETE', 'record', null, 'old_record', v_old));
    end if;
    if v_to is not null then
        perform pgcable.put('broadcast', v_to,
            json_build_object('event', 'INSERT', 'record', v_new, 'old_record', null));
    end if;
end;
$$;

ALTER FUNCTION pgcable.capture_generic_row(p_new record, p_old record, p_stream text, p_columns text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.capture_generic_row(p_new record, p_old record, p_stream text, p_columns text[]) IS 'Internal: what the functions of the triggers of attach_generic() do where something is unusual.';

CREATE FUNCTION pgcable.capture_row(p_kind text, p_op "char", p_new record, p_old record, p_columns text[], p_watched text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET extra_float_digits TO '1'
    AS $_$
declare
    v_table regclass := (select typrelid from pg_type
        where oid = case p_op when 'D' then pg_typeof(p_old) else pg_typeof(p_new) end);
    v_columns text[] := pgcable.those_of(v_table, p_columns);
    v_same boolean;
    v_new json;
    v_old json;
begin
    if p_op = 'U' then
        execute (
            select format('select row(%s)::record operator(pg_catalog.*=) row(%s)::record',
                string_agg(format('($1).%I', c), ', '), string_agg(format('($2).%I', c), ', '))
            from unnest(pgcable.those_of(v_table, p_watched)) c) into v_same using p_old, p_new;
        if v_same then
            return;
        end if;
    end if;
    if p_op <> 'D' then
        execute 'select ' || pgcable.json_of('($1)', v_columns, 'pgcable.shown(%s, ''new'')')
            into v_new using p_new;
    end if;
    if p_op <> 'I' then
        execute 'select ' || pgcable.json_of('($1)', v_columns, 'pgcable.shown(%s, ''old'')')
            into v_old using p_old;
    end if;
    perform pgcable.put(p_kind, null, v_new, p_op, v_old);
end;
$_$;

ALTER FUNCTION pgcable.capture_row(p_kind text, p_op "char", p_new record, p_old record, p_columns text[], p_watched text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.capture_row(p_kind text, p_op "char", p_new record, p_old record, p_columns text[], p_watched text[]) IS 'Internal: what the functions of the triggers do where something is unusual.';

CREATE FUNCTION pgcable.capture_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pgcable.put(tg_argv[0], null, null, 'T');
    return null;
end;
$$;

ALTER FUNCTION pgcable.capture_truncate() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.capture_truncate() IS 'Trigger put on tables by pgcable.attach().';

CREATE FUNCTION pgcable.captured(p_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
        operator(pg_catalog.<) (pg_catalog.pg_sequence_last_value('pgcable.ctl'::pg_catalog.regclass)
            operator(pg_catalog.>>) 2) then
        perform pgcable.knock();
    end if;
    if p_id operator(pg_catalog.&) 1023 operator(pg_catalog.=) 0 then
        perform pgcable.guard();
    end if;
end;
$$;

ALTER FUNCTION pgcable.captured(p_id bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.captured(p_id bigint) IS 'Internal: what comes after a row, if anything.';

CREATE FUNCTION pgcable.cast_of(p_text text, p_type text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select case
        when r.digits is not null then format('case when rtrim(%1$s, ''0123456789'') in ('''', ''-'')'
            ' and %1$s not in ('''', ''-'') then case when length(%1$s) < %2$s then %1$s::%3$s'
            ' when length(%1$s) < %2$s + 2 and %1$s::numeric between -%4$s - 1 and %4$s'
            ' then %1$s::%3$s end end',
            p_text, r.digits, p_type, r.greatest)
        when p_type = 'uuid' then format('case when %1$s ~*'
            ' ''^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'''
            ' then %1$s::uuid end', p_text)
        else format('%s::%s', p_text, p_type)
        end
    from (select null) one
    left join (values ('smallint', 5, '32767'), ('integer', 10, '2147483647'),
        ('bigint', 19, '9223372036854775807')) r (type, digits, greatest) on r.type = p_type;
$_$;

ALTER FUNCTION pgcable.cast_of(p_text text, p_type text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.cast_of(p_text text, p_type text) IS 'Internal: SQL for a text as a value of the type, or null.';

CREATE FUNCTION pgcable.changes_unnamed(p_table regclass, p_watched text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select format('the trigger %I (BEFORE UPDATE) of %s', t.tgname, t.tgrelid::regclass)
    from (select p_table as relation union select relid from pg_partition_tree(p_table)) r
    join pg_trigger t on t.tgrelid = r.relation
    where not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & 19 = 19 -- ROW, BEFORE, UPDATE
        and (t.tgattr::text = '' or exists (
            select from pg_attribute a
            where a.attrelid = t.tgrelid and a.attnum = any (t.tgattr::smallint[])
                and a.attname <> all (p_watched)))
    order by r.relation <> p_table, r.relation::text, t.tgname
    limit 1;
$$;

ALTER FUNCTION pgcable.changes_unnamed(p_table regclass, p_watched text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.changes_unnamed(p_table regclass, p_watched text[]) IS 'Internal: a trigger whose changes "update_of" may miss.';

CREATE FUNCTION pgcable.channel(class text, stream text, authorize regproc DEFAULT NULL::regproc) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    if class is null or class !~ '^[A-Za-z0-9_:]{1,128}$' then
        raise exception 'pgcable: % is no name of a channel', quote_nullable(class)
            using errcode = 'invalid_parameter_value',
                hint = 'It is what clients subscribe to, e.g. OrdersChannel: letters, digits, _ and :.';
    end if;
    if class in ('NotificationChannel', 'ChatRoomChannel', 'Chats::RoomChannel',
        'Chats::CommunityMemberThreadsChannel') then
        raise exception 'pgcable: % is a built-in channel', class
            using errcode = 'duplicate_object', hint = 'Choose another name.';
    end if;
    perform pgcable.check_stream(stream);
    if authorize is null then
        raise notice 'pgcable: % has no rule and accepts nobody', class;
    else
        perform pgcable.check_rule(authorize::oid::regprocedure, 'jsonb');
    end if;
    perform pgcable.channel_put(class, stream, authorize::oid::regprocedure::text);
end;
$_$;

ALTER FUNCTION pgcable.channel(class text, stream text, authorize regproc) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.channel(class text, stream text, authorize regproc) IS 'Make a channel: channel(''OrdersChannel'', stream => ''orders-{customer_id}'', authorize => ''app.may_see_orders''), a stable function (member text, params jsonb) returns boolean. Without a rule it accepts nobody. Harmless to repeat.';

CREATE FUNCTION pgcable.channel_access(p_requests json) RETURNS TABLE(req integer, stream text, topic text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select q.req, case
        when pgcable.allows(c.rule, q.member, q.params::text)
            then pgcable.fill(c.stream, q.params) end, null::text
    from json_to_recordset(p_requests) as q (req integer, member text, class text, params json)
    left join pgcable.channel c on c.class = q.class and c.rule is not null;
$$;

ALTER FUNCTION pgcable.channel_access(p_requests json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.channel_access(p_requests json) IS 'Internal: who may listen to what, on channels of one''s own.';

CREATE FUNCTION pgcable.channel_put(p_class text, p_stream text, p_rule text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into pgcable.channel (class, stream, rule) values (p_class, p_stream, p_rule)
    on conflict (class) do update set stream = excluded.stream, rule = excluded.rule;
    select pgcable.put('recheck', p_class, null);
$$;

ALTER FUNCTION pgcable.channel_put(p_class text, p_stream text, p_rule text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.channel_put(p_class text, p_stream text, p_rule text) IS 'Internal: the part of channel() that needs the rights of pgcable_owner.';

CREATE FUNCTION pgcable.check_broadcast(p_stream text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.check_broadcast(p_stream text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.check_broadcast(p_stream text) IS 'Internal: refuse what is no stream.';

CREATE FUNCTION pgcable.check_keys(p_kind text, p_table regclass, p_columns jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    r record;
begin
    for r in
        select m.value as col, format_type(a.atttypid, a.atttypmod) as type
        from jsonb_each_text(p_columns) m
        join pg_attribute a on a.attrelid = p_table and a.attname = m.value
        join pg_type t on t.oid = pgcable.base_type(a.atttypid)
        where (m.key = 'id' or m.key like '%\_id' or m.key = 'uuid')
            and t.typcategory <> 'S'
            and t.oid not in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype)
    loop
        raise exception 'pgcable: cannot attach % as %: column % is a key of type %',
            p_table, p_kind, quote_ident(r.col), r.type
            using errcode = 'datatype_mismatch',
                hint = 'Keys may be smallint, integer, bigint, uuid, or text in any form.';
    end loop;
end;
$$;

ALTER FUNCTION pgcable.check_keys(p_kind text, p_table regclass, p_columns jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.check_keys(p_kind text, p_table regclass, p_columns jsonb) IS 'Internal: are the keys of types that we can compare?';

CREATE FUNCTION pgcable.check_rule(p_rule regprocedure, p_second text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_proc pg_proc;
begin
    select * into strict v_proc from pg_proc where oid = p_rule;
    if v_proc.proargtypes::text <> array_to_string(
            array['text'::regtype::oid, p_second::regtype::oid], ' ')
        or v_proc.prorettype <> 'boolean'::regtype or v_proc.proretset then
        raise exception 'pgcable: the rule % must be a function (member text, % %) returns boolean',
            p_rule, case p_second when 'text' then 'room' else 'params' end, p_second
            using errcode = 'invalid_function_definition';
    end if;
    if v_proc.provolatile = 'v' then
        raise exception 'pgcable: the rule % must not be volatile', p_rule
            using errcode = 'invalid_function_definition',
                hint = 'Rights are judged as of a tick: declare the function stable.';
    end if;
    execute format('grant usage on schema %I to pgcable_owner', (
        select nspname from pg_namespace where oid = v_proc.pronamespace));
    execute format('grant execute on function %s to pgcable_owner', p_rule);
    if not v_proc.prosecdef then
        raise notice 'pgcable: % runs as pgcable_owner, who may read the attached tables only;'
            ' make it security definer if it reads others', p_rule;
    end if;
end;
$$;

ALTER FUNCTION pgcable.check_rule(p_rule regprocedure, p_second text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.check_rule(p_rule regprocedure, p_second text) IS 'Internal: is that a rule, and may we ask it?';

CREATE FUNCTION pgcable.check_stream(p_stream text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if p_stream is null or octet_length(p_stream) not between 1 and 255 then
        raise exception 'pgcable: the name of a stream has 1 to 255 bytes, not %',
            coalesce(octet_length(p_stream), 0) using errcode = 'invalid_parameter_value';
    end if;
    if pgcable.is_reserved(p_stream) then
        raise exception 'pgcable: the stream % belongs to the built-in channels', p_stream
            using errcode = 'invalid_parameter_value',
                hint = 'Choose a name of your own, e.g. orders-{customer_id}.';
    end if;
end;
$$;

ALTER FUNCTION pgcable.check_stream(p_stream text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.check_stream(p_stream text) IS 'Internal: refuse what no stream may be called.';

CREATE FUNCTION pgcable.check_table(p_kind text, p_table regclass) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_class pg_class;
    v_other text;
begin
    if not exists (select from pgcable.canonical where kind = p_kind) then
        raise exception 'pgcable: there is no kind %', quote_nullable(p_kind)
            using errcode = 'invalid_parameter_value',
                hint = 'Kinds: member, room, participant, message, thread, thread_participant,'
                    ' notification.';
    end if;
    select * into v_class from pg_class where oid = p_table;
    if not found or v_class.relkind not in ('r', 'p', 'v', 'm', 'f') then
        raise exception 'pgcable: cannot attach %: it is no table and no view', p_table
            using errcode = 'wrong_object_type', hint = 'Name a table of the application''s.';
    end if;
    if v_class.relpersistence = 't' then
        raise exception 'pgcable: cannot attach %: it is a temporary table', p_table
            using errcode = 'wrong_object_type', hint = 'No other session can read it.';
    end if;
    if not pg_has_role(v_class.relowner, 'USAGE') then
        raise exception 'pgcable: cannot attach %: it belongs to %', p_table,
            pg_get_userbyid(v_class.relowner)
            using errcode = 'insufficient_privilege',
                hint = 'Attach as the owner of the table, who must be a member of pgcable_owner, or'
                    ' as a superuser.';
    end if;
    select kind into v_other from pgcable.mapping
    where relation = p_table and kind not in (p_kind, 'thread');
    if found and p_kind <> 'thread' then
        raise exception 'pgcable: cannot attach % as %: it is attached as % already',
            p_table, p_kind, v_other
            using errcode = 'duplicate_object',
                hint = 'A table plays one kind; give the second one a view of the table.';
    end if;
end;
$$;

ALTER FUNCTION pgcable.check_table(p_kind text, p_table regclass) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.check_table(p_kind text, p_table regclass) IS 'Internal: may this table play this kind, and may the caller say so?';

CREATE FUNCTION pgcable.check_update_of(p_kind text, p_table regclass, p_watched text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_trigger text := pgcable.changes_unnamed(p_table, p_watched);
begin
    if v_trigger is not null then
        raise exception 'pgcable: cannot attach % as % with "update_of": % may change columns that'
            ' the UPDATE does not name, and these changes would not be sent',
            p_table, p_kind, v_trigger
            using errcode = 'object_not_in_prerequisite_state',
                hint = 'Attach it without "update_of", or have that trigger called for mapped'
                    ' columns only (BEFORE UPDATE OF …).';
    end if;
end;
$$;

ALTER FUNCTION pgcable.check_update_of(p_kind text, p_table regclass, p_watched text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.check_update_of(p_kind text, p_table regclass, p_watched text[]) IS 'Internal: does "update_of" miss no changes of this table?';

CREATE FUNCTION pgcable.choose() RETURNS TABLE(kind text, relation oid, attached boolean, doubt text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_chosen jsonb := coalesce(
        (select jsonb_object_agg(m.kind, m.relation::oid) from pgcable.mapping m), '{}');
    v_attached jsonb := v_chosen;
    v_candidates jsonb := (select jsonb_agg(c) from pgcable.candidates() c);
    v_kind text;
    v_problem text;
    v_why text;
    v_points integer;
    c record;
begin
    foreach v_kind in array
        '{room,member,participant,message,thread,thread_participant,notification}'::text[]
    loop
        v_why := null;
        v_points := null;
        for c in
            select a.*
            from jsonb_to_recordset(v_candidates)
                as a (kind text, relation oid, named integer, points integer)
            where a.kind = v_kind and not v_attached ? v_kind
                and a.relation not in (select value::oid from jsonb_each_text(v_chosen))
            order by a.points desc, a.relation::regclass::text
        loop
            v_problem := pgcable.guess_problem(v_kind, c.relation, pgcable.guess(
                v_kind, c.relation, v_chosen || jsonb_build_object(v_kind, c.relation)));
            if v_problem is not null then
                v_why := coalesce(v_why, v_problem);
            elsif v_points is null then
                v_chosen := v_chosen || jsonb_build_object(v_kind, c.relation);
                v_points := c.points;
                v_why := case when c.named < 8 then 'the name says little' end;
            else
                if v_points - c.points < 3 then
                    v_why := format('it may be %s as well', c.relation::regclass);
                end if;
                exit;
            end if;
        end loop;
        return query select v_kind, (v_chosen ->> v_kind)::oid, v_attached ? v_kind,
            case when v_chosen ? v_kind then v_why
                else coalesce(v_why, 'no table is named like one') end;
    end loop;
end;
$$;

ALTER FUNCTION pgcable.choose() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.choose() IS 'Internal: the likeliest table for each kind.';

CREATE FUNCTION pgcable.column_list(p_table regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select string_agg(quote_ident(attname), ', ' order by attnum)
    from pg_attribute
    where attrelid = p_table and attnum > 0 and not attisdropped;
$$;

ALTER FUNCTION pgcable.column_list(p_table regclass) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.column_list(p_table regclass) IS 'Internal: a table''s columns, for messages.';

CREATE FUNCTION pgcable.columns_of(p_table oid) RETURNS TABLE(attnum smallint, name text, plain text, type oid, targets oid[])
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select a.attnum, a.attname::text, pgcable.plain(a.attname), a.atttypid, array(
        select c.confrelid from pg_constraint c
        where c.conrelid = p_table and c.contype = 'f' and c.conkey = array[a.attnum])
    from pg_attribute a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped;
$$;

ALTER FUNCTION pgcable.columns_of(p_table oid) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.columns_of(p_table oid) IS 'Internal: columns and where they refer to.';

CREATE FUNCTION pgcable.detach(p_kind text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_table regclass;
    v_class pg_class;
    v_event text;
begin
    select relation into v_table from pgcable.mapping where kind = p_kind;
    if not found then
        raise notice 'pgcable: nothing is attached as %', p_kind;
        return;
    end if;
    select * into v_class from pg_class where oid = v_table;
    if found and p_kind <> 'thread' and v_class.relkind in ('r', 'p') then
        foreach v_event in array pgcable.events_of(p_kind) loop
            if exists (select from pg_trigger where tgrelid = v_table and not tgisinternal
                and tgname = 'pgcable_capture_' || v_event) then
                execute format('drop trigger pgcable_capture_%s on %s', v_event, v_table);
            end if;
        end loop;
    end if;
    perform pgcable.mapping_drop(p_kind);
    if v_class.oid is not null
        and not exists (select from pgcable.mapping where relation = v_table) then
        execute format('revoke select on %s from pgcable_owner', v_table);
    end if;
    if exists (
        select from pg_namespace n, aclexplode(n.nspacl) a
        where n.oid = v_class.relnamespace and a.grantee = 'pgcable_owner'::regrole
            and n.nspname <> 'pgcable'
    ) and not exists (
        select from pgcable.mapping m join pg_class c on c.oid = m.relation
        where c.relnamespace = v_class.relnamespace
    ) then
        execute format('revoke usage on schema %s from pgcable_owner',
            v_class.relnamespace::regnamespace);
    end if;
end;
$$;

ALTER FUNCTION pgcable.detach(p_kind text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.detach(p_kind text) IS 'Take triggers and grant off the table that plays a kind. Harmless to repeat.';

CREATE FUNCTION pgcable.detach_generic(tbl regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_op text;
begin
    foreach v_op in array '{insert,update,delete}'::text[] loop
        if exists (select from pg_trigger where tgrelid = tbl and not tgisinternal
            and tgname = 'pgcable_generic_' || v_op) then
            execute format('drop trigger pgcable_generic_%s on %s', v_op, tbl);
        end if;
    end loop;
    perform pgcable.generic_drop(tbl);
end;
$$;

ALTER FUNCTION pgcable.detach_generic(tbl regclass) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.detach_generic(tbl regclass) IS 'Take the triggers of attach_generic() away. Harmless to repeat.';

CREATE FUNCTION pgcable.detect() RETURNS TABLE(kind text, statement text, sure boolean, reason text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with chosen as materialized (
        select * from pgcable.choose() with ordinality c (kind, relation, attached, doubt, place)
    ), tables as materialized (
        select jsonb_object_agg(c.kind, c.relation) as list,
            jsonb_object_agg(c.kind, c.doubt) as doubts
        from chosen c where c.relation is not null
    ), guessed as materialized (
        select c.*, pgcable.guess(c.kind, c.relation, t.list) as columns
        from chosen c, tables t where c.relation is not null and not c.attached
    ), reference as (
        select g.kind, string_agg(format('%s is %I by %s', k.name, k.name_there,
                case when k.is_key then 'foreign key' else 'name' end), ', ' order by k.name)
                as list,
            max(k.target) filter (where t.doubts ->> k.target is not null) as doubtful
        from guessed g, tables t, lateral (
            select m.key as name, m.value as name_there, pgcable.refers_to(m.key) as target,
                (t.list ->> pgcable.refers_to(m.key))::oid = any (a.targets) as is_key
            from jsonb_each_text(g.columns) m
            join pgcable.columns_of(g.relation) a on a.name = m.value
            where pgcable.refers_to(m.key) is not null
        ) k
        where k.target <> g.kind
        group by g.kind
    )
    select c.kind, s.statement, s.statement is not null and d.doubt is null, case
            when c.attached then format('%s is attached already', c.relation::regclass)
            when s.statement is null then c.doubt
            else concat_ws('; ', format('%s is named like one', c.relation::regclass), r.list,
                'unsure: ' || d.doubt, u.advice) end
    from chosen c
    left join guessed g on g.kind = c.kind
    left join reference r on r.kind = c.kind
    left join lateral (
        select pgcable.attach_statement(c.kind, c.relation, g.columns, '{}', false)
        where g.kind is not null
    ) s (statement) on true
    left join lateral (
        select coalesce(c.doubt, 'so is its ' || r.doubtful,
            pgcable.owner_problem(c.kind, c.relation))
    ) d (doubt) on true
    left join lateral (
        select 'its rows are mostly updated: "update_of": true makes updates free that name no mapped'
            ' column'
        where c.kind <> 'thread' and pgcable.changes_unnamed(c.relation, '{}') is null
            and pg_stat_get_tuples_updated(c.relation)
                > 10 * pg_stat_get_tuples_inserted(c.relation)
    ) u (advice) on true
    order by c.place;
$$;

ALTER FUNCTION pgcable.detect() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.detect() IS 'Which of this database''s tables look like the kinds, and the calls of pgcable.attach() for them. Changes nothing.';

CREATE FUNCTION pgcable.doctor() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select * from pgcable.examine()
    union all select * from pgcable.doctor_sessions();
$$;

ALTER FUNCTION pgcable.doctor() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor() IS 'What is wrong here, and how to mend it: level ok, warn or fail. Changes nothing.';

CREATE FUNCTION pgcable.doctor_indexes() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with lacking as (
        select n.kind, c.oid::regclass as relation, c.relkind, a.attname
        from (values
            ('member', 'id'), ('room', 'id'), ('room', 'uuid'), ('participant', 'id'),
            ('participant', 'chat_room_id'), ('participant', 'community_member_id'),
            ('message', 'id'), ('message', 'chat_room_id'), ('message', 'parent_message_id'),
            ('message', 'chat_thread_id'), ('thread', 'id'), ('thread', 'parent_message_id'),
            ('thread_participant', 'chat_thread_id'),
            ('thread_participant', 'community_member_id'),
            ('notification', 'community_member_id')
        ) n (kind, name)
        join pgcable.mapping m on m.kind = n.kind
        join pg_class c on c.oid = m.relation and c.relkind in ('r', 'p', 'm')
        join pg_attribute a on a.attrelid = c.oid and a.attname = m.columns ->> n.name
        where not exists (
                select from pg_index i where i.indrelid = c.oid and i.indisvalid
                    and i.indkey[0] = a.attnum)
            and not (n.kind = 'notification' and exists (
                select from pgcable.mapping o
                where o.kind = 'member' and o.columns ? 'new_notifications_count'))
    )
    select 'warn', l.kind, format('no index of %s begins with %I: it is searched row by row',
            l.relation, l.attname),
        format('create index %son %s (%I);',
            case when l.relkind <> 'p' then 'concurrently ' end, l.relation, l.attname)
    from lacking l
    union all
    select 'ok', 'indexes', 'what is searched has an index', null
    where not exists (select from lacking);
$$;

ALTER FUNCTION pgcable.doctor_indexes() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_indexes() IS 'Internal: findings about indexes.';

CREATE FUNCTION pgcable.doctor_kinds() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select case when p.problem is null then 'ok' else 'fail' end, m.kind,
        coalesce(regexp_replace(p.problem, ': (run pgcable|create a policy).*$', ''), format(
            '%s is attached, %s columns mapped%s', m.relation,
            (select count(*) from jsonb_object_keys(m.columns)),
            '; looked up for every tick: ' || f.hindrance)),
        case
            when c.oid is null then format('select pgcable.detach(%L); then attach another table',
                m.kind)
            when p.problem like 'row level security of %' then
                substring(p.problem from ': (create a policy for select to pgcable_owner)$')
            when p.problem is not null then pgcable.attach_statement(m.kind, m.relation, (
                    select coalesce(jsonb_object_agg(k.key, k.value), '{}')
                    from jsonb_each(m.columns) k
                    where pgcable.has_column(m.relation, k.value #>> '{}')),
                array(select e from unnest(m.extra) e where pgcable.has_column(m.relation, e)),
                exists (
                    select from pg_trigger t where t.tgrelid = m.relation and t.tgenabled = 'A'
                        and t.tgname like 'pgcable\_capture\_%')) end
    from pgcable.mapping m
    left join pg_class c on c.oid = m.relation
    left join pgcable.followed() f on f.kind = m.kind
    left join lateral (
        select unnest(pgcable.mapping_problems(m.kind))
        union all
        select u.problem from pgcable.missed_updates() u where u.kind = m.kind
    ) p (problem) on true
    union all
    select 'warn', k, 'no table is attached as ' || k, 'pgcable attach --detect proposes one'
    from unnest('{member,room,participant,message}'::text[]) k
    where not exists (select from pgcable.mapping m where m.kind = k);
$_$;

ALTER FUNCTION pgcable.doctor_kinds() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_kinds() IS 'Internal: findings about the attached tables.';

CREATE FUNCTION pgcable.doctor_outbox() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
    with last as (
        select t.at, pg_snapshot_xmax(t.snap) as xmax, array(select pg_snapshot_xip(t.snap)) as xip
        from pgcable.tick t order by t.tick desc limit 1
    ), waiting as (
        select count(*) as count, min(o.at) as since
        from last l, lateral (
            select xid, at from pgcable.outbox_0 union all
            select xid, at from pgcable.outbox_1 union all
            select xid, at from pgcable.outbox_2
        ) o
        where o.xid >= l.xmax or o.xid = any (l.xip)
    ), size as (
        select pgcable.outbox_bytes() as bytes, m.outbox_max_bytes as max, m.paused_at,
            pg_sequence_last_value('pgcable.ctl') & 3 = 3 as drops
        from pgcable.meta m
    ), daemon as (
        select count(*) as count from pg_stat_activity
        where datname = current_database() and application_name like 'pgcable/%'
    )
    select case when f.is_wrong then f.level else 'ok' end, 'outbox', f.finding,
        case when f.is_wrong then f.remedy end
    from waiting w, size s, daemon d, lateral (values
        ('warn', w.since < clock_timestamp() - interval '60 seconds',
            case w.count
                when 0 then 'nothing waits to be read'
                else format('%s rows wait to be read, the oldest since %s UTC', w.count,
                    to_char(w.since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')) end
                || case d.count when 0 then '; no daemon is connected' else '' end,
            'start one with "pgcable serve", or see what its /ready says'),
        ('warn', s.max > 0 and s.bytes > s.max, format('it takes %s', pg_size_pretty(s.bytes)),
            'it shrinks by itself while a daemon reads, unless a transaction stays open that holds'
            ' its tables, a dump perhaps; at twice outbox_max_bytes nothing is captured any more'),
        (case when s.paused_at is null then 'fail' else 'warn' end,
            s.drops or s.paused_at is not null, case
            when not s.drops and s.paused_at is null then 'changes are captured'
            when not s.drops then 'resumed, but transactions are open that made changes while it'
                ' was paused: clients are told to reload when they have ended'
            when s.paused_at is null then 'it is full: changes are dropped'
            else format('paused since %s UTC: changes are dropped',
                to_char(s.paused_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')) end, case
            when not s.drops then 'end them (pg_stat_activity, pg_prepared_xacts)'
            when s.paused_at is null then 'start a daemon, which makes room'
            else 'select pgcable.resume();' end)
    ) f (level, is_wrong, finding, remedy);
$$;

ALTER FUNCTION pgcable.doctor_outbox() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_outbox() IS 'Internal: findings about what waits.';

CREATE FUNCTION pgcable.doctor_own() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with asked as (
        select 'channel ' || c.class as subject, c.rule, 'pgcable.channel' as maker
        from pgcable.channel c where c.rule is not null
        union all
        select 'rooms', r.rule, 'pgcable.room_rule' from pgcable.room_rule r
    )
    select case when w.wrong is null then 'ok' else 'fail' end, a.subject,
        format('the rule %s %s', a.rule, coalesce(w.wrong, 'is there')),
        case when w.wrong is not null then format('mend it, then call %s() again', a.maker) end
    from asked a
    left join pg_proc p on p.oid = to_regprocedure(a.rule)
    left join lateral (
        select case
            when p.oid is null then 'is gone: everybody is refused'
            when not has_function_privilege('pgcable_owner', p.oid, 'EXECUTE')
                or not has_schema_privilege('pgcable_owner', p.pronamespace, 'USAGE')
                then 'may not be called by pgcable_owner: everybody is refused'
            when p.provolatile = 'v' then 'is volatile: rights are judged as of a tick' end
    ) w (wrong) on true
    union all
    select 'warn', 'channel ' || c.class, 'has no rule and accepts nobody',
        format('select pgcable.channel(%L, %L, authorize => …);', c.class, c.stream)
    from pgcable.channel c where c.rule is null
    union all
    select case when t.oid is null or w.gone is not null then 'fail' else 'ok' end,
        'table ' || g.relation,
        case
            when t.oid is null then 'has no trigger of attach_generic() that is enabled'
            else coalesce('has no column ' || w.gone || ' any more', 'is sent to ' || g.stream) end,
        case when t.oid is null or w.gone is not null
            then 'call pgcable.attach_generic() or pgcable.detach_generic() again' end
    from pgcable.generic g
    left join lateral (
        select t.oid from pg_trigger t
        where t.tgrelid = g.relation and t.tgenabled in ('O', 'A')
            and t.tgname like 'pgcable\_generic\_%' and t.tgfoid = to_regprocedure(
                pgcable.capture_function('generic_' || g.number, substr(t.tgname, 17)))
        limit 1) t on true
    left join lateral (
        select string_agg(quote_ident(n), ', ')
        from (
            select unnest(g.columns)
            union
            select m[1] from regexp_matches(g.stream, '\{([^{}]+)\}', 'g') m) x (n)
        where not pgcable.has_column(g.relation, n)) w (gone) on true;
$$;

ALTER FUNCTION pgcable.doctor_own() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_own() IS 'Internal: findings about channels, rules and tables of one''s own.';

CREATE FUNCTION pgcable.doctor_rights() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with lacking as (
        select format('execute on function %s', f.oid::regprocedure) as what
        from pg_proc f
        where f.pronamespace = 'pgcable'::regnamespace
            and (obj_description(f.oid, 'pg_proc') like 'Daemon: %'
                or f.proname in ('doctor', 'doctor_sessions', 'examine', 'pause', 'resume'))
            and not has_function_privilege(to_regrole('pgcable_daemon'), f.oid, 'EXECUTE')
        union all
        select 'usage on schema pgcable'
        where not has_schema_privilege(to_regrole('pgcable_daemon'), 'pgcable', 'USAGE')
    )
    select 'fail', 'rights', 'there is no role pgcable_daemon', 'create role pgcable_daemon login,'
        ' grant it usage on schema pgcable and execute on the functions that are described as'
        ' "Daemon: …"'
    where to_regrole('pgcable_daemon') is null
    union all
    select 'fail', 'rights', format('pgcable_daemon lacks %s', l.what),
        format('grant %s to pgcable_daemon;', l.what)
    from lacking l
    union all
    select 'ok', 'rights', 'the daemon may call its functions', null
    where to_regrole('pgcable_daemon') is not null and not exists (select from lacking);
$$;

ALTER FUNCTION pgcable.doctor_rights() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_rights() IS 'Internal: findings about the daemon''s role.';

CREATE FUNCTION pgcable.doctor_rules() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with asked as (
        select c.class, 'channel ' || c.class as subject, c.rule
        from pgcable.channel c
        union all
        select 'Chats::RoomChannel', 'rooms', r.rule from pgcable.room_rule r
    )
    select f.level, a.subject, f.finding, f.remedy
    from asked a
    join pg_proc p on p.oid = to_regprocedure(a.rule) and p.provolatile <> 'i' -- those that may read
    cross join lateral (
        select string_agg(t.relation::text, ', ' order by t.relation::text) as all,
            string_agg(t.relation::text, ', ' order by t.relation::text)
                filter (where g.oid is null) as silent
        from pgcable.rule_table t
        left join pg_trigger g on g.tgrelid = t.relation and g.tgname = 'pgcable_rule'
            and g.tgenabled in ('O', 'A')
        where t.class = a.class) r
    cross join lateral (values
        ('ok', r.all is not null and r.silent is null,
            format('the rule is asked again when %s changes', r.all), null),
        ('fail', r.silent is not null,
            format('the rule is not asked again when %s changes: no trigger pgcable_rule is enabled'
                ' there', r.silent), 'call pgcable.recheck_on() again'),
        ('warn', r.all is null, 'the rule is asked again every reauthorize_s only, and a right that'
                ' has ended lasts until then: nothing says which tables it reads',
            format('select pgcable.recheck_on(%L, ''{…}'');', a.class))
    ) f (level, is_so, finding, remedy)
    where f.is_so;
$$;

ALTER FUNCTION pgcable.doctor_rules() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_rules() IS 'Internal: findings about when rules are asked again.';

CREATE FUNCTION pgcable.doctor_server() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case when f.is_wrong then f.level else 'ok' end, 'server',
        case when f.is_wrong then f.wrong else f.right end,
        case when f.is_wrong then f.remedy end
    from pgcable.hello() h, lateral (values
        (current_setting('server_version_num')::integer < 140000, 'fail',
            'PostgreSQL ' || current_setting('server_version'),
            'PostgreSQL ' || current_setting('server_version') || ' is too old',
            'upgrade to PostgreSQL 14 or later'),
        (h.encoding <> 'UTF8', 'fail', 'the encoding is UTF8', 'the encoding is ' || h.encoding,
            'move the database to one made with encoding UTF8'),
        (h.in_recovery, 'fail', 'is no standby', 'is a standby, which cannot make ticks',
            'connect with target_session_attrs=read-write'),
        (not h.system_ok, 'fail', 'is the one that pgcable was installed on',
            'is another one than pgcable was installed on: its transaction numbers mean nothing to'
            ' the outbox', 'run sql/uninstall.sql and "pgcable migrate", then attach again'),
        (h.prepared > 0, 'warn', 'has no prepared transactions', format(
            'allows prepared transactions (max_prepared_transactions = %s): the daemon polls and'
            ' never relies on the doorbell alone', h.prepared),
            'set it to 0 if nothing uses PREPARE TRANSACTION'),
        (pg_notification_queue_usage() > 0.5, 'fail', 'the queue of NOTIFY has room',
            format('the queue of NOTIFY is %s %% full; writers fail when it is full',
                round(100 * pg_notification_queue_usage())),
            'end the session that listens and sits in a transaction (pg_stat_activity)'),
        (exists (
            select from pg_db_role_setting s, unnest(s.setconfig) c
            where c like 'session\_replication\_role=replica' and s.setdatabase in (0, (
                select d.oid from pg_database d where d.datname = current_database()))),
            'warn', 'session_replication_role is left alone',
            'session_replication_role is set to replica for a role or database: what it writes'
            ' raises no events', 'reset it, or attach with "always": true'),
        (exists (
            select from pg_subscription s join pg_database d on d.oid = s.subdbid
            where d.datname = current_database()) and exists (
            select from pg_trigger t
            where t.tgname like 'pgcable\_capture\_%' and t.tgenabled = 'O'),
            'warn', 'no subscription writes to attached tables unseen',
            'this database has a subscription: rows that replication writes raise no events',
            'attach with "always": true if they should'),
        (exists (select from pg_publication_tables p where p.schemaname = 'pgcable'), 'warn',
            'no publication holds the outbox',
            'a publication holds the tables of the schema pgcable: all events are replicated, too',
            'publish the application''s tables by name, not all tables')
    ) f (is_wrong, level, "right", wrong, remedy);
$$;

ALTER FUNCTION pgcable.doctor_server() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_server() IS 'Internal: findings about the server.';

CREATE FUNCTION pgcable.doctor_sessions(p_age interval DEFAULT '00:05:00'::interval) RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    with old as (
        select a.xact_start as since, format('process %s (%s, %s)', a.pid, a.usename,
                coalesce(nullif(a.application_name, ''), 'no application_name')) as who,
            format('select pg_terminate_backend(%s);', a.pid) as remedy
        from pg_stat_activity a
        where a.datname = current_database() and a.backend_type = 'client backend'
            and a.xact_start < clock_timestamp() - p_age
        union all
        select x.prepared, format('the prepared transaction %L (%s)', x.gid, x.owner),
            format('commit prepared %1$L; or rollback prepared %1$L;', x.gid)
        from pg_prepared_xacts x
        where x.database = current_database()
            and x.prepared < clock_timestamp() - p_age
    )
    select 'warn', 'sessions', format('%s is open for %s min: its own events wait, and the outbox'
            ' keeps what it might see', o.who,
            floor(extract(epoch from clock_timestamp() - o.since) / 60)), o.remedy
    from old o
    union all
    select 'ok', 'sessions', 'no transaction is older than five minutes' || case
        when not pg_has_role('pg_read_all_stats', 'USAGE') then ', of those this role sees'
        else '' end, null
    where not exists (select from old);
$_$;

ALTER FUNCTION pgcable.doctor_sessions(p_age interval) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.doctor_sessions(p_age interval) IS 'Internal: findings about long transactions.';

CREATE FUNCTION pgcable.drop_channel(class text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from pgcable.channel c where c.class = drop_channel.class;
    select pgcable.put('recheck', class, null);
$$;

ALTER FUNCTION pgcable.drop_channel(class text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.drop_channel(class text) IS 'Take a channel away: who listens is sent away, and new subscriptions are refused.';

CREATE FUNCTION pgcable.droppers() RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select count(*)
    from pg_locks l
    where l.locktype = 'advisory' and l.classid = 0 and l.objid = 7236358 and l.objsubid = 1
        and l.granted and l.pid is distinct from pg_backend_pid()
        and l.database = (select d.oid from pg_database d where d.datname = current_database());
$$;

ALTER FUNCTION pgcable.droppers() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.droppers() IS 'Internal: how many open transactions made changes that were dropped.';

CREATE FUNCTION pgcable.events_of(p_kind text) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case p_kind
        when 'thread' then '{}'
        when 'member' then '{update,delete,truncate}'
        else '{insert,update,delete,truncate}' end::text[];
$$;

ALTER FUNCTION pgcable.events_of(p_kind text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.events_of(p_kind text) IS 'Internal: which changes of its table are captured.';

CREATE FUNCTION pgcable.examine() RETURNS TABLE(level text, subject text, finding text, remedy text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select * from pgcable.doctor_server()
    union all select * from pgcable.doctor_rights()
    union all (select * from pgcable.doctor_kinds() k order by k.subject, k.finding)
    union all select * from pgcable.doctor_indexes()
    union all select * from pgcable.doctor_own()
    union all select * from pgcable.doctor_rules()
    union all select * from pgcable.doctor_outbox();
$$;

ALTER FUNCTION pgcable.examine() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.examine() IS 'Internal: the part of doctor() that needs rights of ours.';

CREATE FUNCTION pgcable.expand(p_shapes jsonb, p_template text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select string_agg(t.text || coalesce(pgcable.piece(p_shapes, b.found[1]), ''), ''
        order by t.place)
    from regexp_split_to_table(p_template, '\{[a-z][^{}]*\}') with ordinality t (text, place)
    left join regexp_matches(p_template, '\{([a-z][^{}]*)\}', 'g') with ordinality b (found, place)
        on b.place = t.place;
$$;

ALTER FUNCTION pgcable.expand(p_shapes jsonb, p_template text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.expand(p_shapes jsonb, p_template text) IS 'Internal: a template made SQL.';

CREATE FUNCTION pgcable.extra_list(p_shapes jsonb, p_kind text, p_alias text, p_taken text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(string_agg(format(', %s as %I',
        pgcable.shown_column(format('%s.%I', p_alias, e.col)), e.col), '' order by e.place), '')
    from jsonb_array_elements_text(coalesce(p_shapes #> array[p_kind, 'extra'], '[]'))
        with ordinality e (col, place)
    where e.col <> all (p_taken);
$$;

ALTER FUNCTION pgcable.extra_list(p_shapes jsonb, p_kind text, p_alias text, p_taken text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.extra_list(p_shapes jsonb, p_kind text, p_alias text, p_taken text[]) IS 'Internal: SQL for a select list of extra columns.';

CREATE FUNCTION pgcable.extra_object(p_shapes jsonb, p_kind text, p_alias text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case l.list
        when '' then '''{}''::json'
        else format('(select row_to_json(e) from (select %s) e)', substr(l.list, 3)) end
    from (select pgcable.extra_list(p_shapes, p_kind, p_alias, '{}') as list) l;
$$;

ALTER FUNCTION pgcable.extra_object(p_shapes jsonb, p_kind text, p_alias text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.extra_object(p_shapes jsonb, p_kind text, p_alias text) IS 'Internal: SQL for the extra columns as an object.';

CREATE FUNCTION pgcable.facts(p_needs json) RETURNS TABLE(what text, key text, data json)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET extra_float_digits TO '1'
    AS $$
begin
    begin
        return query select * from pgcable.facts_by(pgcable.statements(), p_needs);
    exception when syntax_error_or_access_rule_violation then
        return query select * from pgcable.facts_by(pgcable.build(pgcable.shapes()), p_needs);
    end;
end;
$$;

ALTER FUNCTION pgcable.facts(p_needs json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.facts(p_needs json) IS 'Daemon: what the rows of a batch do not hold, in one round trip.';

CREATE FUNCTION pgcable.facts_by(p_statements jsonb, p_needs json) RETURNS TABLE(what text, key text, data json)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_needs record;
    v_messages pgcable.message_fact[] := '{}'; -- their rooms, senders and counts are needed, too
    v_more pgcable.message_fact[];
    v_list text[];
    v_pairs pgcable.key_pair[];
    v_what text;
begin
    select * into v_needs from jsonb_to_record(p_needs::jsonb) as n (
        message text[], last_message text[], room text[], sender jsonb, stats jsonb, count text[],
        viewers json);
    for v_what, v_list in
        values ('message', v_needs.message), ('last_message', v_needs.last_message) loop
        if v_list <> '{}' then
            execute format('select array(select f::pgcable.message_fact from (%s)'
                ' f (what, key, data, message, room, participant, member, thread))',
                p_statements ->> v_what) into v_more using v_list;
            v_messages := v_messages || v_more;
        end if;
    end loop;
    return query select f.what, f.key, f.data from unnest(v_messages) f;

    v_list := array(
        select unnest(v_needs.room)
        union
        select room from unnest(v_messages));
    if v_list <> '{}' then
        return query execute p_statements ->> 'room' using v_list;
    end if;

    select array_agg(s.participant) filter (where s.participant is not null),
        array_agg((s.room, s.member)::pgcable.key_pair) filter (where s.participant is null)
    into v_list, v_pairs
    from (
        select participant, room, member from jsonb_to_recordset(v_needs.sender)
            as a (participant text, room text, member text)
        union
        select participant, case when participant is null then room end,
            case when participant is null then member end
        from unnest(v_messages)) s;
    if v_list is not null then
        return query execute p_statements ->> 'sender' using v_list;
    end if;
    if v_pairs is not null then
        return query execute p_statements ->> 'sender_in_room' using v_pairs;
    end if;

    v_pairs := (select array_agg((s.message, s.thread)::pgcable.key_pair) from (
        select message, thread from jsonb_to_recordset(v_needs.stats)
            as a (message text, thread text)
        union
        select message, thread from unnest(v_messages)) s);
    if v_pairs is not null then
        return query execute p_statements ->> 'stats' using v_pairs;
    end if;

    if v_needs.count <> '{}' then
        return query execute p_statements ->> 'count' using v_needs.count;
    end if;
    if v_needs.viewers is not null then
        return query execute p_statements ->> 'viewer' using v_needs.viewers;
    end if;
end;
$$;

ALTER FUNCTION pgcable.facts_by(p_statements jsonb, p_needs json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.facts_by(p_statements jsonb, p_needs json) IS 'Internal: facts, with these statements.';

CREATE FUNCTION pgcable.fill(p_template text, p_from json) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_name text;
    v_result text := p_template;
begin
    for v_name in select m[1] from regexp_matches(p_template, '\{([^{}]+)\}', 'g') m loop
        if coalesce(json_typeof(p_from -> v_name) not in ('string', 'number'), true)
            or p_from ->> v_name ~ '[[:cntrl:]]' then
            return null;
        end if;
        -- A value's own braces are no placeholders: they are put out of the way first.
        v_result := replace(v_result, '{' || v_name || '}',
            translate(p_from ->> v_name, '{}', E'\x01\x02'));
    end loop;
    v_result := translate(v_result, E'\x01\x02', '{}');
    if octet_length(v_result) not between 1 and 255 or pgcable.is_reserved(v_result) then
        return null;
    end if;
    return v_result;
end;
$$;

ALTER FUNCTION pgcable.fill(p_template text, p_from json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.fill(p_template text, p_from json) IS 'Internal: the stream that a template names.';

CREATE FUNCTION pgcable.followed() RETURNS TABLE(kind text, hindrance text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select m.kind, case
        when pgcable.mapping_problems(m.kind) <> '{}'
            or exists (select from pgcable.missed_updates() u where u.kind = m.kind)
            then 'not all its changes are captured'
        when m.kind <> 'participant' and m.extra <> '{}'
            then 'changes of its extra columns are not captured'
        when c.relkind not in ('r', 'p') then 'it is a view or a foreign table'
        when c.relkind = 'r' and c.relhassubclass then 'other tables inherit from it'
        when exists (
            select from pg_partition_tree(c.oid) p join pg_class l on l.oid = p.relid
            where l.relkind = 'f')
            then 'one of its partitions is foreign'
        when c.relrowsecurity then 'what a policy shows of it may change without any row'
        when exists (
            select from pg_attribute a
            where a.attrelid = c.oid and a.attgenerated = 'v'
                and a.attname = any (pgcable.watched(m.kind, m.columns, m.extra)))
            then 'it has virtual columns'
        when w.are_alike is not true
            then 'what points to rooms, members or participants has keys of other types than they' end
    from pgcable.mapping m
    left join pg_class c on c.oid = m.relation
    cross join (select pgcable.keys_are_alike() as are_alike) w
    where m.kind in ('member', 'participant', 'room');
$$;

ALTER FUNCTION pgcable.followed() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.followed() IS 'Internal: of which kinds each change is captured that an event about something else would show, or what keeps it from being so.';

CREATE FUNCTION pgcable.generic_drop(p_table regclass) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_number integer;
    v_event text;
begin
    delete from pgcable.generic where relation = p_table returning number into v_number;
    if found then
        foreach v_event in array '{insert,update,delete}'::text[] loop
            execute format('drop function if exists %s',
                pgcable.capture_function('generic_' || v_number, v_event));
        end loop;
    end if;
end;
$$;

ALTER FUNCTION pgcable.generic_drop(p_table regclass) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.generic_drop(p_table regclass) IS 'Internal: the part of detach_generic() that needs the rights of pgcable_owner.';

CREATE FUNCTION pgcable.generic_put(p_table regclass, p_stream text, p_columns text[], p_events text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_number integer;
    v_event text;
begin
    insert into pgcable.generic (relation, stream, columns) values (p_table, p_stream, p_columns)
    on conflict (relation) do update set stream = excluded.stream, columns = excluded.columns
    returning number into v_number;
    foreach v_event in array p_events loop
        perform pgcable.put_generic(v_event, v_number, p_table, p_stream, p_columns);
    end loop;
    return v_number;
end;
$$;

ALTER FUNCTION pgcable.generic_put(p_table regclass, p_stream text, p_columns text[], p_events text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.generic_put(p_table regclass, p_stream text, p_columns text[], p_events text[]) IS 'Internal: the part of attach_generic() that needs the rights of pgcable_owner.';

CREATE FUNCTION pgcable.grant_capture(p_table regclass, p_function regprocedure) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_class pg_class;
begin
    select * into v_class from pg_class where oid = p_table;
    if v_class.relkind = 'p' then
        execute format('grant execute on function %s to %s',
            p_function, v_class.relowner::regrole);
    end if;
end;
$$;

ALTER FUNCTION pgcable.grant_capture(p_table regclass, p_function regprocedure) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.grant_capture(p_table regclass, p_function regprocedure) IS 'Internal: let the owner of a partitioned table add partitions to it.';

CREATE FUNCTION pgcable.grant_select(p_table regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_class pg_class;
begin
    select * into v_class from pg_class where oid = p_table;
    execute format('grant select on %s to pgcable_owner', p_table);
    if not has_schema_privilege('pgcable_owner', v_class.relnamespace, 'USAGE') then
        execute format('grant usage on schema %s to pgcable_owner',
            v_class.relnamespace::regnamespace);
    end if;
    if v_class.relrowsecurity then
        raise warning 'pgcable: % has row level security: facts about its rows are read as the'
            ' role pgcable_owner, which needs a policy that lets it see them', p_table;
    end if;
end;
$$;

ALTER FUNCTION pgcable.grant_select(p_table regclass) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.grant_select(p_table regclass) IS 'Internal: let pgcable_owner read an attached table.';

CREATE FUNCTION pgcable.guard() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.guard() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.guard() IS 'Internal: stop capturing where the outbox is twice as large as outbox_max_bytes.';

CREATE FUNCTION pgcable.guess(p_kind text, p_table oid, p_chosen jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(jsonb_object_agg(g.name, g.col) filter (where g.col is not null), '{}')
    from (
        select c.name, pgcable.guess_column(c, p_table, p_chosen) as col
        from pgcable.canonical c
        where c.kind = p_kind
    ) g;
$$;

ALTER FUNCTION pgcable.guess(p_kind text, p_table oid, p_chosen jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.guess(p_kind text, p_table oid, p_chosen jsonb) IS 'Internal: a mapping for a table.';

CREATE TABLE pgcable.canonical (
    kind text NOT NULL,
    name text NOT NULL,
    place integer NOT NULL,
    required boolean DEFAULT false NOT NULL,
    watched boolean DEFAULT false NOT NULL,
    fallback text
);

ALTER TABLE pgcable.canonical OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.canonical IS 'The columns that pgcable knows of each kind, by the names it calls them.';

COMMENT ON COLUMN pgcable.canonical.watched IS 'An update of this column can raise an event, or change what those of others show; updates of no such column are not captured.';

COMMENT ON COLUMN pgcable.canonical.fallback IS 'The column that stands for it where the table has none of the name itself.';

CREATE FUNCTION pgcable.guess_column(p_canonical pgcable.canonical, p_table oid, p_chosen jsonb) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with target as (
        select r.kind, t.oid, pgcable.plain(t.relname) as name
        from pgcable.refers_to(p_canonical.name) r (kind)
        left join pg_class t on t.oid = (p_chosen ->> r.kind)::oid
    ), word as (
        select pgcable.plain(w.word) as word, min(w.place) as place
        from target t, unnest(
            array[p_canonical.name, p_canonical.fallback]
            || case when t.kind <> 'message' then array[t.name || '_id'] end
            || case when t.kind in ('room', 'member', 'thread')
                then array[regexp_replace(t.name, '^.*_', '') || '_id'] end
            || pgcable.other_names(p_canonical.kind, p_canonical.name)
        ) with ordinality w (word, place)
        where w.word is not null
        group by 1
    ), col as (
        select c.*, w.place, t.kind as target_kind, t.oid = any (c.targets) as is_key,
            exists (
                select from pg_constraint k where k.conrelid = p_table and k.contype = 'p'
                    and k.conkey = array[c.attnum]) as is_primary
        from target t, pgcable.columns_of(p_table) c
        left join word w on w.word = c.plain
        where c.name = p_canonical.name or pgcable.type_fits(p_canonical.name, c.type)
    )
    select c.name
    from col c
    where c.name = p_canonical.name
        or c.place is not null and (c.target_kind is null or c.targets = '{}' or c.is_key)
        or p_canonical.name = 'id' and c.is_primary
        or c.is_key and c.target_kind <> 'message'
            and (p_canonical.required or c.target_kind in ('participant', 'thread'))
            and (select count(*) from col o where o.is_key) = 1
    order by c.name = p_canonical.name desc, c.place is null, c.is_key is not true, c.place,
        c.attnum
    limit 1;
$$;

ALTER FUNCTION pgcable.guess_column(p_canonical pgcable.canonical, p_table oid, p_chosen jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.guess_column(p_canonical pgcable.canonical, p_table oid, p_chosen jsonb) IS 'Internal: the likeliest column for a canonical one.';

CREATE FUNCTION pgcable.guess_problem(p_kind text, p_table oid, p_guess jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if p_kind = 'thread' and not p_guess ?| '{chat_room_id,parent_message_id}'::text[] then
        return format('%s has neither a room nor a message', p_table::regclass);
    end if;
    perform pgcable.check_keys(p_kind, p_table, pgcable.resolve(p_kind, p_table, p_guess));
    return null;
exception when others then
    return regexp_replace(sqlerrm, '^pgcable: ', '');
end;
$$;

ALTER FUNCTION pgcable.guess_problem(p_kind text, p_table oid, p_guess jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.guess_problem(p_kind text, p_table oid, p_guess jsonb) IS 'Internal: what attach() would say against a mapping.';

CREATE FUNCTION pgcable.has_column(p_table regclass, p_column text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select exists (
        select from pg_attribute
        where attrelid = p_table and attname = p_column and attnum > 0 and not attisdropped);
$$;

ALTER FUNCTION pgcable.has_column(p_table regclass, p_column text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.has_column(p_table regclass, p_column text) IS 'Internal: is there such a column?';

CREATE FUNCTION pgcable.hello() RETURNS TABLE(schema_version integer, breaking_version integer, install_id text, system_ok boolean, in_recovery boolean, encoding text, prepared integer, first_tick bigint, first_nonce text, last_tick bigint, last_nonce text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.hello() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.hello() IS 'Daemon: is this the server and the schema it can work with?';

CREATE FUNCTION pgcable.is_reserved(p_stream text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select p_stream ~ pgcable.reserved();
$$;

ALTER FUNCTION pgcable.is_reserved(p_stream text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.is_reserved(p_stream text) IS 'Internal: is that a stream of the chat itself?';

CREATE FUNCTION pgcable.json_of(p_row text, p_columns text[], p_value text DEFAULT '%s'::text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case
        when count(*) <= 50 then format('pg_catalog.json_build_object(%s)',
            string_agg(format('%L, ' || p_value, c.name, c.value), ', ' order by c.place))
        else format('(select pg_catalog.row_to_json(r) from (select %s) r)',
            string_agg(format(p_value || ' as %I', c.value, c.name), ', ' order by c.place))
        end
    from (
        select col as name, format('%s.%I', p_row, col) as value, place
        from unnest(p_columns) with ordinality u (col, place)) c;
$$;

ALTER FUNCTION pgcable.json_of(p_row text, p_columns text[], p_value text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.json_of(p_row text, p_columns text[], p_value text) IS 'Internal: an expression for the columns of a row as JSON.';

CREATE FUNCTION pgcable.kept(p_row json, p_columns text[]) RETURNS json
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select json_object_agg(f.key, f.value)
    from json_each(pgcable.blunt(p_row)) f
    where f.key = any (p_columns);
$$;

ALTER FUNCTION pgcable.kept(p_row json, p_columns text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.kept(p_row json, p_columns text[]) IS 'Internal: these columns of a row, as far as it has them.';

CREATE FUNCTION pgcable.keys_are_alike() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(bool_and(w.is_alike), true)
    from (
        select count(distinct f.family) = 1 and bool_and(f.family is not null) as is_alike
        from (values
            ('room', 'room', 'id'), ('room', 'participant', 'chat_room_id'),
            ('room', 'message', 'chat_room_id'),
            ('member', 'member', 'id'), ('member', 'participant', 'community_member_id'),
            ('member', 'message', 'community_member_id'),
            ('participant', 'participant', 'id'),
            ('participant', 'message', 'chat_room_participant_id')
        ) k (what, kind, name)
        join pgcable.mapping m on m.kind = k.kind
        join pg_attribute a
            on a.attrelid = m.relation and a.attname = m.columns ->> k.name and not a.attisdropped
        join pg_type t on t.oid = pgcable.base_type(a.atttypid)
        left join pg_collation l on l.oid = a.attcollation
        cross join lateral (select case
            when t.oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then 'integer'
            when t.oid = 'uuid'::regtype then 'uuid'
            when t.oid in ('text'::regtype, 'varchar'::regtype) and l.collisdeterministic then 'text'
            end) f (family)
        group by k.what) w;
$$;

ALTER FUNCTION pgcable.keys_are_alike() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.keys_are_alike() IS 'Internal: are rooms, members and participants called the same in every attached table?';

CREATE FUNCTION pgcable.knock() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.knock() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.knock() IS 'Internal: notify, if a daemon sleeps that relies on it.';

CREATE FUNCTION pgcable.lead(p_name text, p_lease interval) RETURNS TABLE(term bigint, leader text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
begin
    update pgcable.leader l set
        name = p_name,
        term = case when l.name = p_name and l.until > v_now then l.term
            else greatest(l.term + 1, (extract(epoch from v_now) * 1000000)::bigint) end,
        until = v_now + p_lease
    where l.name = p_name or l.until <= v_now and p_lease > interval '0';
    return query
        select case when l.name = p_name and l.until > v_now then l.term end, l.name
        from pgcable.leader l;
end;
$$;

ALTER FUNCTION pgcable.lead(p_name text, p_lease interval) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.lead(p_name text, p_lease interval) IS 'Daemon: lead for so long from now, or go on; 0 = let go. The term, or null while another one leads, and its name.';

CREATE FUNCTION pgcable.mapping_drop(p_kind text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_event text;
begin
    delete from pgcable.mapping where kind = p_kind;
    foreach v_event in array pgcable.events_of(p_kind) loop
        if v_event <> 'truncate' then
            execute format('drop function if exists %s', pgcable.capture_function(p_kind, v_event));
        end if;
    end loop;
    perform pgcable.rebuild(); -- where two who attach wait for each other
    perform pgcable.put('mapping', null, null);
end;
$$;

ALTER FUNCTION pgcable.mapping_drop(p_kind text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.mapping_drop(p_kind text) IS 'Internal: the part of detach() that needs the rights of pgcable_owner.';

CREATE FUNCTION pgcable.mapping_info() RETURNS json
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select json_build_object('omitted', (select install_id from pgcable.meta),
        'kinds', coalesce(json_object_agg(m.kind, json_build_object(
        'table', m.relation::text,
        'columns', coalesce((
            select json_object_agg(c.name, m.columns ->> c.name order by c.place)
            from pgcable.canonical c
            where c.kind = m.kind and pgcable.has_column(m.relation, m.columns ->> c.name)), '{}'),
        'extra', array(
            select e.col from unnest(m.extra) with ordinality e (col, place)
            where pgcable.has_column(m.relation, e.col) order by e.place),
        'followed', f.kind is not null and f.hindrance is null,
        'problems', pgcable.mapping_problems(m.kind)) order by m.kind), '{}'))
    from pgcable.mapping m left join pgcable.followed() f on f.kind = m.kind;
$$;

ALTER FUNCTION pgcable.mapping_info() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.mapping_info() IS 'Daemon: what is attached: {"kinds": {kind: {table, columns, extra, followed, problems}}}; and what stands for values that are "omitted".';

CREATE FUNCTION pgcable.mapping_problems(p_kind text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    m pgcable.mapping;
    v_class pg_class;
    v_result text[] := '{}';
    v_again text := ': run pgcable.attach(' || quote_literal(p_kind) || ', …) again';
begin
    select * into m from pgcable.mapping where kind = p_kind;
    select * into v_class from pg_class where oid = m.relation;
    if not found then
        return array['the table attached as ' || p_kind || ' is gone' || v_again];
    end if;
    v_result := v_result || array(
        select format('%s has no column %I any more (%s)%s',
            m.relation, c.value, c.key, v_again)
        from jsonb_each_text(m.columns) c where not pgcable.has_column(m.relation, c.value));
    v_result := v_result || array(
        select format('%s has no column %I any more (extra)%s', m.relation, e, v_again)
        from unnest(m.extra) e where not pgcable.has_column(m.relation, e));
    if p_kind <> 'thread' and v_class.relkind in ('r', 'p') then
        v_result := v_result || pgcable.trigger_problems(p_kind, m.relation);
    end if;
    if not has_table_privilege('pgcable_owner', m.relation, 'SELECT')
        or not has_schema_privilege('pgcable_owner', v_class.relnamespace, 'USAGE') then
        v_result := v_result || format('pgcable_owner may not read %s%s', m.relation, v_again);
    end if;
    if v_class.relrowsecurity and not exists (
        select from pg_policy p
        where p.polrelid = m.relation and p.polcmd in ('r', '*')
            and (p.polroles = '{0}' or 'pgcable_owner'::regrole = any (p.polroles))
    ) then
        v_result := v_result || format('row level security of %s hides its rows: create a policy'
            ' for select to pgcable_owner', m.relation);
    end if;
    return v_result;
end;
$$;

ALTER FUNCTION pgcable.mapping_problems(p_kind text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.mapping_problems(p_kind text) IS 'Internal: what became wrong with a mapping since it was attached, in words.';

CREATE FUNCTION pgcable.mapping_put(p_kind text, p_table regclass, p_columns jsonb, p_extra text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_event text;
    v_columns text[] := array(
        select x.col
        from (
            select f.value as col, k.place
            from jsonb_each_text(p_columns) f
            join pgcable.canonical k on k.kind = p_kind and k.name = f.key
            union all
            select e.col, 100 + e.place from unnest(p_extra) with ordinality e (col, place)
        ) x
        group by x.col order by min(x.place));
begin
    foreach v_event in array pgcable.events_of(p_kind) loop
        if v_event <> 'truncate' then
            perform pgcable.put_capture(p_kind, v_event, p_table, v_columns,
                pgcable.watched(p_kind, p_columns, p_extra));
        end if;
    end loop;

    insert into pgcable.mapping (kind, relation, columns, extra)
    values (p_kind, p_table, p_columns, p_extra)
    on conflict (kind) do update
        set relation = excluded.relation, columns = excluded.columns, extra = excluded.extra,
            attached_at = excluded.attached_at;
    perform pgcable.rebuild(); -- where two who attach wait for each other
    perform pgcable.put('mapping', null, null); -- daemons reload the mapping at this place
end;
$$;

ALTER FUNCTION pgcable.mapping_put(p_kind text, p_table regclass, p_columns jsonb, p_extra text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.mapping_put(p_kind text, p_table regclass, p_columns jsonb, p_extra text[]) IS 'Internal: the part of attach() that needs the rights of pgcable_owner.';

CREATE FUNCTION pgcable.may_hold_floats(p_table regclass, p_columns text[]) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select exists (
        select from pg_attribute a
        join pg_type t on t.oid = pgcable.base_type(a.atttypid)
        where a.attrelid = p_table and a.attname = any (p_columns) and t.typtype <> 'e'
            and t.oid <> all (array['bool', 'bytea', 'bpchar', 'date', 'int2', 'int4', 'int8', 'json',
                'jsonb', 'numeric', 'text', 'time', 'timestamp', 'timestamptz', 'uuid', 'varchar'
            ]::regtype[]));
$$;

ALTER FUNCTION pgcable.may_hold_floats(p_table regclass, p_columns text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.may_hold_floats(p_table regclass, p_columns text[]) IS 'Internal: does how these columns are printed depend on extra_float_digits?';

CREATE FUNCTION pgcable.migrating(p_id integer, p_name text, p_breaking boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if not exists (select from pgcable.migration where id = p_id - 1) then
        raise exception 'pgcable: cannot run migration % (%) before %', p_id, p_name, p_id - 1
            using hint = 'Run the files of sql/migrations in the order of their numbers.';
    end if;
    perform set_config('role', 'pgcable_owner', true);
    insert into pgcable.migration (id, name, breaking) values (p_id, p_name, p_breaking)
        on conflict do nothing;
    if not found then
        perform set_config('role', 'none', true);
        raise notice 'pgcable: migration %_% is in place already',
            lpad(p_id::text, 4, '0'), p_name;
        return false;
    end if;
    return true;
end;
$$;

ALTER FUNCTION pgcable.migrating(p_id integer, p_name text, p_breaking boolean) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.migrating(p_id integer, p_name text, p_breaking boolean) IS 'For migrations only: take the turn to apply one.';

CREATE FUNCTION pgcable.missed_updates() RETURNS TABLE(kind text, problem text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select m.kind, format('%s may change columns that the UPDATE does not name, which "update_of"'
        ' misses: run pgcable.attach(%L, …) again without it', w.who, m.kind)
    from pgcable.mapping m
    join pg_trigger t on t.tgrelid = m.relation and t.tgname = 'pgcable_capture_update'
        and t.tgattr::text <> ''
    cross join lateral pgcable.changes_unnamed(
        m.relation, pgcable.watched(m.kind, m.columns, m.extra)) w (who)
    where m.kind <> 'thread' and w.who is not null;
$$;

ALTER FUNCTION pgcable.missed_updates() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.missed_updates() IS 'Internal: attached tables some of whose changes "update_of" may miss.';

CREATE FUNCTION pgcable.name_patterns() RETURNS TABLE(kind text, points integer, pattern text)
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select p.*
    from (values (
        '(room|conversation|channel|chat|dialog|group|group_chat|space)',
        '(participant|participation|member|membership|user|account|person|subscription|subscriber)'
    )) w (room, member), lateral (values
        ('member', 10, '^(community_member|user|member)$'),
        ('member', 9, '^(account|person)$'),
        ('member', 8,
            '^((app|auth|chat|community|core|site)_)?(user|member|account|person|profile)$'),
        ('member', 5, '^(client|contact|customer|employee|identity|player|student)$'),
        ('room', 10, '^((chat|messaging)_)?(room|conversation|channel)$'),
        ('room', 9, '^chat$'),
        ('room', 5, '^((chat|user)_)?(dialog|dialogue|group|group_chat|space)$'),
        ('participant', 10, format('^((chat|user|community|member)_)*%s_%s$', w.room, w.member)),
        ('participant', 8, '^(membership|participant|participation|subscription|member)$'),
        ('participant', 6, format('^(user|member|account|person)_(chat_)?%s$', w.room)),
        ('message', 10, format('^((chat|%s)_)*message$', w.room)),
        ('message', 5, '^((chat|direct)_)?(message|post|comment|line|entry)$'),
        ('thread', 10, format('^((chat|message|%s)_)*thread$', w.room)),
        ('thread_participant', 10,
            format('^((chat|user|message|member|%s)_)*thread_%s$', w.room, w.member)),
        ('notification', 10, '^((app|chat|in_app|member|user)_)*notification$'),
        ('notification', 8, '^((member|user)_)?(notice|alert)$')
    ) p (kind, points, pattern);
$_$;

ALTER FUNCTION pgcable.name_patterns() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.name_patterns() IS 'Internal: how much the name of a table speaks for a kind.';

CREATE FUNCTION pgcable.names_row(p_row json, p_id text, p_column text, p_listed text[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_row json;
begin
    -- Most rows are others, which is seen without taking them apart.
    if strpos(p_row::text, btrim(to_json(p_id)::text, '"')) = 0 then
        return false;
    end if;
    v_row := pgcable.blunt(p_row);
    if p_listed is null then
        return coalesce(v_row ->> p_column = p_id, false);
    end if;
    if json_typeof(v_row) <> 'object' then
        return false;
    end if;
    foreach v_row in array array[v_row -> 'record', v_row -> 'old_record'] loop
        if json_typeof(v_row) = 'object' and v_row ->> 'id' = p_id and p_listed <@ array(
            select json_object_keys(v_row)) then
            return true;
        end if;
    end loop;
    return false;
end;
$$;

ALTER FUNCTION pgcable.names_row(p_row json, p_id text, p_column text, p_listed text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.names_row(p_row json, p_id text, p_column text, p_listed text[]) IS 'Internal: is that a change of the row?';

CREATE FUNCTION pgcable.other_names(p_kind text, p_name text) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select string_to_array(string_agg(o.names, ' '), ' ')
    from (values
        ('', 'chat_room_id', 'room_id conversation_id channel_id chat_id dialog_id group_id'
            ' space_id'),
        ('', 'chat_thread_id', 'thread_id'),
        ('', 'deleted_at', 'is_deleted deleted discarded_at removed_at'),
        ('', 'created_at', 'inserted_at created created_on creation_date date_created timestamp'
            ' sent_at posted_at'),
        ('', 'last_read_at', 'read_up_to last_read_message_id last_seen_message_id last_seen_at'
            ' last_viewed_at read_at'),
        ('notification', 'community_member_id', 'recipient_id receiver_id to_user_id'),
        ('message', 'community_member_id', 'author_id sender_id from_id from_user_id'
            ' sender_user_id'),
        ('', 'community_member_id', 'user_id member_id account_id person_id profile_id'),
        ('message', 'community_member_id', 'creator_id created_by_id created_by owner_id poster_id'
            ' posted_by_id posted_by sent_by writer_id'),
        ('member', 'name', 'full_name display_name username user_name login nickname handle'),
        ('member', 'avatar_url', 'avatar picture_url photo_url image_url profile_image_url'
            ' picture'),
        ('member', 'email', 'email_address'),
        ('member', 'headline', 'job_title tagline'),
        ('member', 'user_public_uid', 'public_uid public_id'),
        ('member', 'new_notifications_count', 'unseen_notifications unseen_notifications_count'
            ' unread_notifications unread_notifications_count'),
        ('room', 'uuid', 'guid'),
        ('room', 'identifier', 'slug'),
        ('room', 'chat_room_kind', 'kind room_kind type room_type conversation_type channel_type'),
        ('room', 'chat_room_name', 'title subject topic'),
        ('room', 'chat_room_description', 'about about_room purpose'),
        ('room', 'is_embedded', 'embedded'),
        ('participant', 'admin', 'is_admin'),
        ('participant', 'muted', 'is_muted'),
        ('participant', 'unread_messages_count', 'unread_count unread unread_messages'),
        ('participant', 'deleted_at', 'left_at'),
        ('message', 'chat_room_participant_id', 'room_participant_id participant_id membership_id'
            ' sender_membership_id sender_participant_id'),
        ('message', 'body', 'text content message message_text message_body body_text'),
        ('message', 'rich_text_body', 'rich_text rich_body rich_content document content_json'),
        ('message', 'sent_at', 'posted_at created_at inserted_at created'),
        ('message', 'creation_uuid', 'client_uuid client_id client_key client_message_id'
            ' idempotency_key'),
        ('message', 'parent_message_id', 'reply_to_message_id reply_to_id in_reply_to_id parent_id'
            ' replied_to_id reply_to in_reply_to'),
        ('message', 'edited_at', 'last_edited_at'),
        ('thread', 'parent_message_id', 'root_message_id original_message_id first_message_id'
            ' starter_message_id message_id root_id'),
        ('notification', 'seen_at', 'viewed_at')
    ) o (kind, name, names)
    where o.kind in ('', p_kind) and o.name = p_name;
$$;

ALTER FUNCTION pgcable.other_names(p_kind text, p_name text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.other_names(p_kind text, p_name text) IS 'Internal: what else a canonical column may be called.';

CREATE FUNCTION pgcable.outbox_bytes() RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select pg_total_relation_size('pgcable.outbox_0') + pg_total_relation_size('pgcable.outbox_1')
        + pg_total_relation_size('pgcable.outbox_2');
$$;

ALTER FUNCTION pgcable.outbox_bytes() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.outbox_bytes() IS 'Internal: what the outbox takes on disk.';

CREATE FUNCTION pgcable.owner_problem(p_kind text, p_table oid) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pgcable.check_table(p_kind, p_table);
    return null;
exception when others then
    return regexp_replace(sqlerrm, '^pgcable: ', '');
end;
$$;

ALTER FUNCTION pgcable.owner_problem(p_kind text, p_table oid) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.owner_problem(p_kind text, p_table oid) IS 'Internal: may the caller attach the table?';

CREATE FUNCTION pgcable.pause() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    update pgcable.meta set paused_at = clock_timestamp() where paused_at is null;
    loop
        exit when pgcable.write_to(null, 3);
        perform pg_sleep(0.01);
    end loop;
    return 'paused: changes are dropped from now on, until "select pgcable.resume()"';
end;
$$;

ALTER FUNCTION pgcable.pause() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.pause() IS 'Stop capturing at once, in all sessions and without a lock on any table: what changes until pgcable.resume() is not sent. Harmless to repeat.';

CREATE FUNCTION pgcable.person_object(p_shapes jsonb, p_alias text, p_member text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_fields text[] := array[
        'participant p.id', 'member m.name shown', 'member m.user_public_uid shown',
        'member m.headline shown', 'member m.email shown', 'member m.avatar_url shown',
        'participant p.community_member_id', 'participant p.deleted_at',
        'participant p.admin flag', 'participant p.muted flag'];
    v_field text;
    v_name text;
    v_taken text[] := '{}';
    v_list text := '';
begin
    foreach v_field in array v_fields loop
        v_name := substring(v_field from '\.(\w+)');
        v_taken := v_taken || v_name;
        v_field := replace(replace(v_field, ' p.', ' ' || p_alias || '.'),
            ' m.', ' ' || p_member || '.');
        v_list := v_list || format(', %s as %I', pgcable.piece(p_shapes, v_field), v_name);
    end loop;
    v_list := v_list || pgcable.extra_list(p_shapes, 'member', p_member, v_taken);
    v_taken := v_taken || array(
        select jsonb_array_elements_text(coalesce(p_shapes #> '{member,extra}', '[]')));
    v_list := v_list || pgcable.extra_list(p_shapes, 'participant', p_alias, v_taken);
    return format('(select row_to_json(x) from (select %s) x)', substr(v_list, 3));
end;
$$;

ALTER FUNCTION pgcable.person_object(p_shapes jsonb, p_alias text, p_member text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.person_object(p_shapes jsonb, p_alias text, p_member text) IS 'Internal: SQL for a participant as an object, as the lists of a room show it.';

CREATE FUNCTION pgcable.piece(p_shapes jsonb, p_token text) RETURNS text
    LANGUAGE plpgsql STABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_words text[] := string_to_array(p_token, ' ');
    v_kind text := v_words[1];
    v_alias text := split_part(v_words[2], '.', 1);
    v_name text := split_part(v_words[2], '.', 2);
    v_verb text := v_words[3];
    v_found jsonb := p_shapes #> array[v_kind, 'columns', v_name];
    v_col text := coalesce(v_alias || '.' || (v_found ->> 'col'), 'null::unknown');
    v_type text := v_found ->> 'type';
begin
    if v_words[2] is null then
        return coalesce(p_shapes #>> array[v_kind, 'table'], '(select where false)');
    elsif v_words[2] = 'mapped' then
        return (p_shapes ? v_kind)::text;
    elsif v_verb is null then
        return v_col;
    elsif v_verb = 'mapped' then
        return (v_found is not null)::text;
    elsif v_verb = 'listed' then
        v_verb := case when v_name in ('is_embedded', 'admin', 'muted') then 'flag' else 'shown' end;
        return case when v_found is null then '' else format('%s as %I, ',
            pgcable.piece(p_shapes, concat_ws(' ', v_kind, v_words[2], v_verb)), v_name) end;
    elsif v_verb = 'shown' then
        return case when coalesce((v_found ->> 'small')::boolean, true) then v_col
            else pgcable.shown_column(v_col) end;
    elsif v_verb = 'flag' then
        return format('coalesce(%s::text in (''true'', ''t'', ''1'', ''yes''), false)', v_col);
    elsif v_verb = 'visible' then
        return pgcable.piece(p_shapes, format('%s %s.deleted_at unset', v_kind, v_alias));
    elsif v_verb = 'unset' then
        return v_col || case when v_type = 'boolean' then ' is not true' else ' is null' end;
    elsif v_verb = 'row' then
        return pgcable.row_object(p_shapes, v_kind, v_alias);
    elsif v_verb = 'extra' then
        return pgcable.extra_object(p_shapes, v_kind, v_alias);
    elsif v_verb = 'person' then
        return pgcable.person_object(p_shapes, v_alias, v_words[4]);
    elsif v_found is null then
        return 'false'; -- what follows are comparisons
    elsif v_verb = '=' then
        return format('%s = %s', v_col, pgcable.cast_of(v_words[4], v_type));
    elsif v_verb = 'in' then
        return format('%s = any (array(select %s from unnest(%s) k))',
            v_col, pgcable.cast_of('k', v_type), v_words[4]);
    elsif v_verb = '==' then
        return pgcable.same_key(v_col, v_type,
            split_part(v_words[5], '.', 1),
            p_shapes #> array[v_words[4], 'columns', split_part(v_words[5], '.', 2)]);
    end if;
    raise exception 'pgcable: no such piece of SQL: {%}', p_token;
end;
$$;

ALTER FUNCTION pgcable.piece(p_shapes jsonb, p_token text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.piece(p_shapes jsonb, p_token text) IS 'Internal: SQL for one pair of braces.';

CREATE FUNCTION pgcable.plain(p_name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select regexp_replace(regexp_replace(regexp_replace(
        lower(regexp_replace(
            regexp_replace(p_name, '([a-z0-9])([A-Z])', '\1_\2', 'g'), '[^a-zA-Z0-9]+', '_', 'g')),
        '(^|_)people(?=_|$)', '\1person', 'g'),
        'ies(?=_|$)', 'y', 'g'),
        '([a-z]{2}[a-rt-z])s(?=_|$)', '\1', 'g');
$_$;

ALTER FUNCTION pgcable.plain(p_name text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.plain(p_name text) IS 'Internal: a name by which others are recognised.';

CREATE FUNCTION pgcable.prune(p_keep interval, p_safe_tick bigint, p_max_bytes bigint DEFAULT 0) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
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

ALTER FUNCTION pgcable.prune(p_keep interval, p_safe_tick bigint, p_max_bytes bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.prune(p_keep interval, p_safe_tick bigint, p_max_bytes bigint) IS 'Daemon: drop rows and ticks older than that, as far as they were read, and the oldest ones where all take more than so many bytes; says what it did.';

CREATE FUNCTION pgcable.put(p_kind text, p_stream text, p_new json, p_op "char" DEFAULT 'B'::"char", p_old json DEFAULT NULL::json) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

ALTER FUNCTION pgcable.put(p_kind text, p_stream text, p_new json, p_op "char", p_old json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.put(p_kind text, p_stream text, p_new json, p_op "char", p_old json) IS 'Internal: write a row into the outbox and ring if somebody sleeps.';

CREATE FUNCTION pgcable.put_capture(p_kind text, p_event text, p_table regclass, p_columns text[], p_watched text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_op text := quote_literal(upper(left(p_event, 1)));
    v_touched text := pgcable.touched(p_table, p_columns);
    v_prepare text := '';
    v_fits text;
    v_long text := format('perform pgcable.capture_row(%L, %s, %s, %L, %L)', p_kind, v_op,
        case p_event when 'insert' then 'new, null' when 'delete' then 'null, old'
            else 'new, old' end, p_columns, p_watched);
begin
    if p_event = 'update' then
        if v_touched is not null then
            v_prepare := format($touched$
        old.%1$I := new.%1$I;
        if old operator(pg_catalog.*=) new then
            return null;
        end if;$touched$, v_touched);
        end if;
        v_prepare := v_prepare || pgcable.unless_same(p_watched);
    end if;
    v_prepare := v_prepare || pgcable.unless_rounded(p_table, p_columns, v_long);
    if p_event in ('update', 'delete') then
        v_prepare := v_prepare || format(E'\n        v_old := %s;',
            pgcable.json_of('old', p_columns));
    end if;
    if p_event in ('insert', 'update') then
        v_prepare := v_prepare || format(E'\n        v_new := %s;',
            pgcable.json_of('new', p_columns));
    end if;
    select string_agg(format('pg_catalog.octet_length(%s::pg_catalog.text)', r),
        ' operator(pg_catalog.+) ') || ' operator(pg_catalog.<) 1048576'
    into v_fits from unnest(case p_event when 'insert' then '{v_new}' when 'delete' then '{v_old}'
        else '{v_old,v_new}' end::text[]) r;
    perform pgcable.put_trigger_function(pgcable.capture_function(p_kind, p_event),
        'v_old pg_catalog.json; v_new pg_catalog.json;', v_prepare, v_fits, v_long,
        format('%L, %s, null, v_new, v_old', p_kind, v_op));
end;
$_$;

ALTER FUNCTION pgcable.put_capture(p_kind text, p_event text, p_table regclass, p_columns text[], p_watched text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.put_capture(p_kind text, p_event text, p_table regclass, p_columns text[], p_watched text[]) IS 'Internal: write the function of a trigger of attach().';

CREATE FUNCTION pgcable.put_generic(p_event text, p_number integer, p_table regclass, p_stream text, p_columns text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_columns text[] := array(
        select attname from pg_attribute
        where attrelid = p_table and attnum > 0 and attname = any (p_columns) order by attnum);
    v_named text[] := array(
        select unnest(v_columns)
        union
        select m[1] from regexp_matches(p_stream, '\{([^{}]+)\}', 'g') m);
    v_row text := case p_event when 'delete' then 'old' else 'new' end;
    v_long text := format('perform pgcable.capture_generic_row(%s, %L, %L)',
        case p_event when 'insert' then 'new, null' when 'delete' then 'null, old'
            else 'new, old' end, p_stream, p_columns);
    v_prepare text := pgcable.unless_rounded(p_table, v_named, v_long);
    v_fits text := format('pg_catalog.octet_length(v_stream) operator(pg_catalog.<) 256'
        ' and v_stream operator(pg_catalog.!~) %L'
        ' and pg_catalog.octet_length(pg_catalog.concat(v_new, v_old))'
            ' operator(pg_catalog.<) 1048576'
        ' and pg_catalog.strpos(pg_catalog.concat(v_stream, v_new, v_old), %L)'
            ' operator(pg_catalog.=) 0', pgcable.reserved() || '|^$|[[:cntrl:]]', '\u');
begin
    if p_event = 'update' then
        v_prepare := pgcable.unless_same(v_named) || v_prepare;
        v_fits := format('v_stream operator(pg_catalog.=) (%s)'
            ' and v_new operator(pg_catalog.<>) v_old and %s',
            pgcable.stream_of('old', p_stream), v_fits);
    end if;
    v_prepare := v_prepare || format(E'\n        v_stream := %s;', pgcable.stream_of(v_row, p_stream));
    foreach v_row in array case p_event when 'update' then '{new,old}' else array[v_row] end loop
        v_prepare := v_prepare || format(E'\n        v_%1$s := ''{ '' operator(pg_catalog.||)'
            ' pg_catalog.left(pg_catalog.substr(%2$s::pg_catalog.text, 2), -1)'
            ' operator(pg_catalog.||) '' }'';', v_row, pgcable.json_of(v_row, v_columns));
    end loop;
    perform pgcable.put_trigger_function(
        pgcable.capture_function('generic_' || p_number, p_event),
        'v_stream pg_catalog.text; v_new pg_catalog.text; v_old pg_catalog.text;',
        v_prepare, v_fits, v_long, format('%L, %L, v_stream, pg_catalog.concat(%L,'
            ' coalesce(v_new, %L), %L, coalesce(v_old, %L), %L)::pg_catalog.json, null',
            'broadcast', 'B', format('{"event" : "%s", "record" : ', upper(p_event)),
            'null', ', "old_record" : ', 'null', '}'));
end;
$_$;

ALTER FUNCTION pgcable.put_generic(p_event text, p_number integer, p_table regclass, p_stream text, p_columns text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.put_generic(p_event text, p_number integer, p_table regclass, p_stream text, p_columns text[]) IS 'Internal: write the function of a trigger of attach_generic().';

CREATE FUNCTION pgcable.put_reading(p_name text, p_takes text, p_returns text, p_statement text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    execute format('create or replace function pgcable.read_%s(%s) returns setof pgcable.%s'
        ' language plpgsql stable set search_path = pg_catalog, pg_temp as %L',
        p_name, p_takes, p_returns, format(E'begin\n    return query%s;\nend', p_statement));
    execute format('comment on function pgcable.read_%s(%s) is %L', p_name, p_takes,
        'Internal: reads the application''s tables; written by pgcable.attach().');
end;
$$;

ALTER FUNCTION pgcable.put_reading(p_name text, p_takes text, p_returns text, p_statement text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.put_reading(p_name text, p_takes text, p_returns text, p_statement text) IS 'Internal: make a function of a statement that reads the application''s tables.';

CREATE FUNCTION pgcable.put_trigger_function(p_name text, p_declare text, p_prepare text, p_fits text, p_long text, p_values text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_insert text := $insert$
        insert into pgcable.outbox_%s (id, xid, kind, op, stream, new, old, at)
        values (v_id, pg_catalog.pg_current_xact_id(), %s, pg_catalog.clock_timestamp());$insert$;
begin
    execute format('create or replace function %s returns trigger language plpgsql security definer'
        ' as %L', p_name, format($body$
declare
    v_slot bigint;
    v_id bigint;
    %1$s
begin
    begin%2$s
        v_slot := case when %3$s
            then pg_catalog.pg_sequence_last_value('pgcable.ctl'::pg_catalog.regclass)
                operator(pg_catalog.&) 3 else 3 end;
    exception when others then
        %4$s;
        return null;
    end;
    v_id := pg_catalog.nextval('pgcable.outbox_id'::pg_catalog.regclass);
    if v_slot operator(pg_catalog.=) 0 then%5$s
    elsif v_slot operator(pg_catalog.=) 1 then%6$s
    elsif v_slot operator(pg_catalog.=) 2 then%7$s
    else
        %4$s;
    end if;
    if pg_catalog.pg_sequence_last_value('pgcable.ctl'::pg_catalog.regclass)
            operator(pg_catalog.>) 3
        or v_id operator(pg_catalog.&) 1023 operator(pg_catalog.=) 0 then
        perform pgcable.captured(v_id);
    end if;
    return null;
end;
$body$, p_declare, p_prepare, p_fits, p_long, format(v_insert, 0, p_values),
        format(v_insert, 1, p_values), format(v_insert, 2, p_values)));
    execute format('comment on function %s is %L', p_name,
        'Trigger put on the table by pgcable.attach() or attach_generic(), which wrote it.');
end;
$_$;

ALTER FUNCTION pgcable.put_trigger_function(p_name text, p_declare text, p_prepare text, p_fits text, p_long text, p_values text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.put_trigger_function(p_name text, p_declare text, p_prepare text, p_fits text, p_long text, p_values text) IS 'Internal: write the function of a trigger.';

CREATE FUNCTION pgcable.put_triggers(p_kind text, p_table regclass, p_update_of text[], p_always boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_event text;
    v_function text;
    v_of text := (
        select ' of ' || string_agg(quote_ident(c), ', ')
        from unnest(p_update_of) c having count(*) > 0);
begin
    foreach v_event in array pgcable.events_of(p_kind) loop
        v_function := pgcable.capture_function(p_kind, v_event);
        execute format(
            'create or replace trigger pgcable_capture_%s after %s on %s for each %s'
            ' execute function %s',
            v_event,
            concat(v_event, case v_event when 'update' then v_of end), p_table,
            case v_event when 'truncate' then 'statement' else 'row' end,
            replace(v_function, '()', format('(%L)', p_kind)));
        execute format('alter table %s enable %s trigger pgcable_capture_%s',
            p_table, case when p_always then 'always' end, v_event);
        perform pgcable.grant_capture(p_table, v_function::regprocedure);
    end loop;
end;
$$;

ALTER FUNCTION pgcable.put_triggers(p_kind text, p_table regclass, p_update_of text[], p_always boolean) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.put_triggers(p_kind text, p_table regclass, p_update_of text[], p_always boolean) IS 'Internal: the triggers of an attached table.';

CREATE FUNCTION pgcable.rebuild() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_built jsonb;
begin
    lock table pgcable.built in exclusive mode; -- here two who attach wait for each other
    v_built := pgcable.build(pgcable.shapes());
    perform pgcable.put_reading(f.name, f.takes, f.returns, v_built ->> f.name)
    from (values
        ('room', 'text[]', 'fact'), ('message', 'text[]', 'message_fact'),
        ('last_message', 'text[]', 'message_fact'), ('sender', 'text[]', 'fact'),
        ('sender_in_room', 'pgcable.key_pair[]', 'fact'), ('stats', 'pgcable.key_pair[]', 'fact'),
        ('count', 'text[]', 'fact'), ('viewer', 'json', 'fact'), ('access', 'json', 'access_answer')
    ) f (name, takes, returns);
    insert into pgcable.built (tables, statements)
    select array(select relation::text from pgcable.mapping order by kind),
        (select jsonb_object_agg(k, format('select * from pgcable.read_%s($1)', k))
            from jsonb_object_keys(v_built) k)
    on conflict (one) do update
        set tables = excluded.tables, statements = excluded.statements;
end;
$_$;

ALTER FUNCTION pgcable.rebuild() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.rebuild() IS 'Internal: keep the statements for the mapping of now.';

CREATE FUNCTION pgcable.recheck(class text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select pgcable.put('recheck', class, null) where class is not null;
$$;

ALTER FUNCTION pgcable.recheck(class text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.recheck(class text) IS 'Ask the rule of that channel again for all who listen, as of this commit. To allow it to a role: grant usage on schema pgcable and execute on this function.';

CREATE FUNCTION pgcable.recheck_on(class text, tables regclass[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_table regclass;
    v_before regclass[] := array(
        select t.relation from pgcable.rule_table t where t.class = recheck_on.class);
begin
    if class is null or class <> 'Chats::RoomChannel' and cardinality(tables) > 0
        and not exists (select from pgcable.channel c where c.class = recheck_on.class) then
        raise exception 'pgcable: there is no channel %', quote_nullable(class)
            using errcode = 'undefined_object',
                hint = 'Make it by pgcable.channel(); for room_rule() say Chats::RoomChannel.';
    end if;
    foreach v_table in array coalesce(tables, '{}') loop
        if not exists (select from pg_class where oid = v_table and relkind in ('r', 'p')) then
            raise exception 'pgcable: % is no table', v_table using errcode = 'wrong_object_type';
        end if;
        execute format(
            'create or replace trigger pgcable_rule after insert or update or delete or truncate'
            ' on %s for each statement execute function pgcable.rule_changed()', v_table);
    end loop;
    perform pgcable.rule_table_put(class, coalesce(tables, '{}'));
    for v_table in
        select g.tgrelid from pg_trigger g
        where g.tgrelid = any (v_before) and g.tgname = 'pgcable_rule' and not exists (
            select from pgcable.rule_table t where t.relation = g.tgrelid)
    loop
        execute format('drop trigger pgcable_rule on %s', v_table);
    end loop;
end;
$$;

ALTER FUNCTION pgcable.recheck_on(class text, tables regclass[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.recheck_on(class text, tables regclass[]) IS 'Ask the rule of that channel again whenever one of these tables changes, in order with the change: recheck_on(''OrdersChannel'', ''{app.customers}''). Without tables, no more.';

CREATE FUNCTION pgcable.refers_to(p_name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case p_name
        when 'chat_room_id' then 'room'
        when 'community_member_id' then 'member'
        when 'chat_room_participant_id' then 'participant'
        when 'chat_thread_id' then 'thread'
        when 'parent_message_id' then 'message'
        when 'pinned_message_id' then 'message'
    end;
$$;

ALTER FUNCTION pgcable.refers_to(p_name text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.refers_to(p_name text) IS 'Internal: the kind whose key a column holds.';

CREATE FUNCTION pgcable.reserved() RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select '^(room-members:|thread-members:|notification-channel-|chat-room-|chat-community-member-)';
$$;

ALTER FUNCTION pgcable.reserved() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.reserved() IS 'Internal: a pattern of the streams of the chat itself.';

CREATE FUNCTION pgcable.resolve(p_kind text, p_table regclass, p_mapping jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_name text;
    v_column text;
    v_result jsonb := '{}';
    c pgcable.canonical;
begin
    for v_name in select * from jsonb_object_keys(p_mapping - '{extra,always,update_of}'::text[]) loop
        if not exists (select from pgcable.canonical where kind = p_kind and name = v_name) then
            raise exception 'pgcable: kind % has no column %', p_kind, quote_ident(v_name)
                using errcode = 'undefined_column', hint = format(
                    'The mapping says {"canonical name": "column of %s"}. Canonical names of'
                    ' %s: %s. Further columns go into "extra": ["column"].', p_table, p_kind,
                    (select string_agg(name, ', ' order by place)
                        from pgcable.canonical where kind = p_kind));
        end if;
        if jsonb_typeof(p_mapping -> v_name) not in ('string', 'null') then
            raise exception 'pgcable: the mapping of % must be the name of a column or null, not %',
                v_name, p_mapping -> v_name using errcode = 'invalid_parameter_value';
        end if;
    end loop;

    for c in select * from pgcable.canonical where kind = p_kind order by place loop
        if p_mapping ? c.name then
            v_column := p_mapping ->> c.name;
            if v_column is not null and not pgcable.has_column(p_table, v_column) then
                raise exception 'pgcable: cannot attach % as %: it has no column % (mapped as %)',
                    p_table, p_kind, quote_ident(v_column), c.name
                    using errcode = 'undefined_column', hint = format(
                        'Columns of %s: %s.', p_table, pgcable.column_list(p_table));
            end if;
        elsif pgcable.has_column(p_table, c.name) then
            v_column := c.name;
        elsif pgcable.has_column(p_table, c.fallback) then
            v_column := c.fallback;
        else
            v_column := null;
        end if;
        if v_column is not null then
            v_result := v_result || jsonb_build_object(c.name, v_column);
        elsif c.required then
            raise exception 'pgcable: cannot attach % as %: no column is mapped as %',
                p_table, p_kind, c.name
                using errcode = 'undefined_column', hint = format(
                    'Add {"%s": "<column>"} to the mapping. Columns of %s: %s.',
                    c.name, p_table, pgcable.column_list(p_table));
        end if;
    end loop;
    if p_kind = 'message'
        and not v_result ?| '{chat_room_participant_id,community_member_id}'::text[] then
        raise exception 'pgcable: cannot attach % as message: no column says who wrote it', p_table
            using errcode = 'undefined_column', hint = format(
                'Map chat_room_participant_id or community_member_id. Columns of %s: %s.',
                p_table, pgcable.column_list(p_table));
    end if;
    return v_result;
end;
$$;

ALTER FUNCTION pgcable.resolve(p_kind text, p_table regclass, p_mapping jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.resolve(p_kind text, p_table regclass, p_mapping jsonb) IS 'Internal: check a mapping and fill in what it leaves open.';

CREATE FUNCTION pgcable.resolve_extra(p_table regclass, p_extra jsonb) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_column text;
    v_result text[] := '{}';
begin
    if p_extra is null then
        return v_result;
    end if;
    if jsonb_typeof(p_extra) <> 'array' then
        raise exception 'pgcable: "extra" must be a list of columns, not %', p_extra
            using errcode = 'invalid_parameter_value';
    end if;
    for v_column in select * from jsonb_array_elements_text(p_extra) loop
        if not coalesce(pgcable.has_column(p_table, v_column), false) then
            raise exception 'pgcable: % has no column % (listed in "extra")',
                p_table, quote_nullable(v_column)
                using errcode = 'undefined_column', hint = format(
                    'Columns of %s: %s.', p_table, pgcable.column_list(p_table));
        end if;
        if v_column <> all (v_result) then
            v_result := v_result || v_column;
        end if;
    end loop;
    return v_result;
end;
$$;

ALTER FUNCTION pgcable.resolve_extra(p_table regclass, p_extra jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.resolve_extra(p_table regclass, p_extra jsonb) IS 'Internal: check the list of extra columns of a mapping.';

CREATE FUNCTION pgcable.resume() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.resume() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.resume() IS 'Capture again after pgcable.pause(), and have all clients reload. Harmless to repeat.';

CREATE FUNCTION pgcable.revoke(p_what text, p_id text, p_before timestamp with time zone, p_until timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_row pgcable.revoked;
begin
    if p_id is null or octet_length(p_id) not between 1 and 127 or p_id ~ '[[:cntrl:]]' then
        raise exception 'pgcable: no token has such a %: %',
            case p_what when 'token' then 'jti' else 'member' end, quote_nullable(left(p_id, 130))
            using errcode = 'invalid_parameter_value',
                hint = 'The daemon accepts 1 to 127 bytes without control characters.';
    end if;
    if p_until is null or not isfinite(p_until) and p_until < 'epoch' then
        raise exception 'pgcable: cannot revoke a token without an end' using
            errcode = 'null_value_not_allowed', hint = 'until => when the token ends by itself.';
    end if;
    insert into pgcable.revoked as r (what, id, before, until)
        values (p_what, p_id, p_before, p_until)
        on conflict (what, id) do update set before = greatest(r.before, excluded.before),
            until = greatest(r.until, excluded.until)
        returning * into v_row;
    perform pgcable.put('revoke_' || p_what, p_id, json_build_object(
        'before_s', pgcable.second_of(v_row.before), 'until_s', pgcable.second_of(v_row.until)));
end;
$$;

ALTER FUNCTION pgcable.revoke(p_what text, p_id text, p_before timestamp with time zone, p_until timestamp with time zone) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.revoke(p_what text, p_id text, p_before timestamp with time zone, p_until timestamp with time zone) IS 'Internal: note it in the table and in the outbox.';

CREATE FUNCTION pgcable.revoke_member(member text, before timestamp with time zone DEFAULT clock_timestamp(), until timestamp with time zone DEFAULT 'infinity'::timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if before is null or not isfinite(before)
        or before > clock_timestamp() + interval '1 day' then
        raise exception 'pgcable: cannot revoke the tokens issued before %',
            coalesce(quote_literal(before), 'null') using errcode = 'invalid_parameter_value',
                hint = 'It cannot be taken back, so it must be a time, and no more than a day ahead.';
    end if;
    perform pgcable.revoke('member', member, before, until);
end;
$$;

ALTER FUNCTION pgcable.revoke_member(member text, before timestamp with time zone, until timestamp with time zone) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.revoke_member(member text, before timestamp with time zone, until timestamp with time zone) IS 'The same for all tokens of a member that were issued (iat) in that second or before, or do not say when; remembered until they have all ended by themselves.';

CREATE FUNCTION pgcable.revoke_token(jti text, until timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pgcable.revoke('token', jti, null, until);
end;
$$;

ALTER FUNCTION pgcable.revoke_token(jti text, until timestamp with time zone) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.revoke_token(jti text, until timestamp with time zone) IS 'Nothing that is committed later is sent to that token, which ends by itself at until. To allow it to a role: grant usage on schema pgcable and execute on this function.';

CREATE FUNCTION pgcable.rights(p_all boolean) RETURNS TABLE(what text, id text, before_s bigint, until_s bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
    delete from pgcable.revoked where until < clock_timestamp() - interval '1 hour';
    return query
        select r.what, r.id, pgcable.second_of(r.before), pgcable.second_of(r.until)
        from pgcable.revoked r
        where p_all or pg_sequence_last_value('pgcable.ctl') & 3 = 3
        union all
        select 'rule', c.class, null, null from pgcable.channel c
        union all
        select 'rule', 'Chats::RoomChannel', null, null from pgcable.room_rule;
end;
$$;

ALTER FUNCTION pgcable.rights(p_all boolean) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.rights(p_all boolean) IS 'Daemon: what was revoked, all of it or as far as rows do not tell, and of which channels the rules are to be asked again and again.';

CREATE FUNCTION pgcable.ring(p_loud_seconds integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.ring(p_loud_seconds integer) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.ring(p_loud_seconds integer) IS 'Daemon: writers must notify for so many seconds from now; 0 = they need not.';

CREATE FUNCTION pgcable.room_access(p_requests json) RETURNS TABLE(req integer, stream text, topic text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_rule text := (select rule from pgcable.room_rule);
begin
    return query execute pgcable.expand(pgcable.shapes(), $t$
        select q.req, case when pgcable.allows($2, q.member, {room r.id}::text)
            then 'chat-room-' || {room r.id}::text || '-channel' end, null::text
        from json_to_recordset($1) as q (req integer, member text, room text, uuid text)
        join {member} m on {member m.id = q.member} and {member m visible}
        join {room} r on {room r visible} and case when q.room is not null
            then {room r.id = q.room} else {room r.uuid = q.uuid} end
    $t$) using p_requests, v_rule;
end;
$_$;

ALTER FUNCTION pgcable.room_access(p_requests json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.room_access(p_requests json) IS 'Internal: who may listen to a room by pgcable.room_rule().';

CREATE FUNCTION pgcable.room_rule(rule regproc) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if rule is not null then
        perform pgcable.check_rule(rule::oid::regprocedure, 'text');
    end if;
    perform pgcable.room_rule_put(rule::oid::regprocedure::text);
end;
$$;

ALTER FUNCTION pgcable.room_rule(rule regproc) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.room_rule(rule regproc) IS 'Who may listen to Chats::RoomChannel without being a participant: a stable function (member text, room text) returns boolean; null = nobody. For rooms embedded elsewhere.';

CREATE FUNCTION pgcable.room_rule_put(p_rule text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from pgcable.room_rule;
    if p_rule is not null then
        insert into pgcable.room_rule (rule) values (p_rule);
    end if;
    perform pgcable.put('recheck', 'Chats::RoomChannel', null);
end;
$$;

ALTER FUNCTION pgcable.room_rule_put(p_rule text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.room_rule_put(p_rule text) IS 'Internal: the part of room_rule() that needs the rights of pgcable_owner.';

CREATE FUNCTION pgcable.row_object(p_shapes jsonb, p_kind text, p_alias text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select format('(select row_to_json(x) from (select %s%s as extra) x)',
        string_agg(pgcable.piece(p_shapes, format('%s %s.%s listed', p_kind, p_alias, c.name)), ''
            order by c.place),
        pgcable.extra_object(p_shapes, p_kind, p_alias))
    from pgcable.canonical c
    where c.kind = p_kind;
$$;

ALTER FUNCTION pgcable.row_object(p_shapes jsonb, p_kind text, p_alias text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.row_object(p_shapes jsonb, p_kind text, p_alias text) IS 'Internal: SQL for a row as an object under canonical names.';

CREATE FUNCTION pgcable.rows_between(p_before pg_snapshot, p_snap pg_snapshot) RETURNS TABLE(id bigint, xid xid8, kind text, op "char", stream text, new json, old json, at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
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

ALTER FUNCTION pgcable.rows_between(p_before pg_snapshot, p_snap pg_snapshot) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.rows_between(p_before pg_snapshot, p_snap pg_snapshot) IS 'Internal: the rows that one snapshot has more than another, in no order.';

CREATE FUNCTION pgcable.rule_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pgcable.put('recheck', t.class, null)
    from pgcable.rule_table t where t.relation = tg_relid order by t.class;
    return null;
end;
$$;

ALTER FUNCTION pgcable.rule_changed() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.rule_changed() IS 'Trigger put on tables by pgcable.recheck_on().';

CREATE FUNCTION pgcable.rule_table_put(p_class text, p_tables regclass[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from pgcable.rule_table where class = p_class;
    insert into pgcable.rule_table (class, relation)
        select distinct p_class, r from unnest(p_tables) r;
    select pgcable.put('recheck', p_class, null);
$$;

ALTER FUNCTION pgcable.rule_table_put(p_class text, p_tables regclass[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.rule_table_put(p_class text, p_tables regclass[]) IS 'Internal: the part of recheck_on() that needs the rights of pgcable_owner.';

CREATE FUNCTION pgcable.same_key(p_col text, p_type text, p_alias text, p_other jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case
        when p_other is null then 'false'
        when p_type = p_other ->> 'type'
            or p_type in ('smallint', 'integer', 'bigint')
                and p_other ->> 'type' in ('smallint', 'integer', 'bigint')
            then format('%s = %s.%s', p_col, p_alias, p_other ->> 'col')
        else format('%s::text = %s.%s::text', p_col, p_alias, p_other ->> 'col')
    end;
$$;

ALTER FUNCTION pgcable.same_key(p_col text, p_type text, p_alias text, p_other jsonb) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.same_key(p_col text, p_type text, p_alias text, p_other jsonb) IS 'Internal: SQL for "both columns hold the same key".';

CREATE FUNCTION pgcable.second_of(p_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case when isfinite(p_at) then floor(extract(epoch from p_at))::bigint
        when p_at > 'epoch' then 9223372036854775807 else 0 end;
$$;

ALTER FUNCTION pgcable.second_of(p_at timestamp with time zone) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.second_of(p_at timestamp with time zone) IS 'Internal: as Unix time.';

CREATE FUNCTION pgcable.sendable(p_message json) RETURNS json
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.sendable(p_message json) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.sendable(p_message json) IS 'Internal: a message, or what is kept of one that is too large to be sent.';

CREATE FUNCTION pgcable.shapes() RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(jsonb_object_agg(m.kind, jsonb_build_object(
        'table', m.relation::text,
        'columns', coalesce((
            select jsonb_object_agg(f.key, jsonb_build_object(
                'col', quote_ident(a.attname),
                'type', format_type(pgcable.base_type(a.atttypid), null),
                'small', a.attlen > 0))
            from jsonb_each_text(m.columns) f
            join pg_attribute a
                on a.attrelid = m.relation and a.attname = f.value and not a.attisdropped), '{}'),
        'extra', array(
            select a.attname
            from unnest(m.extra) with ordinality e (col, place)
            join pg_attribute a
                on a.attrelid = m.relation and a.attname = e.col and not a.attisdropped
            order by e.place))), '{}')
    from pgcable.mapping m
    join pg_class c on c.oid = m.relation;
$$;

ALTER FUNCTION pgcable.shapes() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.shapes() IS 'Internal: the mapping as far as the catalogue confirms it.';

CREATE FUNCTION pgcable.shown(p_value anyelement, p_place text DEFAULT ''::text) RETURNS json
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case
        when pg_column_size(p_value) > 8 * max_value_bytes
            or octet_length(case when pgcable.base_type(pg_typeof(p_value)) < 16384
                then p_value::text else format('%s', p_value) end) > max_value_bytes
            then to_json(install_id || p_place)
        else to_json(p_value) end
    from pgcable.meta;
$$;

ALTER FUNCTION pgcable.shown(p_value anyelement, p_place text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.shown(p_value anyelement, p_place text) IS 'Internal: a value as JSON, or what stands for one that is too large to be sent.';

CREATE FUNCTION pgcable.shown_column(p_col text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select format('case when pg_column_size(%1$s) > 8192 then pgcable.shown(%1$s)'
        ' else to_json(%1$s) end', p_col);
$_$;

ALTER FUNCTION pgcable.shown_column(p_col text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.shown_column(p_col text) IS 'Internal: SQL for a column as it is shown, which is not read if it is too large to be sent.';

CREATE FUNCTION pgcable.slot_or_drop() RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pg_advisory_xact_lock_shared(7236358);
    return pg_sequence_last_value('pgcable.ctl') & 3;
end;
$$;

ALTER FUNCTION pgcable.slot_or_drop() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.slot_or_drop() IS 'Internal: the outbox table to write although a pause was seen, or 3: drop the change.';

CREATE FUNCTION pgcable.statements() RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return coalesce(
        (select statements from pgcable.built
            where tables = array(select relation::text from pgcable.mapping order by kind)),
        pgcable.build(pgcable.shapes()));
end;
$$;

ALTER FUNCTION pgcable.statements() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.statements() IS 'Internal: the statements, kept or built.';

CREATE FUNCTION pgcable.stream_of(p_row text, p_template text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select string_agg(coalesce(quote_literal(t.m[2]), format('case when pg_catalog.json_typeof('
            'pg_catalog.to_json(%1$s.%2$I)) operator(pg_catalog.=) any (array[''string'', ''number''])'
            ' then pg_catalog.to_json(%1$s.%2$I) operator(pg_catalog.#>>) ''{}'' end',
            p_row, t.m[1])), ' operator(pg_catalog.||) ' order by t.place)
    from regexp_matches(p_template, '\{([^{}]+)\}|([^{]+|\{)', 'g') with ordinality t (m, place);
$_$;

ALTER FUNCTION pgcable.stream_of(p_row text, p_template text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.stream_of(p_row text, p_template text) IS 'Internal: an expression for the stream that a template names.';

CREATE FUNCTION pgcable.tend(p_max_bytes bigint, p_max_payload_bytes bigint DEFAULT 0) RETURNS TABLE(bytes bigint, age_s bigint, ticks bigint, pause text, missed text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
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

ALTER FUNCTION pgcable.tend(p_max_bytes bigint, p_max_payload_bytes bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.tend(p_max_bytes bigint, p_max_payload_bytes bigint) IS 'Daemon: end a pause that may end, note how large the outbox and an event may be, and say how it is.';

CREATE FUNCTION pgcable.those_of(p_table regclass, p_columns text[]) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select array(
        select u.col from unnest(p_columns) with ordinality u (col, place)
        where pgcable.has_column(p_table, u.col) order by u.place);
$$;

ALTER FUNCTION pgcable.those_of(p_table regclass, p_columns text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.those_of(p_table regclass, p_columns text[]) IS 'Internal: these columns, as far as the table has them.';

CREATE FUNCTION pgcable.tick_and_before(p_tick bigint) RETURNS TABLE(tick bigint, nonce text, at_us bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select t.tick, t.nonce::text, (extract(epoch from t.at) * 1000000)::bigint
    from pgcable.tick t
    where t.tick in (p_tick - 1, p_tick);
$$;

ALTER FUNCTION pgcable.tick_and_before(p_tick bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.tick_and_before(p_tick bigint) IS 'Daemon: that tick and the one before, as far as they are kept: to go on with what another one published.';

CREATE FUNCTION pgcable.tick_behind(p_table regclass) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
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
$_$;

ALTER FUNCTION pgcable.tick_behind(p_table regclass) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.tick_behind(p_table regclass) IS 'Internal: the tick after which nothing of an outbox table is needed; null = there is none yet.';

CREATE FUNCTION pgcable.tick_info(p_tick bigint) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select nonce::text from pgcable.tick where tick = p_tick;
$$;

ALTER FUNCTION pgcable.tick_info(p_tick bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.tick_info(p_tick bigint) IS 'Daemon: the nonce of a tick that is kept, else null. Another nonce = another history.';

CREATE FUNCTION pgcable.touched(p_table regclass, p_columns text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select attname
    from pg_attribute
    where attrelid = p_table and attnum > 0 and not attisdropped and attname <> all (p_columns)
        and atttypid in ('timestamp'::regtype, 'timestamptz'::regtype)
    order by attname ~* 'updat|modif|chang|touch' desc, attnum desc
    limit 1;
$$;

ALTER FUNCTION pgcable.touched(p_table regclass, p_columns text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.touched(p_table regclass, p_columns text[]) IS 'Internal: the column that is set when a row is touched and that no event shows; null = none.';

CREATE FUNCTION pgcable.trace(p_table text, p_id text) RETURNS TABLE(relation text, kind text, kept_since_us bigint, present boolean, op text, at_us bigint, xid text, id bigint, tick bigint, tick_at_us bigint, is_kept boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $_$
#variable_conflict use_column
declare
    v_relation regclass := pgcable.attached(p_table);
    v_mapping pgcable.mapping;
    v_listed text[] := (select g.columns from pgcable.generic g where g.relation = v_relation);
    v_first pgcable.tick;
    v_present boolean;
begin
    -- Of two kinds that one table plays, the one that was asked for.
    select m.* into v_mapping from pgcable.mapping m
    where m.relation = v_relation order by m.kind = p_table desc, m.kind limit 1;
    if v_mapping.columns ->> 'id' is null and not coalesce('id' = any (v_listed), false) then
        raise exception 'pgcable: a row of % cannot be found by its id: no such column is sent',
            v_relation using errcode = 'undefined_column',
            hint = 'Attach it again with that column: {"id": "…"} in the mapping, or listed as id.';
    end if;
    if v_mapping.columns ->> 'id' is not null then
        execute pgcable.expand(pgcable.shapes(), format(
            'select exists (select from {%1$s} r where {%1$s r.id = $1})', v_mapping.kind))
            into v_present using p_id;
    end if;
    select t.* into strict v_first from pgcable.tick t order by t.tick limit 1;
    return query
        with change as materialized (
            select o.* from (
                select * from pgcable.outbox_0 union all
                select * from pgcable.outbox_1 union all
                select * from pgcable.outbox_2) o
            where o.kind = v_mapping.kind and (o.op = 'T'
                    or pgcable.names_row(o.new, p_id, v_mapping.columns ->> 'id', null)
                    or pgcable.names_row(o.old, p_id, v_mapping.columns ->> 'id', null))
                or v_listed is not null and o.kind = 'broadcast'
                    and pgcable.names_row(o.new, p_id, 'id', v_listed)
            order by o.id desc limit 100
        )
        select v_relation::text, v_mapping.kind,
            (date_part('epoch', v_first.at) * 1000000)::bigint, v_present,
            case when c.kind = 'broadcast' then left(c.new ->> 'event', 1) else c.op::text end,
            (date_part('epoch', c.at) * 1000000)::bigint, c.xid::text, c.id,
            t.tick, (date_part('epoch', t.at) * 1000000)::bigint, t.tick > v_first.tick
        from (select) one
        left join change c on true
        left join lateral (
            select k.* from pgcable.tick k
            where pg_snapshot_xmax(k.snap) > c.xid and pg_visible_in_snapshot(c.xid, k.snap)
            order by k.tick limit 1) t on true
        order by c.id;
end;
$_$;

ALTER FUNCTION pgcable.trace(p_table text, p_id text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.trace(p_table text, p_id text) IS 'Daemon: which changes of a row are kept, and in which tick each was sent. The table by name or kind.';

CREATE FUNCTION pgcable.trigger_problems(p_kind text, p_table regclass) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select array(
        select format('the trigger pgcable_capture_%s of %s %s: run pgcable.attach(%L, …) again',
            e.event, r.relation, case
                when t.oid is null or t.tgenabled not in ('O', 'A') then 'is missing or disabled'
                else 'does not call ' || pgcable.capture_function(p_kind, e.event) end, p_kind)
        from unnest(pgcable.events_of(p_kind)) with ordinality e (event, place)
        cross join lateral (
            select p_table as relation
            union
            select p.relid from pg_partition_tree(p_table) p where e.event <> 'truncate'
        ) r
        left join pg_trigger t on t.tgrelid = r.relation and not t.tgisinternal
            and t.tgname = 'pgcable_capture_' || e.event
        where t.oid is null or t.tgenabled not in ('O', 'A') or t.tgfoid is distinct from
            to_regprocedure(pgcable.capture_function(p_kind, e.event))
        order by e.place, r.relation::text);
$$;

ALTER FUNCTION pgcable.trigger_problems(p_kind text, p_table regclass) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.trigger_problems(p_kind text, p_table regclass) IS 'Internal: triggers of an attached table that are not as attach() made them.';

CREATE FUNCTION pgcable.type_fits(p_name text, p_type oid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case
        when p_name = 'deleted_at' then t.typcategory in ('D', 'B')
        when p_name in ('last_read_at', 'creation_uuid') then true
        when p_name like '%\_at' then t.typcategory = 'D'
        when p_name like '%\_count' then t.typcategory = 'N'
        when p_name in ('admin', 'muted', 'is_embedded', 'chat_room_show_history')
            then t.typcategory = 'B'
        when p_name = 'id' or p_name like '%\_id' or p_name = 'uuid'
            then t.typcategory = 'S' or format_type(t.oid, null)
                in ('smallint', 'integer', 'bigint', 'uuid')
        else true
    end
    from pg_type t
    where t.oid = pgcable.base_type(p_type);
$$;

ALTER FUNCTION pgcable.type_fits(p_name text, p_type oid) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.type_fits(p_name text, p_type oid) IS 'Internal: may a column of this type be that canonical column?';

CREATE FUNCTION pgcable.unless_rounded(p_table regclass, p_columns text[], p_long text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select case when pgcable.may_hold_floats(p_table, p_columns) then format($floats$
        if pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4
            operator(pg_catalog.<) 1 then
            %s;
            return null;
        end if;$floats$, p_long) else '' end;
$_$;

ALTER FUNCTION pgcable.unless_rounded(p_table regclass, p_columns text[], p_long text) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.unless_rounded(p_table regclass, p_columns text[], p_long text) IS 'Internal: go the long way in a session that prints floats rounded.';

CREATE FUNCTION pgcable.unless_same(p_columns text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select format($skip$
        if row(%s)::pg_catalog.record operator(pg_catalog.*=)
            row(%s)::pg_catalog.record then
            return null;
        end if;$skip$, string_agg(format('old.%I', c), ', '), string_agg(format('new.%I', c), ', '))
    from unnest(p_columns) c;
$_$;

ALTER FUNCTION pgcable.unless_same(p_columns text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.unless_same(p_columns text[]) IS 'Internal: leave an update that changes none of these columns.';

CREATE FUNCTION pgcable.watched(p_kind text, p_columns jsonb, p_extra text[]) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select array(
        select m.value
        from jsonb_each_text(p_columns) m
        join pgcable.canonical c on c.kind = p_kind and c.name = m.key and c.watched
        union
        select unnest(p_extra) where p_kind = 'message');
$$;

ALTER FUNCTION pgcable.watched(p_kind text, p_columns jsonb, p_extra text[]) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.watched(p_kind text, p_columns jsonb, p_extra text[]) IS 'Internal: the columns whose change an event shows.';

CREATE FUNCTION pgcable.write_to(p_from bigint, p_to bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION pgcable.write_to(p_from bigint, p_to bigint) OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.write_to(p_from bigint, p_to bigint) IS 'Internal: changes go to that table of the outbox from now on, 3 = they are dropped. False if they did not go where the caller thought, or somebody else is at it.';

CREATE FUNCTION pgcable.writers() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select l.virtualtransaction
    from pg_locks l
    where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
        and l.database = (select d.oid from pg_database d where d.datname = current_database())
        and l.relation in (
            'pgcable.outbox_0'::regclass, 'pgcable.outbox_1'::regclass,
            'pgcable.outbox_2'::regclass);
$$;

ALTER FUNCTION pgcable.writers() OWNER TO pgcable_owner;

COMMENT ON FUNCTION pgcable.writers() IS 'Daemon: the transactions that hold the outbox and may have read an older control word.';

CREATE TABLE pgcable.built (
    one boolean DEFAULT true NOT NULL,
    tables text[] NOT NULL,
    statements jsonb NOT NULL,
    CONSTRAINT built_one_check CHECK (one)
);

ALTER TABLE pgcable.built OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.built IS 'Calls of the functions that are the statements of pgcable.build() for the mapping of now.';

CREATE TABLE pgcable.channel (
    class text NOT NULL,
    stream text NOT NULL,
    rule text
);

ALTER TABLE pgcable.channel OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.channel IS 'Channels made by pgcable.channel(): class, stream, who may.';

CREATE SEQUENCE pgcable.ctl
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;

ALTER TABLE pgcable.ctl OWNER TO pgcable_owner;

CREATE TABLE pgcable.generic (
    relation regclass NOT NULL,
    stream text NOT NULL,
    columns text[] NOT NULL,
    number integer NOT NULL
);

ALTER TABLE pgcable.generic OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.generic IS 'Tables attached by pgcable.attach_generic().';

ALTER TABLE pgcable.generic ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pgcable.generic_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE pgcable.leader (
    one boolean DEFAULT true NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    term bigint DEFAULT 0 NOT NULL,
    until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT leader_one_check CHECK (one)
);

ALTER TABLE pgcable.leader OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.leader IS 'The daemon that publishes, and until when nobody else may.';

COMMENT ON COLUMN pgcable.leader.term IS 'Grows each time that somebody begins to lead, the one who led before included.';

CREATE TABLE pgcable.mapping (
    kind text NOT NULL,
    relation regclass NOT NULL,
    columns jsonb NOT NULL,
    extra text[] NOT NULL,
    attached_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE pgcable.mapping OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.mapping IS 'Which table plays which kind. Written by attach() and detach().';

COMMENT ON COLUMN pgcable.mapping.columns IS 'Canonical name -> the table''s column.';

COMMENT ON COLUMN pgcable.mapping.extra IS 'Further columns that travel in the objects of this kind.';

CREATE TABLE pgcable.meta (
    one boolean DEFAULT true NOT NULL,
    install_id uuid DEFAULT gen_random_uuid() NOT NULL,
    system_id bigint NOT NULL,
    outbox_max_bytes bigint DEFAULT 1073741824 NOT NULL,
    max_value_bytes bigint DEFAULT 2097152 NOT NULL,
    paused_at timestamp with time zone,
    CONSTRAINT meta_one_check CHECK (one)
);

ALTER TABLE pgcable.meta OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.meta IS 'Which server this was installed on: transaction numbers of another one mean nothing here.';

COMMENT ON COLUMN pgcable.meta.install_id IS 'Also stands for values that are too large to be sent, so nobody but the daemons may know it.';

COMMENT ON COLUMN pgcable.meta.outbox_max_bytes IS 'As the daemon''s settings say; 0 = no bound. At twice that nothing more is captured.';

COMMENT ON COLUMN pgcable.meta.max_value_bytes IS 'Larger values are not read: max_payload_bytes of the daemon''s settings, at least 2 MB.';

COMMENT ON COLUMN pgcable.meta.paused_at IS 'Since when changes were dropped knowingly; null once the clients have been told.';

CREATE TABLE pgcable.migration (
    id integer NOT NULL,
    name text NOT NULL,
    breaking boolean NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE pgcable.migration OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.migration IS 'What was installed. A daemon refuses a schema with a breaking one that it does not know.';

CREATE TABLE pgcable.outbox_0 (
    id bigint NOT NULL,
    xid xid8 NOT NULL,
    kind text NOT NULL,
    op "char" NOT NULL,
    stream text,
    new json,
    old json,
    at timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');
ALTER TABLE ONLY pgcable.outbox_0 ALTER COLUMN new SET STORAGE EXTERNAL;
ALTER TABLE ONLY pgcable.outbox_0 ALTER COLUMN old SET STORAGE EXTERNAL;

ALTER TABLE pgcable.outbox_0 OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.outbox_0 IS 'Captured changes: op I, U, D, T (truncated) or B (broadcast). Read through pgcable.batch().';

CREATE TABLE pgcable.outbox_1 (
    id bigint NOT NULL,
    xid xid8 NOT NULL,
    kind text NOT NULL,
    op "char" NOT NULL,
    stream text,
    new json,
    old json,
    at timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');
ALTER TABLE ONLY pgcable.outbox_1 ALTER COLUMN new SET STORAGE EXTERNAL;
ALTER TABLE ONLY pgcable.outbox_1 ALTER COLUMN old SET STORAGE EXTERNAL;

ALTER TABLE pgcable.outbox_1 OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.outbox_1 IS 'Another one like outbox_0.';

CREATE TABLE pgcable.outbox_2 (
    id bigint NOT NULL,
    xid xid8 NOT NULL,
    kind text NOT NULL,
    op "char" NOT NULL,
    stream text,
    new json,
    old json,
    at timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');
ALTER TABLE ONLY pgcable.outbox_2 ALTER COLUMN new SET STORAGE EXTERNAL;
ALTER TABLE ONLY pgcable.outbox_2 ALTER COLUMN old SET STORAGE EXTERNAL;

ALTER TABLE pgcable.outbox_2 OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.outbox_2 IS 'Another one like outbox_0.';

CREATE SEQUENCE pgcable.outbox_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER TABLE pgcable.outbox_id OWNER TO pgcable_owner;

CREATE TABLE pgcable.revoked (
    what text NOT NULL,
    id text NOT NULL,
    before timestamp with time zone,
    until timestamp with time zone NOT NULL,
    CONSTRAINT revoked_what_check CHECK ((what = ANY (ARRAY['token'::text, 'member'::text])))
);

ALTER TABLE pgcable.revoked OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.revoked IS 'Tokens by their jti, and members whose tokens of that second and before are good no more. Written by pgcable.revoke_token() and revoke_member().';

CREATE TABLE pgcable.room_rule (
    one boolean DEFAULT true NOT NULL,
    rule text NOT NULL,
    CONSTRAINT room_rule_one_check CHECK (one)
);

ALTER TABLE pgcable.room_rule OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.room_rule IS 'Who may listen to a room without being a participant. Set by pgcable.room_rule().';

CREATE TABLE pgcable.rule_table (
    class text NOT NULL,
    relation regclass NOT NULL
);

ALTER TABLE pgcable.rule_table OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.rule_table IS 'Which tables the rule of a channel reads. Set by pgcable.recheck_on().';

CREATE TABLE pgcable.tick (
    tick bigint NOT NULL,
    snap pg_snapshot NOT NULL,
    nonce uuid DEFAULT gen_random_uuid() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE pgcable.tick OWNER TO pgcable_owner;

COMMENT ON TABLE pgcable.tick IS 'Snapshots that cut the outbox into batches.';

ALTER TABLE ONLY pgcable.built
    ADD CONSTRAINT built_pkey PRIMARY KEY (one);

ALTER TABLE ONLY pgcable.canonical
    ADD CONSTRAINT canonical_pkey PRIMARY KEY (kind, name);

ALTER TABLE ONLY pgcable.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (class);

ALTER TABLE ONLY pgcable.generic
    ADD CONSTRAINT generic_pkey PRIMARY KEY (relation);

ALTER TABLE ONLY pgcable.leader
    ADD CONSTRAINT leader_pkey PRIMARY KEY (one);

ALTER TABLE ONLY pgcable.mapping
    ADD CONSTRAINT mapping_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY pgcable.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (one);

ALTER TABLE ONLY pgcable.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pgcable.revoked
    ADD CONSTRAINT revoked_pkey PRIMARY KEY (what, id);

ALTER TABLE ONLY pgcable.room_rule
    ADD CONSTRAINT room_rule_pkey PRIMARY KEY (one);

ALTER TABLE ONLY pgcable.rule_table
    ADD CONSTRAINT rule_table_pkey PRIMARY KEY (relation, class);

ALTER TABLE ONLY pgcable.tick
    ADD CONSTRAINT tick_pkey PRIMARY KEY (tick);

CREATE INDEX outbox_0_xid ON pgcable.outbox_0 USING btree (xid);

CREATE INDEX outbox_1_xid ON pgcable.outbox_1 USING btree (xid);

CREATE INDEX outbox_2_xid ON pgcable.outbox_2 USING btree (xid);

CREATE INDEX revoked_until ON pgcable.revoked USING btree (until);

GRANT USAGE ON SCHEMA pgcable TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.access(p_requests json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.advance(p_requests json, p_after bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.advance(p_requests json, p_after bigint) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.allows(p_rule text, p_member text, p_about text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.attach(p_kind text, p_table regclass, p_mapping jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.attach_generic(tbl regclass, stream text, columns text[], ops text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.attach_statement(p_kind text, p_table regclass, p_columns jsonb, p_extra text[], p_always boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.attached(p_table text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.base_type(p_type oid) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.batch(p_tick bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.batches(p_after bigint, p_to bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.batches(p_after bigint, p_to bigint) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.beginning(p_keep interval, p_max_rows bigint, p_max_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.beginning(p_keep interval, p_max_rows bigint, p_max_bytes bigint) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.blunt(p_row json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.broadcast(p_stream text, p_message jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.broadcast(stream text, event text, data jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.build(p_shapes jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.builtin_access(p_requests json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.canary(p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.canary(p_name text) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.candidates() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.capture_function(p_kind text, p_event text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.capture_generic_row(p_new record, p_old record, p_stream text, p_columns text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.capture_row(p_kind text, p_op "char", p_new record, p_old record, p_columns text[], p_watched text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.capture_truncate() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.captured(p_id bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.cast_of(p_text text, p_type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.changes_unnamed(p_table regclass, p_watched text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.channel(class text, stream text, authorize regproc) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.channel_access(p_requests json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.channel_put(p_class text, p_stream text, p_rule text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.check_broadcast(p_stream text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.check_keys(p_kind text, p_table regclass, p_columns jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.check_rule(p_rule regprocedure, p_second text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.check_stream(p_stream text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.check_table(p_kind text, p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.check_update_of(p_kind text, p_table regclass, p_watched text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.choose() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.column_list(p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.columns_of(p_table oid) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.detach(p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.detach_generic(tbl regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.detect() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor() FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.doctor() TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.doctor_indexes() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor_kinds() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor_outbox() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor_own() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor_rights() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor_rules() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor_server() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.doctor_sessions(p_age interval) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.doctor_sessions(p_age interval) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.drop_channel(class text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.droppers() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.events_of(p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.examine() FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.examine() TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.expand(p_shapes jsonb, p_template text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.extra_list(p_shapes jsonb, p_kind text, p_alias text, p_taken text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.extra_object(p_shapes jsonb, p_kind text, p_alias text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.facts(p_needs json) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.facts(p_needs json) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.facts_by(p_statements jsonb, p_needs json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.fill(p_template text, p_from json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.followed() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.generic_drop(p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.generic_put(p_table regclass, p_stream text, p_columns text[], p_events text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.grant_capture(p_table regclass, p_function regprocedure) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.grant_select(p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.guard() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.guess(p_kind text, p_table oid, p_chosen jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.guess_column(p_canonical pgcable.canonical, p_table oid, p_chosen jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.guess_problem(p_kind text, p_table oid, p_guess jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.has_column(p_table regclass, p_column text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.hello() FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.hello() TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.is_reserved(p_stream text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.json_of(p_row text, p_columns text[], p_value text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.kept(p_row json, p_columns text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.keys_are_alike() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.knock() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.lead(p_name text, p_lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.lead(p_name text, p_lease interval) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.mapping_drop(p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.mapping_info() FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.mapping_info() TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.mapping_problems(p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.mapping_put(p_kind text, p_table regclass, p_columns jsonb, p_extra text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.may_hold_floats(p_table regclass, p_columns text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.migrating(p_id integer, p_name text, p_breaking boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.missed_updates() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.name_patterns() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.names_row(p_row json, p_id text, p_column text, p_listed text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.other_names(p_kind text, p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.outbox_bytes() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.owner_problem(p_kind text, p_table oid) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.pause() FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.pause() TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.person_object(p_shapes jsonb, p_alias text, p_member text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.piece(p_shapes jsonb, p_token text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.plain(p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.prune(p_keep interval, p_safe_tick bigint, p_max_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.prune(p_keep interval, p_safe_tick bigint, p_max_bytes bigint) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.put(p_kind text, p_stream text, p_new json, p_op "char", p_old json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.put_capture(p_kind text, p_event text, p_table regclass, p_columns text[], p_watched text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.put_generic(p_event text, p_number integer, p_table regclass, p_stream text, p_columns text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.put_reading(p_name text, p_takes text, p_returns text, p_statement text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.put_trigger_function(p_name text, p_declare text, p_prepare text, p_fits text, p_long text, p_values text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.put_triggers(p_kind text, p_table regclass, p_update_of text[], p_always boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.rebuild() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.recheck(class text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.recheck_on(class text, tables regclass[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.refers_to(p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.reserved() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.resolve(p_kind text, p_table regclass, p_mapping jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.resolve_extra(p_table regclass, p_extra jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.resume() FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.resume() TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.revoke(p_what text, p_id text, p_before timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.revoke_member(member text, before timestamp with time zone, until timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.revoke_token(jti text, until timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.rights(p_all boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.rights(p_all boolean) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.ring(p_loud_seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.ring(p_loud_seconds integer) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.room_access(p_requests json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.room_rule(rule regproc) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.room_rule_put(p_rule text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.row_object(p_shapes jsonb, p_kind text, p_alias text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.rows_between(p_before pg_snapshot, p_snap pg_snapshot) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.rule_changed() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.rule_table_put(p_class text, p_tables regclass[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.same_key(p_col text, p_type text, p_alias text, p_other jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.second_of(p_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.sendable(p_message json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.shapes() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.shown(p_value anyelement, p_place text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.shown_column(p_col text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.slot_or_drop() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.statements() FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.stream_of(p_row text, p_template text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.tend(p_max_bytes bigint, p_max_payload_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.tend(p_max_bytes bigint, p_max_payload_bytes bigint) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.those_of(p_table regclass, p_columns text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.tick_and_before(p_tick bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.tick_and_before(p_tick bigint) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.tick_behind(p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.tick_info(p_tick bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.tick_info(p_tick bigint) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.touched(p_table regclass, p_columns text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.trace(p_table text, p_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.trace(p_table text, p_id text) TO pgcable_daemon;

REVOKE ALL ON FUNCTION pgcable.trigger_problems(p_kind text, p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.type_fits(p_name text, p_type oid) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.unless_rounded(p_table regclass, p_columns text[], p_long text) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.unless_same(p_columns text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.watched(p_kind text, p_columns jsonb, p_extra text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.write_to(p_from bigint, p_to bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgcable.writers() FROM PUBLIC;
GRANT ALL ON FUNCTION pgcable.writers() TO pgcable_daemon;

