# The owner of a database who may create roles can install, attach his tables and uninstall.
pg_start "$SCRATCH/own"
sql -c 'create role boss login createrole' -c 'create database shop owner boss' \
    -c 'create role clerk login' -c 'create database other owner clerk'
export PGDATABASE=shop
as_boss() {
    sql -U boss "$@"
}
for file in "$ROOT"/sql/migrations/*.sql; do
    as_boss -f "$file"
done
as_boss -f "$ROOT/sql/reference/schema.sql" -f "$ROOT/sql/reference/attach.sql" >/dev/null
as_boss -c "insert into community_members (id, name, email) values (42, 'Ann', 'a')" \
    -c 'insert into notifications (community_member_id) values (42)'
is "$(sql -U pgcable_daemon -c "select stream from pgcable.advance(
    '[{\"req\":1,\"member\":\"42\",\"channel\":\"notifications\"}]')")" notification-channel-42 \
    'the daemon works'
said=$(sql -U clerk -d other -f "$ROOT/sql/migrations/0001_schema.sql" 2>&1) && exit 1
has "$said" 'clerk may not install here' 'without the right to, it says so'
has "$said" 'let a superuser grant it to you' 'and what to do'
as_boss -f "$ROOT/sql/uninstall.sql" 2>/dev/null
is "$(sql -c 'select count(*) from notifications')" 1 'the data stay'
is "$(sql -c "select count(*) from pg_namespace where nspname = 'pgcable'")" 0 'we do not'
is "$(sql -c "select count(*) from pg_roles where rolname like 'pgcable%'")" 0 'nor do the roles'
pg_stop "$SCRATCH/own"
export PGHOST=$SCRATCH/pg
