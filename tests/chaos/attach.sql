-- attach.sql - the reference schema attached, with the messages' version, and the orders.

select pgcable.attach('member', 'community_members');
select pgcable.attach('room', 'chat_rooms');
select pgcable.attach('participant', 'chat_room_participants');
select pgcable.attach('thread', 'chat_threads');
select pgcable.attach('thread_participant', 'chat_thread_participants');
select pgcable.attach('message', 'chat_room_messages', '{"extra": ["version"]}');
select pgcable.attach('notification', 'notifications');
select pgcable.attach_generic('chaos.orders', stream => 'orders-{customer_id}',
    columns => '{id,customer_id,version,body}');
select pgcable.channel('OrdersChannel', stream => 'orders-{customer_id}', authorize => 'chaos.may');
grant usage on schema pgcable to app;
grant execute on function pgcable.broadcast(text, jsonb), pgcable.revoke_token(text, timestamptz),
    pgcable.revoke_member(text, timestamptz, timestamptz) to app;

-- The ticks that were ever made, though pgcable drops its own: which rows belong to which one is
-- then known without asking when they were committed.
create table chaos.tick (
    tick bigint primary key,
    nonce uuid not null,
    snap pg_snapshot not null
);
create function chaos.note_tick() returns trigger
    language plpgsql
    security definer
as $$
begin
    insert into chaos.tick values (new.tick, new.nonce, new.snap);
    return null;
end;
$$;
create trigger chaos_ledger after insert on pgcable.tick
    for each row execute function chaos.note_tick();
