// SPDX-License-Identifier: PostgreSQL
// TLS in the daemon: what is spoken and what is not, with openssl, curl, npm ws and a browser; and
// a certificate that changes under the feet of those who are connected.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { chromium } from 'playwright-core';
import { pgcable } from './lib/daemon.mjs';
import { Authority } from './lib/pki.mjs';
import { Skip } from './lib/test.mjs';
import { mint } from './lib/token.mjs';
import { until, within } from './lib/until.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ROOM = 'Chats::RoomChannel';

let authorities = 0;

function authority(t) {
    return new Authority(path.join(t.dir, `pki-${++authorities}`));
}

const settingsOf = ({ certificate, key }) => ({ tls_certificate: certificate, tls_key: key });

// A daemon that speaks TLS, and what a client needs to believe it.
async function scene(t, settings = {}) {
    const pki = authority(t);
    const pair = pki.issue('one');
    const daemon = await t.start({ ...settingsOf(pair), ...settings });
    return { pki, pair, daemon, trust: { ca: fs.readFileSync(pki.ca) } };
}

// Runs a program to its end with `input`: { code, out }, both of its streams together.
async function run(command, args, input = '') {
    const child = spawn(command, args);
    let out = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { out += data; });
    child.stdin.on('error', () => {}); // it may end without reading all
    child.stdin.end(input);
    try {
        const code = await within(`${command} to end`, new Promise((resolve, reject) => {
            child.once('error', reject);
            child.once('close', resolve);
        }));
        return { code, out };
    } finally {
        child.kill('SIGKILL');
    }
}

// openssl is made willing to speak what no one should.
function sClient({ port }, ...args) {
    return run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args]);
}

// The name on the certificate that a new client is shown.
async function shown(daemon, trust) {
    const socket = tls.connect({ port: daemon.port, host: '127.0.0.1', ...trust });
    try {
        await within('a handshake', new Promise((resolve, reject) => {
            socket.once('error', reject);
            socket.once('secureConnect', resolve);
        }));
        return socket.getPeerCertificate().subject.CN;
    } finally {
        socket.destroy();
    }
}

// What comes back for bytes sent in plain text, until the daemon hangs up.
async function plainly({ port }, bytes) {
    const socket = net.connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.on('data', (data) => { answer += data; });
    socket.on('error', () => {}); // it may hang up in any way
    socket.write(Buffer.from(bytes, 'latin1'));
    await within('the end', new Promise((resolve) => { socket.once('close', resolve); }));
    return answer;
}

export default {
    async 'TLS 1.2 and 1.3 are spoken, with forward secrecy, and nothing older'(t) {
        const { daemon, pki } = await scene(t);
        const anything = ['-cipher', 'ALL:@SECLEVEL=0'];
        for (const version of ['-tls1', '-tls1_1']) {
            const { code, out } = await sClient(daemon, version, ...anything);
            assert.notEqual(code, 0, out);
            assert.match(out, /alert protocol version/);
        }
        for (const version of ['1.2', '1.3']) {
            const option = `-tls${version.replace('.', '_')}`;
            const { code, out } = await sClient(daemon, option, '-CAfile', pki.ca, '-verify_return_error');
            assert.equal(code, 0, out);
            assert.match(out, new RegExp(`New, TLSv${version}, Cipher is \\S*(GCM|CHACHA20)`));
            assert.match(out, /Verification: OK/);
            assert.match(out, /Compression: NONE/);
            assert.doesNotMatch(out, /session ticket|Session-ID: \w/i, 'no session is kept');
        }
        for (const cipher of ['AES128-SHA', 'AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA', 'DHE']) {
            const { code, out } = await sClient(
                daemon, '-tls1_2', '-cipher', `${cipher}:@SECLEVEL=0`);
            assert.notEqual(code, 0, `${cipher}: ${out}`);
            assert.match(out, /handshake failure/);
        }
    },

    async 'nobody negotiates anew'(t) {
        const { daemon } = await scene(t);
        const { out } = await run('openssl',
            ['s_client', '-connect', `127.0.0.1:${daemon.port}`, '-tls1_2'], 'R\n');
        assert.match(out, /RENEGOTIATING/);
        assert.match(out, /no renegotiation|unexpected eof/i);
        assert.equal(await daemon.metric('pgcable_ws_opened_total'), 0);
    },

    async 'a websocket over TLS works like any other, also in large and in many pieces'(t) {
        const { daemon, trust } = await scene(t, { max_message_bytes: 60_000 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const hers = await t.connect(ann, { tls: trust }, daemon);
        const messages = await hers.subscribe(ROOM, { chat_room_id: room });
        for (const length of [1, 16_383, 16_384, 16_385, 1_500_000]) {
            await t.app.message(room, ann, 'x'.repeat(length));
            assert.equal((await messages.next()).body.length, length);
        }
        // More than one record of TLS, of which the library reads a little at a time.
        const many = Array.from({ length: 40 }, (_, n) => ({ channel: 'NotificationChannel', n }));
        many[0].padding = 'x'.repeat(400);
        hers.ws._socket.cork();
        many.forEach((params) => {
            hers.send({ command: 'subscribe', identifier: JSON.stringify(params) });
        });
        hers.ws._socket.uncork();
        await until('all answers', () =>
            hers.failed(hers.frames.filter(({ identifier, type }) =>
                type && identifier?.includes('"n":')).length === many.length));
        hers.ws.close(1000, 'bye');
        assert.deepEqual(await hers.end(), { code: 1000, reason: 'bye' });
    },

    async 'a stream of events over TLS ends as TLS should'(t) {
        const { daemon, pki } = await scene(t);
        const ann = await t.app.member('Ann');
        const query = 'channel=NotificationChannel';
        const child = spawn('curl', ['-sSN', '--cacert', pki.ca, '-H',
            `Authorization: Bearer ${mint(ann)}`, `https://127.0.0.1:${daemon.port}/events?${query}`]);
        const ended = new Promise((resolve) => { child.once('close', resolve); });
        let out = '';
        child.stdout.on('data', (data) => { out += data; });
        child.stderr.on('data', (data) => { out += data; });
        t.later(() => child.kill());
        await until('the confirmation', () => /^event: confirm_subscription$/m.test(out));
        await daemon.stop();
        assert.equal(await within('curl to end', ended), 0, out);
        assert.match(out, /"reason":"server_restart"/);
    },

    async 'a browser speaks wss'(t) {
        if (!fs.existsSync(CHROMIUM)) {
            throw new Skip(`there is no ${CHROMIUM}: set CHROMIUM`);
        }
        const { daemon } = await scene(t, { allowed_origins: '*' });
        const ann = await t.app.member('Ann');
        const browser = await chromium.launch({
            executablePath: CHROMIUM,
            args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
        });
        t.later(() => browser.close());
        const context = await browser.newContext({ ignoreHTTPSErrors: true });
        const page = await context.newPage();
        await page.goto(`http://127.0.0.1:${daemon.settings.admin_port}/health`);
        await page.evaluate(([url, token]) => {
            const identifier = JSON.stringify({ channel: 'ChatRoomChannel' });
            const socket = new WebSocket(url, ['actioncable-v1-json', `anycable-token.${token}`]);
            globalThis.seen = [];
            socket.onclose = ({ code }) => seen.push(`closed ${code}`);
            socket.onmessage = ({ data }) => {
                const { type, message } = JSON.parse(data);
                if (type !== 'ping') {
                    seen.push(type ?? message.event);
                }
                if (type === 'welcome') {
                    socket.send(JSON.stringify({ command: 'subscribe', identifier }));
                }
            };
        }, [`wss://127.0.0.1:${daemon.port}/cable`, mint(ann)]);
        const seen = async (...wanted) => {
            let got;
            await until(`${wanted} in the page`, async () => {
                got = await page.evaluate(() => globalThis.seen);
                return got.length >= wanted.length;
            });
            assert.deepEqual(got, wanted);
        };
        await seen('welcome', 'confirm_subscription');
        await t.app.room([ann]);
        await seen('welcome', 'confirm_subscription', 'chatRoomCreated');
    },

    async 'over TLS a page of the daemon’s own origin is an https page'(t) {
        const { daemon, trust } = await scene(t, { allow_same_origin: 'on', allowed_origins: '' });
        const of = (scheme) => ({ tls: trust, origin: `${scheme}://127.0.0.1:${daemon.port}` });
        await t.connect(42, of('https'), daemon);
        const refused = t.open({ token: mint(42), ...of('http') }, daemon);
        await refused.end();
        assert.equal(refused.refused, 404);
    },

    async 'SIGHUP shows new clients another certificate, and the old clients go on'(t) {
        const { daemon, pki, pair, trust } = await scene(t, { workers: 2 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const hers = await t.connect(ann, { tls: trust }, daemon);
        const messages = await hers.subscribe(ROOM, { chat_room_id: room });
        const stillServed = async (body) => {
            await t.app.message(room, ann, body);
            assert.equal((await messages.next()).body, body);
        };
        // Each worker reloads when it comes to it; the kernel chooses which one a client meets.
        const showsOnly = (name) =>
            until(`ten clients in a row to be shown ${name}`, async () => {
                const names = [];
                for (let i = 0; i < 10; i++) {
                    names.push(await shown(daemon, trust));
                }
                return names.every((other) => other === name);
            });
        const reload = async (pattern) => {
            const from = daemon.log.length;
            daemon.kill('SIGHUP');
            await daemon.logged(pattern, from);
        };
        await showsOnly('one');

        // Other files; then other content in the same files, of another kind.
        daemon.configure(settingsOf(pki.issue('two')));
        await reload(/settings reloaded/);
        await showsOnly('two');
        await stillServed('with the certificate of before');
        const three = pki.issue('three', 'IP:127.0.0.1', ['rsa:2048']);
        fs.copyFileSync(three.certificate, daemon.settings.tls_certificate);
        await reload(/reload refused.*tls_key ".*two\.key" is not the key of tls_certificate/);
        await showsOnly('two');
        fs.copyFileSync(three.key, daemon.settings.tls_key);
        await reload(/settings reloaded/);
        await showsOnly('three');

        fs.truncateSync(daemon.settings.tls_certificate);
        await reload(/reload refused.*use tls_certificate ".*two\.crt": no start line/);
        await showsOnly('three');
        daemon.configure({ tls_certificate: '', tls_key: '' });
        await reload(/reload refused.*TLS is switched on and off by a restart/);
        daemon.configure(settingsOf(pair));
        await reload(/settings reloaded/);
        await showsOnly('one');
        await stillServed('and nothing of it was noticed');
        assert.equal(hers.closed, null);
    },

    async 'a certificate that changes on the disk is shown without a word from anybody'(t) {
        const { daemon, pki, pair, trust } = await scene(t);
        const ends = await daemon.metric('pgcable_tls_good_until_timestamp_seconds');
        const next = pki.issue('next', 'IP:127.0.0.1', undefined, 60);
        fs.copyFileSync(next.certificate, pair.certificate);
        await daemon.logged(/changed and is of no use.*tls_key ".*" is not the key of/);
        assert.equal(await shown(daemon, trust), 'one');
        fs.renameSync(next.key, pair.key);
        await until('the next one', async () => (await shown(daemon, trust)) === 'next');
        assert.ok(await daemon.metric('pgcable_tls_good_until_timestamp_seconds') > ends);
    },

    async 'behind a proxy that passes TLS through, its PROXY header comes first'(t) {
        const { daemon, trust } = await scene(t, { proxy_protocol: 'on', trusted_proxies: '127.0.0.1' });
        const proxied = () => {
            const socket = net.connect({ port: daemon.port, host: '127.0.0.1' });
            socket.write('PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n');
            return tls.connect({ socket, host: '127.0.0.1', ...trust });
        };
        await t.connect(42, { tls: { ...trust, createConnection: proxied } }, daemon);
        assert.match(daemon.log, /opened member=42 address=192\.0\.2\.7/);
    },

    async 'plain text where TLS is spoken is told so and gets nothing'(t) {
        const { daemon } = await scene(t);
        const token = `Authorization: Bearer ${mint(42)}\r\n`;
        const head = `Host: 127.0.0.1\r\n${token}`;
        const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
            'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
        for (const request of [
            `GET /cable HTTP/1.1\r\n${head}${upgrade}\r\n`,
            `GET /cable HTTP/1.1\r\n${head}\r\n`,
            `GET /events?channel=NotificationChannel HTTP/1.1\r\n${head}\r\n`,
            `OPTIONS /events HTTP/1.1\r\n${head}\r\n`,
            `GET / HTTP/1.0\r\n\r\n`,
        ]) {
            const answer = await plainly(daemon, request);
            assert.match(answer, /^HTTP\/1.1 400 [^]*This port speaks TLS: use wss or https$/, request);
        }
        for (const nonsense of [`CONNECT / HTTP/1.1\r\n${head}\r\n`, '\x01\x02\x03\x04\x05\x06\x07',
            '\x16\x03\x01\x00\x04junk', '\x80\x2e\x01\x03\x01']) {
            assert.doesNotMatch(await plainly(daemon, nonsense), /HTTP\/1.1 [123]/);
        }
        assert.equal(await daemon.metric('pgcable_ws_opened_total'), 0);
        await until('their places to be free', async () =>
            (await daemon.metric('pgcable_ws_connections')) === 0);
    },

    async 'a handshake of TLS that drags on ends with the time for handshakes'(t) {
        const { daemon } = await scene(t, { handshake_ms: 200 });
        const refused = () => daemon.metric('pgcable_ws_refused_total{reason="incomplete"}');
        const before = await refused();
        await Promise.all([
            plainly(daemon, ''),
            plainly(daemon, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), // a hello begins
        ]);
        // TLS is up, the request does not come.
        const socket = tls.connect({ port: daemon.port, rejectUnauthorized: false });
        socket.on('error', () => {});
        await within('the end', new Promise((resolve) => { socket.once('close', resolve); }));
        await until('three that came to nothing', async () => (await refused()) === before + 3);
    },

    async 'over TLS a slow reader gets everything, one that does not read is told and cut off'(t) {
        const { daemon, trust } = await scene(t, { queue_bytes: 8_000_000, queue_age_ms: 600_000 });
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann, bo]);
        const listen = async (member) => {
            const wire = await t.connect(member, { tls: trust }, daemon);
            return wire.subscribe(ROOM, { chat_room_id: room });
        };
        const [hers, his] = [await listen(ann), await listen(bo)];
        const insert = (count, length) => t.app.sql`
            insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select ${room}, id, n || ' ' || repeat('x', ${length})
            from chat_room_participants, generate_series(1, ${count}::int) n
            where chat_room_id = ${room} and community_member_id = ${ann}`;
        const inOrder = (got) => got.forEach(({ body }, n) => assert.ok(body.startsWith(`${n + 1} `)));

        // Until the kernel takes no more and the queue grows, far below its bound.
        let portions = 0;
        his.wire.ws.pause();
        await until('messages to wait for the slow one', async () => {
            await insert(20, 50_000);
            inOrder(await hers.take(20));
            portions++;
            return await daemon.metric('pgcable_ws_queue_highest_bytes') > 1_500_000;
        });
        his.wire.ws.resume();
        for (; portions > 0; portions--) {
            inOrder(await his.take(20));
        }

        his.wire.ws.pause();
        await until('him to be cut off', async () => {
            await insert(20, 50_000);
            inOrder(await hers.take(20));
            return /cut off: the client reads too slowly/.test(daemon.log);
        });
        his.wire.ws.resume();
        await his.wire.end();
        assert.equal(hers.wire.closed, null);
    },

    async 'how long the certificate is good is known to doctor and to a metric'(t) {
        const { daemon, pki, pair } = await scene(t);
        const day = 24 * 3600;
        const left = await daemon.metric('pgcable_tls_good_until_timestamp_seconds') - Date.now() / 1000;
        assert.ok(left > 29 * day && left < 31 * day, String(left));
        assert.equal(await t.daemon.metric('pgcable_tls_good_until_timestamp_seconds'), 0);

        const doctor = async (...settings) =>
            (await pgcable(['doctor', '-d', t.app.superuser.dsn, ...settings])).stdout;
        const of = ({ certificate, key }) => ['--tls_certificate', certificate, '--tls_key', key];
        assert.match(await doctor(...of(pair)), /^ok {4}tls: the certificate is good until 20[\d-]+$/m);
        assert.match(await doctor(...of(pki.issue('late', 'IP:127.0.0.1', undefined, 3))),
            /^warn {2}tls: the certificate is good until \S+ - renew it/m);
        assert.match(await doctor(...of({ ...pair, key: '' })), /^FAIL {2}tls: .*tls_key is not - /m);
        assert.match(await doctor('--listen_address', '0.0.0.0'), /^warn {2}tls: tokens come in plain/m);
        assert.doesNotMatch(await doctor(), /tls:/);
    },

    async 'what cannot work is refused at the start, by file and reason'(t) {
        const pki = authority(t);
        const [one, two] = [pki.issue('one'), pki.issue('two', 'IP:127.0.0.1', ['rsa:2048'])];
        const weak = pki.issue('weak', 'IP:127.0.0.1', ['rsa:1024']);
        const file = (name, text, mode) => {
            const where = path.join(pki.dir, name);
            fs.writeFileSync(where, text);
            fs.chmodSync(where, mode);
            return where;
        };
        const open = file('open.key', fs.readFileSync(one.key), 0o604);
        const locked = path.join(pki.dir, 'locked.key');
        await run('openssl', ['pkey', '-in', one.key, '-aes256', '-passout', 'pass:x', '-out', locked]);
        const missing = path.join(pki.dir, 'missing');
        for (const [certificate, key, complaint] of [
            [one.certificate, '', /tls_certificate is set, and tls_key is not/],
            ['', one.key, /tls_key is set, and tls_certificate is not/],
            [missing, one.key, /tls_certificate ".*missing": No such file/],
            [one.certificate, missing, /tls_key ".*missing": No such file/],
            [one.certificate, two.key, /tls_key ".*two\.key" is not the key of .*one\.crt"/],
            [one.certificate, pki.root.key, /tls_key ".*root\.key" is not the key of .*one\.crt"/],
            [one.certificate, open, /tls_key ".*open\.key" is open to everybody \(mode 0604\)/],
            [one.certificate, locked, /tls_key ".*locked\.key": .*without a password/],
            [one.key, one.key, /tls_certificate ".*one\.key": no start line/],
            [weak.certificate, weak.key, /tls_certificate ".*weak\.crt": ee key too small/],
            [pki.dir, one.key, /tls_certificate ".*": /],
        ]) {
            const { code, stderr } = await pgcable(['serve', '--listen_port', '0', '--admin_port', '-1',
                '--hs256_secret', 'x'.repeat(32), '--tls_certificate', certificate, '--tls_key', key]);
            assert.equal(code, 2, stderr);
            assert.match(stderr, complaint);
            assert.match(stderr, /hint: /);
        }
    },
};
