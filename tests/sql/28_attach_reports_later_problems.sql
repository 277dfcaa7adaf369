-- What goes wrong with a mapping afterwards is found by mapping_info(), in words.
select t.is((select string_agg(k.value #>> '{problems}', '') from json_each(
    pgcable.mapping_info() -> 'kinds') k), '[][][][][][][]', 'all is well');
alter table chat_room_messages disable trigger pgcable_capture_update;
drop trigger pgcable_capture_delete on chat_rooms;
revoke select on notifications from pgcable_owner;
alter table chat_room_participants enable row level security;
select t.ok(pgcable.mapping_info() #>> '{kinds,message,problems,0}'
    like 'the trigger pgcable_capture_update of public.chat_room_messages is missing or disabled%',
    'a trigger disabled');
select t.ok(pgcable.mapping_info() #>> '{kinds,room,problems,0}' like '%_delete of public.chat_rooms%',
    'a trigger dropped');
select t.ok(pgcable.mapping_info() #>> '{kinds,notification,problems,0}' like '%may not read%',
    'a right taken');
select t.ok(pgcable.mapping_info() #>> '{kinds,participant,problems,0}' like 'row level security%',
    'rows hidden');
create policy p on chat_room_participants for select to pgcable_owner using (true);
select t.is(pgcable.mapping_info() #>> '{kinds,participant,problems}', '[]', 'and shown again');
select pgcable.attach('message', 'chat_room_messages');
select t.is(pgcable.mapping_info() #>> '{kinds,message,problems}', '[]', 'attach mends it');
