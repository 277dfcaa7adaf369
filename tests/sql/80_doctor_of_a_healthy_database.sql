-- Nothing is wrong with a fresh install of each shape; what might be better is an index or a kind.
-- This server allows prepared transactions, for the sake of other tests.
create function t.ills() returns text
    language sql
as $$
    select string_agg(format('%s %s: %s', level, subject, finding), '; ')
    from pgcable.doctor()
    where level <> 'ok' and finding not like '%prepared transactions%';
$$;
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
end;
$$;

select t.is(t.ills(), null, 'the reference');
select t.is(count(*)::text, '1', 'prepared transactions are told') from pgcable.doctor()
    where level = 'warn' and finding like '%max_prepared_transactions = 10%';
select t.ok(count(*) > 15, 'what is fine is told, too') from pgcable.doctor() where level = 'ok';

call t.start_over();
\i :ROOT/sql/presets/minimal/schema.sql
\i :ROOT/sql/presets/minimal/attach.sql
select t.is(t.ills(), null, 'minimal');

call t.start_over();
\i :ROOT/sql/presets/quoted/schema.sql
\i :ROOT/sql/presets/quoted/attach.sql
select t.is(t.ills(), null, 'quoted');

call t.start_over();
\i :ROOT/sql/presets/uuid/schema.sql
\i :ROOT/sql/presets/uuid/attach.sql
select t.is(t.ills(), null, 'uuid');

-- The daemon's role may ask.
grant usage on schema t to pgcable_daemon;
set role pgcable_daemon;
select t.is(t.ills(), null, 'asked by the daemon');
reset role;

call t.start_over();
select t.is(string_agg(subject || ': ' || remedy, '; ' order by subject),
    'member: pgcable attach --detect proposes one; message: pgcable attach --detect proposes one; '
    'participant: pgcable attach --detect proposes one; room: pgcable attach --detect proposes one',
    'nothing is attached') from pgcable.doctor()
    where level = 'warn' and finding like 'no table is attached%';
