// SPDX-License-Identifier: PostgreSQL
// The daemon's own life: ending, reloading, and clients that misbehave.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';

const RESTART = { type: 'disconnect', reason: 'server_restart', reconnect: true };

// Many large rows of one transaction: more than any socket buffer holds.
async function pour(t, room, member, count, size) {
    await t.app.sql`insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
        select chat_room_id, id, n || ' ' || repeat('x', ${size})
        from generate_series(1, ${count}) n, chat_room_participants
        where chat_room_id = ${room} and community_member_id = ${member} order by n`;
}

export default {
    async 'SIGTERM: every client is told, then closed, and the daemon ends in bounded time'(t) {
        const daemon = await t.start({ shutdown_ms: 3000 });
        const wires = [
            await t.connect(42, {}, daemon),
            await t.connect(43, { protocols: [] }, daemon),
        ];
        const stuck = await t.connect(42, {}, daemon);
        stuck.ws.pause();
        await daemon.stop(); // or it complains
        for (const wire of wires) {
            assert.deepEqual(await wire.disconnected(), RESTART);
            assert.equal(wire.closed.code, 1000);
        }
    },

    async 'SIGHUP: new origins and log level from then on, connections stay'(t) {
        const daemon = await t.start();
        const options = { token: mint(42), origin: 'https://new.example.test' };
        const stays = await t.connect(42, {}, daemon);
        const refused = t.open(options, daemon);
        await refused.end();
        assert.equal(refused.refused, 404);

        daemon.configure({
            allowed_origins: 'https://new.example.test',
            log_level: 'debug',
            listen_address: '127.0.0.2',
        });
        const from = daemon.log.length;
        daemon.kill('SIGHUP');
        await daemon.logged(/settings reloaded/, from);
        assert.match(daemon.log.slice(from), /listen_address/, 'what needs a restart is named');
        await t.open(options, daemon).welcomed();
        await stays.subscribe('NotificationChannel');
        daemon.configure({ listen_address: '127.0.0.1' });
    },

    async 'SIGHUP with a broken file: the settings in force stay'(t) {
        const daemon = await t.start();
        fs.appendFileSync(daemon.file, 'log_level = loud\n');
        const from = daemon.log.length;
        daemon.kill('SIGHUP');
        await daemon.logged(/log_level/, from);
        await t.connect(42, {}, daemon);
    },

    async 'a client that never reads is cut off and disturbs nobody'(t) {
        const daemon = await t.start({ queue_bytes: 8_000_000 });
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann, bo]);
        const [hers, his] = [await t.listen(ann, room, daemon), await t.listen(bo, room, daemon)];
        his.wire.ws.pause();
        // In portions, each read by the other client before the next: it is the reader who is slow.
        for (let portion = 0; portion < 10; portion++) {
            await pour(t, room, ann, 40, 50_000);
            const got = await hers.room.take(40);
            got.forEach(({ body }, n) => assert.ok(body.startsWith(`${n + 1} `)));
        }
        await daemon.logged(/cut off: the client reads too slowly/);
        his.wire.ws.resume();
        await his.wire.end();
        assert.equal(hers.wire.closed, null);
        await until(
            'one connection left',
            async () => (await daemon.metric('pgcable_ws_connections')) === 1,
        );
    },

    async 'a reader that pauses for a moment misses nothing'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann, bo]);
        const [hers, his] = [await t.listen(ann, room), await t.listen(bo, room)];
        his.wire.ws.pause();
        await pour(t, room, ann, 2000, 5000);
        await hers.room.take(2000);
        his.wire.ws.resume();
        const got = await his.room.take(2000);
        got.forEach(({ body }, n) => assert.ok(body.startsWith(`${n + 1} `)));
    },

    async 'pings come every 3 s, also while data flows'(t) {
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const hers = await t.listen(ann, room);
        const times = () => hers.wire.pings.map(({ message }) => message);
        const onTime = (at, i, all) => i > 0 && Math.abs(at - all[i - 1] - 3) <= 1;
        // Those of a busy machine are late now and then, and the next one is not.
        await until('three pings 3 s after the one before', async () => {
            await pour(t, room, ann, 300, 2000);
            return times().filter(onTime).length >= 3;
        });
        const [first, last] = [times().at(0), times().at(-1)];
        assert.ok(times().length <= (last - first) / 3 + 3, `no more than that: ${times()}`);
    },

    async 'the limit of connections is kept, and a place that is left is free again'(t) {
        const daemon = await t.start({ max_connections: 2 });
        const [one] = [await t.connect(42, {}, daemon), await t.connect(43, {}, daemon)];
        const third = t.open({ token: mint(42) }, daemon);
        await third.end();
        assert.ok(third.refused === 503 || third.error, 'the third one is refused');
        one.close();
        await until('a place', async () => {
            const wire = t.open({ token: mint(42) }, daemon);
            await until('an answer', () => wire.frames.length > 0 || wire.closed);
            return wire.frames[0]?.type === 'welcome';
        });
    },

    async 'several workers share the clients and give everybody the same'(t) {
        const daemon = await t.start({ workers: 3 });
        const people = [
            await t.app.member('Ann'),
            await t.app.member('Bo'),
            await t.app.member('Cid'),
        ];
        const room = await t.app.room(people);
        const listeners = [];
        for (let i = 0; i < 9; i++) {
            listeners.push(await t.listen(people[i % 3], room, daemon));
        }
        await pour(t, room, people[0], 200, 100);
        const [first, ...others] = await t.settle(...listeners.map(({ room: stream }) => stream));
        assert.equal(first.length, 200);
        others.forEach((other) => assert.deepEqual(other, first));
    },

    async 'metrics, health and readiness are there for those who watch'(t) {
        const { body, type } = await t.daemon.get('/metrics');
        assert.match(type, /^text\/plain; version=0\.0\.4/);
        for (const name of [
            'pgcable_build_info',
            'pgcable_ws_connections',
            'pgcable_feed_up',
            'pgcable_feed_rows_total',
        ]) {
            assert.match(body, new RegExp(`^# TYPE ${name} `, 'm'));
        }
        assert.equal((await t.daemon.get('/health')).status, 200);
        assert.equal((await t.daemon.get('/nothing')).status, 404);
        assert.equal((await t.daemon.get('/../pgcable.conf')).status, 404);
    },
};
