// SPDX-License-Identifier: PostgreSQL
// A database that does not answer any more, without an end of the connection, is noticed; and the
// canary tells how long the way is while nobody writes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { ownWorld } from './lib/own.mjs';
import { Proxy } from './lib/proxy.mjs';
import { SLOWNESS, until } from './lib/until.mjs';

// The promise is 10 s; a test waits longer, because the machine may be busy, and says what it saw.
const PATIENCE_MS = 30_000 * SLOWNESS;

async function throughAProxy(t, settings = {}) {
    const proxy = await Proxy.open({ path: path.join(t.pg.dir, '.s.PGSQL.5432') });
    t.later(() => proxy.close());
    const database = t.world.dsn.replace(/host=\S+/, `host=127.0.0.1 port=${proxy.port}`);
    return { proxy, daemon: await t.start({ database, ...settings }) };
}

async function notReady(daemon, what) {
    const start = performance.now();
    await until(
        `/ready to say 503: ${what}`,
        async () => (await daemon.get('/ready')).status === 503,
        PATIENCE_MS,
    );
    const ms = Math.round(performance.now() - start);
    console.log(`  ${what}: noticed after ${ms} ms`);
    return (await daemon.get('/ready')).body;
}

async function delivers(t, daemon) {
    const ann = await t.app.member('Ann');
    const room = await t.app.room([ann]);
    const hers = await t.listen(ann, room, daemon);
    return async (text) => {
        await t.app.message(room, ann, text);
        const { body } = await hers.room.next();
        assert.equal(body, text);
        assert.equal(hers.wire.closed, null);
    };
}

function signal(pid, name) {
    execFileSync('kill', [`-${name}`, String(pid)]);
}

export default {
    async 'a network that drops everything: noticed, and delivery goes on when it is back'(t) {
        const { proxy, daemon } = await throughAProxy(t);
        const delivered = await delivers(t, daemon);
        await delivered('before');
        proxy.silence();
        assert.match(await notReady(daemon, 'both connections'), /not ready: /);
        await t.app.sql`update community_members set name = name`; // the application does not wait
        proxy.speak();
        await daemon.ready(200);
        await delivered('after');
    },

    async 'only one connection is half open: whichever it is, it is noticed'(t) {
        const { proxy, daemon } = await throughAProxy(t, { canary_ms: 0, poll_ms: 60000 });
        const delivered = await delivers(t, daemon);
        for (const name of ['reader', 'asker']) {
            proxy.silence(new RegExp(`pgcable/${name}`));
            await notReady(daemon, `the ${name}`);
            proxy.speak();
            await daemon.ready(200);
            await delivered(`after the ${name}`);
        }
    },

    async 'a server process that is stopped is noticed, and so is the whole server'(t) {
        const own = await ownWorld(t, { conf: [] });
        const delivered = await delivers(own, own.daemon);
        const stopped = [];
        own.later(() => stopped.forEach((pid) => signal(pid, 'CONT')));
        const stop = (pid) => {
            stopped.push(pid);
            signal(pid, 'STOP');
        };
        const reader = await own.app.superuser.sql`select pid from pg_stat_activity
            where application_name = 'pgcable/reader'`;
        stop(reader);
        await notReady(own.daemon, 'one process stopped');
        await own.daemon.ready(200); // with a new one
        await delivered('past it');

        const all = await own.app.superuser.sql`select pid from pg_stat_activity
            where application_name like 'pgcable/%' and pid <> ${reader}::int`;
        const [postmaster] = (await own.app.superuser.sql`select pg_read_file('postmaster.pid')`).split('\n');
        [postmaster, ...all.split('\n')].forEach(stop);
        const body = await notReady(own.daemon, 'the server stopped');
        assert.match(body, /not ready: .*(no answer within|the other connection)/);
        stopped.splice(0).forEach((pid) => signal(pid, 'CONT'));
        await own.daemon.ready(200);
        await delivered('after all');
    },

    async 'an idle daemon that polls once a minute is ready all the time'(t) {
        const daemon = await t.start({ poll_ms: 60000, canary_ms: 0 });
        const start = performance.now();
        await until('12 s of being ready', async () => {
            assert.equal((await daemon.get('/ready')).status, 200);
            return performance.now() - start > 12_000;
        }, PATIENCE_MS);
    },

    async 'each daemon hears its own canary, on the whole way, and no client does'(t) {
        const own = await ownWorld(t);
        const ann = await own.app.member('Ann');
        const daemons = [await own.start({ canary_ms: 100 }), await own.start({ canary_ms: 300 })];
        const room = await own.app.room([ann]);
        const hers = await own.listen(ann, room, daemons[0]);
        const there = await own.listen(ann, room, daemons[1]);
        await own.settle(hers.room, there.room);
        const counts = (daemon) => Promise.all(['rows', 'events'].map((name) =>
            daemon.metric(`pgcable_feed_${name}_total`)));
        const before = await Promise.all(daemons.map(counts));
        await until('ten canaries and more', async () => {
            const heard = await Promise.all(
                daemons.map((daemon) => daemon.metric('pgcable_canary_seconds_count')),
            );
            return heard[0] >= 10 && heard[1] >= 5;
        }, PATIENCE_MS);
        for (const daemon of daemons) {
            const sent = await daemon.metric('pgcable_canary_sent_total');
            const heard = await daemon.metric('pgcable_canary_seconds_count');
            assert.ok(heard <= sent + 1, `its own: ${heard} of ${sent}`);
        }
        assert.deepEqual(await Promise.all(daemons.map(counts)), before, 'no row, no event');
        assert.deepEqual(await own.settle(hers.room, hers.member), [[], []]);
    },

    async 'canaries do not keep the writers from being quiet, nor do they fill anything'(t) {
        const own = await ownWorld(t);
        await own.daemon.configure({ canary_ms: 5000 });
        const ticks = () => own.app.superuser.sql`select max(tick) from pgcable.tick`;
        const before = Number(await ticks());
        await until('three canaries', async () =>
            (await own.daemon.metric('pgcable_canary_seconds_count')) >= 3, PATIENCE_MS);
        assert.ok(Number(await ticks()) - before <= 4, 'a tick for each and no more');
        assert.equal(await own.app.superuser.sql`select pg_sequence_last_value('pgcable.ctl') >> 2
            > extract(epoch from clock_timestamp())`, 't', 'it sleeps: writers ring');
        const bytes = Number(await own.app.superuser.sql`select pgcable.outbox_bytes()`);
        assert.ok(bytes < 200_000, `${bytes} bytes`);
    },

    async 'how long it took is counted from the row to the client'(t) {
        const own = await ownWorld(t);
        const delivered = await delivers(own, own.daemon);
        await delivered('one');
        await delivered('two');
        assert.equal(await own.daemon.metric('pgcable_delivery_seconds_count'), 2);
        const sum = await own.daemon.metric('pgcable_delivery_seconds_sum');
        assert.ok(sum > 0 && sum < 30, `${sum} s`);
        for (const name of ['advance', 'facts', 'batch']) {
            assert.ok((await own.daemon.metric(`pgcable_feed_${name}_seconds_count`)) > 0, name);
        }
    },
};
