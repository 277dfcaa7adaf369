-- SPDX-License-Identifier: PostgreSQL
-- onlooker.sql - for the page's list of changes: a role that may look into the outbox, and no more.

create role onlooker login;
grant usage on schema pgcable to onlooker;
grant execute on function pgcable.batches(bigint, bigint) to onlooker;
grant select on pgcable.tick, pgcable.outbox_0, pgcable.outbox_1, pgcable.outbox_2 to onlooker;
