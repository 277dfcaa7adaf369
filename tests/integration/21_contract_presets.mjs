// SPDX-License-Identifier: PostgreSQL
// The same contract beside tables of other shapes, by a mapping alone: sql/presets.
import assert from 'node:assert/strict';
import { pgcable } from './lib/daemon.mjs';

// A database with the preset's tables attached, and a daemon beside it.
async function applicationOf(t, preset) {
    await t.app.superuser.script(`create database ${preset};`);
    t.later(() => t.app.superuser.script(`drop database if exists ${preset} with (force);`));
    const role = t.pg.role(preset, 'postgres');
    await role.file(`sql/presets/${preset}/schema.sql`);
    const migrated = await pgcable(['migrate', '-d', role.dsn]);
    assert.equal(migrated.code, 0, migrated.stderr);
    await role.file(`sql/presets/${preset}/attach.sql`);
    return { role, daemon: await t.start({ database: t.pg.dsn(preset, 'pgcable_daemon') }) };
}

async function listen(t, daemon, member, room) {
    const wire = await t.connect(member, {}, daemon);
    return {
        wire,
        notifications: await wire.subscribe('NotificationChannel', { community_member_id: member }),
        member: await wire.subscribe('ChatRoomChannel', { community_member_id: member }),
        threads: await wire.subscribe('Chats::CommunityMemberThreadsChannel'),
        room: await wire.subscribe('Chats::RoomChannel', { chat_room_id: room }),
    };
}

export default {
    async 'five tables and hardly a column: what there is none of is null'(t) {
        const { role, daemon } = await applicationOf(t, 'minimal');
        await role.script(`insert into users (id, full_name, email) values (1, 'Ann', 'a@x'), (2, 'Bo', 'b@x');
            insert into rooms (id, name) values (5, 'Team');
            insert into memberships (room_id, user_id) values (5, 1), (5, 2);`);
        const his = await listen(t, daemon, 2, 5);
        await role.script(`insert into messages (id, room_id, user_id, body, created_at)
            values (9, 5, 1, 'Hi', '2026-10-01 11:14:31.001999+02');`);

        const message = {
            event: 'newMessage', id: 9, chat_room_uuid: '5', chat_room_kind: null, chat_room_participant_id: null,
            body: 'Hi', rich_text_body: null, sent_at: '2026-10-01T09:14:31.001Z', created_at: '2026-10-01T09:14:31.001Z',
            sender: { id: null, community_member_id: 1, name: 'Ann', avatar_url: null, user_public_uid: null },
            creation_uuid: null, chat_thread_id: null, parent_message_id: null, lesson_id: null, edited_at: null,
            replies_count: 0, total_thread_participants_count: 0, thread_participants_preview: [],
            chat_thread_replies_count: 0,
        };
        assert.deepEqual(await his.room.next(), message);
        assert.deepEqual(await his.member.next(), message);

        await role.script(`insert into notifications (user_id, body) values (2, 'look'); delete from messages;`);
        assert.deepEqual(await his.room.next(), { event: 'deletedMessage', id: 9, parent_message: null });
        const notified = await his.notifications.next();
        assert.equal(notified.notification.body, 'look', 'the extra column travels along');
        assert.equal((await his.notifications.next()).new_notifications_count, 1);
        await role.script('update notifications set read_at = now();');
        assert.equal((await his.notifications.next()).event, 'resetNewNotificationCount');

        await role.script('delete from memberships where user_id = 2;');
        assert.equal((await his.wire.disconnected()).reason, 'remote');
    },

    async 'uuid keys in all seven kinds'(t) {
        const { role, daemon } = await applicationOf(t, 'uuid');
        const id = (n) => `00000000-0000-4000-8000-00000000000${n}`;
        const [ann, bo, room, root, thread] = [1, 2, 3, 4, 5].map(id);
        await role.script(`insert into accounts (id, name, email) values ('${ann}', 'Ann', 'a'), ('${bo}', 'Bo', 'b');
            insert into conversations (id, title) values ('${room}', 'Team');
            insert into conversation_members (conversation_id, account_id) values ('${room}', '${ann}'), ('${room}', '${bo}');
            insert into messages (id, conversation_id, author_id, body) values ('${root}', '${room}', '${ann}', 'root');
            insert into threads (id, conversation_id, root_message_id) values ('${thread}', '${room}', '${root}');
            insert into thread_members (thread_id, account_id) values ('${thread}', '${bo}');`);
        const his = await listen(t, daemon, bo, room);
        await role.script(`insert into messages (conversation_id, author_id, body, thread_id, reply_to_id)
            values ('${room}', '${ann}', 'reply', '${thread}', '${root}');`);
        const reply = await his.threads.next();
        assert.deepEqual(await his.room.next(), reply);
        assert.deepEqual(
            [reply.body, reply.chat_room_uuid, reply.chat_thread_id, reply.parent_message_id, reply.sender.community_member_id],
            ['reply', room, thread, root, ann]);
        assert.equal(reply.chat_thread_replies_count, 1);

        await role.script(`update conversation_members set left_at = now() where account_id = '${bo}';`);
        assert.equal((await his.wire.disconnected()).reason, 'remote');
    },

    async 'quoted names, text keys, soft delete by boolean, a counter kept by the application'(t) {
        const { role, daemon } = await applicationOf(t, 'quoted');
        await role.script(`insert into "Chat"."People" ("Id", "DisplayName", "EMail")
                values ('p_ann', 'Ann', 'a'), ('p_bo', 'Bo', 'b');
            insert into "Chat"."Rooms" ("Id", "Title") values (5, 'Team');
            insert into "Chat"."RoomMemberships" ("Id", "RoomId", "PersonId") values (11, 5, 'p_ann'), (12, 5, 'p_bo');`);
        const his = await listen(t, daemon, 'p_bo', 5);
        await role.script(`insert into "Chat"."RoomMessages" ("Id", "RoomId", "SenderMembershipId", "Body", "RichText")
            values (9, 5, 11, 'Hi', '{"z": 1.50, "a": "é"}');`);
        const message = await his.room.next();
        assert.deepEqual([message.body, message.sender.community_member_id, message.sender.name], ['Hi', 'p_ann', 'Ann']);
        assert.ok(his.room.texts[0].includes('"z": 1.50, "a": "é"'), 'a json column goes through as it is stored');

        await role.script('update "Chat"."RoomMessages" set "IsDeleted" = true;');
        assert.equal((await his.room.next()).event, 'deletedMessage');
        await role.script(`insert into "Chat"."Notifications" ("PersonId") values ('p_bo'), ('p_bo');`);
        const events = await his.notifications.take(3);
        assert.deepEqual(events.map(({ event }) => event).sort(),
            ['newNotification', 'newNotification', 'updateNewNotificationCount']);
        assert.equal(events.find(({ event }) => event.startsWith('update')).new_notifications_count, 2);
        await role.script('update "Chat"."Notifications" set "SeenAt" = now();');
        assert.deepEqual(await his.notifications.next(), { event: 'resetNewNotificationCount', new_notifications_count: 0 });
    },
};
