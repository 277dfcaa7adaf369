-- Nothing new: the newest tick, and nothing is written.
select from pgcable.advance();
select t.ok(not made and req is null and stream is null and topic is null, 'no tick')
    from pgcable.advance();
select tick as before, nonce from pgcable.advance() \gset
select pgcable.broadcast('a', '1');
select t.ok(made and tick = :before + 1 and nonce <> :'nonce', 'a tick') from pgcable.advance();
select t.ok(not made and tick = :before + 1, 'once') from pgcable.advance();
select t.is(pgcable.tick_info(:before), :'nonce', 'its nonce is kept');
select t.is(pgcable.tick_info(:before + 5), null, 'a tick that never was');
select t.is(last_tick::text, (:before + 1)::text, 'hello says so, too') from pgcable.hello();
