# Where something of the user's depends on us, nothing is changed and the detail names it.
refused() {
    local said
    said=$(sql -f "$ROOT/sql/uninstall.sql" 2>&1) && {
        echo "uninstalled although: $1" >&2
        exit 1
    }
    has "$said" 'not uninstalled' "$1"
    has "$said" "$2" "$1"
    has "$said" 'Nothing was changed' "$1"
    is "$(sql -c "select count(*) from pg_trigger where tgname = 'pgcable_capture_insert'")" 5 \
        'the triggers are still there'
    is "$(sql -c 'select count(*) > 0 from pgcable.migration')" t 'so is the schema'
}
sql -c 'create view spy as select * from pgcable.tick'
refused 'a view reads our table' 'view spy depends on table pgcable.tick'
sql -c 'drop view spy' -c 'create table mine (id int)' \
    -c "create trigger own after insert on mine for each row execute function pgcable.capture_truncate()"
refused 'a trigger calls our function' 'trigger own on table mine depends on function pgcable.capture_truncate()'
sql -c 'drop table mine' -c 'create table pgcable.mine (id int)'
refused 'a table lies in our schema' 'table pgcable.mine depends on schema pgcable'
sql -c 'drop table pgcable.mine' -c 'create table public.mine (id int)' \
    -c 'alter table mine owner to pgcable_owner'
refused 'our role owns a table of theirs' 'table mine'
sql -c 'drop table mine' -f "$ROOT/sql/uninstall.sql" 2>/dev/null
is "$(sql -c "select count(*) from pg_namespace where nspname = 'pgcable'")" 0 'nothing hinders now'
