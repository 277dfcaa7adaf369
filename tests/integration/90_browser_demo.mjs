// SPDX-License-Identifier: PostgreSQL
// packaging/demo as a newcomer starts it, its page in a browser, and that nothing stays behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { PGCABLE, ROOT } from './lib/daemon.mjs';
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
        return this;
    }

    async end(signal) {
        if (this.child.exitCode === null) {
            this.child.kill(signal);
        }
        return within('the demo to end', this.ended);
    }

    assertNothingLeft() {
        assert.deepEqual(fs.readdirSync(this.tmp), []);
        for (const pid of [this.env?.DAEMON_PID, this.env?.APP_PID].filter(Boolean)) {
            assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
        }
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
    return { page, panes };
}

export default {
    async 'typed on one side of the page, it is seen on the other'(t) {
        const demo = await new Demo(t, 'browse', '--bin', PGCABLE).up();
        const {
            page,
            panes: [ann, bo],
        } = await browse(t, demo.env.PAGE_URL);
        const text = 'Hello <b>from</b> the browser 😀';
        const bubble = (pane, body) => pane.locator('.message', { hasText: body });

        await ann.locator('[name=body]').fill(text);
        await ann.locator('[name=body]').press('Enter');
        await bubble(bo, text).waitFor();
        await bubble(ann, text).waitFor();
        assert.match(await ann.locator('.events').innerText(), /newMessage\s+Chats::RoomChannel/);

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

        await ann.locator('.nudge').click();
        await bo.locator('.bell.new').waitFor();
        if (process.env.PGCABLE_SCREENSHOT) {
            await page.screenshot({ path: process.env.PGCABLE_SCREENSHOT });
        }
        await bo.locator('.bell').click();
        await bo.locator('.bell:not(.new)').waitFor();

        page.on('dialog', (dialog) => dialog.accept('changed my mind'));
        await bubble(ann, text).hover();
        await bubble(ann, text).locator('.edit').click();
        await bubble(bo, 'changed my mind').waitFor();
        await bubble(ann, 'changed my mind').hover();
        await bubble(ann, 'changed my mind').locator('.delete').click();
        await bubble(bo, 'changed my mind').waitFor({ state: 'detached' });
        assert.deepEqual(page.complaints, []);

        assert.equal(await demo.end('SIGINT'), 0, demo.output);
        demo.assertNothingLeft();
    },

    async 'two demos at once keep out of each other’s way, and SIGTERM leaves nothing'(t) {
        const demos = await Promise.all(
            ['one', 'two'].map((name) => new Demo(t, name, '--bin', PGCABLE).up()),
        );
        assert.notEqual(demos[0].env.PAGE_URL, demos[1].env.PAGE_URL);
        assert.notEqual(demos[0].env.CABLE_URL, demos[1].env.CABLE_URL);
        await Promise.all(demos.map((demo) => demo.end('SIGTERM')));
        demos.forEach((demo) => demo.assertNothingLeft());
    },

    async 'a demo that fails half-way says why and leaves nothing'(t) {
        const demo = new Demo(t, 'fails', '--bin', '/bin/false');
        assert.ok((await demo.ended) !== 0);
        assert.match(demo.output, /that failed: pgcable migrate/);
        demo.assertNothingLeft();
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
