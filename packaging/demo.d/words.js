/* SPDX-License-Identifier: PostgreSQL */
/* words.js - a row that changed, and an event that came, in human words. */

const TABLES = {
    member: 'community_members',
    room: 'chat_rooms',
    participant: 'chat_room_participants',
    message: 'chat_room_messages',
    thread: 'chat_threads',
    thread_participant: 'chat_thread_participants',
    notification: 'notifications',
};
const VERBS = { I: 'INSERT', U: 'UPDATE', D: 'DELETE', T: 'TRUNCATE', B: 'BROADCAST' };
const LONGEST = 70;

const roomNames = new Map(); // uuid and id -> name

export function nameRoom({ id, uuid, kind, name }) {
    const called = kind === 'direct' ? 'the private room' : name;
    roomNames.set(uuid, called).set(id, called);
}

const roomName = (key) => roomNames.get(key) ?? 'a room';

function short(text) {
    const plain = String(text ?? '').replaceAll('\n', ' ');
    return plain.length > LONGEST ? `${plain.slice(0, LONGEST)}…` : plain;
}

const quoted = (text) => `“${short(text)}”`;

function shownValue(value) {
    if (value === null) {
        return 'null';
    }
    const time = /^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)/.exec(value);
    return time ? `${time[1]} UTC` : short(value);
}

function changedColumns(before, after) {
    return Object.keys(after)
        .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
        .map((name) => `${name} = ${shownValue(after[name])}`)
        .join(', ');
}

function rowDetail({ kind, op, new: after, old: before }) {
    if (op === 'U') {
        return changedColumns(before, after);
    }
    const row = after ?? before ?? {};
    return { message: row.body, room: row.name, notification: row.action }[kind] ?? '';
}

export function describeRow(row) {
    return {
        verb: VERBS[row.op] ?? row.op,
        table: TABLES[row.kind] ?? row.kind,
        key: (row.new ?? row.old)?.id ?? '',
        detail: short(rowDetail(row)),
    };
}

const inRoom = {
    newMessage: ({ sender, body, parent_message_id: parent, chat_room_uuid: room }) =>
        `${sender.name} ${parent ? 'replied' : 'wrote'} ${quoted(body)} in ${roomName(room)}`,
    updatedMessage: ({ sender, body }) => `${sender.name}’s message now says ${quoted(body)}`,
    deletedMessage: ({ id, parent_message: parent }) =>
        `message ${id}${parent ? `, a reply to ${quoted(parent.body)},` : ''} is gone`,
    chatRoomUpdated: ({ uuid, chat_room_name: name, pinned_message: pinned }) =>
        `${name ?? roomName(uuid)}, with ${pinned ? quoted(pinned.body) : 'nothing'} pinned`,
};

const WORDS = {
    'Chats::RoomChannel': inRoom,
    'Chats::CommunityMemberThreadsChannel': {
        ...inRoom,
        newMessage: ({ sender, body }) => `${sender.name} wrote ${quoted(body)} in your thread`,
        chatThreadRead: ({ chat_thread_id: id }) => `you have read thread ${id}`,
    },
    ChatRoomChannel: {
        newMessage: ({ chat_room_uuid: room }) => `something new in ${roomName(room)}`,
        chatRoomCreated: ({ chat_room_name: name }) => `you are in ${name ?? 'a room'} now`,
        chatRoomUpdated: ({ chat_room_name: name }) => `your room ${name ?? ''} has changed`,
        chatRoomDeleted: ({ chat_room_uuid: room }) => `${roomName(room)} is gone`,
        chatRoomRead: ({ chat_room_uuid: room }) => `you have read ${roomName(room)}`,
        chatRoomPinned: ({ chat_room_id: room }) => `you pinned ${roomName(room)}`,
        chatRoomUnPinned: ({ chat_room_id: room }) => `you unpinned ${roomName(room)}`,
    },
    NotificationChannel: {
        newNotification: ({ notification: { actor_name: who, action: did, notifiable_title } }) =>
            `${who ?? 'somebody'} ${did ?? 'did something'}: ${short(notifiable_title)}`,
        updateNewNotificationCount: ({ new_notifications_count: count }) =>
            count === 1 ? '1 notification is new' : `${count} notifications are new`,
        resetNewNotificationCount: () => 'all notifications are seen',
    },
};

export function describeEvent(channel, event) {
    return WORDS[channel]?.[event.event]?.(event) ?? short(JSON.stringify(event));
}
