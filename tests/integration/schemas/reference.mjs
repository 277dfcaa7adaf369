// SPDX-License-Identifier: PostgreSQL
// reference.mjs - the reference schema, and what an application of this shape does in SQL.
export default {
    files: ['sql/reference/schema.sql', 'sql/reference/attach.sql'],
    ids: ['number'],
    nullable: [],
    lacks: {},
    deeds: (sql) => ({
        member: (name) => sql`insert into community_members (name, email)
            values (${name}, ${`${name}@example.test`}) returning id`,
        room: (members) => sql`with room as (insert into chat_rooms (name) values ('Team') returning id),
            people as (insert into chat_room_participants (chat_room_id, community_member_id)
                select room.id, m::bigint from room, json_array_elements_text(${members}) m)
            select id from room`,
        uuid: (room) => sql`select uuid from chat_rooms where id = ${room}`,
        join: (room, member) => sql`insert into chat_room_participants (chat_room_id, community_member_id)
            values (${room}, ${member}) returning id`,
        say: (room, member, body, { parent, thread } = {}) => sql`insert into chat_room_messages
            (chat_room_id, chat_room_participant_id, body, parent_message_id, chat_thread_id)
            select chat_room_id, id, ${body}, ${parent}, ${thread} from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${member} returning id`,
        thread: (room, root, members) => sql`with thread as (
                insert into chat_threads (chat_room_id, parent_message_id) values (${room}, ${root}) returning id),
            people as (insert into chat_thread_participants (chat_thread_id, community_member_id)
                select thread.id, m::bigint from thread, json_array_elements_text(${members}) m)
            select id from thread`,
        notify: (member) => sql`insert into notifications (community_member_id, action)
            values (${member}, 'add') returning id`,
        see: (member) => sql`update notifications set seen_at = now() where community_member_id = ${member}`,
        rename: (room) => sql`update chat_rooms set name = 'New' where id = ${room}`,
        redesign: (room, root) => sql`update chat_rooms set pinned_message_id = ${root} where id = ${room}`,
        removeRoom: (room) => sql`update chat_rooms set deleted_at = now() where id = ${room}`,
        read: (room, member) => sql`update chat_room_participants set last_read_at = now()
            where chat_room_id = ${room} and community_member_id = ${member}`,
        pin: (room, member) => sql`update chat_room_participants set pinned_at = '2026-10-01 09:14:31.0019'
            where chat_room_id = ${room} and community_member_id = ${member}`,
        unpin: (room, member) => sql`update chat_room_participants set pinned_at = null
            where chat_room_id = ${room} and community_member_id = ${member}`,
        edit: (message) => sql`update chat_room_messages set body = 'edited', edited_at = now() where id = ${message}`,
        touch: (message) => sql`update chat_room_messages set updated_at = clock_timestamp() where id = ${message}`,
        remove: (message) => sql`update chat_room_messages set deleted_at = now() where id = ${message}`,
        readThread: (thread, member) => sql`update chat_thread_participants set last_read_at = now()
            where chat_thread_id = ${thread} and community_member_id = ${member}`,
    }),
};
