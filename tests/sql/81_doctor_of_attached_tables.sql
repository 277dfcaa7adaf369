-- Each thing that may go wrong with an attached table is found, with a remedy that mends it.
create function t.ills() returns text
    language sql
as $$
    select string_agg(format('%s %s: %s', level, subject, finding), '; ')
    from pgcable.doctor()
    where level <> 'ok' and finding not like '%prepared transactions%';
$$;
create procedure t.heal()
    language plpgsql
as $$
declare
    v_remedy text;
begin
    for v_remedy in select remedy from pgcable.doctor()
        where level <> 'ok' and remedy ~ '^(select pgcable|create|grant)' loop
        execute replace(v_remedy, 'concurrently ', '');
    end loop;
end;
$$;

-- Triggers: gone, disabled, only for replicas, or calling something else.
drop trigger pgcable_capture_delete on chat_rooms;
alter table chat_room_messages disable trigger pgcable_capture_update;
alter table notifications enable replica trigger pgcable_capture_insert;
create function t.other() returns trigger language plpgsql as $$ begin return null; end $$;
create or replace trigger pgcable_capture_truncate after truncate on chat_room_participants
    for each statement execute function t.other();
select t.is(t.ills(),
    'fail message: the trigger pgcable_capture_update of public.chat_room_messages is missing or'
    ' disabled; fail notification: the trigger pgcable_capture_insert of public.notifications is'
    ' missing or disabled; fail participant: the trigger pgcable_capture_truncate of'
    ' public.chat_room_participants does not call pgcable.capture_truncate(); fail room: the trigger'
    ' pgcable_capture_delete of public.chat_rooms is missing or disabled', 'triggers');
call t.heal();
select t.is(t.ills(), null, 'attached again');

-- A partition of its own.
create table posts (like chat_room_messages including defaults) partition by range (created_at);
create table posts_old partition of posts for values from (minvalue) to ('2020-01-01');
create table posts_new partition of posts default;
create index on posts (id);
create index on posts (chat_room_id);
create index on posts (parent_message_id);
create index on posts (chat_thread_id);
select pgcable.attach('message', 'posts');
select t.is(t.ills(), null, 'partitions');
alter table posts_old disable trigger pgcable_capture_insert;
select t.is(t.ills(), 'fail message: the trigger pgcable_capture_insert of public.posts_old is'
    ' missing or disabled', 'one partition');
call t.heal();
select t.is(t.ills(), null, 'and back');

-- Columns.
alter table posts drop column lesson_id;
select t.is(t.ills(), 'fail message: public.posts has no column lesson_id any more (lesson_id)',
    'a column is gone');
call t.heal();
select t.is(t.ills(), null, 'without it');

-- Rights, on the table and on its schema; hidden rows.
revoke select on notifications from pgcable_owner;
select t.is(t.ills(), 'fail notification: pgcable_owner may not read public.notifications',
    'a right');
call t.heal();
revoke usage on schema public from public;
revoke usage on schema public from pgcable_owner;
select t.ok(t.ills() like 'fail member: pgcable_owner may not read public.community_members; %',
    'the schema');
call t.heal();
select t.is(t.ills(), null, 'granted again');
alter table notifications enable row level security;
select t.is(finding, 'row level security of public.notifications hides its rows', 'hidden rows')
    from pgcable.doctor() where level = 'fail';
select t.is(remedy, 'create a policy for select to pgcable_owner', 'and what helps')
    from pgcable.doctor() where level = 'fail';
create policy p on notifications for select to pgcable_owner using (true);
select t.is(t.ills(), null, 'shown');

-- Indexes: of the right table, valid, and with the column in front.
drop index posts_parent_message_id_idx, chat_room_participants_community_member_id_idx;
create index on posts (created_at, parent_message_id);
select t.is(t.ills(),
    'warn message: no index of public.posts begins with parent_message_id:'
    ' it is searched row by row;'
    ' warn participant: no index of public.chat_room_participants begins with community_member_id:'
    ' it is searched row by row', 'indexes');
select t.is(string_agg(remedy, ' ' order by remedy),
    'create index concurrently on public.chat_room_participants (community_member_id);'
    ' create index on public.posts (parent_message_id);', 'a partitioned one not concurrently')
    from pgcable.doctor() where level = 'warn' and remedy like 'create%';
call t.heal();
select t.is(t.ills(), null, 'indexes made');

-- The table itself.
drop table notifications;
select t.is(t.ills(), 'fail notification: the table attached as notification is gone', 'no table');
select t.ok(remedy like 'select pgcable.detach(''notification'')%', 'detach')
    from pgcable.doctor() where level = 'fail';
select pgcable.detach('notification');
select t.is(t.ills(), null, 'one kind less');
