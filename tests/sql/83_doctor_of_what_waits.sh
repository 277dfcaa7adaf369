# Rows that nobody reads, and transactions that stay open, are found by their age.
ills() {
    sql -c "select format('%s %s: %s', level, subject, finding) from pgcable.doctor()
        where level <> 'ok' and finding not like '%prepared transactions%'"
}
sql -c 'select t.community()' >/dev/null
sql -c 'select from pgcable.advance()' >/dev/null
is "$(ills)" '' 'all is read'
sql -c 'delete from notifications'
is "$(ills)" '' 'what waits has just come'
has "$(sql -c "select finding from pgcable.doctor() where subject = 'outbox'")" \
    '3 rows wait' 'it is counted'
sql -c "update pgcable.outbox_0 set at = at - interval '61 seconds'"
has "$(ills)" 'warn outbox: 3 rows wait to be read, the oldest since' 'it waits for long'
has "$(ills)" 'no daemon is connected' 'and why'
PGAPPNAME=pgcable/feed open_session daemon
say daemon 'select 1;'
until_true "select not exists (select from pgcable.doctor() where finding like '%no daemon%')"
close_session daemon
sql -c 'select from pgcable.advance()'
is "$(ills)" '' 'read'

# Nobody waits for five minutes: the age is an argument.
sessions() {
    sql -c "select format('%s: %s - %s', level, finding, remedy)
        from pgcable.doctor_sessions('$1') where level = 'warn'"
}
sql <<'SQL'
begin;
insert into notifications (community_member_id) values (42);
prepare transaction 'forgotten';
SQL
open_session idle
say idle 'begin; select 1;'
until_true "select exists (select from pg_stat_activity where state = 'idle in transaction')"
is "$(sessions '1 hour')" '' 'they are young'
found=$(sessions '0')
has "$found" "warn: the prepared transaction 'forgotten' (postgres) is open for 0 min" 'prepared'
has "$found" "commit prepared 'forgotten'; or rollback prepared 'forgotten';" 'the way out'
has "$found" '(postgres, psql) is open for 0 min' 'idle in transaction'
remedy=$(sql -c "select remedy from pgcable.doctor_sessions('0')
    where finding like 'process%' and finding not like '%process ' || pg_backend_pid() || ' %'")
sql -c "$remedy" >/dev/null
until_true "select not exists (select from pg_stat_activity where state = 'idle in transaction')"
sql -c "rollback prepared 'forgotten'"
has "$(sql -U pgcable_daemon -c 'select finding from pgcable.doctor_sessions()')" \
    'of those this role sees' 'the daemon does not see all'
