-- Several ticks in one round trip: each tick's rows, and then its end; nothing of what is not kept.
select tick as before from pgcable.advance() \gset
select pgcable.broadcast('a', '1');
select tick as first from pgcable.advance() \gset
begin; select pgcable.broadcast('a', '2'); select pgcable.broadcast('a', '3'); commit;
select from pgcable.advance();
select pgcable.broadcast('a', '4');
select tick as last from pgcable.advance() \gset
select t.is(string_agg(format('%s:%s', tick - :before, coalesce(new, '.')), ' '),
    '1:1 1:. 2:2 2:3 2:. 3:4 3:.', 'in order, each with an end') from pgcable.batches(:before, :last);
select t.is(count(*)::text, '0', 'the same rows as one by one')
    from (
        select id, xid, kind, op, stream, new, old, at_us from pgcable.batches(:before, :last)
        where id is not null
        except (
            select * from pgcable.batch(:first) union all select * from pgcable.batch(:first + 1)
            union all select * from pgcable.batch(:last))
    ) d;
select t.is(count(*)::text, '7', 'each says its nonce')
    from pgcable.batches(:before, :last) b where b.nonce = pgcable.tick_info(b.tick);
select t.ok(abs(extract(epoch from now()) * 1000000 - tick_at_us) < 60000000, 'and when')
    from pgcable.batches(:before, :last);
select t.is(string_agg(distinct tick::text, ' '), (:last)::text, 'from where it is asked')
    from pgcable.batches(:last - 1, :last);
select t.is(count(*)::text, '0', 'nothing is new') from pgcable.batches(:last, :last + 5);

delete from pgcable.tick where tick < :first;
select t.is(min(tick)::text, (:first + 1)::text, 'a tick without the one before has no rows')
    from pgcable.batches(:before, :last);
