// SPDX-License-Identifier: PostgreSQL
// Every channel and event of the contract: the change that raises it, who gets it, what it holds.
import assert from 'node:assert/strict';
import { channels, check } from './lib/contract.mjs';

const KEYS = {
    NotificationChannel: 'notifications',
    ChatRoomChannel: 'member',
    'Chats::RoomChannel': 'room',
    'Chats::CommunityMemberThreadsChannel': 'threads',
};

// Ann and Bo are in a room with a message and a thread below it; Cid is not.
async function scene(t) {
    const { app } = t;
    const [ann, bo, cid] = [
        await app.member('Ann'),
        await app.member('Bo'),
        await app.member('Cid'),
    ];
    const room = await app.room([ann, bo]);
    const other = await app.room([cid]);
    const root = await app.message(room, ann, 'root');
    const thread = await app.thread(room, root, [ann, bo]);
    const reply = await app.message(room, bo, 'reply', { parent: root, thread });
    return {
        ann,
        bo,
        cid,
        room,
        root,
        thread,
        reply,
        listeners: {
            ann: await t.listen(ann, room),
            bo: await t.listen(bo, room),
            cid: await t.listen(cid, other),
        },
    };
}

// channel → event → { change, to }: the SQL that raises it, and whose subscription gets it.
const both = ['ann', 'bo'];
const CASES = {
    NotificationChannel: {
        newNotification: { to: ['bo'], change: ({ app }, { bo }) => app.notification(bo) },
        updateNewNotificationCount: {
            to: ['bo'],
            change: ({ app }, { bo }) => app.notification(bo),
        },
        resetNewNotificationCount: {
            to: ['bo'],
            prepare: ({ app }, { bo }) => app.notification(bo),
            change: ({ app }, { bo }) => app.sql`update notifications set seen_at = now()
                where community_member_id = ${bo}`,
        },
    },
    ChatRoomChannel: {
        chatRoomCreated: {
            to: ['cid'],
            change: ({ app }, { room, cid }) => app.participant(room, cid),
        },
        chatRoomUpdated: {
            to: both,
            change: ({ app }, { room }) =>
                app.sql`update chat_rooms set name = 'New' where id = ${room}`,
        },
        chatRoomDeleted: {
            to: both,
            change: ({ app }, { room }) =>
                app.sql`update chat_rooms set deleted_at = now() where id = ${room}`,
        },
        chatRoomRead: {
            to: ['ann'],
            change: ({ app }, { room, ann }) => app.sql`update chat_room_participants
                set last_read_at = now()
                where chat_room_id = ${room} and community_member_id = ${ann}`,
        },
        chatRoomPinned: {
            to: ['ann'],
            change: ({ app }, { room, ann }) => app.sql`update chat_room_participants
                set pinned_at = now()
                where chat_room_id = ${room} and community_member_id = ${ann}`,
        },
        chatRoomUnPinned: {
            to: ['ann'],
            prepare: ({ app }, { room, ann }) => app.sql`update chat_room_participants
                set pinned_at = now()
                where chat_room_id = ${room} and community_member_id = ${ann}`,
            change: ({ app }, { room, ann }) => app.sql`update chat_room_participants
                set pinned_at = null where chat_room_id = ${room} and community_member_id = ${ann}`,
        },
        newMessage: { to: both, change: ({ app }, { room, ann }) => app.message(room, ann) },
    },
    'Chats::RoomChannel': {
        newMessage: { to: both, change: ({ app }, { room, ann }) => app.message(room, ann) },
        updatedMessage: {
            to: both,
            change: ({ app }, { root }) => app.sql`update chat_room_messages
                set body = 'changed', edited_at = now() where id = ${root}`,
        },
        deletedMessage: {
            to: both,
            change: ({ app }, { reply }) => app.sql`update chat_room_messages
                set deleted_at = now() where id = ${reply}`,
        },
        chatRoomUpdated: {
            to: both,
            change: ({ app }, { room, root }) => app.sql`update chat_rooms
                set pinned_message_id = ${root} where id = ${room}`,
        },
    },
    'Chats::CommunityMemberThreadsChannel': {
        newMessage: {
            to: both,
            change: ({ app }, { room, bo, root, thread }) =>
                app.message(room, bo, 'more', { parent: root, thread }),
        },
        updatedMessage: {
            to: both,
            change: ({ app }, { reply }) => app.sql`update chat_room_messages
                set body = 'changed', edited_at = now() where id = ${reply}`,
        },
        deletedMessage: {
            to: both,
            change: ({ app }, { reply }) =>
                app.sql`delete from chat_room_messages where id = ${reply}`,
        },
        chatThreadRead: {
            to: ['bo'],
            change: ({ app }, { thread, bo }) => app.sql`update chat_thread_participants
                set last_read_at = now()
                where chat_thread_id = ${thread} and community_member_id = ${bo}`,
        },
    },
};

async function settleAll(t, listeners, key) {
    const names = Object.keys(listeners);
    const got = await t.settle(...names.map((name) => listeners[name][key]));
    return Object.fromEntries(names.map((name, i) => [name, got[i]]));
}

function contractTest(channel, event) {
    return async (t) => {
        const { change, prepare, to } = CASES[channel][event];
        const people = await scene(t);
        const key = KEYS[channel];
        await prepare?.(t, people);
        await settleAll(t, people.listeners, key);
        await change(t, people);
        const got = await settleAll(t, people.listeners, key);
        for (const [name, messages] of Object.entries(got)) {
            messages.forEach((message) => check(channel, message));
            const count = messages.filter((message) => message.event === event).length;
            assert.equal(
                count,
                to.includes(name) ? 1 : 0,
                `${name} got ${JSON.stringify(messages)}`,
            );
        }
    };
}

const sentences = {
    async 'the table of changes covers the contract, and nothing else'() {
        const wanted = channels.flatMap(({ channel, events }) =>
            events.map(({ event }) => `${channel} ${event}`),
        );
        const have = Object.entries(CASES).flatMap(([channel, events]) =>
            Object.keys(events).map((event) => `${channel} ${event}`),
        );
        assert.deepEqual(have.sort(), wanted.sort());
        assert.equal(have.length, 18);
    },
};

for (const { channel, events } of channels) {
    for (const { event } of events) {
        sentences[`${channel} sends ${event} to whom it concerns, as the contract says`] =
            contractTest(channel, event);
    }
}

export default sentences;
