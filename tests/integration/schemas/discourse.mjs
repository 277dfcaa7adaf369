// SPDX-License-Identifier: PostgreSQL
// discourse.mjs - the chat of a real forum, and what it does in SQL.
export default {
    files: ['tests/integration/schemas/discourse/schema.sql', 'tests/integration/schemas/discourse/attach.sql'],
    ids: ['number'],
    nullable: ['rich_text_body', 'creation_uuid'],
    extra: ['uploaded_avatar_id', 'status', 'threading_enabled', 'cooked'],
    lacks: {
        'NotificationChannel resetNewNotificationCount': 'notification.read_at',
        'ChatRoomChannel chatRoomPinned': 'participant.pinned_at',
        'ChatRoomChannel chatRoomUnPinned': 'participant.pinned_at',
    },
    deeds: (sql) => ({
        member: (name) => sql`insert into users (username) values (${name}) returning id`,
        room: (members) => sql`with room as (
                insert into chat_channels (chatable_id, chatable_type, type, name, slug)
                values (1, 'Category', 'CategoryChannel', 'Team', 'team') returning id),
            people as (insert into user_chat_channel_memberships (chat_channel_id, user_id, following)
                select room.id, m::integer, true from room, json_array_elements_text(${members}) m)
            select id from room`,
        uuid: (room) => sql`select ${room}::text`,
        join: (room, member) => sql`insert into user_chat_channel_memberships (chat_channel_id, user_id, following)
            values (${room}, ${member}, true) returning id`,
        say: (room, member, body, { parent, thread } = {}) => sql`insert into chat_messages
            (chat_channel_id, user_id, last_editor_id, message, cooked, in_reply_to_id, thread_id)
            values (${room}, ${member}, ${member}, ${body}, ${`<p>${body}</p>`}, ${parent}, ${thread}) returning id`,
        thread: (room, root, members) => sql`with thread as (
                insert into chat_threads (channel_id, original_message_id, original_message_user_id)
                select ${room}, id, user_id from chat_messages where id = ${root} returning id),
            people as (insert into user_chat_thread_memberships (thread_id, user_id)
                select thread.id, m::integer from thread, json_array_elements_text(${members}) m)
            select id from thread`,
        notify: (member) => sql`insert into notifications (user_id, notification_type, data)
            values (${member}, 29, '{"mentioned_by_username": "ann"}') returning id`,
        rename: (room) => sql`update chat_channels set name = 'New' where id = ${room}`,
        redesign: (room) => sql`update chat_channels set description = 'All about it' where id = ${room}`,
        removeRoom: (room) => sql`update chat_channels set deleted_at = now(), deleted_by_id = 1 where id = ${room}`,
        read: (room, member) => sql`update user_chat_channel_memberships
            set last_read_message_id = (select max(id) from chat_messages), last_viewed_at = now()
            where chat_channel_id = ${room} and user_id = ${member}`,
        edit: (message) => sql`update chat_messages set message = 'edited', cooked = '<p>edited</p>' where id = ${message}`,
        touch: (message) => sql`update chat_messages set cooked_version = 3, updated_at = clock_timestamp()
            where id = ${message}`,
        remove: (message) => sql`update chat_messages set deleted_at = now(), deleted_by_id = user_id where id = ${message}`,
        readThread: (thread, member) => sql`update user_chat_thread_memberships
            set last_read_message_id = (select max(id) from chat_messages)
            where thread_id = ${thread} and user_id = ${member}`,
    }),
};
