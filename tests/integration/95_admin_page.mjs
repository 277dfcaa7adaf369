// SPDX-License-Identifier: PostgreSQL
// The page on the admin address: what it tells, whom it tells, and how it looks in a browser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { pgcable } from './lib/daemon.mjs';
import { Skip } from './lib/test.mjs';
import { PATIENCE_MS, until } from './lib/until.mjs';

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
const TOKEN = 'a token for the tests';

// fetch() lets nobody choose the Host.
function get(daemon, target, headers = {}) {
    return new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port: daemon.settings.admin_port, path: target, headers };
        http.get({ ...options, timeout: PATIENCE_MS }, (response) => {
            let body = '';
            response.on('data', (data) => { body += data; });
            response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
        }).once('error', reject);
    });
}

const bearer = (token) => ({ Authorization: `Bearer ${token}` });

async function stats(daemon, query = '', headers = {}) {
    const { status, body } = await get(daemon, `/stats.json${query}`, headers);
    assert.equal(status, 200, body);
    return JSON.parse(body);
}

async function talk(t, daemon, times) {
    const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
    const room = await t.app.room([ann, bo]);
    const his = await t.listen(bo, room, daemon);
    for (let i = 0; i < times; i++) {
        await t.app.message(room, ann, `a secret between two ${i}`);
    }
    await his.room.take(times);
    return { ann, bo, room, his };
}

async function browse(t, url, options = {}) {
    if (!fs.existsSync(CHROMIUM)) {
        throw new Skip(`there is no ${CHROMIUM}`);
    }
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: 2 * PATIENCE_MS });
    t.later(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1360, height: 1000 }, ...options });
    page.setDefaultTimeout(2 * PATIENCE_MS);
    page.complaints = [];
    page.on('pageerror', (error) => page.complaints.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
    await page.goto(url);
    return page;
}

async function shoot(page, name) {
    if (process.env.PGCABLE_SCREENSHOTS) {
        await page.screenshot({ path: path.join(process.env.PGCABLE_SCREENSHOTS, `${name}.png`), fullPage: true });
    }
}

// The trace of the newest captured row: xid:id, as PostgreSQL and the outbox have them.
const newestTrace = (t) =>
    t.app.superuser.sql`select xid || ':' || id from (
        table pgcable.outbox_0 union all table pgcable.outbox_1) o where kind = 'message' order by id desc limit 1`;

export const isAlone = true;

export default {
    async 'with a token the numbers are for who has it, health and readiness for everybody'(t) {
        const daemon = await t.start({ admin_token: TOKEN });
        for (const target of ['/stats.json', '/metrics', '/delivered?xid=1&id=1']) {
            for (const wrong of [{}, bearer(''), bearer(TOKEN.replace('t', 'T')), bearer(`${TOKEN}x`), { Authorization: TOKEN }]) {
                const refused = await get(daemon, target, wrong);
                assert.equal(refused.status, 401, `${target} ${JSON.stringify(wrong)}`);
                assert.equal(refused.headers['www-authenticate'], 'Bearer');
                assert.doesNotMatch(refused.body, /pgcable_/);
            }
            assert.equal((await get(daemon, target, bearer(TOKEN))).status, 200, target);
        }
        for (const target of ['/health', '/ready', '/', '/admin', '/admin/page.js']) {
            assert.equal((await get(daemon, target)).status, 200, target);
        }
        const { body } = await get(daemon, '/metrics', bearer(TOKEN));
        assert.match(body, /^process_resident_memory_bytes [1-9]\d{6,}$/m);
        assert.match(body, /^process_open_fds [1-9]\d+$/m);
        const { metrics } = await stats(daemon, '', bearer(TOKEN));
        assert.equal(metrics.pgcable_admin_refused_total['reason="token"'], 15);
        await daemon.logged(/refuse a request on the admin address/);
        assert.doesNotMatch(daemon.log, new RegExp(TOKEN, 'i'));
    },

    async 'open to other machines and without a token, it tells them health and readiness only'(t) {
        const daemon = await t.start({ admin_address: '0.0.0.0' });
        await daemon.logged(/warn .*no metrics.*hint: set admin_token/);
        for (const target of ['/', '/admin', '/admin/page.js', '/stats.json', '/metrics', '/delivered']) {
            const { status, body } = await get(daemon, target);
            assert.equal(status, 403, target);
            assert.match(body, /admin_token is not set/);
        }
        for (const target of ['/health', '/ready']) {
            assert.equal((await get(daemon, target)).status, 200, target);
        }
    },

    async 'a token that can be guessed is refused'(t) {
        const daemon = await t.create({ admin_token: 'too short' });
        const { code, stderr } = await pgcable(['serve', '-c', daemon.file]);
        assert.notEqual(code, 0);
        assert.match(stderr, /admin_token has fewer than 16 bytes/);
    },

    async 'a name that a stranger led here is not answered, and nobody may put the page in a frame'(t) {
        const { admin_port: port } = t.daemon.settings;
        for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil.example']) {
            for (const target of ['/', '/stats.json', '/metrics', '/delivered']) {
                assert.equal((await get(t.daemon, target, { Host: host })).status, 403, `${host} ${target}`);
            }
        }
        for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'localhost', '[::1]:9090']) {
            const { status, headers } = await get(t.daemon, '/', { Host: host });
            assert.equal(status, 200, host);
            assert.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/);
            assert.doesNotMatch(headers['content-security-policy'], /unsafe/);
            assert.equal(headers['x-content-type-options'], 'nosniff');
        }
    },

    async 'who asks of no row, or of what is none, is told how to ask'(t) {
        for (const query of ['', '?xid=731', '?id=7', '?xid=731&id=', '?xid=731&id=-1', '?xid=7a&id=1',
            '?xid=731&id=18446744073709551616']) {
            const { status, body } = await get(t.daemon, `/delivered${query}`);
            assert.equal(status, 400, query);
            assert.match(body, /^ask as \/delivered\?xid=XID&id=ID/);
        }
        assert.deepEqual(JSON.parse((await get(t.daemon, '/delivered?xid=1&id=1')).body), []);
    },

    async 'page_dir has the first page, and the built-in one stays beside it'(t) {
        fs.mkdirSync(path.join(t.dir, 'page'));
        fs.writeFileSync(path.join(t.dir, 'page/index.html'), 'a page of our own');
        const daemon = await t.start({ page_dir: path.join(t.dir, 'page') });
        assert.equal((await get(daemon, '/')).body, 'a page of our own');
        assert.match((await get(daemon, '/admin')).body, /<title>pgcable<\/title>/);
    },

    async 'a row can be followed by its xid:id, in the tail and in the log, and is not shown'(t) {
        const daemon = await t.start({ log_level: 'debug' });
        const { ann, bo, room, his } = await talk(t, daemon, 2);
        const hers = await t.listen(ann, room, daemon);
        await t.app.message(room, ann, 'a secret between two, again');
        await Promise.all([his.room.take(1), hers.room.take(1)]);
        const trace = await newestTrace(t);
        const stream = `chat-room-${room}-channel`;

        const { tail, busiest } = await stats(daemon, `?filter=${stream}`);
        assert.deepEqual(tail.events.map(({ event, stream: of }) => [event, of]),
            Array(3).fill(['newMessage', stream]));
        assert.equal(tail.events[2].trace, trace);
        assert.ok(busiest.streams.some(({ stream: of, events }) => of === stream && events === 3));
        assert.deepEqual((await stats(daemon, `?tail=${tail.next}`)).tail.events, []);
        assert.equal((await stats(daemon, '?filter=NEWmessage%20')).tail.events.length, 0);
        assert.ok((await stats(daemon, '?filter=NEWmessage')).tail.events.length >= 3);
        assert.doesNotMatch((await get(daemon, '/stats.json')).body, /a secret between two/);

        await daemon.logged(new RegExp(`debug trace=${trace} raised to ${stream}, \\d+ bytes`));
        for (const member of [ann, bo]) {
            await daemon.logged(new RegExp(`debug conn=\\d+ trace=${trace} queued for member "${member}"`));
        }
        assert.doesNotMatch(daemon.log, /a secret between two/);
    },

    async 'of many events the newest are told, and the busiest streams first'(t) {
        const daemon = await t.start();
        const flood = Array.from({ length: 250 }, (_, i) => `flood ${i}`);
        await t.app.broadcast(flood, { event: 'once' });
        await t.app.broadcast(['flood 7', 'flood 7', 'flood 9'], { event: 'again' });
        const { tail, busiest } = await until('all to be told', async () => {
            const answer = await stats(daemon, '?filter=flood');
            return answer.tail.left_out === 53 && answer;
        });
        assert.deepEqual(tail.events.map(({ stream }) => stream),
            [...flood, 'flood 7', 'flood 7', 'flood 9'].slice(53));
        assert.deepEqual(busiest.streams.slice(0, 2).map(({ stream, events }) => [stream, events]),
            [['flood 7', 3], ['flood 9', 2]]);
    },

    async 'the numbers of the last minutes are there for who looks late'(t) {
        const daemon = await t.start();
        await talk(t, daemon, 2);
        const { names, rows, next } = await until('samples of what was delivered', async () => {
            const { trend } = await stats(daemon);
            const column = trend.names.indexOf('deliveries');
            const wasBusy = trend.rows.some((row) => row[column] > 0);
            return wasBusy && trend.rows.at(-1)[column] === 0 && trend;
        });
        const connections = names.indexOf('connections');
        assert.ok(rows.some((row) => row[connections] === 1));
        const [p50, p99] = [names.indexOf('socket_p50_us'), names.indexOf('socket_p99_us')];
        assert.ok(rows.some((row) => row[p50] > 0 && row[p99] >= row[p50]));
        assert.equal(rows.at(-1).length, names.length);
        const { trend } = await stats(daemon, `?trend=${next}`);
        assert.ok(trend.rows.every(([at]) => at > rows.at(-1)[0]));
    },

    async 'a browser shows the numbers, the tail and what was refused, in light and in dark'(t) {
        const daemon = await t.start({ admin_token: TOKEN });
        const page = await browse(t, `http://127.0.0.1:${daemon.settings.admin_port}/`, { colorScheme: 'light' });
        await page.getByLabel('Token').fill('not the token, but as long');
        await page.getByLabel('Token').press('Enter');
        await page.getByText('That is not the token.').waitFor();
        await page.getByLabel('Token').fill(TOKEN);
        await page.getByRole('button', { name: 'Show the page' }).press('Enter');
        await page.getByText('Ready', { exact: true }).waitFor();
        page.complaints.splice(0); // the browser's own about the 401s

        const { room } = await talk(t, daemon, 20);
        t.open({ member: 1, token: 'none' }, daemon);
        const stream = `chat-room-${room}-channel`;
        const rows = page.locator('#tail-rows tr');
        await rows.filter({ hasText: stream }).nth(19).waitFor();
        await page.locator('#busy-rows tr', { hasText: stream }).waitFor();
        await page.locator('#refusal-rows tr', { hasText: 'no JWT' }).waitFor();
        await page.getByRole('img', { name: /^Connections, .*connections 1, subscriptions 4/ }).waitFor();
        for (const chart of ['Connections', 'Events and', 'Latency', 'Waiting', 'Outbox', 'Refused']) {
            const line = page.locator(`section[aria-label^="${chart}"] .plot path.line.one[d^="M"]`);
            await line.waitFor({ state: 'attached' });
        }
        assert.match((await page.locator('#pg').innerText()).replaceAll('\n', ' '),
            /^Connected yes, and reading Last answer [\d.]+ s ago Tick [1-9].* Outbox [1-9].* Queue of NOTIFY [\d.]+ % full/);
        assert.doesNotMatch(await page.content(), /a secret between two/);
        await t.app.broadcast(['<b id=evil>stream'], { event: '<b id=evil>event' });
        await rows.filter({ hasText: '<b id=evil>event' }).filter({ hasText: '<b id=evil>stream' }).waitFor();
        assert.equal(await page.locator('#evil').count(), 0);
        await shoot(page, 'light');
        await page.emulateMedia({ colorScheme: 'dark' });
        await shoot(page, 'dark');

        await page.getByLabel('Filter').fill(stream.toUpperCase());
        await until('the tail to hold that stream only', async () =>
            (await rows.count()) === 20 && (await rows.filter({ hasText: stream }).count()) === 20);
        await page.getByRole('img', { name: /^Connections/ }).press('Home');
        await page.getByRole('img', { name: /^Connections, up to ten minutes; at / }).waitFor();
        await page.locator('summary').first().press('Enter');
        await page.getByRole('table', { name: 'Connections, of the last ten minutes' }).waitFor();
        await page.getByRole('button', { name: 'Pause' }).press('Enter');
        await page.getByRole('button', { name: 'Go on', pressed: true }).waitFor();
        await page.setViewportSize({ width: 390, height: 800 });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(overflow <= 0, `a narrow window scrolls sideways by ${overflow} px`);
        await shoot(page, 'narrow');
        assert.deepEqual(page.complaints, []);
    },
};
