// SPDX-License-Identifier: PostgreSQL
// An outbox that needs no care: bounded whatever happens, and paused by one line.
import assert from 'node:assert/strict';
import { pgcable } from './lib/daemon.mjs';
import { ownWorld } from './lib/own.mjs';
import { Session } from './lib/session.mjs';
import { until } from './lib/until.mjs';

const MB = 1 << 20;

async function oneInARoom(t, daemon = t.daemon) {
    const ann = await t.app.member('Ann');
    const room = await t.app.room([ann]);
    return { ann, room, hers: await t.listen(ann, room, daemon) };
}

// So much text, in `transactions`, each row of 1 kB.
async function write(t, room, ann, rows, transactions = 10) {
    for (let n = 0; n < transactions; n++) {
        await t.app.sql`insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select ${room}, p.id, repeat('x', 1000)
            from generate_series(1, ${Math.ceil(rows / transactions)}), chat_room_participants p
            where p.chat_room_id = ${room} and p.community_member_id = ${ann}`;
    }
}

async function isTold(wire) {
    const { reason, reconnect } = await wire.disconnected();
    assert.deepEqual({ reason, reconnect }, { reason: 'history_reset', reconnect: true });
}

const bytes = async (t) => Number(await t.app.superuser.sql`select pgcable.outbox_bytes()`);

export default {
    async 'paused and resumed by the command line: what came between is dropped, and all are told'(t) {
        const own = await ownWorld(t);
        const { ann, room, hers } = await oneInARoom(own);
        const command = async (verb) => {
            const { code, stdout } = await pgcable([verb, '-d', own.world.dsn]); // as the daemon's role
            assert.equal(code, 0);
            return stdout;
        };
        await own.app.message(room, ann, 'before');
        assert.match(await command('pause'), /^paused: /);
        await own.app.message(room, ann, 'dropped');
        await own.daemon.logged(/paused since .*: changes are dropped/);
        const { status, body } = await own.daemon.get('/ready');
        assert.equal(status, 200);
        assert.match(body, /^ready, tick \d+\noutbox: \d+ bytes, oldest row \d+ s, \d+ ticks\npaused since .*\n$/);
        assert.equal(await own.daemon.metric('pgcable_paused'), 1);
        const { stdout } = await pgcable(['doctor', '-d', own.app.superuser.dsn]);
        assert.match(stdout, /warn +outbox: paused since .*/);
        assert.equal((await hers.room.next()).body, 'before');
        assert.equal(hers.wire.closed, null, 'nobody is told before there is something to reload');

        assert.match(await command('resume'), /^resumed: /);
        await isTold(hers.wire);
        const again = await own.listen(ann, room);
        await own.app.message(room, ann, 'after');
        assert.equal((await again.room.next()).body, 'after');
        await own.daemon.logged(/changes are captured again/);
        assert.equal(hers.room.messages.filter(({ body: text }) => text === 'dropped').length, 0);
        assert.match(await command('resume'), /^not paused/);
    },

    async 'a transaction open across the whole pause: told to reload once it has ended'(t) {
        const own = await ownWorld(t);
        const { ann, room, hers } = await oneInARoom(own);
        await own.app.superuser.sql`select pgcable.pause()`;
        const late = new Session(own.app.role);
        own.later(() => late.end());
        await late.run(`begin; update community_members set name = 'Late' where id = ${ann};`);
        await late.run(`insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select ${room}, id, 'dropped' from chat_room_participants where chat_room_id = ${room};`);
        assert.match(await own.app.superuser.sql`select pgcable.resume()`, /once more when 1 trans/);
        await isTold(hers.wire);
        const second = await own.listen(ann, room);
        await own.app.message(room, ann, 'meanwhile');
        assert.equal((await second.room.next()).body, 'meanwhile', 'nobody waits for it');
        await late.run('commit;');
        await isTold(second.wire);
        assert.equal(second.room.messages.length, 1);
    },

    async 'the mapping changed during a pause is the one that counts after it'(t) {
        const own = await ownWorld(t);
        await own.app.superuser.sql`select pgcable.pause()`;
        await own.app.sql`alter table chat_room_messages add column mood text default 'fine'`;
        await own.app.superuser
            .sql`select pgcable.attach('message', 'chat_room_messages', '{"extra":["mood"]}')`;
        await own.app.superuser.sql`select pgcable.resume()`;
        const { ann, room, hers } = await oneInARoom(own);
        await own.app.message(room, ann, 'with it');
        assert.equal((await hers.room.next()).mood, 'fine');
    },

    async 'the outbox stays below its cap although nothing is old enough to go, and nobody misses a thing'(t) {
        const cap = 8 * MB;
        const own = await ownWorld(t, { settings: { outbox_max_bytes: cap, canary_ms: 0 } });
        const { ann, room, hers } = await oneInARoom(own);
        let highest = 0;
        for (let round = 0; round < 6; round++) {
            const pruned = Number(await own.app.superuser.sql`select min(tick) from pgcable.tick`);
            await write(own, room, ann, 4000);
            highest = Math.max(highest, await bytes(own));
            await until('the daemon to have pruned', async () =>
                Number(await own.app.superuser.sql`select min(tick) from pgcable.tick`) > pruned ||
                (await bytes(own)) < cap);
        }
        await until('it to be below its cap', async () => (await bytes(own)) < cap);
        const [got] = await own.settle(hers.room);
        assert.equal(got.length, 24_000);
        assert.equal(hers.wire.closed, null);
        assert.ok(highest <= 2.5 * cap, `${highest} bytes at most`);
        console.log(`  24,000 rows of 1 kB: ${Math.round(highest / MB)} MB at most, cap ${cap / MB} MB`);
        await until('the metric to know', async () =>
            (await own.daemon.metric('pgcable_outbox_bytes')) === (await bytes(own)));
    },

    async 'a daemon that had not read what another one dropped tells its clients to reload'(t) {
        const own = await ownWorld(t, { settings: { outbox_max_bytes: 2 * MB } });
        const slow = await own.start({ outbox_max_bytes: 2 * MB });
        const { ann, room, hers } = await oneInARoom(own, slow);
        const quick = await own.listen(ann, room, own.daemon);
        slow.kill('SIGSTOP');
        own.later(() => slow.kill('SIGCONT'));
        const stoppedAt = await own.app.superuser.sql`select max(tick) from pgcable.tick`;
        for (let round = 0; round < 3; round++) {
            await write(own, room, ann, 1500, 5);
            await until('the other one to have pruned', async () => (await bytes(own)) < 2 * MB);
        }
        assert.equal(await own.app.superuser.sql`select pgcable.tick_info(${stoppedAt}::bigint + 1)`, '');
        slow.kill('SIGCONT');
        await isTold(hers.wire);
        await own.settle(quick.room);
        assert.equal(quick.wire.closed, null);
        await slow.ready();
        const again = await own.listen(ann, room, slow);
        await own.app.message(room, ann, 'after');
        assert.equal((await again.room.next()).body, 'after');
    },

    async 'no daemon runs: the triggers stop at twice the cap, and a daemon that comes goes on'(t) {
        const cap = 4 * MB;
        const own = await ownWorld(t, { settings: { outbox_max_bytes: cap } });
        const { ann, room } = await oneInARoom(own);
        await until('the cap to be known', async () => await own.app.superuser
            .sql`select outbox_max_bytes from pgcable.meta` === String(cap));
        await own.daemon.stop();
        await write(own, room, ann, 20_000);
        const full = await bytes(own);
        assert.ok(full > 2 * cap && full < 3 * cap, `${full} bytes`);
        await write(own, room, ann, 2000);
        assert.equal(await bytes(own), full, 'not a byte more');
        const { code, stdout } = await pgcable(['doctor', '-d', own.app.superuser.dsn]);
        assert.equal(code, 1);
        assert.match(stdout, /FAIL +outbox: it is full: changes are dropped/);
        assert.equal(await own.app.superuser.sql`select count(*) from chat_room_messages`, '22000',
            'the application noticed nothing');

        await own.daemon.start();
        await own.daemon.ready();
        await until('it to be captured again', async () => await own.app.superuser
            .sql`select pg_sequence_last_value('pgcable.ctl') & 3 < 3` === 't');
        const hers = await own.listen(ann, room);
        await own.app.message(room, ann, 'after');
        assert.equal((await hers.room.next()).body, 'after');
        assert.ok((await bytes(own)) <= cap);
    },

    async 'away for longer than the retention: the daemon that comes back delivers what is new'(t) {
        const own = await ownWorld(t, { settings: { retention_s: 10, history_s: 5 } });
        const { ann, room } = await oneInARoom(own);
        await own.app.message(room, ann, 'read');
        await own.daemon.stop();
        await own.app.superuser.script(`update pgcable.tick set at = at - interval '1 day';
            update pgcable.outbox_0 set at = at - interval '1 day';`);
        await own.app.message(room, ann, 'while away');
        await own.daemon.start();
        await own.daemon.ready();
        const hers = await own.listen(ann, room);
        await own.app.message(room, ann, 'after');
        assert.equal((await hers.room.next()).body, 'after');
        await until('what is old to be gone', async () => await own.app.superuser
            .sql`select min(at) > now() - interval '1 hour' from pgcable.outbox_0` !== 'f');
    },

    async 'a prepared transaction that is forgotten holds up neither delivery nor pruning'(t) {
        const own = await ownWorld(t, {
            conf: ['max_prepared_transactions = 2'],
            settings: { retention_s: 10, history_s: 5, outbox_max_bytes: 8 * MB },
        });
        const { ann, room, hers } = await oneInARoom(own);
        await own.app.role.script(`begin; update community_members set name = 'P' where id = ${ann};
            insert into notifications (community_member_id) values (${ann});
            prepare transaction 'forgotten';`);
        await write(own, room, ann, 1000, 5);
        await until('the table that it holds to be left', async () =>
            (await own.app.superuser.sql`select pg_sequence_last_value('pgcable.ctl') & 3`) !== '0');
        for (let round = 0; round < 2; round++) {
            await write(own, room, ann, 4000, 5);
            await until('it to be small', async () => (await bytes(own)) < 8 * MB);
        }
        const [got] = await own.settle(hers.room);
        assert.equal(got.length, 9000);
        await own.app.role.script(`commit prepared 'forgotten';`);
        assert.equal((await hers.notifications.next()).event, 'newNotification');
        assert.equal(hers.wire.closed, null);
    },
};
