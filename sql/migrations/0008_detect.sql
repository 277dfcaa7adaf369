-- 0008_detect.sql - detect() reads the catalogue and proposes what to attach as what.
--
-- Breaking: no. The daemon does not call it.

do $migration$
begin
    if pgcable.migrating(8, 'detect', false) then
        execute $sql$

-- The call of attach() that makes this mapping, without what attach() finds by itself.
create function pgcable.attach_statement(
    p_kind text, p_table regclass, p_columns jsonb, p_extra text[], p_always boolean
) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.attach_statement(text, regclass, jsonb, text[], boolean) is
    'Internal: the call of attach() that makes a mapping.';

-- A name as a singular in small letters: RoomMemberships is room_membership, People person.
create function pgcable.plain(p_name text) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(regexp_replace(regexp_replace(
        lower(regexp_replace(
            regexp_replace(p_name, '([a-z0-9])([A-Z])', '\1_\2', 'g'), '[^a-zA-Z0-9]+', '_', 'g')),
        '(^|_)people(?=_|$)', '\1person', 'g'),
        'ies(?=_|$)', 'y', 'g'),
        '([a-z]{2}[a-rt-z])s(?=_|$)', '\1', 'g');
$$;
comment on function pgcable.plain(text) is 'Internal: a name by which others are recognised.';

-- How much the plain name of a table speaks for a kind, up to 10; below 8 it does so only faintly.
create function pgcable.name_patterns() returns table (kind text, points integer, pattern text)
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.name_patterns() is
    'Internal: how much the name of a table speaks for a kind.';

-- Other names of canonical columns, the likelier first.  Only such as nobody would keep secrets in.
create function pgcable.other_names(p_kind text, p_name text) returns text[]
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.other_names(text, text) is
    'Internal: what else a canonical column may be called.';

create function pgcable.type_fits(p_name text, p_type oid) returns boolean
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.type_fits(text, oid) is
    'Internal: may a column of this type be that canonical column?';

create function pgcable.refers_to(p_name text) returns text
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
    select case p_name
        when 'chat_room_id' then 'room'
        when 'community_member_id' then 'member'
        when 'chat_room_participant_id' then 'participant'
        when 'chat_thread_id' then 'thread'
        when 'parent_message_id' then 'message'
        when 'pinned_message_id' then 'message'
    end;
$$;
comment on function pgcable.refers_to(text) is 'Internal: the kind whose key a column holds.';

-- Columns with the table that each refers to, if by a foreign key of its own.
create function pgcable.columns_of(p_table oid)
    returns table (attnum smallint, name text, plain text, type oid, targets oid[])
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select a.attnum, a.attname::text, pgcable.plain(a.attname), a.atttypid, array(
        select c.confrelid from pg_constraint c
        where c.conrelid = p_table and c.contype = 'f' and c.conkey = array[a.attnum])
    from pg_attribute a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped;
$$;
comment on function pgcable.columns_of(oid) is 'Internal: columns and where they refer to.';

-- The column of a table that is most likely a canonical one.  p_chosen is {kind: oid of its table}.
-- A foreign key elsewhere speaks against a name.  The only foreign key to the right table needs no
-- name, except to messages: "the last one" is as frequent as "the one above".
create function pgcable.guess_column(
    p_canonical pgcable.canonical, p_table oid, p_chosen jsonb
) returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.guess_column(pgcable.canonical, oid, jsonb) is
    'Internal: the likeliest column for a canonical one.';

create function pgcable.guess(p_kind text, p_table oid, p_chosen jsonb) returns jsonb
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(g.name, g.col) filter (where g.col is not null), '{}')
    from (
        select c.name, pgcable.guess_column(c, p_table, p_chosen) as col
        from pgcable.canonical c
        where c.kind = p_kind
    ) g;
$$;
comment on function pgcable.guess(text, oid, jsonb) is 'Internal: a mapping for a table.';

-- Tables named like a kind.  Who is referred to by others of these has more points.
create function pgcable.candidates()
    returns table (kind text, relation oid, named integer, points integer)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.candidates() is 'Internal: tables that may play a kind.';

-- Null if attach() would take it, else what it would say.
create function pgcable.guess_problem(p_kind text, p_table oid, p_guess jsonb) returns text
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.guess_problem(text, oid, jsonb) is
    'Internal: what attach() would say against a mapping.';

create function pgcable.owner_problem(p_kind text, p_table oid) returns text
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcable.check_table(p_kind, p_table);
    return null;
exception when others then
    return regexp_replace(sqlerrm, '^pgcable: ', '');
end;
$$;
comment on function pgcable.owner_problem(text, oid) is
    'Internal: may the caller attach the table?';

-- Which table plays each kind: one after the other, since those found first say what the keys of
-- the others refer to.  What is attached already stands.
create function pgcable.choose()
    returns table (kind text, relation oid, attached boolean, doubt text)
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.choose() is 'Internal: the likeliest table for each kind.';

create function pgcable.detect()
    returns table (kind text, statement text, sure boolean, reason text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.detect() is
    'Which of this database''s tables look like the kinds, and the calls of pgcable.attach() for'
    ' them. Changes nothing.';

reset role;

        $sql$;
    end if;
end;
$migration$;
