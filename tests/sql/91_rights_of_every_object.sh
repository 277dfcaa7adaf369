# Who may do what with each object of ours, held against sql/expected/rights.txt: a new object, or a
# new right, belongs into the review.  UPDATE_EXPECTED=1 tests/sql/run 91_ writes it anew.
# `everybody` is a role of no rights, `application` one that may do all with its own tables.
expected=$ROOT/sql/expected/rights.txt
createdb fresh
for file in "$ROOT"/sql/migrations/*.sql; do
    sql -d fresh -f "$file"
done
sql -d fresh -f "$ROOT/sql/reference/schema.sql" -f "$ROOT/sql/reference/attach.sql" >/dev/null
sql -d fresh -c 'create role t_everybody' -c 'create role t_application' \
    -c 'grant usage, create on schema public to t_application' \
    -c 'grant all on all tables in schema public to t_application' \
    -c 'grant all on all sequences in schema public to t_application'
matrix() {
    sql -d fresh <<'SQL'
with role (name, place) as (
    values ('t_everybody', 1), ('t_application', 2), ('pgcable_daemon', 3), ('pgcable_owner', 4)
), may (object, name, privilege) as (
    select '1 schema ' || n.nspname, r.name, p
    from pg_namespace n, role r, unnest('{usage,create}'::text[]) p
    where n.nspname in ('pgcable', 'public') and has_schema_privilege(r.name, n.oid, p)
    union all
    select case c.relkind when 'S' then '4 sequence ' else '3 table ' end || c.oid::regclass,
        r.name, p
    from pg_class c, role r,
        unnest('{select,insert,update,delete,truncate,references,trigger,usage}'::text[]) p
    where c.relnamespace = 'pgcable'::regnamespace and c.relkind not in ('i', 'I', 'c')
        and case when c.relkind = 'S'
            then p in ('select', 'update', 'usage') and has_sequence_privilege(r.name, c.oid, p)
            else p <> 'usage' and has_table_privilege(r.name, c.oid, p) end
    union all
    select '2 table ' || c.oid::regclass, r.name, p
    from pg_class c, role r,
        unnest('{select,insert,update,delete,truncate,references,trigger}'::text[]) p
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        and r.name <> 't_application' and has_table_privilege(r.name, c.oid, p)
    union all
    select '5 function ' || f.oid::regprocedure || case when f.prosecdef then ' (definer)'
        else '' end, r.name, 'execute'
    from pg_proc f, role r
    where f.pronamespace = 'pgcable'::regnamespace
        and has_function_privilege(r.name, f.oid, 'execute')
), holds as (
    select object, r.name, r.place, string_agg(privilege, ',' order by privilege) as privileges
    from may join role r using (name)
    group by 1, 2, 3
)
select substr(object, 3) || ': ' || string_agg(replace(name, 't_', '')
    || case privileges when 'execute' then '' else ' ' || privileges end, '; ' order by place)
from holds
group by object
order by object collate "C";
SQL
}
matrix >"$SCRATCH/rights.txt"
objects=$(sql -d fresh -c "select count(*) from pg_proc
    where pronamespace = 'pgcable'::regnamespace")
is "$(grep -c '^function' "$SCRATCH/rights.txt")" "$objects" 'each function has a line'

# The test can fail: a function that everybody may call is another line.
sql -d fresh -c 'create function pgcable.careless() returns void language sql as $$$$' \
    -c 'grant execute on function pgcable.careless() to public'
has "$(matrix)" 'function pgcable.careless(): everybody; application; pgcable_daemon; pgcable_owner' \
    'what is not expected is seen'
dropdb fresh
sql -c 'drop role t_everybody' -c 'drop role t_application'
if [ -n "${UPDATE_EXPECTED:-}" ]; then
    cp "$SCRATCH/rights.txt" "$expected"
fi
diff -u "$expected" "$SCRATCH/rights.txt" || {
    echo 'If this is meant: UPDATE_EXPECTED=1 tests/sql/run 91_' >&2
    exit 1
}
