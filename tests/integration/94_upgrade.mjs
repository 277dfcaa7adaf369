// SPDX-License-Identifier: PostgreSQL
// A schema that is older than the program, or newer: migrated while everybody writes, tolerated, or
// refused in words that help.  PGCABLE_OLDER is the program of an earlier release (tests/upgrade/run
// makes it); without it, this one stands in, and a migration that is not there for the next one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { App } from './lib/app.mjs';
import { PGCABLE, ROOT, pgcable } from './lib/daemon.mjs';
import { Events } from './lib/sse.mjs';
import { Test } from './lib/test.mjs';
import { mint } from './lib/token.mjs';
import { SLOWNESS, nextSecond, until } from './lib/until.mjs';

const MIGRATIONS = path.join(ROOT, 'sql/migrations');
const RELEASED = path.join(ROOT, 'tests/lint/migrations.sha256');
const OLDER = process.env.PGCABLE_OLDER ?? PGCABLE;
const FOLLOW_MS = 600_000 * SLOWNESS; // as long as a test may last
const ROOM = 'Chats::RoomChannel';
const LATER = `insert into pgcable.migration (id, name, breaking) values (1000, 'later', false)`;

const files = fs.readdirSync(MIGRATIONS).sort();

// How many migrations each release had: its files never change, so they are its schema.  Before the
// first release the schema without its last migration stands in.
function releases() {
    const sizes = [];
    let size = 0;
    for (const line of fs.readFileSync(RELEASED, 'utf8').split('\n')) {
        if (/^[0-9a-f]{64} /.test(line)) {
            size++;
        } else if (/^# \d/.test(line)) {
            sizes.push(size);
        }
    }
    return sizes.length > 0 ? sizes : [files.length - 1];
}

let count = 0;

// A database with a room and its member, then attached; no daemon.
async function database(t, migrate) {
    const name = `upgrade_${++count}`;
    const boss = t.pg.role('postgres', 'postgres');
    await boss.script(`create database ${name} owner app;`);
    t.later(() => boss.script(`drop database if exists ${name} with (force);`));
    const superuser = t.pg.role(name, 'postgres');
    const app = new App(t.pg.role(name, 'app'), superuser);
    await app.role.file('sql/reference/schema.sql');
    const ann = await app.member('Ann');
    const room = await app.room([ann]);
    await migrate(superuser);
    await superuser.file('sql/reference/attach.sql');
    // The daemon of that time came as far as this.
    await superuser.sql`select from pgcable.advance()`;
    const own = new Test({ app, pg: t.pg, dir: t.dir, dsn: t.pg.dsn(name, 'pgcable_daemon') });
    t.later(() => own.finish());
    return { own, superuser, ann, room };
}

const first = (size) => async (superuser) => {
    for (const file of files.slice(0, size)) {
        await superuser.file(`sql/migrations/${file}`);
    }
};

const by = (program) => async (superuser) => {
    const { code, stderr } = await pgcable(['migrate', '-d', superuser.dsn], { program });
    assert.equal(code, 0, stderr);
};

// Writes to the room until it is told to stop; returns how many there are then.
function write(app, room, member) {
    let stopped = false;
    let written = 0;
    const writer = async (name) => {
        for (let n = 0; !stopped; n++) {
            await app.message(room, member, `${name} ${n}`);
            written++;
        }
    };
    const writers = Promise.all(['a', 'b'].map(writer));
    writers.catch(() => {}); // whoever stops them hears of it
    return {
        more: async (what) => {
            const before = written;
            await until(`writers to go on ${what}`, () => written > before + 5);
        },
        stop: async () => {
            stopped = true;
            await writers;
            return written;
        },
    };
}

// Each message once, and those of a writer in the order in which they were written.
function complete(messages, written) {
    const bodies = messages.map(({ data }) => data.body);
    assert.equal(bodies.length, written);
    for (const name of ['a', 'b']) {
        const of_one = bodies.filter((body) => body.startsWith(name));
        assert.deepEqual(of_one, of_one.map((_, n) => `${name} ${n}`));
    }
}

const listenTo = (room) => JSON.stringify({ channel: ROOM, chat_room_id: room });
const bearer = (member) => ({ Authorization: `Bearer ${mint(member)}` });

// What a client gets who comes back behind the last thing he saw, as EventSource does.
function follow(t, daemon, member, room) {
    const got = { messages: [], isThere: false };
    let events;
    let stopped = false;
    t.later(async () => {
        stopped = true;
        events?.close();
        await following;
    });
    const once = async () => {
        const last = got.messages.at(-1)?.id;
        const headers = { ...bearer(member), ...(last ? { 'Last-Event-ID': last } : {}) };
        events = await new Events(daemon, { identifier: listenTo(room) }, headers).open();
        let seen = 0;
        await until('the end of the stream', () => {
            got.isThere ||= events.records.some(({ event }) => event === 'confirm_subscription');
            got.messages.push(...events.messages.slice(seen));
            seen = events.messages.length;
            return events.ended || stopped;
        }, FOLLOW_MS);
    };
    const following = (async () => {
        while (!stopped) {
            await once().catch(() => delay(100)); // nobody there at the moment
        }
    })();
    return got;
}

async function upgrade(t, size) {
    const { own, superuser, ann, room } = await database(t, first(size));
    const history_since = await nextSecond();
    const load = write(own.app, room, ann);
    t.later(() => load.stop().catch(() => {}));
    await load.more('with the old schema');

    const daemon = await own.create();
    await daemon.start();
    await daemon.logged(
        new RegExp(`schema version ${size}, this program needs ${files.length}.*pgcable migrate`, 's'),
    );
    await daemon.ready(503);
    await by(PGCABLE)(superuser);
    await daemon.ready();
    await load.more('with the new one');

    // From a time before the migration on.
    const query = { identifier: listenTo(room), history_since };
    const events = await new Events(daemon, query, bearer(ann)).open();
    t.later(() => events.close());
    await load.more('while somebody listens');
    const written = await load.stop();
    await until(`${written} messages`, () => events.messages.length >= written);
    complete(events.messages, written);
}

export default {
    async 'from the schema of any release to the newest while all write: nothing is lost or doubled'(t) {
        for (const size of releases()) {
            await upgrade(t, size);
        }
    },

    async 'a daemon goes on with a newer schema, and hands over to a newer one: nothing is lost or doubled'(t) {
        const { own, superuser, ann, room } = await database(t, by(OLDER));
        const daemon = await own.create();
        daemon.program = OLDER;
        await daemon.start();
        await daemon.ready();
        const got = follow(own, daemon, ann, room);
        await until('the subscription', () => got.isThere);
        const load = write(own.app, room, ann);
        t.later(() => load.stop().catch(() => {}));
        await load.more('with the old schema');

        await (OLDER === PGCABLE ? superuser.script(LATER) : by(PGCABLE)(superuser));
        const before = got.messages.length;
        await until('the older daemon to go on', () => got.messages.length > before + 5);
        await daemon.stop();
        await load.more('while no daemon runs');
        daemon.program = PGCABLE;
        await daemon.start();
        await load.more('with the new daemon');
        const written = await load.stop();
        await until(`${written} messages`, () => got.messages.length >= written);
        complete(got.messages, written);
    },

    async 'a newer schema is tolerated, unless it is marked as breaking: then all wait, and nothing is lost'(t) {
        const { own, superuser, ann, room } = await database(t, by(PGCABLE));
        await superuser.script(LATER);
        const running = await own.start();
        const client = await own.connect(ann, {}, running);
        const messages = await client.subscribe(ROOM, { chat_room_id: room });
        await superuser.sql`update pgcable.migration set breaking = true where id = 1000`;
        const words = `schema version 1000, this program knows only ${files.length}`;
        const refusal = new RegExp(`${words}.*install the newer pgcable here too`, 's');
        await running.ready(503);
        await running.logged(refusal);
        await own.app.message(room, ann, 'meanwhile');
        const started = await own.create();
        await started.start();
        await started.logged(refusal);
        await superuser.sql`update pgcable.migration set breaking = false where id = 1000`;
        await running.ready();
        await started.ready();
        assert.equal((await messages.next()).body, 'meanwhile');
    },
};
