# Whoever makes the word quiet tells all daemons, though NOTIFY waits at commit for somebody else.
let_commit() {
    sql -c 'alter system reset synchronous_standby_names' -c 'select pg_reload_conf()' >/dev/null
}
trap let_commit EXIT
sql -c 'select t.community()' -c 'select pgcable.ring(60)' >/dev/null
open_session daemon
say daemon "listen pgcable; set lock_timeout = '50ms';"
until_true "select count(*) = 1 from pg_stat_activity where query like 'set lock_timeout%'"

# A writer rings, and waits in his commit for a standby that is not there.
sql -c "alter system set synchronous_standby_names = 'nobody'" -c 'select pg_reload_conf()' >/dev/null
open_session writer
deadline=$((SECONDS + 90))
until [ "$(sql -c "select count(*) from pg_stat_activity where wait_event = 'SyncRep'")" = 1 ]; do
    [ $SECONDS -lt $deadline ] # it takes a moment until commits wait
    say writer 'insert into notifications (community_member_id) values (42);'
done
say daemon 'select pgcable.ring(0);'
until_true "select count(*) = 1 from pg_stat_activity where query like 'select pgcable.ring(0)%'
    and wait_event_type = 'Lock' and clock_timestamp() - query_start > '0.5 s'"
is "$(sql -c "select pg_sequence_last_value('pgcable.ctl') >> 2")" 0 'the word is quiet already'
let_commit
close_session writer
close_session daemon
has "$(cat "$SCRATCH/daemon.out")" 'with payload "quiet"' 'and it is told'
