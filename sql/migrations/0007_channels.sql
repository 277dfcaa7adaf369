-- 0007_channels.sql - channels, tables and rules of one's own.
--
-- Breaking: no. A daemon that does not know them asks for no such channel.

do $migration$
begin
    if pgcable.migrating(7, 'channels', false) then
        execute $sql$

-- Rules stand here by name: pg_upgrade refuses columns of type regprocedure.
create table pgcable.channel (
    class text primary key,
    stream text not null,
    rule text
);
comment on table pgcable.channel is 'Channels made by pgcable.channel(): class, stream, who may.';

create table pgcable.room_rule (
    one boolean primary key default true check (one),
    rule text not null
);
comment on table pgcable.room_rule is
    'Who may listen to a room without being a participant. Set by pgcable.room_rule().';

create table pgcable.rule_table (
    class text,
    relation regclass,
    primary key (relation, class)
);
comment on table pgcable.rule_table is
    'Which tables the rule of a channel reads. Set by pgcable.recheck_on().';

-- The number names the functions of its triggers: an oid may be another table's after a restore.
create table pgcable.generic (
    relation regclass primary key,
    stream text not null,
    columns text[] not null,
    number integer generated always as identity
);
comment on table pgcable.generic is 'Tables attached by pgcable.attach_generic().';

-- Streams of the built-in channels, and topics that are no streams at all.
create function pgcable.reserved() returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select '^(room-members:|thread-members:|notification-channel-|chat-room-|chat-community-member-)';
$$;
comment on function pgcable.reserved() is 'Internal: a pattern of the streams of the chat itself.';

create function pgcable.is_reserved(p_stream text) returns boolean
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select p_stream ~ pgcable.reserved();
$$;
comment on function pgcable.is_reserved(text) is 'Internal: is that a stream of the chat itself?';

-- A template with its {names} replaced by members of an object.  Null, so nothing and nobody, if
-- one is missing, neither text nor number, holds control characters (two of them stand for braces
-- here, so that two values would name one stream), or makes the stream one of the chat's own.
create function pgcable.fill(p_template text, p_from json) returns text
    language plpgsql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.fill(text, json) is 'Internal: the stream that a template names.';

create function pgcable.check_stream(p_stream text) returns void
    language plpgsql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.check_stream(text) is 'Internal: refuse what no stream may be called.';

-- Rules are asked at the snapshot of a tick, hence stable; with the rights of pgcable_owner, hence
-- its EXECUTE.
create function pgcable.check_rule(p_rule regprocedure, p_second text) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.check_rule(regprocedure, text) is
    'Internal: is that a rule, and may we ask it?';

create function pgcable.channel_put(p_class text, p_stream text, p_rule text) returns void
    language sql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    insert into pgcable.channel (class, stream, rule) values (p_class, p_stream, p_rule)
    on conflict (class) do update set stream = excluded.stream, rule = excluded.rule;
    select pgcable.put('recheck', p_class, null);
$$;
comment on function pgcable.channel_put(text, text, text) is
    'Internal: the part of channel() that needs the rights of pgcable_owner.';

-- Whoever owns the rule lends it; whoever is a member of pgcable_owner makes channels.
create function pgcable.channel(class text, stream text, authorize regproc default null)
    returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.channel(text, text, regproc) is
    'Make a channel: channel(''OrdersChannel'', stream => ''orders-{customer_id}'','
    ' authorize => ''app.may_see_orders''), a stable function (member text, params jsonb) returns'
    ' boolean. Without a rule it accepts nobody. Harmless to repeat.';

create function pgcable.drop_channel(class text) returns void
    language sql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    delete from pgcable.channel c where c.class = drop_channel.class;
    select pgcable.put('recheck', class, null);
$$;
comment on function pgcable.drop_channel(text) is
    'Take a channel away: who listens is sent away, and new subscriptions are refused.';

create function pgcable.room_rule_put(p_rule text) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgcable.room_rule;
    if p_rule is not null then
        insert into pgcable.room_rule (rule) values (p_rule);
    end if;
    perform pgcable.put('recheck', 'Chats::RoomChannel', null);
end;
$$;
comment on function pgcable.room_rule_put(text) is
    'Internal: the part of room_rule() that needs the rights of pgcable_owner.';

create function pgcable.room_rule(rule regproc) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    if rule is not null then
        perform pgcable.check_rule(rule::oid::regprocedure, 'text');
    end if;
    perform pgcable.room_rule_put(rule::oid::regprocedure::text);
end;
$$;
comment on function pgcable.room_rule(regproc) is
    'Who may listen to Chats::RoomChannel without being a participant: a stable function (member'
    ' text, room text) returns boolean; null = nobody. For rooms embedded elsewhere.';

-- A rule that fails refuses, and only the one who asked.
create function pgcable.allows(p_rule text, p_member text, p_about text) returns boolean
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.allows(text, text, text) is 'Internal: ask a rule.';

-- Requests for channels of one's own: {"req", "member", "class", "params"}.
create function pgcable.channel_access(p_requests json)
    returns table (req integer, stream text, topic text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select q.req, case
        when pgcable.allows(c.rule, q.member, q.params::text)
            then pgcable.fill(c.stream, q.params) end, null::text
    from json_to_recordset(p_requests) as q (req integer, member text, class text, params json)
    left join pgcable.channel c on c.class = q.class and c.rule is not null;
$$;
comment on function pgcable.channel_access(json) is
    'Internal: who may listen to what, on channels of one''s own.';

-- Rooms that were refused for want of a participant, where there is a rule for these.
create function pgcable.room_access(p_requests json)
    returns table (req integer, stream text, topic text)
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.room_access(json) is
    'Internal: who may listen to a room by pgcable.room_rule().';

-- Stable, so that it sees just what the statement sees that calls it: advance() calls it in the
-- statement that takes the tick's snapshot.
create function pgcable.access(p_requests json)
    returns table (req integer, stream text, topic text)
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
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
comment on function pgcable.access(json) is
    'Internal: who may listen to what: per request the stream and the topics granted, or nulls.';

create function pgcable.broadcast(stream text, event text, data jsonb) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.broadcast(text, text, jsonb) is
    'Send an event to a stream in the daemon''s envelope: {"event": …} and the members of data, or'
    ' {"event": …, "data": …}. To allow it to a role: grant usage on schema pgcable and execute.';

-- The long way of a row: nothing is captured now, the session prints its floats rounded, a column that
-- the short way names is gone, the row is large, holds what json cannot read back, or moves to another
-- stream.
create function pgcable.capture_generic_row(
    p_new record, p_old record, p_stream text, p_columns text[]
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set extra_float_digits = 1
    set standard_conforming_strings = on
as $$
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
comment on function pgcable.capture_generic_row(record, record, text, text[]) is
    'Internal: what the functions of the triggers of attach_generic() do where something is unusual.';

-- What fill() does, as an expression, but for what its caller looks at: length, control characters,
-- names that are reserved.
create function pgcable.stream_of(p_row text, p_template text) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select string_agg(coalesce(quote_literal(t.m[2]), format('case when pg_catalog.json_typeof('
            'pg_catalog.to_json(%1$s.%2$I)) operator(pg_catalog.=) any (array[''string'', ''number''])'
            ' then pg_catalog.to_json(%1$s.%2$I) operator(pg_catalog.#>>) ''{}'' end',
            p_row, t.m[1])), ' operator(pg_catalog.||) ' order by t.place)
    from regexp_matches(p_template, '\{([^{}]+)\}|([^{]+|\{)', 'g') with ordinality t (m, place);
$$;
comment on function pgcable.stream_of(text, text) is
    'Internal: an expression for the stream that a template names.';

-- As JSON with blanks, like that of the long way; columns in the order of the table, as there.
create function pgcable.put_generic(
    p_event text, p_number integer, p_table regclass, p_stream text, p_columns text[]
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.put_generic(text, integer, regclass, text, text[]) is
    'Internal: write the function of a trigger of attach_generic().';

create function pgcable.generic_put(
    p_table regclass, p_stream text, p_columns text[], p_events text[]
) returns integer
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.generic_put(regclass, text, text[], text[]) is
    'Internal: the part of attach_generic() that needs the rights of pgcable_owner.';

create function pgcable.generic_drop(p_table regclass) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.generic_drop(regclass) is
    'Internal: the part of detach_generic() that needs the rights of pgcable_owner.';

create function pgcable.attach_generic(
    tbl regclass, stream text, columns text[], ops text default 'insert,update,delete'
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.attach_generic(regclass, text, text[], text) is
    'Send the listed columns of a table''s rows as {event, record, old_record}:'
    ' attach_generic(''orders'', ''orders-{customer_id}'', ''{id,status}''). Harmless to repeat.';

create function pgcable.detach_generic(tbl regclass) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.detach_generic(regclass) is
    'Take the triggers of attach_generic() away. Harmless to repeat.';

reset role;

        $sql$;
    end if;
end;
$migration$;
