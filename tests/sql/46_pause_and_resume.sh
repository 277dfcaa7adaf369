# A pause drops changes at once, in every session, open transactions included; whoever made some of
# them is waited for before the clients have been told for the last time.
tell() {
    sql -c "insert into notifications (community_member_id, action) values ($1, '$2')"
}
seen() {
    sql -c 'select from pgcable.advance()' >/dev/null
    sql -c "select string_agg(kind || coalesce(' ' || (new::json ->> 'action'), ''), ', ')
        from t.news() as (id bigint, xid text, kind text, op text, stream text, new text, old text,
            at_us bigint)"
}
state() {
    sql -c 'select coalesce(pause, $$no$$) from pgcable.tend(0)' | cut -d' ' -f1-2
}
sql -c 'select t.community()' >/dev/null
seen >/dev/null
is "$(sql -c 'select pgcable.resume()')" 'not paused' 'there is nothing to resume'

open_session open
say open 'begin;'
tell 42 before
has "$(sql -c 'select pgcable.pause()')" 'paused: changes are dropped' 'it says what it does'
is "$(state)" 'paused since' 'and so does tend()'
say open "insert into notifications (community_member_id, action) values (42, 'late 1');"
until_true "select exists (select from pg_locks where locktype = 'advisory' and objid = 7236358)"
tell 42 dropped
sql -c "select pgcable.broadcast('a', '1')"
is "$(seen)" 'notification before' 'what was captured is read, what came after is gone'
has "$(sql -c 'select pgcable.pause()')" 'paused' 'twice is fine'
has "$(sql -c "select level || ' ' || finding || ': ' || remedy from pgcable.doctor()
    where subject = 'outbox' and level <> 'ok'")" 'warn paused since' 'the doctor sees it'

has "$(sql -c 'select pgcable.resume()')" 'once more when 1 transactions have ended' 'one is open'
is "$(state)" 'no' 'changes are captured again'
tell 42 after
is "$(seen)" 'reload, notification after' 'the clients reload, in order'
is "$(seen)" '' 'nothing yet of the one that is open'
has "$(sql -c "select finding from pgcable.doctor() where subject = 'outbox' and level <> 'ok'")" \
    'resumed, but transactions are open' 'the doctor sees that, too'
say open "insert into notifications (community_member_id, action) values (42, 'late 2');"
say open 'commit;'
until_true "select not exists (select from pg_locks where objid = 7236358)"
is "$(state)" 'no' 'it has ended'
is "$(seen)" 'notification late 2, reload' 'what it made after the pause, and once more a reload'
is "$(state)" 'no' 'no more'
is "$(seen)" '' 'of it'
is "$(sql -c "select count(*) from pgcable.doctor() where subject = 'outbox' and level <> 'ok'")" 0 'well'
close_session open

# A prepared transaction has no process, and is waited for all the same.
sql -c 'select pgcable.pause()' -c "begin;
    insert into notifications (community_member_id, action) values (42, 'p');
    prepare transaction 'late'" >/dev/null
sql -c 'select pgcable.resume()' >/dev/null
is "$(seen)" 'reload' 'for all others'
state >/dev/null
is "$(seen)" '' 'it is still prepared'
sql -c "commit prepared 'late'"
state >/dev/null
is "$(seen)" 'reload' 'and for it'

# What a savepoint took back was not dropped.
sql -c 'select pgcable.pause()' >/dev/null
open_session back
say back "begin; savepoint a; delete from notifications where id = 1; rollback to a; select 'here';"
until_true "select exists (select from pg_stat_activity
    where state = 'idle in transaction' and query like '%here%')"
is "$(sql -c 'select pgcable.resume()' | grep -c 'once more')" 0 'there is nobody to wait for'
close_session back
seen >/dev/null

# Neither survives being rolled back for long.
sql -c 'begin' -c 'select pgcable.pause()' -c 'rollback' >/dev/null
state >/dev/null
tell 42 again
is "$(seen)" 'reload, notification again' 'a pause that was rolled back ends by itself'
sql -c 'select pgcable.pause()' -c 'begin' -c 'select pgcable.resume()' -c 'rollback' >/dev/null
state >/dev/null
is "$(seen)" 'reload' 'a resume that was rolled back is done by the daemon'
