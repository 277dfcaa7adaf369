-- What comes with a tick is what batches() says of it, whole or not at all: up to 128 rows and 256 kB.
insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
    select r.id, p.id, 'x' from chat_rooms r, chat_room_participants p limit 1;
select pgcable.broadcast('a', '1'), pgcable.broadcast('b', '"\u00e9"'), pgcable.broadcast('a', '[]');
select tick as before from pgcable.tick order by tick desc limit 1 \gset
-- By itself, for advance() must be alone in its transaction.  First comes the tick, which batches()
-- does not say.
select string_agg(row(tick, nonce, tick_at_us, id, xid, kind, op, stream, new, old, at_us)::text,
        ' ' order by place) as came, count(id) as count
    from pgcable.advance(null, :before) with ordinality
        as a (tick, nonce, made, req, stream, topic, tick_at_us, id, xid, kind, op, new, old, at_us, place)
    where place > 1 \gset
select t.ok(:count >= 3, 'there are some');
select t.is(:'came', string_agg(row(tick, nonce, tick_at_us, id, xid, kind, op, stream, new, old,
        at_us)::text, ' ' order by place), 'the same, in the same order, and the end')
    from pgcable.batches(:before, :before + 1) with ordinality
        as b (tick, nonce, tick_at_us, id, xid, kind, op, stream, new, old, at_us, place);

-- Only behind the tick that the daemon has.
select pgcable.broadcast('a', '2');
select t.is(string_agg(made::text, ' '), 'true', 'not behind another one')
    from pgcable.advance(null, :before);
select pgcable.broadcast('a', '3');
select t.is(string_agg(made::text, ' '), 'true', 'nor unless it is asked for') from pgcable.advance();

-- As much as that.
select tick as before from pgcable.tick order by tick desc limit 1 \gset
select pgcable.broadcast('a', '4') from generate_series(1, 128);
select t.is(count(id)::text, '128', '128 rows') from pgcable.advance(null, :before);
select pgcable.broadcast('a', '5') from generate_series(1, 129);
select t.is(count(id)::text, '0', '129 rows') from pgcable.advance(null, :before + 1);
select pgcable.broadcast('a', to_jsonb(repeat('x', 200000)));
select t.is(count(id)::text, '1', '200 kB') from pgcable.advance(null, :before + 2);
select pgcable.broadcast('a', to_jsonb(repeat('x', 200000))) from generate_series(1, 2);
select t.is(count(id)::text, '0', '400 kB') from pgcable.advance(null, :before + 3);
