-- A role that was granted it may broadcast, and that is all it may.
create role t_sender;
grant usage on schema pgcable, t to t_sender;
grant execute on function pgcable.broadcast(text, jsonb) to t_sender;
set role t_sender;
select pgcable.broadcast('x', '1');
select t.throws('insert into pgcable.outbox_0 (id) values (1)', 'permission denied%');
select t.throws('select pgcable.put(''message'', null, ''{}'')', 'permission denied%');
select t.throws('select pgcable.attach(''message'', ''pg_class'')', 'permission denied%');
reset role;
select from pgcable.advance();
select t.is(t.seen(), 'broadcast B', 'sent');
drop owned by t_sender;
drop role t_sender;
