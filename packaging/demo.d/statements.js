/* SPDX-License-Identifier: PostgreSQL */
/* statements.js - what may be clicked at the console.  Room 1 is the club, Cleo participant 3. */
export const STATEMENTS = [
    {
        name: 'A message',
        sql: `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
values (1, 3, 'Hello from SQL')`,
    },
    {
        name: 'Five at once',
        sql: `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
select 1, 3, 'Bed ' || n || ' is watered' from generate_series(1, 5) n`,
    },
    {
        name: 'Rolled back',
        sql: `begin;
insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
values (1, 3, 'nobody will read this');
rollback;`,
    },
    {
        name: 'Edit all of Cleo’s',
        sql: `update chat_room_messages
set body = upper(body), edited_at = now() at time zone 'utc'
where chat_room_participant_id = 3 and deleted_at is null`,
    },
    {
        name: 'Touch a row',
        sql: `-- No event shows updated_at: nothing is captured.
update chat_room_messages set updated_at = now() where id = 1`,
    },
    {
        name: 'Pin the newest',
        sql: `update chat_rooms set pinned_message_id = (
    select max(id) from chat_room_messages
    where chat_room_id = 1 and deleted_at is null and parent_message_id is null)
where id = 1`,
    },
    {
        name: 'Rename the room',
        sql: `update chat_rooms
set name = case name when 'Garden club' then 'Greenhouse' else 'Garden club' end
where id = 1`,
    },
    {
        name: 'Notify Bo',
        sql: `insert into notifications (community_member_id, action, actor_name, notifiable_title)
values (2, 'remembered', 'The gardener', 'the tomatoes want water')`,
    },
    {
        name: 'Remove Bo',
        sql: `-- Nothing committed after this reaches him.
update chat_room_participants set deleted_at = now()
where chat_room_id = 1 and community_member_id = 2`,
    },
    {
        name: 'Let Bo in again',
        sql: `update chat_room_participants set deleted_at = null
where chat_room_id = 1 and community_member_id = 2`,
    },
    {
        name: 'A new room',
        sql: `with room as (
    insert into chat_rooms (name) values ('Compost') returning id)
insert into chat_room_participants (chat_room_id, community_member_id)
select id, unnest(array[1, 2]) from room`,
    },
    {
        name: 'Look',
        sql: `select id, chat_room_id as room, body
from chat_room_messages order by id desc limit 5`,
    },
];
