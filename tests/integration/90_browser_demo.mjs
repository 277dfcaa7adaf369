// SPDX-License-Identifier: PostgreSQL
// packaging/demo as a newcomer starts it, its page in a browser, and that nothing stays behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { PGCABLE, ROOT } from './lib/daemon.mjs';
import { execute } from './lib/guide.mjs';
import { Role } from './lib/postgres.mjs';
import { Skip } from './lib/test.mjs';
import { PATIENCE_MS, until, within } from './lib/until.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];

class Demo {
    constructor(t, name, ...args) {
        this.tmp = path.join(t.dir, name);
        fs.mkdirSync(this.tmp);
        fs.chmodSync(this.tmp, 0o711);
        this.envFile = path.join(this.tmp, 'env');
        this.output = '';
        this.pids = new Set();
        this.child = spawn(
            path.join(ROOT, 'packaging/demo'),
            ['--print-env', this.envFile, ...args],
            { env: { ...process.env, TMPDIR: this.tmp }, stdio: ['ignore', 'pipe', 'pipe'] },
        );
        this.child.stdout.on('data', (data) => {
            this.output += data;
        });
        this.child.stderr.on('data', (data) => {
            this.output += data;
        });
        this.ended = new Promise((resolve) => {
            this.child.once('close', (code) => resolve(code));
        });
        t.later(() => this.end('SIGTERM'));
    }

    async up() {
        await until(
            'the demo to come up',
            () => {
                assert.equal(this.child.exitCode, null, this.output);
                return fs.existsSync(this.envFile);
            },
            4 * PATIENCE_MS,
        );
        const lines = fs.readFileSync(this.envFile, 'utf8').trim().split('\n');
        this.env = Object.fromEntries(lines.map((line) => /^(\w+)='?(.*?)'?$/.exec(line).slice(1)));
        this.key = /#key=(\w+)$/.exec(this.env.PAGE_URL)[1];
        this.pids.add(this.env.DAEMON_PID).add(this.env.APP_PID);
        return this;
    }

    // Also what was started again by a click.
    notePids() {
        for (const file of ['pgcable.pid', 'pg/data/postmaster.pid']) {
            const name = path.join(this.env.WORK, file);
            if (fs.existsSync(name)) {
                this.pids.add(fs.readFileSync(name, 'utf8').split('\n')[0]);
            }
        }
    }

    // A request to the application by somebody who has the key; { status, answer }.
    ask(method, target, { headers = {}, body } = {}) {
        return new Promise((resolve, reject) => {
            const request = http.request(new URL(target, this.env.APP_URL), {
                method,
                headers: { 'X-Demo-Key': this.key, ...headers },
            });
            request.once('error', reject);
            request.once('response', async (response) => {
                const text = (await response.toArray()).join('');
                resolve({ status: response.statusCode, answer: JSON.parse(text) });
            });
            request.end(body && JSON.stringify(body));
        });
    }

    async end(signal) {
        if (this.child.exitCode === null) {
            if (this.env) {
                this.notePids();
            }
            this.child.kill(signal);
        }
        return within('the demo to end', this.ended);
    }

    async assertNothingLeft() {
        assert.deepEqual(fs.readdirSync(this.tmp), []);
        await until('the processes of the demo to be gone', () => ![...this.pids].some(isRunning));
    }
}

// A database that has ended is its adoptive parent's to bury.
function isRunning(pid) {
    try {
        return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
        return false;
    }
}

async function browse(t, url) {
    if (!fs.existsSync(CHROMIUM)) {
        throw new Skip(`there is no ${CHROMIUM}`);
    }
    const browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: FLAGS,
        timeout: 2 * PATIENCE_MS,
    });
    t.later(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    page.setDefaultTimeout(2 * PATIENCE_MS);
    page.complaints = [];
    page.on('pageerror', (error) => page.complaints.push(String(error)));
    page.on(
        'console',
        (message) => message.type() === 'error' && page.complaints.push(message.text()),
    );
    await page.goto(url);
    const panes = [1, 2].map((member) => page.locator(`.pane[data-member="${member}"]`));
    for (const pane of panes) {
        await pane.locator('.state.connected').waitFor();
    }
    await page.locator('main[aria-busy="false"]').waitFor();
    return { page, panes };
}

const bubble = (pane, body) => pane.locator('.messages .message', { hasText: body });

async function write(pane, text) {
    await pane.locator('[name=body]').fill(text);
    await pane.locator('[name=body]').press('Enter');
}

// What the page says that a transaction with this row caused, once it says that much.
async function caused(page, row, ...lines) {
    const item = page.locator('.row', { has: page.locator('.change', { hasText: row }) }).first();
    for (const line of lines) {
        await item.locator('.frame', { hasText: line }).first().waitFor();
    }
    return item;
}

const settled = (pane) =>
    pane.locator('.ledger', { hasText: 'none missing, in order, none twice' }).waitFor();

export default {
    async 'typed on one side of the page, it is seen on the other'(t) {
        const demo = await new Demo(t, 'browse', '--bin', PGCABLE).up();
        const {
            page,
            panes: [ann, bo],
        } = await browse(t, demo.env.PAGE_URL);
        const text = 'Hello <b>from</b> the browser 😀';

        await write(ann, text);
        await bubble(bo, text).waitFor();
        await bubble(ann, text).waitFor();
        const row = await caused(page, text, 'Ann Lee wrote', 'something new in Garden club');
        await row.locator('.frame').first().locator('.avatar').nth(1).waitFor();

        const db = new Role(demo.env.DATABASE);
        assert.equal(
            await db.sql`select count(*) from chat_room_messages where body = ${text}`,
            '1',
        );
        await db.sql`insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select chat_room_id, chat_room_participant_id, 'Hello from psql'
            from chat_room_messages where body = ${text}`;
        for (const pane of [ann, bo]) {
            await bubble(pane, 'Hello from psql').waitFor();
            assert.equal(await bubble(pane, text).count(), 1);
        }

        // What is unread, a thread, a pinned message, notifications.
        await ann.locator('.room', { hasText: 'Bo Ray' }).click();
        await write(bo, 'Ann does not look');
        await ann.locator('.room:has(.badge)', { hasText: 'Garden club' }).click();
        await ann.locator('.room:has-text("Garden club"):not(:has(.badge))').waitFor();
        await bubble(ann, 'Ann does not look').hover();
        await bubble(ann, 'Ann does not look').locator('.reply').click();
        await write(ann, 'but now she does');
        await bo.locator('.thread.news', { hasText: '1 reply' }).click();
        await bo.locator('.replies .message', { hasText: 'but now she does' }).waitFor();
        await bo.locator('.thread.news').waitFor({ state: 'detached' });
        await bo.locator('.back').click();
        await bo.locator('.bell.new').click();
        await bo.locator('.notifications', { hasText: 'Ann Lee replied: Ann does not' }).waitFor();
        await bo.locator('.bell:not(.new)').waitFor();
        await ann.locator('.back').click();
        await bubble(ann, 'Hello from psql').hover();
        await bubble(ann, 'Hello from psql').locator('.pin').click();
        await bo.locator('.pinned', { hasText: 'Ann Lee: Hello from psql' }).waitFor();
        await ann.locator('.nudge').click();
        await bo.locator('.bell.new').waitFor();
        if (process.env.PGCABLE_SCREENSHOT) {
            await page.screenshot({ path: process.env.PGCABLE_SCREENSHOT });
        }

        await bubble(ann, text).hover();
        await bubble(ann, text).locator('.edit').click();
        await write(ann, 'changed my mind');
        await bubble(bo, 'changed my mind').waitFor();
        await bubble(ann, 'changed my mind').hover();
        await bubble(ann, 'changed my mind').locator('.delete').click();
        await bubble(bo, 'changed my mind').waitFor({ state: 'detached' });
        await Promise.all([ann, bo].map(settled));
        assert.deepEqual(page.complaints, []);

        assert.equal(await demo.end('SIGINT'), 0, demo.output);
        await demo.assertNothingLeft();
    },

    async 'SQL typed on the page is seen as rows and events, and daemon and database come back'(t) {
        const demo = await new Demo(t, 'machines', '--bin', PGCABLE).up();
        const {
            page,
            panes: [ann, bo],
        } = await browse(t, demo.env.PAGE_URL);
        const click = (name) => page.getByRole('button', { name, exact: true }).click();
        const machine = (name, state) =>
            page.locator(`.machine[data-name="${name}"][data-state="${state}"]`);
        const field = page.getByLabel('SQL, as the application');
        const output = (text) => page.locator('.output', { hasText: text }).waitFor();

        await field.fill("update chat_rooms set name = 'Allotment' where id = 1");
        await field.press('Control+Enter');
        await output('UPDATE 1');
        await bo.locator('.room', { hasText: 'Allotment' }).waitFor();
        await caused(page, 'chat_rooms 1', 'your room Allotment has changed');
        await field.fill('\\! kill -9 1');
        await click('Run');
        await output('syntax error');
        await click('Remove Bo');
        await bo.locator('.room', { hasText: 'Allotment' }).waitFor({ state: 'detached' });
        await click('A message');
        await bubble(ann, 'Hello from SQL').waitFor();
        await click('Let Bo in again');
        await bo.locator('.room', { hasText: 'Allotment' }).click();
        await bubble(bo, 'Hello from SQL').waitFor();
        await write(ann, 'There you are'); // from here on Bo can go on exactly
        await bubble(bo, 'There you are').waitFor();

        // The daemon dies; what is written meanwhile arrives once it is back.
        await machine('daemon', 'ready').getByRole('button', { name: 'Kill' }).click();
        await machine('daemon', 'down').waitFor();
        await click('Five at once');
        await output('INSERT 0 5');
        await page.locator('.row.waiting', { hasText: 'Bed 5' }).waitFor();
        assert.equal(await bubble(bo, 'Bed 1').count(), 0);
        await ann.locator('.ledger', { hasText: '5 messages wait' }).waitFor();
        await machine('daemon', 'down').getByRole('button', { name: 'Start' }).click();
        await page.locator('.story', { hasText: /5 rows .* in order, none twice/ }).waitFor();
        for (const pane of [ann, bo]) {
            await settled(pane);
            assert.deepEqual(
                await bubble(pane, / is watered/).locator('.body').allInnerTexts(),
                [1, 2, 3, 4, 5].map((n) => `Bed ${n} is watered`),
            );
        }

        // So does the database; nobody is disconnected meanwhile.
        await machine('database', 'ready').getByRole('button', { name: 'Crash' }).click();
        await machine('database', 'down').getByRole('button', { name: 'Start' }).click();
        await page.locator('.story', { hasText: 'PostgreSQL was away' }).waitFor();
        await write(ann, 'Is it still there?');
        await bubble(bo, 'Is it still there?').waitFor();

        await click('Show me resume');
        await bubble(bo, 'dead, 5 of 5').waitFor();
        await Promise.all([ann, bo].map(settled));
        const unasked = page.complaints.filter((text) => !/Failed to load|WebSocket/.test(text));
        assert.deepEqual(unasked, []);
        assert.equal(await demo.end('SIGTERM'), 143, demo.output);
        await demo.assertNothingLeft();
    },

    async 'two demos keep out of each other’s way, strangers are refused, nothing is left'(t) {
        const [demo, other] = await Promise.all(
            ['one', 'two'].map((name) => new Demo(t, name, '--bin', PGCABLE).up()),
        );
        assert.notEqual(demo.env.PAGE_URL.split('#')[0], other.env.PAGE_URL.split('#')[0]);
        assert.notEqual(demo.env.CABLE_URL, other.env.CABLE_URL);
        const refused = async (status, options) => {
            const kill = await demo.ask('POST', '/daemon/kill', options);
            assert.equal(kill.status, status, JSON.stringify(options));
        };
        const { port } = new URL(demo.env.APP_URL);
        await refused(403, { headers: { Origin: 'http://evil.example' } });
        await refused(403, { headers: { Origin: new URL(other.env.PAGE_URL).origin } });
        await refused(403, { headers: { 'X-Demo-Key': other.key } });
        await refused(403, { headers: { 'X-Demo-Key': '' } });
        await refused(421, { headers: { Host: `evil.example:${port}` } });
        const sql = (text) => demo.ask('POST', '/sql', { body: { sql: text } });
        assert.match((await sql('\\! id')).answer.output, /syntax error/);
        assert.match((await sql("copy (select 1) to program 'id'")).answer.output, /superuser/);
        assert.match((await sql('select user')).answer.output, /chat/);
        process.kill(demo.env.DAEMON_PID, 0);

        // A pid file that names somebody else's process, as a crash leaves behind.
        assert.equal((await demo.ask('POST', '/database/kill')).status, 200);
        assert.equal((await demo.ask('POST', '/daemon/kill')).status, 200);
        const pidFile = path.join(demo.env.WORK, 'pg/data/postmaster.pid');
        fs.writeFileSync(pidFile, `${other.env.DAEMON_PID}\n`);
        assert.equal((await demo.ask('POST', '/database/kill')).status, 409);
        assert.equal((await demo.ask('POST', '/daemon/kill')).status, 409);
        fs.rmSync(pidFile);
        assert.equal((await other.ask('GET', '/state?after=')).answer.daemon.state, 'ready');
        await Promise.all([demo, other].map((one) => one.end('SIGTERM')));
        await Promise.all([demo, other].map((one) => one.assertNothingLeft()));
    },

    async 'a demo that fails half-way says why and leaves nothing'(t) {
        const demo = new Demo(t, 'fails', '--bin', '/bin/false');
        assert.ok((await demo.ended) !== 0);
        assert.match(demo.output, /that failed: pgcable migrate/);
        await demo.assertNothingLeft();
    },

    async 'what it cannot begin with is said before anything is started'(t) {
        for (const [option, value, complaint] of [
            ['--bin', '/etc/passwd', /--bin: "\/etc\/passwd" is no program/],
            ['--bin', t.dir, /--bin: ".*" is no program/],
            ['--print-env', '/nowhere/env', /no folder for "\/nowhere\/env"/],
            ['--fast', '', /no such option: "--fast"/],
        ]) {
            const demo = new Demo(t, path.basename(option + value), option, value);
            assert.equal(await demo.ended, 1);
            assert.match(demo.output, complaint);
            assert.match(demo.output, /^demo: .*\nhint: .*\n$/);
            await demo.assertNothingLeft();
        }
    },

    async 'without root and sudo it is said which packages are missing, and who may install them'(t) {
        const bin = path.join(t.dir, 'bin');
        fs.mkdirSync(bin);
        for (const name of ['dirname', 'dpkg-query', 'grep', 'mktemp', 'rm', 'sed']) {
            fs.symlinkSync(`/usr/bin/${name}`, path.join(bin, name));
        }
        fs.writeFileSync(path.join(bin, 'id'), '#!/bin/sh\necho 1000\n', { mode: 0o755 });
        const deps = execute(path.join(ROOT, 'packaging/deps'), ['demo'], { env: { PATH: bin } });
        await assert.rejects(deps, ({ code, stderr }) => {
            assert.equal(code, 1);
            assert.match(stderr, /needed: cmake .*\n(.*\n)*deps: .* needs root.* no sudo\nhint: /);
            return true;
        });
    },

    async 'the lines that the demo prints work as they stand'(t) {
        const demo = await new Demo(t, 'lines', '--bin', PGCABLE).up();
        const psql = /^ +(psql .*)$/m.exec(demo.output)[1];
        const shell = spawn('bash', ['-c', psql], { stdio: 'ignore' });
        assert.equal(
            await new Promise((resolve) => {
                shell.once('close', resolve);
            }),
            0,
        );
        const db = new Role(demo.env.DATABASE);
        assert.equal(
            await db.sql`select count(*) from chat_room_messages where body = 'Hello from psql'`,
            '1',
        );
        const token = /Ann +(\S+)/.exec(demo.output)[1];
        const port = Number(new URL(demo.env.CABLE_URL).port);
        const wire = t.open(
            { member: 1, query: `?token=${token}`, origin: new URL(demo.env.PAGE_URL).origin },
            { port },
        );
        await wire.welcomed();
        await wire.subscribe('NotificationChannel', { community_member_id: 1 });
    },
};
