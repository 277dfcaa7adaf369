# Who attaches while others do waits for them, and what is written in the end knows all of it.
sql -c 'select pgcable.detach(kind) from pgcable.mapping' >/dev/null
tables=(room:chat_rooms member:community_members message:chat_room_messages)
for table in "${tables[@]}"; do
    for _ in {1..8}; do
        echo "select pgcable.attach('${table%:*}', '${table#*:}');"
    done | sql >"$SCRATCH/attach_${table%:*}" 2>&1 &
    eval "pid_${table%:*}=$!"
done
for table in "${tables[@]}"; do
    pid=pid_${table%:*}
    wait "${!pid}" || {
        cat "$SCRATCH/attach_${table%:*}" >&2
        exit 1
    }
done
is "$(sql -c "select bool_and(value like 'select * from pgcable.read\\_%')
    from jsonb_each_text(pgcable.statements())")" t 'what was written is called'
sql -c "insert into chat_rooms (id, name) values (7, 'Team')" \
    -c "insert into chat_room_messages (id, chat_room_id, body) values (1, 7, 'x')"
is "$(sql -c "select string_agg(what || ' ' || key, ', ' order by what)
    from pgcable.facts('{\"message\":[\"1\"]}')")" \
    'message 1, room 7, stats 1' 'and knows every kind'
