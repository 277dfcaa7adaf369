-- The tick after which to begin: before all that is younger than so long, with no more than so many
-- rows after it, and bytes.
select tick as zero from pgcable.advance() \gset
select pgcable.broadcast('a', '1');
select from pgcable.advance();
select pgcable.broadcast('a', '2');
select from pgcable.advance();
select pgcable.broadcast('a', '3');
select from pgcable.advance();
update pgcable.tick set at = timestamptz '2026-01-01 12:00:00Z' - (:zero + 3 - tick) * interval '1 minute'
    where tick >= :zero;
delete from pgcable.tick where tick < :zero;

select t.is((tick - :zero)::text, '3', 'the newest') from pgcable.beginning('0', 100, 1000000);
select t.is((tick - :zero)::text, '2', 'one before') from pgcable.beginning('59 seconds', 100, 1000000);
select t.is((tick - :zero)::text, '2', 'exactly') from pgcable.beginning('1 minute', 100, 1000000);
select t.is((tick - :zero)::text, '1', 'older') from pgcable.beginning('61 seconds', 100, 1000000);
select t.is((tick - :zero)::text, '0', 'the oldest') from pgcable.beginning('1 day', 100, 1000000);
select t.is((tick - :zero)::text, '0', 'not too many rows') from pgcable.beginning('1 day', 2, 1000000);
select t.is((tick - :zero)::text, '1', 'as many') from pgcable.beginning('1 day', 1, 1000000);
select t.is((tick - :zero)::text, '2', 'fewer') from pgcable.beginning('1 day', 0, 1000000);
select t.is((tick - :zero)::text, '3', 'both') from pgcable.beginning('0', 0, 1000000);
select t.is(nonce, pgcable.tick_info(:zero + 2), 'its nonce')
    from pgcable.beginning('1 minute', 100, 1000000);
select t.is(at_us::text, '1767268740000000', 'its time') from pgcable.beginning('1 minute', 100, 1000000);

-- The last broadcast takes more than the others together; a large value counts as it was written.
select t.is((tick - :zero)::text, '3', 'no bytes') from pgcable.beginning('1 day', 100, 0);
select t.is((tick - :zero)::text, '2', 'one fits') from pgcable.beginning('1 day', 100, 3);
select pgcable.broadcast('a', to_jsonb(repeat('x', 100000)));
select from pgcable.advance();
select pgcable.broadcast('a', '4');
select from pgcable.advance();
select t.is((tick - :zero)::text, '4', 'not the large one') from pgcable.beginning('1000 days', 100, 100000);
select t.is((tick - :zero)::text, '0', 'all of them') from pgcable.beginning('1000 days', 100, 101000);
