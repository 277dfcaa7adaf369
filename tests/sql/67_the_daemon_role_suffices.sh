# Everything the daemon calls, as the daemon's role.
sql -c 'select t.community()' >/dev/null
sql -U pgcable_daemon >/dev/null <<'SQL'
listen pgcable;
select * from pgcable.hello();
select pgcable.mapping_info();
select pgcable.ring(10);
select * from pgcable.writers();
select * from pgcable.advance('[{"req":1,"member":"42","channel":"member"}]');
select tick as tick from pgcable.advance() \gset
select * from pgcable.batches(:tick - 1, :tick);
select * from pgcable.beginning('1 hour', 1000, 1000);
select pgcable.tick_info(:tick);
select * from pgcable.facts('{"message":["981"],"count":["42"],"viewers":[{"room":"7","members":["42"]}]}');
select pgcable.prune('1 hour', :tick);
select pgcable.ring(0);
SQL
for statement in 'select * from pgcable.tick' 'select * from public.community_members' \
    "select pgcable.broadcast('a', '1')" "select pgcable.attach('message', 'pg_class')" \
    "select * from pgcable.access('[]')" 'create table pgcable.x ()' 'set role pgcable_owner'; do
    said=$(sql -U pgcable_daemon -c "$statement" 2>&1) && {
        echo "the daemon may: $statement" >&2
        exit 1
    }
    has "$said" 'permission denied' "$statement"
done
