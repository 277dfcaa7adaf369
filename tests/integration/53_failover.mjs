// SPDX-License-Identifier: PostgreSQL
// Another server takes over, with all that was committed or without the last of it; a backup is
// restored: positions of a history that is gone are recognised, and nobody goes on from them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { App } from './lib/app.mjs';
import { pgcable } from './lib/daemon.mjs';
import { ownWorld } from './lib/own.mjs';
import { Role } from './lib/postgres.mjs';
import { Skip } from './lib/test.mjs';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';

const EXT = { protocols: ['actioncable-v1-ext-json'] };

function needsBasebackup() {
    try {
        execFileSync('bash', ['-c', '. ../lib/postgres.sh; [ -x "$(pg_bin)/pg_basebackup" ]'], {
            cwd: path.dirname(new URL(import.meta.url).pathname),
        });
    } catch {
        throw new Skip('this PostgreSQL has no pg_basebackup');
    }
}

function dump(role, file) {
    try {
        execFileSync('pg_dump', ['-d', role.dsn, '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
        if (/server version mismatch/.test(error.stderr)) {
            throw new Skip('pg_dump is older than this PostgreSQL');
        }
        throw error;
    }
}

// A primary and a standby that follows it; the daemon knows both.
async function pair(t) {
    needsBasebackup();
    const own = await ownWorld(t, { conf: ['max_wal_senders = 4'] });
    const database = /dbname=(\S+)/.exec(own.world.dsn)[1];
    const standby = await own.pg.standby(`${database}_standby`);
    own.later(() => standby.stop());
    await own.daemon.stop();
    own.daemon.configure({
        database: `host=${own.pg.dir},${standby.dir} dbname=${database} user=pgcable_daemon`,
    });
    await own.daemon.start();
    await own.daemon.ready();
    own.appOn = (pg) => new App(pg.role(database, 'app'), pg.role(database, 'postgres'));
    return { own, standby, database };
}

async function caughtUp(own, standby, database) {
    const primary = own.pg.role(database, 'postgres');
    const lsn = await primary.sql`select pg_current_wal_lsn()`;
    const role = standby.role(database, 'postgres');
    await until('the standby to have it all', async () =>
        (await role.sql`select pg_last_wal_replay_lsn() >= ${lsn}::pg_lsn`) === 't');
}

// A client of the extended protocol, which is told positions.
async function listen(own, member, room, history) {
    const wire = await own.connect(member, EXT);
    const identifier = JSON.stringify({ channel: 'Chats::RoomChannel', chat_room_id: room });
    wire.send({ command: 'subscribe', identifier, ...(history ? { history } : {}) });
    await wire.frame('confirm_subscription', ({ type }) => type === 'confirm_subscription');
    const messages = () => wire.frames.filter((frame) => frame.message !== undefined);
    return {
        wire,
        messages,
        has: (body) => until(`"${body}"`, () =>
            wire.failed(messages().find(({ message }) => message.body === body))),
    };
}

const streams = ({ stream_id: stream, epoch, offset }) => ({ streams: { [stream]: { epoch, offset } } });

export default {
    async 'a standby is not read: by the connection string, and if that lets it pass by its nature'(t) {
        const { standby, database } = await pair(t);
        const dsn = `host=${standby.dir} dbname=${database} user=pgcable_daemon`;
        for (const [settings, why] of [
            [dsn, /not ready: .*(read-only|not accept|in recovery)/],
            [`${dsn} target_session_attrs=any`, /not ready: use this database: this server is a standby.*hint: /],
        ]) {
            const daemon = await t.create({ database: settings });
            await daemon.start();
            await daemon.ready(503);
            let body;
            await until('a reason', async () => {
                ({ body } = await daemon.get('/ready'));
                return !body.includes('connecting');
            });
            assert.match(body, why);
        }
        const doctor = await pgcable(['doctor', '-d', `host=${standby.dir} dbname=${database} user=postgres target_session_attrs=any`]);
        assert.match(doctor.stdout, /FAIL +server: is a standby/, doctor.stderr);
    },

    async 'the standby takes over and nothing was lost: clients stay, and go on where they were'(t) {
        const { own, standby, database } = await pair(t);
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const base = await own.listen(ann, room);
        const ext = await listen(own, ann, room);
        for (let n = 0; n < 5; n++) {
            await own.app.message(room, ann, `before ${n}`);
        }
        const last = await ext.has('before 4');
        await caughtUp(own, standby, database);
        await own.pg.stop('fast');
        await own.daemon.ready(503);
        await standby.promote();
        own.app = own.appOn(standby);
        await own.app.message(room, ann, 'after');
        await own.daemon.ready(200);
        const [got] = await own.settle(base.room);
        assert.deepEqual(got.map(({ body }) => body),
            ['before 0', 'before 1', 'before 2', 'before 3', 'before 4', 'after']);
        assert.equal(base.wire.closed, null);
        assert.equal(ext.wire.closed, null);
        const resumed = await listen(own, ann, room, streams(last));
        await resumed.has('after');
        await resumed.wire.frame('confirm_history', ({ type }) => type === 'confirm_history');
        assert.equal(resumed.messages().length, 2, 'what came since, marker included');
    },

    async 'the standby takes over without the last changes: all are told, and their positions refused'(t) {
        const { own, standby, database } = await pair(t);
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        await own.app.message(room, ann, 'kept');
        const base = await own.listen(ann, room);
        const ext = await listen(own, ann, room);
        await own.app.message(room, ann, 'kept, too');
        const kept = await ext.has('kept, too');
        await caughtUp(own, standby, database);
        await standby.stop(); // and so it misses what follows
        for (let n = 0; n < 3; n++) {
            await own.app.message(room, ann, `lost ${n}`);
            await ext.has(`lost ${n}`); // a tick each
        }
        const lost = ext.messages().at(-1);
        await own.pg.stop();
        await standby.up();
        await standby.promote();
        own.app = own.appOn(standby);

        // Before the daemon has come back the new server has ticks of the same numbers.
        for (let n = 0; n < 10; n++) {
            await own.app.superuser.script(`select pgcable.broadcast('nobody', '${n}');`);
            await own.app.superuser.script('select from pgcable.advance();');
        }
        for (const { wire } of [base, ext]) {
            const { reason, reconnect } = await wire.disconnected();
            assert.deepEqual([reason, reconnect], ['history_reset', true]);
        }
        await own.daemon.ready(200);
        const refused = await listen(own, ann, room, streams(lost));
        await refused.wire.frame('reject_history', ({ type }) => type === 'reject_history');
        assert.equal(refused.messages().length, 0, 'nothing is sent from there');
        await own.app.message(room, ann, 'new');
        await refused.has('new');
        const before = await listen(own, ann, room, streams(kept));
        const answer = await before.wire.frame('an answer',
            ({ type }) => type === 'reject_history' || type === 'confirm_history');
        const [, ...since] = ['kept, too', ...before.messages().map(({ message }) => message.body)];
        assert.deepEqual([answer.type, since].join(), answer.type === 'confirm_history'
            ? ['confirm_history', ['new']].join()
            : ['reject_history', []].join(), 'all of it or nothing');
    },

    async 'an edit and a deletion that nobody has any more: who was sent their outcome does not go on'(t) {
        const { own, standby, database } = await pair(t);
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const ext = await listen(own, ann, room);
        const say = async (body) => {
            const id = await own.app.message(room, ann, body);
            return [id, await ext.has(body)]; // a tick each
        };
        const [, start] = await say('start');
        const [draft] = await say('draft');
        const [, between] = await say('between');
        const [slip] = await say('slip');
        await say('behind');
        await caughtUp(own, standby, database);
        await standby.stop(); // and so it misses what follows
        await own.app.superuser.script(`
            update chat_room_messages set body = 'edited', edited_at = now() where id = ${draft};
            delete from chat_room_messages where id = ${slip};`);
        await until('both', () => ext.messages().some(({ message }) => message.event === 'deletedMessage'));

        // As if cut off in the middle: before it is told of the edit and the deletion themselves.
        const replayed = async (from, body) => (await listen(own, ann, room, streams(from))).has(body);
        const knowing = await replayed(start, 'edited');
        const hearing = await replayed(between, 'behind');
        await own.pg.stop();
        await standby.up();
        await standby.promote();
        own.app = own.appOn(standby);
        await own.app.message(room, ann, 'new');
        await own.daemon.stop();
        await own.daemon.start(); // and so it reads what is kept of the history that is left
        await own.daemon.ready(200);
        for (const place of [knowing, hearing]) {
            const refused = await listen(own, ann, room, streams(place));
            await refused.wire.frame('reject_history', ({ type }) => type === 'reject_history');
        }
        const other = await listen(own, ann, room, streams(between));
        await other.wire.frame('confirm_history', ({ type }) => type === 'confirm_history');
        assert.deepEqual(other.messages().map(({ message }) => message.body), ['slip', 'behind', 'new']);
    },

    async 'a backup restored in place: clients are told, and what is written after it is delivered'(t) {
        const own = await ownWorld(t, { conf: [] });
        const database = /dbname=(\S+)/.exec(own.world.dsn)[1];
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const hers = await own.listen(ann, room);
        await own.app.message(room, ann, 'saved');
        await hers.room.next();
        const file = path.join(own.pg.dir, 'dump.sql');
        const boss = own.pg.role('postgres', 'postgres');
        dump(own.app.superuser, file);
        await own.app.message(room, ann, 'not saved');
        await hers.room.next();
        await boss.script(`drop database ${database} with (force); create database ${database} owner app;`);
        await new Role(own.app.superuser.dsn).script(`\\i ${file}`);
        assert.equal((await hers.wire.disconnected()).reason, 'history_reset');
        await own.daemon.ready(200);
        const again = await own.listen(ann, room);
        await own.app.message(room, ann, 'after');
        assert.equal((await again.room.next()).body, 'after');
    },

    async 'a backup restored on another server is refused until pgcable is installed anew there'(t) {
        const here = await ownWorld(t);
        const there = await ownWorld(t, { conf: [] });
        const file = path.join(there.pg.dir, 'dump.sql');
        dump(here.app.superuser, file);
        const role = there.pg.role('moved', 'postgres');
        await there.pg.role('postgres', 'postgres').script('create database moved owner app;');
        await role.script(`\\i ${file}`);
        const daemon = await there.create({ database: there.pg.dsn('moved', 'pgcable_daemon') });
        await daemon.start();
        await daemon.ready(503);
        await until('the reason', async () => /copied here from another cluster.*hint: /
            .test((await daemon.get('/ready')).body));
        assert.equal(await role.sql`select count(*) from chat_rooms`, '0', 'the tables are there');
        for (const verb of ['uninstall', 'migrate']) {
            const { code, stderr } = await pgcable([verb, '-d', role.dsn]);
            assert.equal(code, 0, stderr);
        }
        await role.file('sql/reference/attach.sql');
        await daemon.ready(200);
    },
};
