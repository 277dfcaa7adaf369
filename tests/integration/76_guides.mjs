// SPDX-License-Identifier: PostgreSQL
// What packaging/guides shows is done as it stands there: the migration by the framework, the client
// by the library that it is written for.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as ActionCable from '@rails/actioncable';
import WebSocket from 'ws';
import { ROOT, pgcable } from './lib/daemon.mjs';
import { Guide, execute, fences } from './lib/guide.mjs';
import { ownWorld } from './lib/own.mjs';
import { Running } from './lib/running.mjs';
import { Skip, Test } from './lib/test.mjs';
import { SECRET, mint, minted } from './lib/token.mjs';
import { until } from './lib/until.mjs';

const PYTHON = '/usr/bin/python3'; // Debian's, for its modules
const PAGE = 'https://app.example.org'; // what the guides call the application

class BrowserSocket extends WebSocket {
    constructor(url, protocols) {
        super(url, protocols, { headers: { Origin: PAGE } });
        this.on('error', () => {});
    }
}

// What a browser has, for the libraries, as long as the test runs.  Rails' client waits for a ping
// as if it had all the time in the world: a machine may stand still for seconds.
function browse(t) {
    const { adapters, ConnectionMonitor } = ActionCable;
    const before = [adapters.WebSocket, globalThis.WebSocket, ConnectionMonitor.staleThreshold];
    t.later(() => {
        [adapters.WebSocket, globalThis.WebSocket, ConnectionMonitor.staleThreshold] = before;
    });
    adapters.WebSocket = globalThis.WebSocket = BrowserSocket;
    ConnectionMonitor.staleThreshold = 600;
    globalThis.addEventListener ??= () => {};
    globalThis.removeEventListener ??= () => {};
}

let count = 0;

// The application of sql/presets/minimal in a database of its own, as its owner, and a page about
// it: { role, guide, own }.  Nothing of pgcable is in it, or what a superuser has installed.
async function scene(t, page, { installed = false, query = '' } = {}) {
    const name = `guide_${++count}`;
    const boss = t.pg.role('postgres', 'postgres');
    await boss.script(`create role ${name} login ${installed ? '' : 'createrole'};
        grant pgcable_owner to ${name};
        create database ${name} owner ${name};`);
    t.later(() => boss.script(`drop database if exists ${name} with (force);
        drop role if exists ${name};`));
    const role = t.pg.role(name, name);
    await role.file('sql/presets/minimal/schema.sql');
    await role.script(`
        insert into users (full_name, email) values ('Ann', 'ann@example.test');
        insert into rooms (name) values ('Team');
        insert into memberships values (1, 1);`);
    const guide = new Guide(page, path.join(t.dir, name), {
        DATABASE_URL: `postgresql:///${name}${query}`,
        PGHOST: t.pg.dir,
        PGUSER: name,
        PGCABLE_HS256_SECRET: SECRET,
    });
    const own = new Test({ app: t.app, pg: t.pg, dir: t.dir, dsn: t.pg.dsn(name, 'pgcable_daemon') });
    t.later(() => own.finish());
    await guide.runCommands();
    if (installed) {
        const { code, stderr } = await pgcable(['migrate', '-d', t.pg.dsn(name, 'postgres')]);
        assert.equal(code, 0, stderr);
    }
    return { role, guide, own };
}

// What a framework does with the page's migration, where it is not there to do so: `up` and `down`
// are its SQL, each run in one transaction.
async function migrate(role, up, down = 'select pgcable.detach(kind) from pgcable.mapping') {
    const run = (text) => role.script(`begin;\n${text};\ncommit;`);
    await run(up);
    await assertAttached(role);
    await run(up); // what is in place stays
    await run(down);
    assert.equal(await role.sql`select count(*) from pgcable.mapping`, '0');
}

const welcomed = async (t, token) => {
    minted.add(token.trim());
    await t.open({ token: token.trim() }).welcomed();
};

const has = (command, ...args) => execute(command, args).then(() => true, () => false);

// All five tables play their parts, and nothing is wrong with any.
async function assertAttached(role) {
    const kinds = await role.sql`select string_agg(kind, ' ' order by kind) from pgcable.mapping`;
    assert.equal(kinds, 'member message notification participant room');
    assert.equal(await role.sql`select * from pgcable.doctor() where level = 'FAIL'`, '');
}

function python(t, guide, file, ...args) {
    const run = new Running([guide.file(file), ...args.map(String)], { program: PYTHON });
    t.later(() => run.child.kill('SIGKILL'));
    return run;
}

export default {
    async 'rails.md: the migration, the token and the client'(t) {
        const { role, guide, own } = await scene(t, 'rails.md');
        const ruby = (script) => guide.run('ruby', '-r', 'active_record', '-e', `
            ActiveRecord::Base.establish_connection(ENV["DATABASE_URL"])
            ${script}`);
        const migrate = `ActiveRecord::MigrationContext
            .new("db/migrate", ActiveRecord::SchemaMigration)`;
        await ruby(`${migrate}.migrate`);
        await assertAttached(role);

        const daemon = await own.start(guide.settings('pgcable.conf'));
        const token = (await guide.run('ruby', '-r', './app/models/cable_token.rb', '-e',
            'print CableToken.for(Struct.new(:id).new(1))')).trim();
        minted.add(token);
        browse(t);
        const chat = await guide.module('app/javascript/chat.js');
        const consumer = chat.connect(`ws://127.0.0.1:${daemon.port}/cable`, () => token);
        t.later(() => consumer.disconnect());
        const received = [];
        const subscriptions = [
            chat.followRoom(consumer, 1, (message) => received.push(message)),
            chat.followNotifications(consumer, (message) => received.push(message)),
        ];
        const confirmed = new Set(); // it may be told twice
        for (const subscription of subscriptions) {
            subscription.connected = () => confirmed.add(subscription);
        }
        await until('both confirmations', () => confirmed.size === 2);
        await ruby(`
            class Message < ActiveRecord::Base; end
            Message.create!(room_id: 1, user_id: 1, body: "one")
            Message.transaction { Message.create!(room_id: 1, user_id: 1, body: "no"); raise ActiveRecord::Rollback }
            Message.insert_all([{ room_id: 1, user_id: 1, body: "two", created_at: Time.now }])
            Message.where(body: "two").update_all(body: "three")
            Message.where(body: "three").delete_all
            ActiveRecord::Base.connection.execute("insert into notifications (user_id, body) values (1, 'Hi')")`);
        await until('the last event', () => received.at(-1)?.event === 'updateNewNotificationCount');
        assert.deepEqual(
            received.map(({ event, body, notification }) => [event, body ?? notification?.body]),
            [
                ['newMessage', 'one'],
                ['newMessage', 'two'],
                ['updatedMessage', 'three'],
                ['deletedMessage', undefined],
                ['newNotification', 'Hi'],
                ['updateNewNotificationCount', undefined],
            ],
        );

        await ruby(`${migrate}.rollback`);
        assert.equal(await role.sql`select count(*) from pgcable.mapping`, '0');
    },

    async 'django.md: what the migration runs, and the token'(t) {
        const { role, guide } = await scene(t, 'django.md', { installed: true });
        const [, up] = /^ATTACH = """\n(.*?)^"""$/ms.exec(guide.text('chat/migrations/0002_pgcable.py'));
        const [, down] = /^DETACH = "(.*)"$/m.exec(guide.text('chat/migrations/0002_pgcable.py'));
        await migrate(role, guide.text('chat/migrations/pgcable.sql') + up, down);
        await guide.run(PYTHON, '-m', 'py_compile', 'chat/migrations/0002_pgcable.py');
        await welcomed(t, await guide.run(PYTHON, '-c',
            'from chat.cable_token import cable_token; print(cable_token(1))'));
    },

    async 'django.md: the migration, by Django'(t) {
        if (!await has(PYTHON, '-c', 'import django, psycopg2')) {
            throw new Skip(`${PYTHON} has no Django, or no psycopg2`);
        }
        const { role, guide } = await scene(t, 'django.md');
        fs.writeFileSync(guide.file('chat/__init__.py'), '');
        fs.writeFileSync(guide.file('chat/migrations/__init__.py'), '');
        fs.writeFileSync(guide.file('chat/migrations/0001_initial.py'),
            'from django.db import migrations\nclass Migration(migrations.Migration):\n    pass\n');
        fs.writeFileSync(guide.file('settings.py'), `INSTALLED_APPS = ['chat']\nDATABASES = {'default':
            {'ENGINE': 'django.db.backends.postgresql', 'NAME': '${guide.env.PGUSER}'}}\n`);
        const manage = (...args) =>
            guide.run(PYTHON, '-m', 'django', ...args, '--settings', 'settings', '--pythonpath', '.');
        await manage('migrate');
        await assertAttached(role);
        await manage('migrate', 'chat', '0001');
        assert.equal(await role.sql`select count(*) from pgcable.mapping`, '0');
    },

    async 'laravel.md: what the migration runs'(t) {
        const { role, guide } = await scene(t, 'laravel.md');
        const migration = guide.text('database/migrations/2026_01_01_000000_add_pgcable.php');
        const [, up] = /<<<'SQL'\n(.*?)^ *SQL\);$/ms.exec(migration);
        const [, down] = /unprepared\('(.*)'\);/.exec(migration);
        await migrate(role, guide.text('database/pgcable.sql') + up, down);
    },

    async 'laravel.md: the token, by PHP'(t) {
        if (!await has('php', '--version')) {
            throw new Skip('php is not installed');
        }
        const guide = new Guide('laravel.md', path.join(t.dir, 'laravel'), { PGCABLE_HS256_SECRET: SECRET });
        await guide.run('php', '-l', 'database/migrations/2026_01_01_000000_add_pgcable.php');
        await welcomed(t, await guide.run('php', '-r',
            'require "app/CableToken.php"; echo App\\CableToken::for(1);'));
    },

    async 'node-prisma.md: the migration that is written, and the token'(t) {
        const { role, guide } = await scene(t, 'node-prisma.md', { query: '?schema=public' });
        await migrate(role, guide.text('prisma/migrations/20260101000000_pgcable/migration.sql'));
        process.env.PGCABLE_HS256_SECRET = SECRET;
        t.later(() => { delete process.env.PGCABLE_HS256_SECRET; });
        await welcomed(t, (await guide.module('cable-token.js')).cableToken(1));
    },

    async 'README.md: the mapping'(t) {
        const { role, guide } = await scene(t, 'README.md', { installed: true });
        await role.script(guide.fences.find(({ language }) => language === 'sql').text);
        await assertAttached(role);
    },

    async 'every fence of the guides is run, or says that it is not'() {
        for (const page of fs.readdirSync(path.join(ROOT, 'packaging/guides'))) {
            const all = fences(page);
            assert.ok(all.length > 0, page);
            for (const { language, what, text } of all) {
                const served = text === 'pgcable serve -c pgcable.conf\n'; // as t.start() does
                assert.ok(served || /^(file=\S+|run|unrun)$/.test(what), `${page}: ${text}`);
                assert.ok(what !== 'unrun' || ['swift', 'kotlin', 'dart', 'sh'].includes(language), page);
            }
        }
    },

    async 'clients.md: a browser goes on where it stopped, and fetches a new token'(t) {
        const guide = new Guide('clients.md', path.join(t.dir, 'browser'));
        browse(t);
        const { connect, followRoom } = await guide.module('cable.js');
        // Its own, for all of its clients are told to load anew.
        const { app, daemon } = await ownWorld(t, { settings: { allowed_origins: PAGE } });
        const ann = await app.member();
        const room = await app.room([ann]);
        const { random } = Math;
        t.later(() => { Math.random = random; });
        Math.random = () => 0; // the shortest of the library's pauses
        let fetched = 0;
        const cable = connect(
            `ws://127.0.0.1:${daemon.port}/cable`,
            mint(ann, { exp: Math.floor(Date.now() / 1000) - 60 }),
            async () => {
                fetched++;
                return mint(ann);
            },
        );
        t.later(() => cable.disconnect());
        const received = [];
        let reloads = 0;
        const channel = followRoom(
            cable, room, ({ body }) => received.push(body), () => { reloads++; });
        await channel.ensureSubscribed();
        assert.equal(fetched, 1);
        await app.message(room, ann, 'one');
        await until('the first message', () => received.length === 1);
        await daemon.crash();
        await app.message(room, ann, 'two');
        await daemon.start();
        await app.message(room, ann, 'three');
        await until('the others', () => received.length === 3);
        assert.deepEqual([received, reloads], [['one', 'two', 'three'], 0]);
        await app.superuser.sql`select pgcable.pause(), pgcable.resume()`;
        await until('to be told to load anew', () => reloads === 1);
    },

    async 'clients.md: Python follows a room, and a stream across a restart'(t) {
        const guide = new Guide('clients.md', path.join(t.dir, 'python'));
        const daemon = await t.start();
        const ann = await t.app.member();
        const room = await t.app.room([ann]);
        const base = `127.0.0.1:${daemon.port}`;
        const socket = python(t, guide, 'follow_room.py', `ws://${base}/cable`, mint(ann), room);
        const stream = python(t, guide, 'follow_stream.py',
            `http://${base}/events?channel=Chats::RoomChannel&chat_room_id=${room}`, mint(ann));
        await until('both to be there', async () =>
            (await daemon.metric('pgcable_subscriptions')) === 2);
        await t.app.message(room, ann, 'one');
        await socket.until('a line', () => socket.lines.length === 1);
        await stream.until('a line', () => stream.lines.length === 1);
        await daemon.crash();
        await t.app.message(room, ann, 'two');
        await daemon.start();
        await t.app.message(room, ann, 'three');
        await stream.until('the others', () => stream.lines.length === 3);
        const bodies = ({ lines }) => lines.map((line) => JSON.parse(line).body);
        assert.deepEqual([bodies(socket), bodies(stream)], [['one'], ['one', 'two', 'three']]);
        assert.notEqual((await socket.ended).code, 0); // its connection has
    },
};
