# Nothing of ours is left, nothing of theirs is lost.
sql -c 'select t.community()' -c 'drop schema t cascade' >/dev/null 2>&1
rows='select count(*), sum(id) from chat_room_messages'
before=$(sql -c "$rows")
sql -f "$ROOT/sql/uninstall.sql" 2>/dev/null
is "$(sql -c "$rows")" "$before" 'the data'
is "$(sql -c "select count(*) from pg_trigger where tgname like 'pgcable%'")" 0 'triggers'
is "$(sql -c "select count(*) from pg_namespace where nspname = 'pgcable'")" 0 'schema'
is "$(sql -c 'select count(*) from pg_default_acl')" 0 'default privileges'
is "$(sql -c "select count(*) from pg_shdepend d join pg_roles r on r.oid = d.refobjid
    where r.rolname like 'pgcable%' and d.dbid = (
        select oid from pg_database where datname = current_database())")" 0 'rights'
sql -c 'insert into chat_room_messages (chat_room_id) values (7)' -c 'update chat_rooms set name = 0'
has "$(PGOPTIONS='' psql -qX -f "$ROOT/sql/uninstall.sql" 2>&1)" 'not installed' 'twice is harmless'
for file in "$ROOT"/sql/migrations/*.sql; do
    sql -f "$file"
done
is "$(sql -c 'select last_tick from pgcable.hello()')" 0 'and it can be installed again'
