-- 0001_schema.sql - roles, the schema, and the list of migrations.
--
-- Breaking: yes. The first one.
--
-- Every migration is one DO statement, so it is one transaction under `psql -f`, under the daemon's
-- migrate and inside a transaction of yours alike, and may be run twice or by two at once: whoever
-- inserts the row into pgcable.migration does the work, everybody else waits and finds it done.
--
-- Run it as a superuser, or as the owner of the database who may create roles.  The roles belong to
-- the whole server: where another database has them already, a superuser must
-- `grant pgcable_owner to` whoever installs here.

do $migration$
declare
    v_role text;
begin
    -- There is no table yet whose primary key could be the lock.
    perform pg_catalog.pg_advisory_xact_lock(7236350);
    -- A query, unlike to_regclass(), looks with a snapshot from after the lock was granted.
    if exists (
        select from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'pgcable' and c.relname = 'migration'
    ) then
        raise notice 'pgcable: migration 0001_schema is in place already';
        return;
    end if;
    if pg_catalog.to_regnamespace('pgcable') is not null then
        raise exception 'pgcable: a schema named pgcable is here already and is not ours'
            using hint = 'Rename or drop it, then run the migrations again. Nothing was changed.';
    end if;

    begin
        foreach v_role in array '{pgcable_owner nologin,pgcable_daemon login}'::text[] loop
            begin
                if pg_catalog.to_regrole(pg_catalog.split_part(v_role, ' ', 1)) is null then
                    execute 'create role ' || v_role;
                end if;
            exception when duplicate_object or unique_violation then
                null; -- for another database of this server, this very moment
            end;
        end loop;
        begin
            perform pg_catalog.set_config('role', 'pgcable_owner', true); -- may he become it?
            perform pg_catalog.set_config('role', 'none', true);
        exception when insufficient_privilege then
            execute pg_catalog.format('grant pgcable_owner to %I', current_user);
        end;
        create schema pgcable authorization pgcable_owner;
    exception when insufficient_privilege then
        raise exception 'pgcable: % may not install here: %', current_user, sqlerrm
            using hint = 'Install as a superuser, or as the owner of the database with CREATEROLE;'
                ' if the role pgcable_owner exists already, let a superuser grant it to you first.';
    end;

    execute $sql$

set local role pgcable_owner;

comment on schema pgcable is
    'pgcable: captures changes of chat and notification tables for the websocket daemon.';
grant usage on schema pgcable to pgcable_daemon;
-- Whatever function this role makes is for nobody else until it is granted.
alter default privileges for role pgcable_owner revoke execute on functions from public;

create table pgcable.migration (
    id integer primary key,
    name text not null,
    breaking boolean not null,
    applied_at timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table pgcable.migration is
    'What was installed. A daemon refuses a schema with a breaking one that it does not know.';
insert into pgcable.migration (id, name, breaking) values (1, 'schema', true);

create table pgcable.meta (
    one boolean primary key default true check (one),
    install_id uuid not null default pg_catalog.gen_random_uuid(),
    system_id bigint not null,
    outbox_max_bytes bigint not null default 1073741824,
    max_value_bytes bigint not null default 2097152,
    paused_at timestamptz
);
comment on table pgcable.meta is
    'Which server this was installed on: transaction numbers of another one mean nothing here.';
comment on column pgcable.meta.install_id is
    'Also stands for values that are too large to be sent, so nobody but the daemons may know it.';
comment on column pgcable.meta.max_value_bytes is
    'Larger values are not read: max_payload_bytes of the daemon''s settings, at least 2 MB.';
comment on column pgcable.meta.outbox_max_bytes is
    'As the daemon''s settings say; 0 = no bound. At twice that nothing more is captured.';
comment on column pgcable.meta.paused_at is
    'Since when changes were dropped knowingly; null once the clients have been told.';
insert into pgcable.meta (system_id)
    select system_identifier from pg_catalog.pg_control_system();

-- True if the caller is the one who applies the migration; it has become pgcable_owner until the
-- end of the transaction then, or until it says `reset role`.
create function pgcable.migrating(p_id integer, p_name text, p_breaking boolean) returns boolean
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.migrating(integer, text, boolean) is
    'For migrations only: take the turn to apply one.';

reset role;

    $sql$;
end;
$migration$;
