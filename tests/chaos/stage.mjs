// SPDX-License-Identifier: PostgreSQL
// stage.mjs - the small world that all of it happens in: members, rooms, threads, hot rows.

export const MEMBERS = 10;
export const CUSTOMERS = [1, 2, 3];
export const STABLE_ROOMS = [1, 2, 3, 4, 5];
export const REVOKED_ROOMS = [6, 7]; // their members come and go
const REVOKED_MEMBERS = [1, 2, 3, 4];

export function membersOf(room) {
    return REVOKED_ROOMS.includes(room)
        ? REVOKED_MEMBERS
        : [0, 1, 2, 3, 4, 5].map((n) => ((room * 2 + n) % MEMBERS) + 1);
}

export const roomsOf = (member) =>
    [...STABLE_ROOMS, ...REVOKED_ROOMS].filter((room) => membersOf(room).includes(member));

// Messages 1 … 5 are the roots of threads 1 … 5, one in each stable room.
export const threadOf = (room) => ({ thread: room, root: room });

// Rooms have uuids that tell their ids: chatRoomDeleted names nothing else.
export const roomUuid = (id) => `('00000000-0000-4000-8000-' || lpad(to_hex(${id}), 12, '0'))::uuid`;
export const roomOfUuid = (uuid) => parseInt(uuid.slice(-12), 16);

const rows = (list) => list.map((values) => `(${values.join(', ')})`).join(', ');
const each = (rooms, make) => rooms.flatMap((room) => membersOf(room).map((member) => make(room, member)));

export function stageSql() {
    const rooms = [...STABLE_ROOMS, ...REVOKED_ROOMS];
    const members = Array.from({ length: MEMBERS }, (_, n) => n + 1);
    return `
        insert into community_members (id, name, email)
            values ${rows(members.map((id) => [id, `'Member ${id}'`, `'m${id}@example.test'`]))};
        insert into chat_rooms (id, uuid, name, description)
            values ${rows(rooms.map((id) => [id, roomUuid(id), `'Room ${id}'`, "'d0 '"]))};
        insert into chat_room_participants (chat_room_id, community_member_id)
            values ${rows(each(rooms, (room, member) => [room, member]))};
        insert into chat_room_messages (id, chat_room_id, body)
            values ${rows(STABLE_ROOMS.map((id) => [id, id, "'root'"]))};
        insert into chat_threads (id, chat_room_id, parent_message_id)
            values ${rows(STABLE_ROOMS.map((id) => [id, id, id]))};
        insert into chat_thread_participants (chat_thread_id, community_member_id)
            values ${rows(each(STABLE_ROOMS, (room, member) => [room, member]))};
        insert into chat_room_messages (id, chat_room_id, body)
            values ${rows(STABLE_ROOMS.flatMap((id) => [[10 + id, id, "'hot'"], [20 + id, id, "'hot'"]]))};
        insert into chaos.orders (id, customer_id, body)
            values ${rows(CUSTOMERS.map((id) => [id, id, "'hot'"]))};
        select setval(pg_get_serial_sequence(t, 'id'), 1000)
        from unnest(array['community_members', 'chat_rooms', 'chat_threads', 'chat_room_messages',
            'chaos.orders']) t;`;
}
