// SPDX-License-Identifier: PostgreSQL
// uuid.mjs - uuid keys in all seven kinds, and what an application of this shape does in SQL.
export default {
    files: ['sql/presets/uuid/schema.sql', 'sql/presets/uuid/attach.sql'],
    ids: ['string'],
    nullable: ['parent_message'], // a room takes its messages with it, parents before replies
    lacks: {},
    deeds: (sql) => ({
        member: (name) => sql`insert into accounts (name, email) values (${name}, ${`${name}@example.test`}) returning id`,
        room: (members) => sql`with room as (insert into conversations (title) values ('Team') returning id),
            people as (insert into conversation_members (conversation_id, account_id)
                select room.id, m::uuid from room, json_array_elements_text(${members}) m)
            select id from room`,
        uuid: (room) => sql`select ${room}`,
        join: (room, member) => sql`insert into conversation_members (conversation_id, account_id)
            values (${room}, ${member}) returning id`,
        say: (room, member, body, { parent, thread } = {}) => sql`insert into messages
            (conversation_id, author_id, body, reply_to_id, thread_id)
            values (${room}, ${member}, ${body}, ${parent}, ${thread}) returning id`,
        thread: (room, root, members) => sql`with thread as (
                insert into threads (conversation_id, root_message_id) values (${room}, ${root}) returning id),
            people as (insert into thread_members (thread_id, account_id)
                select thread.id, m::uuid from thread, json_array_elements_text(${members}) m)
            select id from thread`,
        notify: (member) => sql`insert into notices (account_id, text) values (${member}, 'Look') returning id`,
        see: (member) => sql`update notices set seen_at = now() where account_id = ${member}`,
        rename: (room) => sql`update conversations set title = 'New' where id = ${room}`,
        redesign: (room, root) => sql`update conversations set pinned_message_id = ${root} where id = ${room}`,
        removeRoom: (room) => sql`delete from conversations where id = ${room}`,
        read: (room, member) => sql`update conversation_members set last_read_at = now()
            where conversation_id = ${room} and account_id = ${member}`,
        pin: (room, member) => sql`update conversation_members set pinned_at = '2026-10-01 11:14:31.0019+02'
            where conversation_id = ${room} and account_id = ${member}`,
        unpin: (room, member) => sql`update conversation_members set pinned_at = null
            where conversation_id = ${room} and account_id = ${member}`,
        edit: (message) => sql`update messages set body = 'edited', edited_at = now() where id = ${message}`,
        touch: (message) => sql`update messages set updated_at = clock_timestamp() where id = ${message}`,
        remove: (message) => sql`delete from messages where id = ${message}`,
        readThread: (thread, member) => sql`update thread_members set last_read_at = now()
            where thread_id = ${thread} and account_id = ${member}`,
    }),
};
