-- 0012_trace.sql - where the changes of one row went, for people.
--
-- Breaking: no. No daemon calls it.

do $migration$
begin
    if pgcable.migrating(12, 'trace', false) then
        execute $sql$

-- The table that is meant: by its name, with or without schema, or by the kind it plays.
create function pgcable.attached(p_table text) returns regclass
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.attached(text) is 'Internal: the attached table of that name or kind.';

-- The value of the column by which rows are named, in a change of the table: in one that attach()
-- captures by kind, p_column of the row; in one of attach_generic(), "id" of the record, if the
-- record has just the columns that are listed.
create function pgcable.names_row(p_row json, p_id text, p_column text, p_listed text[])
    returns boolean
    language plpgsql
    immutable
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function pgcable.names_row(json, text, text, text[]) is
    'Internal: is that a change of the row?';

-- One row for each change, the latest 100, and one without any if there is none.  xid and id are
-- what messages and the log call a trace.  is_kept: the tick before it is, without which a tick has
-- no rows.
create function pgcable.trace(p_table text, p_id text)
    returns table (
        relation text, kind text, kept_since_us bigint, present boolean,
        op text, at_us bigint, xid text, id bigint, tick bigint, tick_at_us bigint, is_kept boolean)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
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
$$;
comment on function pgcable.trace(text, text) is
    'Daemon: which changes of a row are kept, and in which tick each was sent. The table by name or'
    ' kind.';

grant execute on function pgcable.trace(text, text) to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
