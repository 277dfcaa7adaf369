# sql/expected/schema.sql is what a fresh install looks like; a change of it belongs into the review.
# UPDATE_EXPECTED=1 tests/sql/run 70_ writes it anew.
expected=$ROOT/sql/expected/schema.sql
major=$(sql -c "select current_setting('server_version_num')::int / 10000")
[ "$(pg_dump --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" = 15 ] && [ "$major" = 15 ] || {
    echo "the expected schema is written by PostgreSQL 15, this is $major"
    exit 77
}
createdb fresh
for file in "$ROOT"/sql/migrations/*.sql; do
    sql -d fresh -f "$file"
done
{
    echo '-- schema.sql - what the migrations make: pg_dump --schema-only, normalised. Not to be run.'
    pg_dump -d fresh --schema-only --schema pgcable |
        sed -e '/^--/d' -e '/^SET /d' -e '/^SELECT pg_catalog.set_config/d' -e '/^\\/d' | cat -s
} >"$SCRATCH/schema.sql"
dropdb fresh
if [ -n "${UPDATE_EXPECTED:-}" ]; then
    cp "$SCRATCH/schema.sql" "$expected"
fi
diff -u "$expected" "$SCRATCH/schema.sql" || {
    echo 'If this is meant: UPDATE_EXPECTED=1 tests/sql/run 70_' >&2
    exit 1
}
