// SPDX-License-Identifier: PostgreSQL
// What the contract's shapes leave open: who is left out, what a value is, how often it comes.
import assert from 'node:assert/strict';

async function twoInARoom(t, options) {
    const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
    const room = await t.app.room([ann, bo], options);
    return { ann, bo, room, hers: await t.listen(ann, room), his: await t.listen(bo, room) };
}

const eventsOf = (messages) => messages.map(({ event }) => event);

export default {
    async 'a reply stays off the member streams, and counts on its parent'(t) {
        const { ann, bo, room, hers } = await twoInARoom(t);
        const root = await t.app.message(room, ann, 'root');
        await t.settle(hers.room, hers.member);
        await t.app.message(room, bo, 'reply', { parent: root });
        const [inRoom, member] = await t.settle(hers.room, hers.member);
        assert.equal(inRoom[0].parent_message_id, root);
        assert.deepEqual(member, []);

        await t.app.sql`update chat_room_messages set body = 'root, edited' where id = ${root}`;
        const [[updated]] = await t.settle(hers.room);
        assert.equal(updated.event, 'updatedMessage');
        assert.equal(updated.replies_count, 1);
    },

    async 'an embedded room reaches its own stream only'(t) {
        const { ann, room, hers } = await twoInARoom(t, { embedded: true });
        await t.app.message(room, ann);
        await t.app.sql`update chat_rooms set name = 'Other' where id = ${room}`;
        await t.app
            .sql`update chat_room_participants set pinned_at = now() where chat_room_id = ${room}`;
        const [inRoom, member] = await t.settle(hers.room, hers.member);
        assert.deepEqual(eventsOf(inRoom), ['newMessage', 'chatRoomUpdated']);
        assert.deepEqual(member, []);
    },

    async 'a deleted reply carries its parent, a deleted root message none'(t) {
        const { ann, bo, room, hers } = await twoInARoom(t);
        const root = await t.app.message(room, ann, 'root');
        const reply = await t.app.message(room, bo, 'reply', { parent: root });
        await t.settle(hers.room);
        await t.app.sql`update chat_room_messages set deleted_at = now() where id = ${reply}`;
        await t.app.sql`delete from chat_room_messages where id = ${reply}`; // it was gone already
        await t.app.sql`delete from chat_room_messages where id = ${root}`;
        const [[first, second, ...more]] = await t.settle(hers.room);
        assert.deepEqual([first.event, first.id], ['deletedMessage', reply]);
        assert.deepEqual([first.parent_message.id, first.parent_message.body], [root, 'root']);
        assert.equal(first.parent_message.replies_count, 0);
        assert.deepEqual(second, { event: 'deletedMessage', id: root, parent_message: null });
        assert.deepEqual(more, []);
    },

    async 'an undeleted message is new again'(t) {
        const { ann, room, hers } = await twoInARoom(t);
        const id = await t.app.message(room, ann);
        await t.app.sql`update chat_room_messages set deleted_at = now() where id = ${id}`;
        await t.app.sql`update chat_room_messages set deleted_at = null where id = ${id}`;
        const [got] = await t.settle(hers.room);
        assert.deepEqual(eventsOf(got), ['newMessage', 'deletedMessage', 'newMessage']);
    },

    async 'a thread shows its people and its replies'(t) {
        const { ann, bo, room, hers } = await twoInARoom(t);
        const root = await t.app.message(room, ann, 'root');
        const thread = await t.app.thread(room, root, [ann, bo]);
        await t.settle(hers.room, hers.threads);
        await t.app.message(room, bo, 'one', { parent: root, thread });
        const [[inRoom], [inThreads]] = await t.settle(hers.room, hers.threads);
        assert.deepEqual(inThreads, inRoom);
        assert.equal(inThreads.chat_thread_id, thread);
        assert.equal(inThreads.chat_thread_replies_count, 1);
        assert.equal(inThreads.total_thread_participants_count, 2);
        assert.deepEqual(
            inThreads.thread_participants_preview.map(({ name, community_member_id: member }) => [
                name,
                member,
            ]),
            [
                ['Ann', ann],
                ['Bo', bo],
            ],
        );
    },

    async 'who joins a thread later hears it from then on'(t) {
        const { ann, bo, room, hers, his } = await twoInARoom(t);
        const root = await t.app.message(room, ann, 'root');
        const thread = await t.app.thread(room, root, [ann]);
        await t.app.message(room, ann, 'before', { parent: root, thread });
        await t.app.sql`insert into chat_thread_participants (chat_thread_id, community_member_id)
            values (${thread}, ${bo})`;
        await t.app.message(room, ann, 'after', { parent: root, thread });
        const [ofHers, ofHis] = await t.settle(hers.threads, his.threads);
        assert.deepEqual(
            ofHers.map(({ body }) => body),
            ['before', 'after'],
        );
        assert.deepEqual(
            ofHis.map(({ body }) => body),
            ['after'],
        );
    },

    async 'a new notification is followed by the count, once per transaction'(t) {
        const bo = await t.app.member('Bo');
        const his = await t.listen(bo);
        await t.app.notification(bo);
        await t.app
            .sql`insert into notifications (community_member_id)
                select ${bo} from generate_series(1, 3)`;
        const [got] = await t.settle(his.notifications);
        assert.deepEqual(eventsOf(got), [
            'newNotification',
            'updateNewNotificationCount',
            'newNotification',
            'newNotification',
            'newNotification',
            'updateNewNotificationCount',
        ]);
        assert.equal(got[1].new_notifications_count, 1);
        assert.equal(got[5].new_notifications_count, 4);
        assert.equal(got[0].notification.community_member_id, bo);
        assert.equal(got[0].notification.seen_at, null);
    },

    async 'seeing some notifications lowers the count, seeing the last one resets it'(t) {
        const bo = await t.app.member('Bo');
        const ids = [
            await t.app.notification(bo),
            await t.app.notification(bo),
            await t.app.notification(bo),
        ];
        const his = await t.listen(bo);
        await t.app.sql`update notifications set seen_at = now() where id = ${ids[0]}`;
        await t.app
            .sql`update notifications set seen_at = now()
                where community_member_id = ${bo} and seen_at is null`;
        await t.app.sql`update notifications set read_at = now() where community_member_id = ${bo}`;
        const [got] = await t.settle(his.notifications);
        assert.deepEqual(got, [
            { event: 'updateNewNotificationCount', new_notifications_count: 2 },
            { event: 'resetNewNotificationCount', new_notifications_count: 0 },
        ]);
    },

    async 'a room made with its people in one transaction is created once for each'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const [hers, his] = [await t.listen(ann), await t.listen(bo)];
        const room = await t.app.room([ann, bo], { name: null, kind: 'direct' });
        const [[ofHers, ...more], [ofHis]] = await t.settle(hers.member, his.member);
        assert.deepEqual(more, []);
        assert.deepEqual([ofHers.event, ofHers.id], ['chatRoomCreated', room]);
        assert.equal(ofHers.chat_room_name, 'Bo', 'a direct room has the name of the other one');
        assert.equal(ofHis.chat_room_name, 'Ann');
        assert.equal(ofHers.current_participant.community_member_id, ann);
        assert.deepEqual(
            ofHers.other_participants_preview.map(({ name }) => name),
            ['Bo'],
        );
        assert.equal(ofHers.last_message, null);
    },

    async 'a new participant hears of the room, then all that is said in it'(t) {
        const { ann, room } = await twoInARoom(t);
        const cid = await t.app.member('Cid');
        const cids = await t.listen(cid);
        await t.app.message(room, ann, 'before');
        await t.app.participant(room, cid);
        await t.app.message(room, ann, 'after');
        const [got] = await t.settle(cids.member);
        assert.deepEqual(eventsOf(got), ['chatRoomCreated', 'newMessage']);
        assert.equal(got[0].last_message.body, 'before');
        assert.equal(got[1].body, 'after');
    },

    async 'a room deleted together with its people still says so to each of them'(t) {
        const { room, hers, his } = await twoInARoom(t);
        const uuid = await t.app.sql`select uuid from chat_rooms where id = ${room}`;
        await t.app.role.script(`begin;
            delete from chat_room_participants where chat_room_id = ${room};
            delete from chat_rooms where id = ${room};
            commit;`);
        const expected = { event: 'chatRoomDeleted', chat_room_uuid: uuid };
        for (const { member } of [hers, his]) {
            assert.deepEqual(await member.next(), expected);
        }
    },

    async 'pinning says pinned, then updated, to that member only'(t) {
        const { ann, room, hers, his } = await twoInARoom(t);
        await t.app.sql`update chat_room_participants set pinned_at = '2026-10-01 09:14:31.001'
            where chat_room_id = ${room} and community_member_id = ${ann}`;
        const [ofHers, ofHis] = await t.settle(hers.member, his.member);
        assert.deepEqual(eventsOf(ofHers), ['chatRoomPinned', 'chatRoomUpdated']);
        assert.deepEqual(ofHers[0], {
            event: 'chatRoomPinned',
            chat_room_id: room,
            pinned_at: '2026-10-01T09:14:31.001Z',
        });
        assert.deepEqual(ofHis, []);
    },

    async 'envelope = nested puts the fields under data'(t) {
        const daemon = await t.start({ envelope: 'nested' });
        const bo = await t.app.member('Bo');
        await t.app.notification(bo);
        const his = await t.listen(bo, undefined, daemon);
        await t.app.sql`update notifications set seen_at = now() where community_member_id = ${bo}`;
        assert.deepEqual(await his.notifications.next(), {
            event: 'resetNewNotificationCount',
            data: { new_notifications_count: 0 },
        });
    },

    async 'broadcast sends any JSON value, in order with the rows of its transaction'(t) {
        const { ann, room, hers } = await twoInARoom(t);
        const stream = `chat-room-${room}-channel`;
        const values = [
            { event: 'typing', n: 1 },
            [1, 2],
            'text',
            5,
            true,
            null,
            '<&>\u2028',
            { '': {} },
        ];
        const insert = (
            body,
        ) => `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select chat_room_id, id, '${body}' from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${ann};`;
        const broadcast = (value) =>
            `select pgcable.broadcast('${stream}', '${JSON.stringify(value)}');`;
        await t.app.superuser.script(`begin; ${insert('first')}
            ${values.map(broadcast).join('\n')}
            ${insert('last')} commit;`);
        const [first, ...rest] = await hers.room.take(values.length + 2);
        const last = rest.pop();
        assert.deepEqual([first.body, last.body], ['first', 'last']);
        assert.deepEqual(rest, values);
    },

    async 'the application role can neither broadcast nor read the outbox unless it is granted'(t) {
        await assert.rejects(t.app.sql`select pgcable.broadcast('x', '1')`, /permission denied/);
        await assert.rejects(t.app.sql`select * from pgcable.tick`, /permission denied/);
    },
};
