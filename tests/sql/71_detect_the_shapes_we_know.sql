-- What detect() is sure of is what a person wrote down for the same tables, for every shape we
-- ship and one of an application nobody wrote for us: the same tables, the same required columns.
create table t.kept (kind text, relation text, name text, col text);

create procedure t.start_over()
    language plpgsql
as $$
declare
    v_kind text;
begin
    for v_kind in select kind from pgcable.mapping loop
        perform pgcable.detach(v_kind);
    end loop;
    drop schema if exists public, "Chat" cascade;
    create schema public;
    truncate t.kept;
end;
$$;

create procedure t.apply_detected()
    language plpgsql
as $$
declare
    v_statement text;
begin
    for v_statement in select statement from pgcable.detect() where sure loop
        execute v_statement;
    end loop;
    insert into t.kept
        select m.kind, m.relation::text, c.key, c.value
        from pgcable.mapping m, jsonb_each_text(m.columns) c;
    for v_statement in select kind from pgcable.mapping loop
        perform pgcable.detach(v_statement);
    end loop;
end;
$$;

-- 'kind.name: theirs, not ours' of what differs among the columns that matter: the required ones,
-- and those that hold keys.
create function t.differences() returns text
    language sql
as $$
    select string_agg(format('%s.%s: %s.%s, not %s.%s', m.kind, c.name, m.relation,
        m.columns ->> c.name, k.relation, k.col), '; ' order by m.kind, c.name)
    from pgcable.mapping m
    join pgcable.canonical c on c.kind = m.kind and (c.required or c.name like '%\_id')
    left join t.kept k on k.kind = m.kind and k.name = c.name
    where (m.relation::text, m.columns ->> c.name) is distinct from (k.relation, k.col)
        and (c.required or m.columns ? c.name);
$$;

call t.start_over();
\i :ROOT/sql/reference/schema.sql
call t.apply_detected();
\i :ROOT/sql/reference/attach.sql
select t.is(t.differences(), null, 'reference');

call t.start_over();
\i :ROOT/sql/presets/minimal/schema.sql
call t.apply_detected();
\i :ROOT/sql/presets/minimal/attach.sql
select t.is(t.differences(), null, 'minimal');

call t.start_over();
\i :ROOT/sql/presets/quoted/schema.sql
call t.apply_detected();
\i :ROOT/sql/presets/quoted/attach.sql
select t.is(t.differences(), null, 'quoted');

call t.start_over();
\i :ROOT/sql/presets/uuid/schema.sql
call t.apply_detected();
\i :ROOT/sql/presets/uuid/attach.sql
select t.is(t.differences(), null, 'uuid');

call t.start_over();
\i :ROOT/tests/integration/schemas/discourse/schema.sql
call t.apply_detected();
\i :ROOT/tests/integration/schemas/discourse/attach.sql
select t.is(t.differences(), null, 'discourse');
