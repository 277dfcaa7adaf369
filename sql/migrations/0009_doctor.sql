-- 0009_doctor.sql - doctor() says what is wrong and how to mend it.
--
-- Breaking: no. The daemon does not call it.
--
-- Findings are rows (level, subject, finding, remedy); level is ok, warn or fail.

do $migration$
begin
    if pgcable.migrating(9, 'doctor', false) then
        execute $sql$

create function pgcable.doctor_server()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.doctor_server() is 'Internal: findings about the server.';

-- A role of another name that is a member of pgcable_daemon does as well.
create function pgcable.doctor_rights()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.doctor_rights() is 'Internal: findings about the daemon''s role.';

create function pgcable.doctor_kinds()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.doctor_kinds() is 'Internal: findings about the attached tables.';

-- What facts() and access() search by.  Notifications are counted only where nobody else does.
create function pgcable.doctor_indexes()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.doctor_indexes() is 'Internal: findings about indexes.';

create function pgcable.doctor_outbox()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
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
comment on function pgcable.doctor_outbox() is 'Internal: findings about what waits.';

create function pgcable.doctor_own()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.doctor_own() is
    'Internal: findings about channels, rules and tables of one''s own.';

create function pgcable.doctor_rules()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.doctor_rules() is 'Internal: findings about when rules are asked again.';

-- With the rights of pgcable_owner, since the daemon's role sees none of this.
create function pgcable.examine()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    select * from pgcable.doctor_server()
    union all select * from pgcable.doctor_rights()
    union all (select * from pgcable.doctor_kinds() k order by k.subject, k.finding)
    union all select * from pgcable.doctor_indexes()
    union all select * from pgcable.doctor_own()
    union all select * from pgcable.doctor_rules()
    union all select * from pgcable.doctor_outbox();
$$;
comment on function pgcable.examine() is
    'Internal: the part of doctor() that needs rights of ours.';

-- With the rights of the caller: only who may read statistics sees what other roles do.
create function pgcable.doctor_sessions(p_age interval default '5 minutes')
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function pgcable.doctor_sessions(interval) is
    'Internal: findings about long transactions.';

create function pgcable.doctor()
    returns table (level text, subject text, finding text, remedy text)
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $$
    select * from pgcable.examine()
    union all select * from pgcable.doctor_sessions();
$$;
comment on function pgcable.doctor() is
    'What is wrong here, and how to mend it: level ok, warn or fail. Changes nothing.';

grant execute on function pgcable.doctor(), pgcable.examine(), pgcable.doctor_sessions(interval)
    to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
