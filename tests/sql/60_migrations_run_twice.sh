# Running the files again changes nothing and says so.
before=$(sql -c 'select id, name, breaking, applied_at from pgcable.migration order by id')
for file in "$ROOT"/sql/migrations/*.sql; do
    said=$(PGOPTIONS='' psql -qAtX -v ON_ERROR_STOP=1 -f "$file" 2>&1)
    has "$said" 'is in place already' "$file"
done
is "$(sql -c 'select id, name, breaking, applied_at from pgcable.migration order by id')" "$before" \
    'nothing was applied twice'
is "$(sql -c 'select current_user')" postgres 'and nobody changed into somebody else'
is "$(sql -c "select string_agg(lpad(id::text, 4, '0') || '_' || name || '.sql', ' ' order by id)
    from pgcable.migration")" \
    "$(cd "$ROOT/sql/migrations" && printf '%s\n' *.sql | paste -sd ' ')" 'the list is the files'
for file in "$ROOT"/sql/migrations/*.sql; do
    want=$(sed -n 's/^-- Breaking: \(yes\|no\)\..*/\1/p' "$file")
    id=$(basename "$file" | sed 's/^0*\([0-9]*\)_.*/\1/')
    is "$(sql -c "select case when breaking then 'yes' else 'no' end from pgcable.migration
        where id = $id")" "$want" "$file and the list agree on what is breaking"
done
