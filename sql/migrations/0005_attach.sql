-- 0005_attach.sql - attach() and detach(): triggers on the application's tables.
--
-- Breaking: yes. Nothing is captured without it.

do $migration$
begin
    if pgcable.migrating(5, 'attach', true) then
        execute $sql$

-- The columns whose change an event shows.
create function pgcable.watched(p_kind text, p_columns jsonb, p_extra text[]) returns text[]
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select array(
        select m.value
        from jsonb_each_text(p_columns) m
        join pgcable.canonical c on c.kind = p_kind and c.name = m.key and c.watched
        union
        select unnest(p_extra) where p_kind = 'message');
$$;
comment on function pgcable.watched(text, jsonb, text[]) is
    'Internal: the columns whose change an event shows.';

-- A new member raises nothing, a thread is only looked up.
create function pgcable.events_of(p_kind text) returns text[]
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select case p_kind
        when 'thread' then '{}'
        when 'member' then '{update,delete,truncate}'
        else '{insert,update,delete,truncate}' end::text[];
$$;
comment on function pgcable.events_of(text) is 'Internal: which changes of its table are captured.';

create function pgcable.capture_function(p_kind text, p_event text) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select format('pgcable.capture_%s()',
        case p_event when 'truncate' then p_event else p_kind || '_' || p_event end);
$$;
comment on function pgcable.capture_function(text, text) is
    'Internal: what the trigger of that event calls, of a table that plays that kind.';

create function pgcable.capture_truncate() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcable.put(tg_argv[0], null, null, 'T');
    return null;
end;
$$;
comment on function pgcable.capture_truncate() is 'Trigger put on tables by pgcable.attach().';

create function pgcable.those_of(p_table regclass, p_columns text[]) returns text[]
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select array(
        select u.col from unnest(p_columns) with ordinality u (col, place)
        where pgcable.has_column(p_table, u.col) order by u.place);
$$;
comment on function pgcable.those_of(regclass, text[]) is
    'Internal: these columns, as far as the table has them.';

-- An expression for the columns of a row as JSON; p_value is one for a single value.  A function takes
-- 100 arguments at most, so a wider row needs a query (10 microseconds).  json and not jsonb: the text
-- of json columns survives.
create function pgcable.json_of(p_row text, p_columns text[], p_value text default '%s')
    returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.json_of(text, text[], text) is
    'Internal: an expression for the columns of a row as JSON.';

-- The long way of a row: nothing is captured now, the session prints its floats rounded, a column that
-- the short way names is gone, or the row is large.  Its values are looked at one by one, so that one
-- that is too large to be sent is not read at all.
create function pgcable.capture_row(
    p_kind text, p_op "char", p_new record, p_old record, p_columns text[], p_watched text[]
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set extra_float_digits = 1
as $$
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
$$;
comment on function pgcable.capture_row(text, "char", record, record, text[], text[]) is
    'Internal: what the functions of the triggers do where something is unusual.';

-- After a row: ring if a lease is on (the clock first, as knock() does), and now and then look how
-- large the outbox is.  For speed without a SET clause, as the functions of the triggers: the lease of
-- a daemon that died stays for a while.
create function pgcable.captured(p_id bigint) returns void
    language plpgsql
as $$
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
comment on function pgcable.captured(bigint) is 'Internal: what comes after a row, if anything.';

-- A session may print its floats rounded (extra_float_digits); they are to be sent as they are stored.
create function pgcable.may_hold_floats(p_table regclass, p_columns text[]) returns boolean
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from pg_attribute a
        join pg_type t on t.oid = pgcable.base_type(a.atttypid)
        where a.attrelid = p_table and a.attname = any (p_columns) and t.typtype <> 'e'
            and t.oid <> all (array['bool', 'bytea', 'bpchar', 'date', 'int2', 'int4', 'int8', 'json',
                'jsonb', 'numeric', 'text', 'time', 'timestamp', 'timestamptz', 'uuid', 'varchar'
            ]::regtype[]));
$$;
comment on function pgcable.may_hold_floats(regclass, text[]) is
    'Internal: does how these columns are printed depend on extra_float_digits?';

-- The column that applications set whenever they touch a row, if no event shows it.
create function pgcable.touched(p_table regclass, p_columns text[]) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select attname
    from pg_attribute
    where attrelid = p_table and attnum > 0 and not attisdropped and attname <> all (p_columns)
        and atttypid in ('timestamp'::regtype, 'timestamptz'::regtype)
    order by attname ~* 'updat|modif|chang|touch' desc, attnum desc
    limit 1;
$$;
comment on function pgcable.touched(regclass, text[]) is
    'Internal: the column that is set when a row is touched and that no event shows; null = none.';

-- The function of a trigger, for one table and one event.  p_prepare makes what is captured, which the
-- short way writes where p_fits, and else p_long, the long one.  Only columns that are listed travel;
-- what else a row holds may be secret, and whoever reads the outbox must not learn it.  Security
-- definer, so that the application's role needs no right on anything of ours.  It runs in the
-- application's transaction, hence:
--   * one function for each, and few expressions, since each costs a transaction about a microsecond;
--   * no SET search_path clause (20 microseconds a transaction): every name is qualified instead;
--   * a row that may hold what is too large to be sent goes the long way: that of a megabyte or more;
--   * the insert stands outside of the EXCEPTION clause, which is for columns that are gone: within, it
--     would need a transaction number of its own for every row;
--   * the control word is read AGAIN after the insert took its lock, as put() does.
create function pgcable.put_trigger_function(
    p_name text, p_declare text, p_prepare text, p_fits text, p_long text, p_values text
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.put_trigger_function(text, text, text, text, text, text) is
    'Internal: write the function of a trigger.';

-- An update that changes none of these columns is left at once.  Here and not in a WHEN clause, which
-- PostgreSQL plans for every statement (measured: twice the instructions, four times if it names the
-- columns, whom it then guards).  Columns are compared as they are stored, so that no operator of the
-- application's runs with our rights.
create function pgcable.unless_same(p_columns text[]) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select format($skip$
        if row(%s)::pg_catalog.record operator(pg_catalog.*=)
            row(%s)::pg_catalog.record then
            return null;
        end if;$skip$, string_agg(format('old.%I', c), ', '), string_agg(format('new.%I', c), ', '))
    from unnest(p_columns) c;
$$;
comment on function pgcable.unless_same(text[]) is
    'Internal: leave an update that changes none of these columns.';

create function pgcable.unless_rounded(p_table regclass, p_columns text[], p_long text) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select case when pgcable.may_hold_floats(p_table, p_columns) then format($floats$
        if pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4
            operator(pg_catalog.<) 1 then
            %s;
            return null;
        end if;$floats$, p_long) else '' end;
$$;
comment on function pgcable.unless_rounded(regclass, text[], text) is
    'Internal: go the long way in a session that prints floats rounded.';

-- For one kind.  PostgreSQL prepares each expression anew for every transaction, column by column, so
-- of an update whole rows are compared first, all but the touched column (measured: a third of what
-- naming the watched columns takes).
create function pgcable.put_capture(
    p_kind text, p_event text, p_table regclass, p_columns text[], p_watched text[]
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.put_capture(text, text, regclass, text[], text[]) is
    'Internal: write the function of a trigger of attach().';

-- What attach() does with the rights of pgcable_owner.
create function pgcable.mapping_put(
    p_kind text, p_table regclass, p_columns jsonb, p_extra text[]
) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.mapping_put(text, regclass, jsonb, text[]) is
    'Internal: the part of attach() that needs the rights of pgcable_owner.';

create function pgcable.mapping_drop(p_kind text) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.mapping_drop(text) is
    'Internal: the part of detach() that needs the rights of pgcable_owner.';

-- The mapping a user wrote, made complete: canonical name -> column that exists.
create function pgcable.resolve(p_kind text, p_table regclass, p_mapping jsonb) returns jsonb
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.resolve(text, regclass, jsonb) is
    'Internal: check a mapping and fill in what it leaves open.';

create function pgcable.resolve_extra(p_table regclass, p_extra jsonb) returns text[]
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.resolve_extra(regclass, jsonb) is
    'Internal: check the list of extra columns of a mapping.';

-- Columns that hold keys are compared with text that comes from strangers: their types must be such
-- that one can tell beforehand whether the text is one of theirs.
create function pgcable.check_keys(p_kind text, p_table regclass, p_columns jsonb) returns void
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.check_keys(text, regclass, jsonb) is
    'Internal: are the keys of types that we can compare?';

create function pgcable.check_table(p_kind text, p_table regclass) returns void
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.check_table(text, regclass) is
    'Internal: may this table play this kind, and may the caller say so?';

create function pgcable.grant_select(p_table regclass) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.grant_select(regclass) is
    'Internal: let pgcable_owner read an attached table.';

-- Whoever makes a partition makes its triggers, copies of the parent's, and must have the right to
-- execute their function: without it the application could add no partition any more.  Of no other
-- use, since nobody can name the function who has no right on the schema.
create function pgcable.grant_capture(p_table regclass, p_function regprocedure) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.grant_capture(regclass, regprocedure) is
    'Internal: let the owner of a partitioned table add partitions to it.';

-- p_update_of lists the columns that an UPDATE must name to reach the trigger at all, null = any: that
-- is free, but PostgreSQL then guards these columns, and does not look at what other triggers set.
create function pgcable.put_triggers(
    p_kind text, p_table regclass, p_update_of text[], p_always boolean
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.put_triggers(text, regclass, text[], boolean) is
    'Internal: the triggers of an attached table.';

-- A trigger that may change columns which the UPDATE does not name, so that "update_of" misses it;
-- null = none.  What it does is not known, only when it is called: where a column is named that ours
-- is called for, too, nothing is missed.  Generated columns count as named with those they are made of.
create function pgcable.changes_unnamed(p_table regclass, p_watched text[]) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.changes_unnamed(regclass, text[]) is
    'Internal: a trigger whose changes "update_of" may miss.';

create function pgcable.check_update_of(p_kind text, p_table regclass, p_watched text[])
    returns void
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.check_update_of(text, regclass, text[]) is
    'Internal: does "update_of" miss no changes of this table?';

-- Not security definer: the triggers and the grant are the table's owner's to give.
create function pgcable.attach(p_kind text, p_table regclass, p_mapping jsonb default '{}')
    returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.attach(text, regclass, jsonb) is
    'Let a table play a kind: attach(''message'', ''messages'', ''{"chat_room_id": "room_id"}'').'
    ' Columns of the canonical name need no entry; null = there is none; "extra": ["col"] = send'
    ' these too; "always": true = also for rows that replication writes; "update_of": true = an'
    ' UPDATE that names no mapped column costs nothing, but PostgreSQL refuses to drop or retype'
    ' one until detach(); not where a BEFORE UPDATE trigger may change one. Harmless to repeat.';

create function pgcable.detach(p_kind text) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.detach(text) is
    'Take triggers and grant off the table that plays a kind. Harmless to repeat.';

-- On partitions the triggers are copies, which somebody may drop, disable or lose by hand.  One for
-- TRUNCATE is on the table itself only.
create function pgcable.trigger_problems(p_kind text, p_table regclass) returns text[]
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.trigger_problems(text, regclass) is
    'Internal: triggers of an attached table that are not as attach() made them.';

-- Apart from mapping_problems(), which is for when a mapping is loaded: it comes with a trigger that
-- the application makes later.
create function pgcable.missed_updates() returns table (kind text, problem text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select m.kind, format('%s may change columns that the UPDATE does not name, which "update_of"'
        ' misses: run pgcable.attach(%L, …) again without it', w.who, m.kind)
    from pgcable.mapping m
    join pg_trigger t on t.tgrelid = m.relation and t.tgname = 'pgcable_capture_update'
        and t.tgattr::text <> ''
    cross join lateral pgcable.changes_unnamed(
        m.relation, pgcable.watched(m.kind, m.columns, m.extra)) w (who)
    where m.kind <> 'thread' and w.who is not null;
$$;
comment on function pgcable.missed_updates() is
    'Internal: attached tables some of whose changes "update_of" may miss.';

create function pgcable.mapping_problems(p_kind text) returns text[]
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.mapping_problems(text) is
    'Internal: what became wrong with a mapping since it was attached, in words.';

-- '7' in a text finds the number 7, but so does '07': alike are keys of types that print the same key
-- in one way only, and compare it as it is printed.
create function pgcable.keys_are_alike() returns boolean
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.keys_are_alike() is
    'Internal: are rooms, members and participants called the same in every attached table?';

-- A daemon keeps what it has read of senders and rooms until a row says that it changed; of what is not
-- known to be captured it keeps nothing.  Extra columns of these are not watched: some change all the
-- time.  Triggers see no rows of tables that inherit or are foreign, no virtual columns, and not what a
-- policy shows.
create function pgcable.followed() returns table (kind text, hindrance text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.followed() is
    'Internal: of which kinds each change is captured that an event about something else would show,'
    ' or what keeps it from being so.';

create function pgcable.mapping_info() returns json
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.mapping_info() is
    'Daemon: what is attached: {"kinds": {kind: {table, columns, extra, followed, problems}}}; and'
    ' what stands for values that are "omitted".';

grant execute on function pgcable.mapping_info() to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
