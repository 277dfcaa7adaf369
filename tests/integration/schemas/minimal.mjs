// SPDX-License-Identifier: PostgreSQL
// minimal.mjs - five tables and hardly a column, and what an application of this shape does in SQL.
export default {
    files: ['sql/presets/minimal/schema.sql', 'sql/presets/minimal/attach.sql'],
    ids: ['number'],
    nullable: [
        'Sender.id', 'Participant.id', 'chat_room_participant_id', 'identifier', 'chat_room_kind', 'rich_text_body',
        'creation_uuid',
    ],
    lacks: {
        'ChatRoomChannel chatRoomRead': 'participant.last_read_at',
        'ChatRoomChannel chatRoomPinned': 'participant.pinned_at',
        'ChatRoomChannel chatRoomUnPinned': 'participant.pinned_at',
        'Chats::CommunityMemberThreadsChannel newMessage': 'message.chat_thread_id',
        'Chats::CommunityMemberThreadsChannel updatedMessage': 'message.chat_thread_id',
        'Chats::CommunityMemberThreadsChannel deletedMessage': 'message.chat_thread_id',
        'Chats::CommunityMemberThreadsChannel chatThreadRead': 'thread_participant.last_read_at',
    },
    deeds: (sql) => ({
        member: (name) => sql`insert into users (full_name, email)
            values (${name}, ${name} || '-' || gen_random_uuid()) returning id`,
        room: (members) => sql`with room as (insert into rooms (name) values ('Team') returning id),
            people as (insert into memberships (room_id, user_id)
                select room.id, m::integer from room, json_array_elements_text(${members}) m)
            select id from room`,
        uuid: (room) => sql`select ${room}::text`,
        join: (room, member) => sql`insert into memberships (room_id, user_id) values (${room}, ${member})`,
        say: (room, member, body) => sql`insert into messages (room_id, user_id, body)
            values (${room}, ${member}, ${body}) returning id`,
        notify: (member) => sql`insert into notifications (user_id, body) values (${member}, 'Look') returning id`,
        see: (member) => sql`update notifications set read_at = now() where user_id = ${member}`,
        rename: (room) => sql`update rooms set name = 'New' where id = ${room}`,
        redesign: (room) => sql`update rooms set name = 'New' where id = ${room}`,
        removeRoom: (room) => sql`delete from rooms where id = ${room}`,
        edit: (message) => sql`update messages set body = 'edited' where id = ${message}`,
        touch: (message) => sql`update messages set body = body where id = ${message}`,
        remove: (message) => sql`delete from messages where id = ${message}`,
    }),
};
