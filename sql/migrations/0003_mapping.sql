-- 0003_mapping.sql - which table plays which kind, and SQL text made from that.
--
-- Breaking: yes. Everything that reads the application's tables stands on it.

do $migration$
begin
    if pgcable.migrating(3, 'mapping', true) then
        execute $sql$

create table pgcable.canonical (
    kind text not null,
    name text not null,
    place integer not null,
    required boolean not null default false,
    watched boolean not null default false,
    fallback text,
    primary key (kind, name)
);
comment on table pgcable.canonical is
    'The columns that pgcable knows of each kind, by the names it calls them.';
comment on column pgcable.canonical.watched is
    'An update of this column can raise an event, or change what those of others show; updates of no'
    ' such column are not captured.';
comment on column pgcable.canonical.fallback is
    'The column that stands for it where the table has none of the name itself.';
insert into pgcable.canonical (kind, name, place, required, watched, fallback) values
    ('member', 'id', 1, true, true, null),
    ('member', 'name', 2, false, true, null),
    ('member', 'avatar_url', 3, false, true, null),
    ('member', 'email', 4, false, false, null),
    ('member', 'headline', 5, false, false, null),
    ('member', 'user_public_uid', 6, false, true, null),
    ('member', 'new_notifications_count', 7, false, true, null),
    ('member', 'deleted_at', 8, false, true, null),
    ('room', 'id', 1, true, true, null),
    ('room', 'uuid', 2, false, true, null),
    ('room', 'identifier', 3, false, true, null),
    ('room', 'chat_room_kind', 4, false, true, null),
    ('room', 'chat_room_name', 5, false, true, 'name'),
    ('room', 'chat_room_description', 6, false, true, 'description'),
    ('room', 'chat_room_show_history', 7, false, true, 'show_history'),
    ('room', 'is_embedded', 8, false, true, null),
    ('room', 'pinned_message_id', 9, false, true, null),
    ('room', 'deleted_at', 10, false, true, null),
    ('participant', 'id', 1, false, true, null),
    ('participant', 'chat_room_id', 2, true, true, null),
    ('participant', 'community_member_id', 3, true, true, null),
    ('participant', 'admin', 4, false, false, null),
    ('participant', 'muted', 5, false, false, null),
    ('participant', 'last_read_at', 6, false, true, null),
    ('participant', 'unread_messages_count', 7, false, false, null),
    ('participant', 'pinned_at', 8, false, true, null),
    ('participant', 'deleted_at', 9, false, true, null),
    ('message', 'id', 1, true, true, null),
    ('message', 'chat_room_id', 2, true, true, null),
    ('message', 'chat_room_participant_id', 3, false, true, null),
    ('message', 'community_member_id', 4, false, true, null),
    ('message', 'body', 5, false, true, null),
    ('message', 'rich_text_body', 6, false, true, null),
    ('message', 'sent_at', 7, false, true, null),
    ('message', 'created_at', 8, true, true, null),
    ('message', 'creation_uuid', 9, false, true, null),
    ('message', 'chat_thread_id', 10, false, true, null),
    ('message', 'parent_message_id', 11, false, true, null),
    ('message', 'lesson_id', 12, false, true, null),
    ('message', 'edited_at', 13, false, true, null),
    ('message', 'deleted_at', 14, false, true, null),
    ('thread', 'id', 1, true, false, null),
    ('thread', 'chat_room_id', 2, false, false, null),
    ('thread', 'parent_message_id', 3, false, false, null),
    ('thread_participant', 'id', 1, false, true, null),
    ('thread_participant', 'chat_thread_id', 2, true, true, null),
    ('thread_participant', 'community_member_id', 3, true, true, null),
    ('thread_participant', 'last_read_at', 4, false, true, null),
    ('thread_participant', 'deleted_at', 5, false, true, null),
    ('notification', 'id', 1, true, true, null),
    ('notification', 'community_member_id', 2, true, true, null),
    ('notification', 'seen_at', 3, false, true, null),
    ('notification', 'read_at', 4, false, true, null),
    ('notification', 'created_at', 5, false, false, null),
    ('notification', 'deleted_at', 6, false, true, null);

create table pgcable.mapping (
    kind text primary key,
    relation regclass not null,
    columns jsonb not null,
    extra text[] not null,
    attached_at timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table pgcable.mapping is
    'Which table plays which kind. Written by attach() and detach().';
comment on column pgcable.mapping.columns is 'Canonical name -> the table''s column.';
comment on column pgcable.mapping.extra is
    'Further columns that travel in the objects of this kind.';

create function pgcable.column_list(p_table regclass) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select string_agg(quote_ident(attname), ', ' order by attnum)
    from pg_attribute
    where attrelid = p_table and attnum > 0 and not attisdropped;
$$;
comment on function pgcable.column_list(regclass) is 'Internal: a table''s columns, for messages.';

create function pgcable.has_column(p_table regclass, p_column text) returns boolean
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from pg_attribute
        where attrelid = p_table and attname = p_column and attnum > 0 and not attisdropped);
$$;
comment on function pgcable.has_column(regclass, text) is 'Internal: is there such a column?';

-- What a column is once its domain is taken off: keys are cast to it.
create function pgcable.base_type(p_type oid) returns oid
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    with recursive t as (
        select oid, typbasetype from pg_type where oid = p_type
        union all
        select b.oid, b.typbasetype from t join pg_type b on b.oid = t.typbasetype
    )
    select oid from t where typbasetype = 0;
$$;
comment on function pgcable.base_type(oid) is 'Internal: the type below a domain.';

-- SQL for a text as a value of the type, or null if it is none: keys come from strangers.  SQL and not a
-- function, which costs 20 microseconds for each key.  The types are those that pgcable.check_keys()
-- lets pass.
create function pgcable.cast_of(p_text text, p_type text) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.cast_of(text, text) is
    'Internal: SQL for a text as a value of the type, or null.';

-- What of the mapping exists right now: {kind: {"table", "columns": {canonical: {"col", "type",
-- "small"}}, "extra": [column, …]}}, with table and col quoted for SQL text.
create function pgcable.shapes() returns jsonb
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.shapes() is
    'Internal: the mapping as far as the catalogue confirms it.';

-- The SQL that reads the application's tables is written in templates, whose braces name kinds and
-- canonical columns; this turns one pair of braces into SQL.  What is not mapped becomes a table
-- without rows, a null, or false, so that no template needs a branch for it:
--
--   {message}                          the table
--   {message m.body}                   the column
--   {message m.id = x.key}             the column holds the key in the text x.key
--   {message m.id in $1}               … one of the keys in this list of texts
--   {room r.id == message m.chat_room_id}   both columns hold the same key
--   {participant p.admin flag}         the column as true or false, whatever its type
--   {notification n.seen_at unset}     null, or false if it is a boolean
--   {message m visible}                not soft-deleted
--   {room r.uuid mapped}, {room mapped}     true or false
--   {message m.body shown}             the column as JSON, see pgcable.shown()
--   {message m.body listed}            the same for a select list: "… as body, " or, unmapped, nothing
--   {message m row}                    the row as an object: canonical columns, then "extra"
--   {member m extra}                   the extra columns as an object
--   {participant p person m}           a participant p with its member m as an object
--
-- A text that is no value of a column's type holds no key; null::unknown goes with any type.
create function pgcable.piece(p_shapes jsonb, p_token text) returns text
    language plpgsql
    stable
    strict
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.piece(jsonb, text) is 'Internal: SQL for one pair of braces.';

-- Keys of types that do not compare do so as text: slower, but never an error.
create function pgcable.same_key(p_col text, p_type text, p_alias text, p_other jsonb) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_other is null then 'false'
        when p_type = p_other ->> 'type'
            or p_type in ('smallint', 'integer', 'bigint')
                and p_other ->> 'type' in ('smallint', 'integer', 'bigint')
            then format('%s = %s.%s', p_col, p_alias, p_other ->> 'col')
        else format('%s::text = %s.%s::text', p_col, p_alias, p_other ->> 'col')
    end;
$$;
comment on function pgcable.same_key(text, text, text, jsonb) is
    'Internal: SQL for "both columns hold the same key".';

-- A value as JSON.  In place of one that is larger than max_value_bytes stands a name that only
-- daemons know, so that no application can store it; every event in which they find it is sent as
-- truncated.  Nothing is read to learn how large a text is, nor how much room anything takes, which
-- for no type is eight times as much as its text.  p_place tells what was too large before a change
-- from what is after it.  A cast to text may be the application's own, which is not for us to run.
create function pgcable.shown(p_value anyelement, p_place text default '') returns json
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select case
        when pg_column_size(p_value) > 8 * max_value_bytes
            or octet_length(case when pgcable.base_type(pg_typeof(p_value)) < 16384
                then p_value::text else format('%s', p_value) end) > max_value_bytes
            then to_json(install_id || p_place)
        else to_json(p_value) end
    from pgcable.meta;
$$;
comment on function pgcable.shown(anyelement, text) is
    'Internal: a value as JSON, or what stands for one that is too large to be sent.';

-- Most values need no further look: nothing is compressed to less than a 255th, so what takes 8 kB is
-- no more than 2 MB.
create function pgcable.shown_column(p_col text) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select format('case when pg_column_size(%1$s) > 8192 then pgcable.shown(%1$s)'
        ' else to_json(%1$s) end', p_col);
$$;
comment on function pgcable.shown_column(text) is
    'Internal: SQL for a column as it is shown, which is not read if it is too large to be sent.';

-- A select list of extra columns, less the names that are taken.
create function pgcable.extra_list(
    p_shapes jsonb, p_kind text, p_alias text, p_taken text[]
) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(string_agg(format(', %s as %I',
        pgcable.shown_column(format('%s.%I', p_alias, e.col)), e.col), '' order by e.place), '')
    from jsonb_array_elements_text(coalesce(p_shapes #> array[p_kind, 'extra'], '[]'))
        with ordinality e (col, place)
    where e.col <> all (p_taken);
$$;
comment on function pgcable.extra_list(jsonb, text, text, text[]) is
    'Internal: SQL for a select list of extra columns.';

create function pgcable.extra_object(p_shapes jsonb, p_kind text, p_alias text) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select case l.list
        when '' then '''{}''::json'
        else format('(select row_to_json(e) from (select %s) e)', substr(l.list, 3)) end
    from (select pgcable.extra_list(p_shapes, p_kind, p_alias, '{}') as list) l;
$$;
comment on function pgcable.extra_object(jsonb, text, text) is
    'Internal: SQL for the extra columns as an object.';

create function pgcable.row_object(p_shapes jsonb, p_kind text, p_alias text) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select format('(select row_to_json(x) from (select %s%s as extra) x)',
        string_agg(pgcable.piece(p_shapes, format('%s %s.%s listed', p_kind, p_alias, c.name)), ''
            order by c.place),
        pgcable.extra_object(p_shapes, p_kind, p_alias))
    from pgcable.canonical c
    where c.kind = p_kind;
$$;
comment on function pgcable.row_object(jsonb, text, text) is
    'Internal: SQL for a row as an object under canonical names.';

create function pgcable.person_object(p_shapes jsonb, p_alias text, p_member text) returns text
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.person_object(jsonb, text, text) is
    'Internal: SQL for a participant as an object, as the lists of a room show it.';

-- In one pass: names that an application chose may look like braces of ours.
create function pgcable.expand(p_shapes jsonb, p_template text) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select string_agg(t.text || coalesce(pgcable.piece(p_shapes, b.found[1]), ''), ''
        order by t.place)
    from regexp_split_to_table(p_template, '\{[a-z][^{}]*\}') with ordinality t (text, place)
    left join regexp_matches(p_template, '\{([a-z][^{}]*)\}', 'g') with ordinality b (found, place)
        on b.place = t.place;
$$;
comment on function pgcable.expand(jsonb, text) is 'Internal: a template made SQL.';

reset role;

        $sql$;
    end if;
end;
$migration$;
