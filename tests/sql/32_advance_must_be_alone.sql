-- In another isolation level or a transaction that wrote, its snapshot would not be what it claims.
begin isolation level repeatable read;
select t.throws('select from pgcable.advance()', '%alone in a READ COMMITTED transaction%');
rollback;
begin;
select pgcable.broadcast('a', '1');
select t.throws('select from pgcable.advance()', '%alone in a READ COMMITTED transaction%');
rollback;
