# Whatever roles, schemas, tables and columns are called, the installers act on these and on nothing
# else, and the SQL that detect() and doctor() propose can be run as it is.
sql <<'SQL'
select t.community();
select pgcable.detach('message');
create table t.name (n text);
insert into t.name values ('"; drop--'), (E'a''b'), ('a.b'), ('Order'), (E'ünï☃'), ('%I %s %1$L'),
    (E'back\\slash'), (E'new\nline'), ('$body$ $sql$'), ('select'), ('null'), ('a,b}'), ('"'),
    (': create role evil superuser;'), (': run pgcable.attach('), ('{message m.id}'), ('--'),
    (rpad('n', 63, 'n')), ('pg_class'), ('x); drop table notifications; --');
grant usage on schema t to public;
create table t.victim as select count(*) from pg_class;
SQL

# Tables whose every name is hostile, owned by hostile roles.
sql <<'SQL'
do $$
declare
    v_name text;
    v_role text;
    v_table text;
begin
    for v_name in select n from t.name loop
        v_role := left('t_' || v_name, 63);
        execute format('create role %I in role pgcable_owner', v_role);
        execute format('create schema %I authorization %I', left('s' || v_name, 63), v_role);
        v_table := format('%I.%I', left('s' || v_name, 63), v_name);
        execute format('create table %s (%2$I bigint, x1 bigint, x2 bigint, x3 text,'
            ' x4 timestamptz default now()) partition by range (%2$I)', v_table, v_name);
        execute format('create table %1$I.part partition of %2$s default',
            left('s' || v_name, 63), v_table);
        execute format('alter table %s owner to %I', v_table, v_role);
        execute format('alter table %I.part owner to %I', left('s' || v_name, 63), v_role);
        execute format('set role %I', v_role);
        perform pgcable.attach('message', v_table::regclass, jsonb_build_object('id', v_name,
            'chat_room_id', 'x1', 'community_member_id', 'x2', 'body', 'x3', 'created_at', 'x4',
            'extra', jsonb_build_array(v_name)));
        execute format('insert into %s values (1, 7, 42, %L)', v_table, v_name);
        execute format('update %s set x3 = %L', v_table, v_name || '!');
        perform t.is(f.data ->> 'body', v_name || '!', 'the fact of ' || v_name)
            from pgcable.facts('{"message":["1"]}') f where what = 'message';
        perform t.is(f.data #>> array['extra', v_name], '1', 'the extra of ' || v_name)
            from pgcable.facts('{"message":["1"]}') f where what = 'message';
        -- What doctor() says to do about a column that is gone can be done.
        execute format('alter table %s add column y text', v_table);
        perform pgcable.attach('message', v_table::regclass, jsonb_build_object('id', v_name,
            'chat_room_id', 'x1', 'community_member_id', 'x2', 'body', 'x3', 'created_at', 'x4',
            'extra', jsonb_build_array('y')));
        execute format('alter table %s rename column y to %I', v_table, left('z' || v_name, 63));
        perform t.is(count(*)::text, '1', 'one finding on ' || v_name) from pgcable.doctor()
            where subject = 'message' and level = 'fail' and remedy like 'select pgcable.attach(%';
        execute (select remedy from pgcable.doctor()
            where subject = 'message' and level = 'fail');
        perform t.is(count(*)::text, '0', 'mended: ' || v_name) from pgcable.doctor()
            where subject = 'message' and level = 'fail';
        perform pgcable.detach('message');
        perform pgcable.detach('message');
        perform pgcable.attach_generic(v_table::regclass, 'orders-{' || v_name || '}',
                array[v_name, 'x3'])
            where v_name !~ '[{}]';
        perform pgcable.attach_generic(v_table::regclass, 'orders-{x1}', array[v_name])
            where v_name ~ '[{}]';
        execute format('update %s set x3 = x3 || ''?''', v_table);
        perform t.ok(bool_and(level = 'ok'), 'doctor on the table ' || v_name)
            from pgcable.doctor() where subject like 'table %';
        perform pgcable.detach_generic(v_table::regclass);
        reset role;
        perform t.is(count(*)::text, '0', 'triggers left on ' || v_name) from pg_trigger
            where tgrelid = v_table::regclass;
    end loop;
end;
$$;
select from pgcable.advance();
SQL
is "$(sql -c "select count(*) from pgcable.tick k, pgcable.batches(0, k.tick) b, t.name n
    where b.kind = 'message' and b.op = 'U' and b.new::json ->> 'x3' = n.n || '!'")" 20 'all captured'

is "$(sql -c "select count(*) from pgcable.tick k, pgcable.batches(0, k.tick) b, t.name n
    where b.kind = 'broadcast' and b.new::json ->> 'event' = 'UPDATE' and b.stream = 'orders-1'
        and b.new::json -> 'record' ->> n.n = '1'
        and b.new::json -> 'record' ->> 'x3' = n.n || '!?'")" 18 'and of tables of their own'
is "$(sql -c "select count(*) from pg_proc where proname ~ '^capture_generic_\d'")" 0 'no function left'

# Names that detect() takes for kinds, and that are SQL where a comment or a quote ends.
sql <<'SQL'
create schema app;
create table app."Chat
Rooms" (id bigint primary key, name text);
create table app."Users" (id bigint primary key, name text);
create table app."Room'Members" (id bigint primary key, "x
\! touch pwned
drop table notifications; --" bigint references app."Chat
Rooms" (id), user_id bigint references app."Users" (id));
select pgcable.detach(kind) from pgcable.mapping;
drop table public.chat_rooms, public.community_members, public.chat_room_participants,
    public.chat_room_messages, public.chat_threads, public.chat_thread_participants cascade;
SQL
sql -c 'select statement from pgcable.detect() where statement is not null' >"$SCRATCH/detected.sql"
(cd "$SCRATCH" && sql -f detected.sql)
[ ! -e "$SCRATCH/pwned" ] || exit 1
is "$(sql -c "select string_agg(kind, ' ' order by kind) from pgcable.mapping")" \
    'member notification participant room' 'attached as detected'

# And all of it goes again.
sql -f "$ROOT/sql/uninstall.sql" 2>/dev/null
is "$(sql -c "select count(*) from pg_namespace where nspname = 'pgcable'")" 0 'uninstalled'
is "$(sql -c "select count(*) from pg_trigger where tgname like 'pgcable%'")" 0 'no trigger'
is "$(sql -c "select count(*) from t.victim, notifications")" 3 'nothing of theirs is gone'
is "$(sql -c "select count(*) from pg_roles where rolname = 'evil'")" 0 'nobody was made'
sql -c "do \$\$ declare r text; begin
    for r in select rolname from pg_roles where rolname like 't\_%' loop
        execute format('drop owned by %I cascade', r);
        execute format('drop role %I', r);
    end loop; end \$\$"
