# Writers notify while the lease lasts, and not before or after.
heard() {
    sql -c 'listen pgcable' "$@" | grep -c 'Asynchronous notification "pgcable"' || true
}
insert='insert into notifications (community_member_id) values (42)'
sql -c 'select t.community()' >/dev/null
is "$(heard -c "$insert")" 0 'nobody sleeps at first'
sql -c 'select pgcable.ring(60)' >/dev/null
is "$(heard -c "$insert")" 1 'loud: a writer notifies'
is "$(heard -c "select pgcable.broadcast('a', '1')")" 1 'so does a broadcast'
is "$(heard -c 'select pgcable.ring(0)')" 1 'whoever goes quiet wakes the others'
is "$(heard -c "$insert")" 0 'quiet: he does not'
is "$(heard -c 'select pgcable.ring(0)')" 0 'going quiet twice wakes nobody'
is "$(sql -c "select setval('pgcable.ctl', (extract(epoch from now())::bigint - 1) << 2)" \
    -c 'select 1' | tail -n 1)" 1 'a lease that ran out'
is "$(heard -c "$insert")" 0 'binds nobody'
is "$(heard -c 'select pgcable.ring(60)')" 1 'whoever finds that wakes the others'
is "$(heard -c 'select pgcable.ring(60)')" 0 'one that lasts is renewed in peace'
is "$(sql -c 'select pgcable.ring(60)' -c 'select pg_sequence_last_value('"'pgcable.ctl'"') & 3')" '
0' 'the slot stays as it was'
