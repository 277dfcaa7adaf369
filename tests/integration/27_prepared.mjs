// SPDX-License-Identifier: PostgreSQL
// Prepared transactions and partitioned tables: each in a cluster or database of its own.
import assert from 'node:assert/strict';
import { ownWorld } from './lib/own.mjs';
import { until } from './lib/until.mjs';

const bodiesOf = (messages) => messages.map(({ body }) => body);

function say(room, member, body) {
    return `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
        select chat_room_id, id, '${body}' from chat_room_participants
        where chat_room_id = ${room} and community_member_id = ${member};\n`;
}

async function twoInARoom(t) {
    const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
    const room = await t.app.room([ann, bo]);
    return { ann, bo, room, hers: await t.listen(ann, room), his: await t.listen(bo, room) };
}

const withPrepared = (t) => ownWorld(t, { conf: ['max_prepared_transactions = 10'] });

// The messages partitioned by month, attached while one partition is there.
const PARTITIONED = `
    drop table chat_room_messages cascade;
    create table chat_room_messages (
        id bigserial, chat_room_id bigint not null, chat_room_participant_id bigint, body text,
        rich_text_body jsonb not null default '{}', sent_at timestamp not null default (now() at time zone 'utc'),
        creation_uuid uuid, chat_thread_id bigint, parent_message_id bigint, lesson_id bigint, edited_at timestamp,
        deleted_at timestamp, created_at timestamp not null, updated_at timestamp, primary key (id, created_at)
    ) partition by range (created_at);
    create table messages_january partition of chat_room_messages for values from ('2026-01-01') to ('2026-02-01');`;

// As a tool for partitions makes it: filled first, its columns in another order, one dropped.
const FEBRUARY = `
    create table messages_february (updated_at timestamp, junk text, body text, created_at timestamp not null,
        deleted_at timestamp, edited_at timestamp, lesson_id bigint, parent_message_id bigint, chat_thread_id bigint,
        creation_uuid uuid, sent_at timestamp not null default now(), rich_text_body jsonb not null default '{}',
        chat_room_participant_id bigint, chat_room_id bigint not null,
        id bigint not null default nextval('chat_room_messages_id_seq'));
    alter table messages_february drop column junk;
    insert into messages_february (chat_room_id, body, created_at) select id, 'moved in', '2026-02-02' from chat_rooms;
    alter table chat_room_messages attach partition messages_february for values from ('2026-02-01') to ('2026-03-01');`;

function sayOn(day, room, member, body) {
    return `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body, created_at)
        select chat_room_id, id, '${body}', '${day}' from chat_room_participants
        where chat_room_id = ${room} and community_member_id = ${member};\n`;
}

export default {
    async 'PREPARE TRANSACTION works beside the daemon, and is heard at COMMIT PREPARED, in commit order'(t) {
        const own = await withPrepared(t);
        const { ann, bo, room, hers, his } = await twoInARoom(own);
        await own.app.role.script(`begin; ${say(room, ann, 'p1')} ${say(room, ann, 'p2')}
            insert into notifications (community_member_id) values (${bo}); prepare transaction 'p';
            begin; ${say(room, bo, 'q1')} prepare transaction 'q';
            begin; ${say(room, bo, 'never')} prepare transaction 'r';`);
        await own.app.message(room, ann, 'meanwhile');
        assert.equal((await hers.room.next()).body, 'meanwhile', 'nobody waits for what is prepared');
        assert.deepEqual(bodiesOf((await own.settle(hers.room))[0]), [], 'prepared is not committed');

        await own.app.role.script(`commit prepared 'q';`);
        assert.equal((await hers.room.next()).body, 'q1');
        await own.app.role.script(`rollback prepared 'r';`);
        await own.app.role.script(`commit prepared 'p';`);
        const [inRoom, ofHis, notified] = await own.settle(hers.room, his.room, his.notifications);
        assert.deepEqual(bodiesOf(inRoom), ['p1', 'p2']);
        assert.deepEqual(bodiesOf(ofHis), ['meanwhile', 'q1', 'p1', 'p2']);
        assert.deepEqual(notified.map(({ event, new_notifications_count: count }) => count ?? event), ['newNotification', 1]);
    },

    async 'PREPARE TRANSACTION works while the daemon sleeps, however often'(t) {
        const own = await withPrepared(t);
        const { ann, room, hers } = await twoInARoom(own);
        for (let n = 0; n < 5; n++) {
            await until('a while without rows', async () => Number(await own.app.superuser.sql`select count(*)
                from pgcable.tick where at > clock_timestamp() - interval '500 ms'`) === 0);
            await own.app.role.script(`begin; ${say(room, ann, `slow ${n}`)} prepare transaction 'p';`);
            await own.app.role.script(`commit prepared 'p';`);
            assert.equal((await hers.room.next()).body, `slow ${n}`);
        }
    },

    async 'PREPARE TRANSACTION works from the restart on that allows it, though writers had been told to ring'(t) {
        const own = await ownWorld(t, { conf: ['max_prepared_transactions = 0'] });
        const { ann, room, hers } = await twoInARoom(own);
        await until('the daemon to sleep', async () => (await own.daemon.metric('pgcable_feed_asleep')) === 1);
        own.daemon.kill('SIGSTOP'); // nobody makes the writers quiet again
        await own.app.superuser.sql`select pgcable.ring(10)`;
        await own.app.superuser.sql`alter system set max_prepared_transactions = 10`;
        await own.pg.stop();
        await own.pg.up();
        await own.app.role.script(`begin; ${say(room, ann, 'prepared')} prepare transaction 'p';`);
        own.daemon.kill('SIGCONT');
        await own.app.role.script(`commit prepared 'p';`);
        assert.equal((await hers.room.next()).body, 'prepared');
    },

    async 'an orphaned prepared transaction delays nobody, outlives a restart, and is not lost'(t) {
        const own = await withPrepared(t);
        const { ann, bo, room, hers } = await twoInARoom(own);
        await own.app.role.script(`begin; ${say(room, ann, 'orphan')} prepare transaction 'orphan';`);
        for (let n = 0; n < 20; n++) {
            await own.app.message(room, bo, `live ${n}`);
            assert.equal((await hers.room.next()).body, `live ${n}`);
        }
        await own.pg.stop();
        await own.pg.up();
        await own.daemon.ready();
        await own.app.message(room, bo, 'after the restart');
        assert.equal((await hers.room.next()).body, 'after the restart');
        await own.app.role.script(`commit prepared 'orphan';`);
        assert.equal((await hers.room.next()).body, 'orphan');
        assert.equal(hers.wire.closed, null);
    },

    async 'pruning goes on past an orphaned prepared transaction'(t) {
        const own = await withPrepared(t);
        const { ann, bo, room, hers } = await twoInARoom(own);
        const boss = own.app.superuser;
        await own.app.role.script(`begin; ${say(room, ann, 'orphan')} prepare transaction 'orphan';`);
        const slots = new Set();
        for (let n = 0; n < 12; n++) { // a day passes each time
            await own.app.message(room, bo, `day ${n}`);
            assert.equal((await hers.room.next()).body, `day ${n}`);
            await boss.script(`update pgcable.tick set at = at - interval '1 day';
                update pgcable.outbox_0 set at = at - interval '1 day';
                update pgcable.outbox_1 set at = at - interval '1 day';
                update pgcable.outbox_2 set at = at - interval '1 day';`);
            await own.app.notification(bo);
            await own.settle(hers.room);
            await boss.sql`select pgcable.prune('1 hour', (select max(tick) from pgcable.tick))`;
            slots.add(await boss.sql`select pg_sequence_last_value('pgcable.ctl') & 3`);
        }
        const kept = (await boss.script(`select new::json ->> 'body' from pgcable.outbox_1 where kind = 'message'
            union all select new::json ->> 'body' from pgcable.outbox_2 where kind = 'message'`)).split('\n');
        assert.ok(kept.length < 6, `old rows go: ${kept}`);
        assert.ok(slots.has('1') && slots.has('2'), 'the two other tables take turns');
        await own.app.role.script(`commit prepared 'orphan';`);
        assert.equal((await hers.room.next()).body, 'orphan');
    },

    async 'a partitioned table: partitions that are there and those attached later'(t) {
        const own = await ownWorld(t, { before: PARTITIONED });
        const { ann, room, hers } = await twoInARoom(own);
        await own.app.role.script(FEBRUARY);
        await own.app.role.script(`begin; ${sayOn('2026-01-05', room, ann, 'january')} ${sayOn('2026-02-05', room, ann, 'february')}
            update chat_room_messages set updated_at = now();
            update messages_february set updated_at = now();
            update chat_room_messages set body = body || ', edited' where body <> 'moved in';
            update chat_room_messages set deleted_at = now() where body like 'january%';
            delete from messages_february where body like 'february%';
            commit;`);
        const [got] = await own.settle(hers.room);
        const [january, february] = got.slice(0, 2).map(({ id }) => id);
        assert.deepEqual(got.map(({ event, id, body }) => `${event} ${body ?? id}`), [
            'newMessage january', 'newMessage february',
            'updatedMessage january, edited', 'updatedMessage february, edited',
            `deletedMessage ${january}`, `deletedMessage ${february}`]);
        assert.equal(got[1].sender.name, 'Ann');
        assert.equal(got[1].created_at, '2026-02-05T00:00:00.000Z');
    },

    async 'a partitioned table: detached and dropped partitions raise nothing, TRUNCATE tells to reload'(t) {
        const own = await ownWorld(t, { before: PARTITIONED });
        const { ann, room, hers } = await twoInARoom(own);
        await own.app.role.script(FEBRUARY);
        await own.app.role.script(`${sayOn('2026-01-05', room, ann, 'january')} ${sayOn('2026-02-05', room, ann, 'february')}
            alter table chat_room_messages detach partition messages_february;
            insert into messages_february (chat_room_id, body, created_at) values (${room}, 'elsewhere', '2026-02-06');
            drop table messages_february;`);
        const [got] = await own.settle(hers.room);
        assert.deepEqual(bodiesOf(got), ['january', 'february']);
        await own.app.role.script('truncate chat_room_messages;');
        assert.equal((await hers.wire.disconnected()).reason, 'history_reset');
    },

    // PostgreSQL fires DELETE and INSERT triggers for it; the ids tell clients that it is the same.
    async 'a row that moves to another partition goes and comes'(t) {
        const own = await ownWorld(t, { before: PARTITIONED });
        const { ann, room, hers } = await twoInARoom(own);
        await own.app.role.script(`${FEBRUARY} ${sayOn('2026-01-05', room, ann, 'moves')}`);
        await own.app.role.script(`update chat_room_messages set created_at = '2026-02-07' where body = 'moves';`);
        const [[{ id }, deleted, inserted, ...more]] = await own.settle(hers.room);
        assert.deepEqual(deleted, { event: 'deletedMessage', id, parent_message: null });
        assert.deepEqual([inserted.event, inserted.id, inserted.created_at], ['newMessage', id, '2026-02-07T00:00:00.000Z']);
        assert.deepEqual(more, []);
    },
};
