-- 0004_facts.sql - what rows of the outbox do not hold, and who may listen.
--
-- Breaking: yes. Events and subscriptions stand on these answers.

do $migration$
begin
    if pgcable.migrating(4, 'facts', true) then
        execute $sql$

-- Every statement that reads the application's tables; the braces are explained at pgcable.piece().
-- Keys come as text, $1 is a list of them, of pairs of them, or of JSON objects; answers are (what,
-- key, data).  Of a pair the first is written so that the colon behind it is the first one.
create function pgcable.build(p_shapes jsonb) returns jsonb
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.build(jsonb) is
    'Internal: the statements that read the application''s tables.';

-- What a statement answers, a message with what it needs in turn.
create type pgcable.fact as (what text, key text, data json);
create type pgcable.message_fact as (
    what text, key text, data json,
    message text, room text, participant text, member text, thread text);
create type pgcable.access_answer as (req integer, stream text, topic text);
create type pgcable.key_pair as (one text, other text);

-- Planning these takes longer than running them, so attach() and detach() make functions of them,
-- whose plans each session keeps, and note here how those are called.  That holds as long as the
-- tables are called what they were called then; whatever else has changed in them (a column gone or
-- of another type) shows as an error when a statement is run, and who runs it builds anew.
create table pgcable.built (
    one boolean primary key default true check (one),
    tables text[] not null,
    statements jsonb not null
);
comment on table pgcable.built is
    'Calls of the functions that are the statements of pgcable.build() for the mapping of now.';

create function pgcable.put_reading(
    p_name text, p_takes text, p_returns text, p_statement text
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('create or replace function pgcable.read_%s(%s) returns setof pgcable.%s'
        ' language plpgsql stable set search_path = pg_catalog, pg_temp as %L',
        p_name, p_takes, p_returns, format(E'begin\n    return query%s;\nend', p_statement));
    execute format('comment on function pgcable.read_%s(%s) is %L', p_name, p_takes,
        'Internal: reads the application''s tables; written by pgcable.attach().');
end;
$$;
comment on function pgcable.put_reading(text, text, text, text) is
    'Internal: make a function of a statement that reads the application''s tables.';

create function pgcable.rebuild() returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.rebuild() is 'Internal: keep the statements for the mapping of now.';

-- In plpgsql for its plan, too.
create function pgcable.statements() returns jsonb
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        (select statements from pgcable.built
            where tables = array(select relation::text from pgcable.mapping order by kind)),
        pgcable.build(pgcable.shapes()));
end;
$$;
comment on function pgcable.statements() is 'Internal: the statements, kept or built.';

create function pgcable.facts_by(p_statements jsonb, p_needs json)
    returns table (what text, key text, data json)
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.facts_by(jsonb, json) is 'Internal: facts, with these statements.';

-- Without sequential scans, as in 0006: a plan is kept, perhaps from when the tables were empty.
create function pgcable.facts(p_needs json) returns table (what text, key text, data json)
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set jit = off
    set plan_cache_mode = force_generic_plan
    set extra_float_digits = 1
as $$
begin
    begin
        return query select * from pgcable.facts_by(pgcable.statements(), p_needs);
    exception when syntax_error_or_access_rule_violation then
        return query select * from pgcable.facts_by(pgcable.build(pgcable.shapes()), p_needs);
    end;
end;
$$;
comment on function pgcable.facts(json) is
    'Daemon: what the rows of a batch do not hold, in one round trip.';

create function pgcable.builtin_access(p_requests json)
    returns table (req integer, stream text, topic text)
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
as $$
begin
    begin
        return query execute pgcable.statements() ->> 'access' using p_requests;
    exception when syntax_error_or_access_rule_violation then
        return query execute pgcable.build(pgcable.shapes()) ->> 'access' using p_requests;
    end;
end;
$$;
comment on function pgcable.builtin_access(json) is
    'Internal: who may listen to what, on the channels of the chat.';

grant execute on function pgcable.facts(json) to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
