// SPDX-License-Identifier: PostgreSQL
// Transactions as applications write them: what each of them raises, how often, in which order.
import assert from 'node:assert/strict';
import { ownWorld } from './lib/own.mjs';
import { Session } from './lib/session.mjs';

const RESET = { type: 'disconnect', reason: 'history_reset', reconnect: true };

const eventsOf = (messages) => messages.map(({ event }) => event);
const bodiesOf = (messages) => messages.map(({ body }) => body);

// SQL for what Rails would send, one statement each.
function say(room, member, body) {
    return `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
        select chat_room_id, id, '${body}' from chat_room_participants
        where chat_room_id = ${room} and community_member_id = ${member};\n`;
}

const NEW_ROOM = `insert into chat_rooms (name) values ('Team');\n`;
const THE_ROOM = `currval('chat_rooms_id_seq')`;

function join(member, room = THE_ROOM) {
    return `insert into chat_room_participants (chat_room_id, community_member_id) values (${room}, ${member});\n`;
}

async function twoInARoom(t) {
    const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
    const room = await t.app.room([ann, bo]);
    return { ann, bo, room, hers: await t.listen(ann, room), his: await t.listen(bo, room) };
}

// A room with Ann first, `more` others, Bo last, something said and a thread in it.
async function roomOfMany(t, more) {
    const ann = await t.app.member('Ann');
    const others = await t.app.sql`insert into community_members (name, email)
        select 'M' || n, n || '@example.test' from generate_series(1, ${more}) n returning id`;
    const bo = await t.app.member('Bo');
    const room = await t.app.room([ann, ...others.split('\n').filter(Boolean).map(Number), bo]);
    const root = await t.app.message(room, ann, 'root');
    await t.app.message(room, bo, 'reply', { parent: root });
    await t.app.thread(room, root, [ann, bo]);
    return { ann, bo, room, uuid: await t.app.sql`select uuid from chat_rooms where id = ${room}` };
}

// Every way to delete a room, each to be tried on few and on many.
const DELETIONS = {
    'children first': (room) => `begin;
        delete from chat_threads where chat_room_id = ${room};
        delete from chat_room_messages where chat_room_id = ${room};
        delete from chat_room_participants where chat_room_id = ${room};
        delete from chat_rooms where id = ${room};
        commit;`,
    'one by one, as dependent: :destroy does': (room) => `begin;
        do $$ declare p bigint; begin
            for p in select id from chat_room_participants where chat_room_id = ${room} order by id desc loop
                delete from chat_room_participants where id = p;
            end loop;
        end $$;
        delete from chat_rooms where id = ${room};
        commit;`,
    'a foreign key cascades': (room) => `delete from chat_rooms where id = ${room};`,
    'a soft delete of all': (room) => `begin;
        update chat_room_participants set deleted_at = now() where chat_room_id = ${room};
        update chat_rooms set deleted_at = now() where id = ${room};
        commit;`,
};

async function roomIsDeleted(t, how, more) {
    const { ann, bo, room, uuid } = await roomOfMany(t, more);
    const inTheRoom = [await t.listen(ann, room), await t.listen(bo, room)];
    const outside = [await t.listen(ann), await t.listen(bo)];
    await t.app.role.script(DELETIONS[how](room));

    const expected = { event: 'chatRoomDeleted', chat_room_uuid: uuid };
    for (const { wire, member } of inTheRoom) {
        assert.equal((await wire.disconnected()).reason, 'remote');
        assert.deepEqual(member.messages, [expected], 'told once, and before the connection ended');
        assert.equal(wire.frames.at(-1).type, 'disconnect');
    }
    for (const got of await t.settle(...outside.map(({ member }) => member))) {
        assert.deepEqual(got, [expected]);
    }
}

const deletionTests = Object.keys(DELETIONS).flatMap((how) => [
    [`a room is deleted, ${how}: all hear it once, before a connection ends`,
        (t) => roomIsDeleted(t, how, 0)],
    [`a room of 1,200 is deleted, ${how}: all hear it once, before a connection ends`,
        (t) => roomIsDeleted(t, how, 1200)],
]);

// How many rows the outbox holds: what costs the application something.
const captured = (t) => t.app.superuser.sql`select (select count(*) from pgcable.outbox_0)
    + (select count(*) from pgcable.outbox_1) + (select count(*) from pgcable.outbox_2)`;

export default {
    async 'a room, its people and the first message in one transaction: created once, then the message'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const [hers, his] = [await t.listen(ann), await t.listen(bo)];
        await t.app.role.script(`begin; ${NEW_ROOM} ${join(ann)} ${join(bo)} ${say(THE_ROOM, ann, 'first')}
            update chat_rooms set updated_at = now() where id = ${THE_ROOM}; commit;`);
        for (const [member, { member: stream }] of [[ann, hers], [bo, his]]) {
            const [got] = await t.settle(stream);
            assert.deepEqual(eventsOf(got), ['chatRoomCreated', 'newMessage']);
            assert.equal(got[0].current_participant.community_member_id, member);
            assert.equal(got[0].other_participants_preview.length, 1);
            assert.equal(got[1].body, 'first');
            assert.equal(got[1].chat_room_uuid, got[0].uuid);
        }
    },

    async 'a message written before its readers join in the same transaction reaches them once'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const [hers, his] = [await t.listen(ann), await t.listen(bo)];
        await t.app.role.script(`begin; ${NEW_ROOM} ${join(ann)} ${say(THE_ROOM, ann, 'early')} ${join(bo)} commit;`);
        const room = await t.app.id(t.app.sql`select max(id) from chat_rooms`);
        await t.app.message(room, bo, 'later');
        const [ofHers, ofHis] = await t.settle(hers.member, his.member);
        assert.deepEqual(ofHers.map(({ event, body }) => body ?? event), ['chatRoomCreated', 'early', 'later']);
        assert.deepEqual(ofHis.map(({ event, body }) => body ?? event), ['early', 'chatRoomCreated', 'later']);
    },

    async 'who joins and leaves within one transaction is no member'(t) {
        const { ann, room } = await twoInARoom(t);
        const cid = await t.app.member('Cid');
        const cids = await t.listen(cid);
        await t.app.role.script(`begin; ${join(cid, room)}
            delete from chat_room_participants where chat_room_id = ${room} and community_member_id = ${cid}; commit;`);
        await t.app.message(room, ann, 'not for Cid');
        const [got] = await t.settle(cids.member);
        assert.ok(!eventsOf(got).includes('newMessage'), JSON.stringify(got));
    },

    ...Object.fromEntries(deletionTests),

    async 'a room that is deleted softly and restored goes on, also for who came meanwhile'(t) {
        const { ann, bo, room, hers } = await twoInARoom(t);
        const uuid = await t.app.sql`select uuid from chat_rooms where id = ${room}`;
        await t.app.sql`update chat_rooms set deleted_at = now() where id = ${room}`;
        await t.app.sql`update chat_rooms set deleted_at = now() + interval '1 second' where id = ${room}`;
        const meanwhile = await t.listen(bo);
        await t.app.sql`update chat_rooms set deleted_at = null where id = ${room}`;
        await t.app.message(room, ann, 'back again');

        const [ofHers, ofHis] = await t.settle(hers.member, meanwhile.member);
        assert.deepEqual(ofHers[0], { event: 'chatRoomDeleted', chat_room_uuid: uuid });
        assert.deepEqual(eventsOf(ofHers), ['chatRoomDeleted', 'newMessage']);
        assert.deepEqual(eventsOf(ofHis), ['newMessage']);
    },

    async 'a room deleted softly, then for good, is deleted once'(t) {
        const { room, hers } = await twoInARoom(t);
        await t.app.sql`update chat_rooms set deleted_at = now() where id = ${room}`;
        assert.equal((await hers.member.next()).event, 'chatRoomDeleted');
        await t.app.sql`delete from chat_rooms where id = ${room}`;
        await hers.wire.disconnected();
        assert.deepEqual(eventsOf(hers.member.messages), ['chatRoomDeleted']);
    },

    async 'a participant removed softly hears nothing, and after the return the room again'(t) {
        const { ann, bo, room } = await twoInARoom(t);
        const his = await t.listen(bo);
        await t.app.sql`update chat_room_participants set deleted_at = now()
            where chat_room_id = ${room} and community_member_id = ${bo}`;
        await t.app.message(room, ann, 'behind his back');
        await t.app.sql`update chat_room_participants set deleted_at = null
            where chat_room_id = ${room} and community_member_id = ${bo}`;
        await t.app.message(room, ann, 'welcome');
        const [got] = await t.settle(his.member);
        assert.deepEqual(got.map(({ event, body }) => body ?? event), ['chatRoomCreated', 'welcome']);
    },

    async '10,000 notifications marked as read in one statement: one event'(t) {
        const bo = await t.app.member('Bo');
        await t.app.sql`insert into notifications (community_member_id) select ${bo} from generate_series(1, 10000)`;
        const his = await t.listen(bo);
        await t.app.sql`update notifications set seen_at = now(), updated_at = now()
            where community_member_id = ${bo} and seen_at is null`;
        const [got] = await t.settle(his.notifications);
        assert.deepEqual(got, [{ event: 'resetNewNotificationCount', new_notifications_count: 0 }]);
    },

    async '200 members marked as read in one statement: one event each'(t) {
        const members = (await t.app.sql`insert into community_members (name, email)
            select 'M' || n, n || '@example.test' from generate_series(1, 200) n returning id`).split('\n').map(Number);
        const each = `json_array_elements_text('${JSON.stringify(members)}') m (id)`;
        await t.app.role.script(`insert into notifications (community_member_id)
            select m.id::bigint from generate_series(1, 20), ${each};`);
        const wires = await Promise.all(members.map((member) => t.connect(member)));
        const streams = await Promise.all(wires.map((wire) => wire.subscribe('NotificationChannel')));
        await t.app.role.script(`update notifications set seen_at = now()
            where community_member_id in (select m.id::bigint from ${each});`);
        await t.app.superuser.script(`select pgcable.broadcast('notification-channel-' || m.id, '"end"') from ${each};`);
        for (const stream of streams) {
            assert.deepEqual(await stream.take(2),
                [{ event: 'resetNewNotificationCount', new_notifications_count: 0 }, 'end']);
        }
    },

    async 'a transaction that sees as many notifications as it makes changes no count'(t) {
        const bo = await t.app.member('Bo');
        const old = await t.app.notification(bo);
        const his = await t.listen(bo);
        await t.app.role.script(`begin; update notifications set seen_at = now() where id = ${old};
            insert into notifications (community_member_id) values (${bo}); commit;`);
        const [got] = await t.settle(his.notifications);
        assert.deepEqual(eventsOf(got), ['newNotification']);
    },

    async 'a counter that the application keeps by a trigger: one event for all rows of a transaction'(t) {
        const own = await ownWorld(t, { before: `
            alter table community_members add new_notifications_count integer not null default 0;
            create function count_up() returns trigger language plpgsql as $$ begin
                update community_members set new_notifications_count = new_notifications_count
                    + (new.seen_at is null)::int - coalesce(tg_op = 'UPDATE' and old.seen_at is null, false)::int
                where id = new.community_member_id;
                return null;
            end $$;
            create trigger count_up after insert or update on notifications for each row execute function count_up();` });
        const bo = await own.app.member('Bo');
        const his = await own.listen(bo);
        await own.app.sql`insert into notifications (community_member_id) select ${bo} from generate_series(1, 700)`;
        await own.app.sql`update notifications set seen_at = now() where id % 2 = 0`;
        await own.app.sql`update notifications set seen_at = now() where seen_at is null`;
        const [got] = await own.settle(his.notifications);
        assert.deepEqual(got.filter(({ event }) => event !== 'newNotification'), [
            { event: 'updateNewNotificationCount', new_notifications_count: 700 },
            { event: 'updateNewNotificationCount', new_notifications_count: 350 },
            { event: 'resetNewNotificationCount', new_notifications_count: 0 },
        ]);
        assert.equal(got.length, 703);
    },

    async 'counter caches that touch the parent message and the room raise nothing and cost no row'(t) {
        const own = await ownWorld(t, { before: `
            alter table chat_room_messages add replies_count integer not null default 0;
            alter table chat_rooms add messages_count integer not null default 0;` });
        const { ann, bo, room, hers, his } = await twoInARoom(own);
        const root = await own.app.message(room, ann, 'root');
        await own.settle(hers.room, hers.member, his.member);
        const before = Number(await captured(own));
        await own.app.role.script(`begin;
            insert into chat_room_messages (chat_room_id, chat_room_participant_id, body, parent_message_id)
            select chat_room_id, id, 'reply', ${root} from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${bo};
            update chat_room_messages set replies_count = replies_count + 1, updated_at = now() where id = ${root};
            update chat_rooms set messages_count = messages_count + 1, updated_at = now() where id = ${room};
            commit;`);
        assert.equal(Number(await captured(own)) - before, 1, 'the reply alone');
        const [inRoom, ofHers] = await own.settle(hers.room, hers.member);
        assert.deepEqual(inRoom.map(({ event, body }) => `${event} ${body}`), ['newMessage reply']);
        assert.deepEqual(ofHers, []);
    },

    async 'a bulk import by COPY, people and all, in one transaction'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const [hers, his] = [await t.listen(ann), await t.listen(bo)];
        const [room, first] = (await t.app.sql`select nextval('chat_rooms_id_seq'),
            setval('chat_room_participants_id_seq', nextval('chat_room_participants_id_seq') + 1) - 1`).split('|').map(Number);
        const bodies = Array.from({ length: 3000 }, (_, n) => `imported ${n}`);
        await t.app.role.script(`begin;
            copy chat_rooms (id, name) from stdin;\n${room}\tOld\n\\.\n
            copy chat_room_participants (id, chat_room_id, community_member_id) from stdin;
${first}\t${room}\t${ann}\n${first + 1}\t${room}\t${bo}\n\\.\n
            copy chat_room_messages (chat_room_id, chat_room_participant_id, body) from stdin;
${bodies.map((body, n) => `${room}\t${first + (n % 2)}\t${body}\n`).join('')}\\.\n
            copy notifications (community_member_id) from stdin;\n${`${bo}\n`.repeat(600)}\\.\n
            commit;`);
        for (const [created, ...messages] of await t.settle(hers.member, his.member)) {
            assert.equal(created.event, 'chatRoomCreated');
            assert.deepEqual(bodiesOf(messages), bodies);
            assert.deepEqual(messages.slice(0, 2).map(({ sender }) => sender.name), ['Ann', 'Bo']);
        }
        const [notified] = await t.settle(his.notifications);
        assert.deepEqual(eventsOf(notified),
            [...Array(600).fill('newNotification'), 'updateNewNotificationCount']);
        assert.equal(notified.at(-1).new_notifications_count, 600);
    },

    async 'ON CONFLICT: what changes nothing raises nothing, what changes something one event'(t) {
        const { ann, bo, room, hers, his } = await twoInARoom(t);
        const id = await t.app.message(room, ann, 'same');
        await t.settle(hers.room, his.member);
        const upsert = (body, action) => t.app.role.script(`
            insert into chat_room_messages (id, chat_room_id, body) values (${id}, ${room}, '${body}')
            on conflict (id) ${action};`);
        await upsert('other', 'do nothing');
        await upsert('same', 'do update set body = excluded.body, updated_at = now()');
        await upsert('other', `do update set body = excluded.body where chat_room_messages.body <> 'same'`);
        await upsert('other', 'do update set body = excluded.body, edited_at = now()');
        await t.app.role.script(`insert into chat_room_participants (chat_room_id, community_member_id, last_read_at)
            values (${room}, ${bo}, now()) on conflict (chat_room_id, community_member_id) where deleted_at is null
            do update set last_read_at = excluded.last_read_at;`);
        const [inRoom, ofHis] = await t.settle(hers.room, his.member);
        assert.deepEqual(inRoom.map(({ event, body }) => `${event} ${body}`), ['updatedMessage other']);
        assert.deepEqual(eventsOf(ofHis), ['chatRoomRead'], 'an upsert of who is there creates nothing');
    },

    async 'MERGE: inserted, updated, deleted and left alone, each once'(t) {
        const { ann, room, hers } = await twoInARoom(t);
        const ids = [];
        for (const body of ['changes', 'stays', 'goes']) {
            ids.push(await t.app.message(room, ann, body));
        }
        await t.settle(hers.room);
        await t.app.role.script(`merge into chat_room_messages m
            using (values (${ids[0]}, 'changed'), (${ids[1]}, 'stays'), (${ids[2]}, null), (null, 'comes')) v (id, body)
                on m.id = v.id
            when matched and v.body is null then delete
            when matched then update set body = v.body, updated_at = now()
            when not matched then insert (chat_room_id, body) values (${room}, v.body);`);
        const [got] = await t.settle(hers.room);
        assert.deepEqual(got.map(({ event, id, body }) => `${event} ${body ?? id}`).sort(),
            [`deletedMessage ${ids[2]}`, 'newMessage comes', 'updatedMessage changed']);
    },

    async 'TRUNCATE of an attached table tells everybody to reload, one that is rolled back nobody'(t) {
        const own = await ownWorld(t);
        const { ann, room, hers, his } = await twoInARoom(own);
        await own.app.role.script('begin; truncate notifications; rollback;');
        await own.app.message(room, ann, 'still here');
        assert.deepEqual(bodiesOf(await own.settle(hers.room).then(([got]) => got)), ['still here']);
        await own.app.role.script(`begin; ${say(room, ann, 'last words')} truncate notifications; commit;`);
        for (const { wire, room: stream } of [hers, his]) {
            assert.deepEqual(await wire.disconnected(), RESET);
            assert.equal(stream.messages.at(-1).body, 'last words');
        }
        const again = await own.listen(ann, room);
        await own.app.message(room, ann, 'after the reload');
        assert.equal((await again.room.next()).body, 'after the reload');
    },

    async 'savepoints, nested, released and rolled back: what is left is heard, in order'(t) {
        const { ann, room, hers } = await twoInARoom(t);
        const put = (body) => say(room, ann, body);
        await t.app.role.script(`begin; ${put('1')}
            savepoint a; ${put('2')}
                savepoint b; ${put('never')} rollback to b; ${put('3')}
                savepoint c; ${put('4')} release c; ${put('5')}
            release a;
            savepoint d; ${put('never')}
                savepoint e; ${put('never')} release e;
            rollback to d; release d; ${put('6')}
            do $$ begin ${put('never')} raise division_by_zero;
                exception when division_by_zero then ${put('7')} end $$;
            commit;`);
        const [got] = await t.settle(hers.room);
        assert.deepEqual(bodiesOf(got), ['1', '2', '3', '4', '5', '6', '7']);
    },

    async 'a savepoint that is rolled back takes joins, leaves and counts with it'(t) {
        const { ann, bo, room, hers, his } = await twoInARoom(t);
        await t.app.role.script(`begin;
            savepoint s;
                delete from chat_room_participants where chat_room_id = ${room} and community_member_id = ${bo};
                insert into notifications (community_member_id) values (${bo});
            rollback to s;
            ${say(room, ann, 'you are still here')} commit;`);
        const [inRoom, member, notified, ofHers] = await t.settle(his.room, his.member, his.notifications, hers.room);
        assert.deepEqual(bodiesOf(inRoom), ['you are still here']);
        assert.deepEqual([member, ofHers], [inRoom, inRoom]);
        assert.deepEqual(notified, []);
    },

    async 'transactions side by side are heard as they commit, each in its own order'(t) {
        const { ann, bo, room, hers, his } = await twoInARoom(t);
        const sessions = Array.from({ length: 4 }, () => new Session(t.app.role));
        sessions.forEach((session) => t.later(() => session.end()));
        const [a, b, c, d] = sessions;
        const expected = [];
        const hear = async (...bodies) => {
            expected.push(...bodies);
            assert.deepEqual(bodiesOf(await hers.room.take(bodies.length)), bodies);
        };
        await Promise.all(sessions.map((session) => session.run('begin;')));
        await a.run(say(room, ann, 'a1'));
        await b.run(say(room, bo, 'b1'));
        await c.run(say(room, ann, 'never'));
        await d.run(`${say(room, bo, 'd1')} insert into notifications (community_member_id) values (${bo});`);
        await b.run(`${say(room, bo, 'b2')} insert into notifications (community_member_id) values (${bo}); commit;`);
        await hear('b1', 'b2');
        await a.run(say(room, ann, 'a2'));
        await c.run('rollback;');
        await d.run(`${say(room, bo, 'd2')} commit;`);
        await hear('d1', 'd2');
        await a.run('commit;');
        await hear('a1', 'a2');
        const [ofHis, notified] = await t.settle(his.room, his.notifications);
        assert.deepEqual(bodiesOf(ofHis), expected, 'everybody hears the same order');
        assert.deepEqual(notified.map(({ event, new_notifications_count: count }) => count ?? event),
            ['newNotification', 1, 'newNotification', 2]);
    },

    // Both in one tick, the second to commit having begun to write first: neither the order of
    // ticks nor that of transaction numbers helps.
    async 'two who edit one message are heard in the order of the row lock'(t) {
        const { ann, room, hers } = await twoInARoom(t);
        const id = await t.app.message(room, ann, 'first');
        await hers.room.next();
        const [a, b, gate] = [new Session(t.app.role), new Session(t.app.role), new Session(t.app.superuser)];
        [a, b, gate].forEach((session) => t.later(() => session.end()));
        const edit = (body) => `update chat_room_messages set body = body || '${body}' where id = ${id};`;
        await b.run('begin; select pg_current_xact_id();');
        await a.run(`begin; ${edit(', a')}`);
        const waits = b.begin(`${edit(', b')} commit;`);
        await gate.run('select pg_advisory_lock(7236355);'); // whoever makes a tick takes it
        await a.run(`${edit(', a again')} commit;`);
        await waits.done();
        await gate.run('select pg_advisory_unlock(7236355);');
        const [got] = await t.settle(hers.room);
        assert.deepEqual(bodiesOf(got), ['first, a', 'first, a, a again', 'first, a, a again, b']);
    },
};
