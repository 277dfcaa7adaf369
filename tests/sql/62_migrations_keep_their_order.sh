# A file that comes too early says what is missing and changes nothing.
createdb early
sql -d early -f "$ROOT/sql/migrations/0001_schema.sql"
said=$(sql -d early -f "$ROOT"/sql/migrations/0003_*.sql 2>&1) && exit 1
has "$said" 'cannot run migration 3 (mapping) before 2' 'it says which'
is "$(sql -d early -c 'select max(id) from pgcable.migration')" 1 'nothing was done'
sql -d early -c 'drop schema pgcable cascade' -c 'create schema pgcable' 2>/dev/null
said=$(sql -d early -f "$ROOT/sql/migrations/0001_schema.sql" 2>&1) && exit 1
has "$said" 'a schema named pgcable is here already and is not ours' 'somebody else has the name'
said=$(sql -d early -f "$ROOT/sql/uninstall.sql" 2>&1) && exit 1
has "$said" 'the schema pgcable is not ours' 'nor does uninstall touch it'
dropdb early
