-- A tick and the one before it, for a daemon that goes on with what another one published.
select tick as zero from pgcable.advance() \gset
select pgcable.broadcast('a', '1');
select from pgcable.advance();
select t.is(string_agg(tick - :zero || ' ' || (nonce = pgcable.tick_info(tick)), ', ' order by tick),
    '0 true, 1 true', 'both, with their nonces') from pgcable.tick_and_before(:zero + 1);
select t.is((f.at_us - extract(epoch from t.at) * 1000000)::bigint::text, '0', 'and when it was made')
    from pgcable.tick_and_before(:zero + 2) f join pgcable.tick t using (tick);
delete from pgcable.tick where tick <= :zero;
select t.is((tick - :zero)::text, '1', 'what is kept') from pgcable.tick_and_before(:zero + 1);
select t.is(count(*)::text, '0', 'nothing of another history') from pgcable.tick_and_before(:zero + 3);
