-- 0013_lead.sql - which of several daemons reads, where they publish to others (role = feed).
--
-- Breaking: no. Only daemons with that role call it.

do $migration$
begin
    if pgcable.migrating(13, 'lead', false) then
        execute $sql$

create table pgcable.leader (
    one boolean primary key default true check (one),
    name text not null default '',
    term bigint not null default 0,
    until timestamptz not null default '-infinity'
);
comment on table pgcable.leader is 'The daemon that publishes, and until when nobody else may.';
comment on column pgcable.leader.term is
    'Grows each time that somebody begins to lead, the one who led before included.';
insert into pgcable.leader default values;

-- A term is never given twice, not even by a standby that was promoted before it knew the last one:
-- hence the clock.  Who waited for the row goes by the time at which it asked, so it takes nothing that
-- was renewed meanwhile.
create function pgcable.lead(p_name text, p_lease interval)
    returns table (term bigint, leader text)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.lead(text, interval) is
    'Daemon: lead for so long from now, or go on; 0 = let go. The term, or null while another one'
    ' leads, and its name.';

create function pgcable.tick_and_before(p_tick bigint)
    returns table (tick bigint, nonce text, at_us bigint)
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    select t.tick, t.nonce::text, (extract(epoch from t.at) * 1000000)::bigint
    from pgcable.tick t
    where t.tick in (p_tick - 1, p_tick);
$$;
comment on function pgcable.tick_and_before(bigint) is
    'Daemon: that tick and the one before, as far as they are kept: to go on with what another one'
    ' published.';

grant execute on function
    pgcable.lead(text, interval), pgcable.tick_and_before(bigint)
    to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
