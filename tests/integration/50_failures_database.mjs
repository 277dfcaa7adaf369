// SPDX-License-Identifier: PostgreSQL
// The database goes away and comes back: clients stay, nothing is lost.
import assert from 'node:assert/strict';
import { ownWorld } from './lib/own.mjs';
import { until } from './lib/until.mjs';

const KILL = `select count(pg_terminate_backend(pid)) from pg_stat_activity
    where usename = 'pgcable_daemon'`;

async function oneInARoom(t, daemon) {
    const ann = await t.app.member('Ann');
    const room = await t.app.room([ann]);
    return { ann, room, hers: await t.listen(ann, room, daemon) };
}

export default {
    async 'PostgreSQL stopped and started: clients stay, /ready tells, nothing is lost'(t) {
        const daemon = await t.start();
        const { ann, room, hers } = await oneInARoom(t, daemon);
        await t.app.message(room, ann, 'before');
        await t.pg.stop();
        t.later(() => t.pg.up().catch(() => {})); // whatever happens: the other tests need it
        await daemon.ready(503);
        const { body } = await daemon.get('/ready');
        assert.match(body, /\S/);
        assert.equal((await daemon.get('/health')).status, 200);
        const pings = hers.wire.pings.length;
        await until('a ping meanwhile', () => hers.wire.pings.length > pings);
        const asked = hers.wire.subscribe('NotificationChannel', { later: true });

        await t.pg.up();
        await t.app.message(room, ann, 'after');
        await daemon.ready(200);
        await asked;
        const [got] = await t.settle(hers.room);
        assert.deepEqual(
            got.map(({ body: text }) => text),
            ['before', 'after'],
        );
        assert.equal(hers.wire.closed, null);
        assert.ok((await daemon.metric('pgcable_feed_reconnects_total')) >= 1);
    },

    async 'database connections killed while rows are written: each row once, in order'(t) {
        const { ann, room, hers } = await oneInARoom(t, t.daemon);
        for (let n = 0; n < 30; n++) {
            await t.app.message(room, ann, `row ${n}`);
            if (n % 6 === 3) {
                await t.app.superuser.script(KILL);
            }
        }
        const [got] = await t.settle(hers.room);
        assert.deepEqual(
            got.map(({ body }) => body),
            Array.from({ length: 30 }, (_, n) => `row ${n}`),
        );
        assert.equal(hers.wire.closed, null);
    },

    // It polls 5 s after its last poll: who is read earlier has woken it.  On a busy machine the row
    // may come too late for that, so there are more; a daemon that only polls never passes.
    async 'a daemon that has been idle wakes up for a single row'(t) {
        const own = await ownWorld(t, { settings: { poll_ms: 5000, canary_ms: 0 } });
        const { ann, room, hers } = await oneInARoom(own, own.daemon);
        const boss = own.app.superuser;
        await until('a row to wake it', async () => {
            const polled = await until('the daemon to sleep', () => boss.sql`select state_change
                from pg_stat_activity where datname = current_database() and state = 'idle'
                    and usename = 'pgcable_daemon' and query like '%advance(%'
                    and state_change < clock_timestamp() - interval '1 second'`);
            await own.app.message(room, ann, 'good morning');
            await hers.room.next();
            return (await boss.sql`select max(at) - ${polled} < interval '4.5 s'
                from pgcable.tick`) === 't';
        });
    },

    async 'notify = off delivers by polling'(t) {
        const daemon = await t.start({ notify: 'off', poll_ms: 50 });
        const { ann, room, hers } = await oneInARoom(t, daemon);
        await t.app.message(room, ann, 'polled');
        assert.equal((await hers.room.next()).body, 'polled');
    },

    async 'a table altered under the triggers: writes go on, and so does delivery'(t) {
        const { ann, room, hers } = await oneInARoom(t, t.daemon);
        await t.app.sql`alter table chat_room_messages add column note text default 'x'`;
        await t.app.message(room, ann, 'with another column');
        await t.app.sql`alter table chat_room_messages rename column note to remark`;
        await t.app.message(room, ann, 'with a renamed column');
        await t.app.sql`alter table chat_room_messages drop column remark`;
        await t.app.message(room, ann, 'without it');
        const [got] = await t.settle(hers.room);
        assert.deepEqual(
            got.map(({ body }) => body),
            ['with another column', 'with a renamed column', 'without it'],
        );
        assert.ok(got.every((message) => !('note' in message) && !('remark' in message)));
    },

    async 'an extra column that is listed travels along, in order with the attaching'(t) {
        const { ann, room, hers } = await oneInARoom(t, t.daemon);
        t.later(async () => {
            await t.app.superuser.sql`select pgcable.attach('message', 'chat_room_messages')`;
            await t.app.sql`alter table chat_room_messages drop column mood`;
        });
        await t.app.sql`alter table chat_room_messages add column mood text default 'fine'`;
        await t.app.message(room, ann, 'not yet');
        await t.app.superuser
            .sql`select pgcable.attach('message', 'chat_room_messages', '{"extra":["mood"]}')`;
        await t.app.message(room, ann, 'now');
        const [got] = await t.settle(hers.room);
        assert.deepEqual(
            got.map(({ body, mood }) => [body, mood]),
            [
                ['not yet', undefined],
                ['now', 'fine'],
            ],
        );
    },
};
