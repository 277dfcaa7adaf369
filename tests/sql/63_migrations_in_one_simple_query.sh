# As the daemon sends them: each file as one string, all of them in one transaction or not.
createdb once
for file in "$ROOT"/sql/migrations/*.sql; do
    sql -d once -c "$(cat "$file")"
done
dropdb once
createdb once
sql -d once -1 $(printf -- '-f %s ' "$ROOT"/sql/migrations/*.sql) -c 'select current_user' >"$SCRATCH/who"
is "$(cat "$SCRATCH/who")" postgres 'the caller is himself again'
is "$(sql -d once -c 'select in_recovery from pgcable.hello()')" f 'installed'
dropdb once
