// SPDX-License-Identifier: PostgreSQL
// Limits: each row of the table in packaging/SECURITY.md is provoked, and what is answered, told
// and counted is what it says; and whoever overdoes it, or reads too slowly, harms nobody else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { ROOT } from './lib/daemon.mjs';
import { Skip, needIPv6 } from './lib/test.mjs';
import { mint } from './lib/token.mjs';
import { until, within } from './lib/until.mjs';
import { EXTENDED } from './lib/wire.mjs';
import { first, fragments, handshake, ping, text } from './rfc6455/bytes.mjs';

const PLAIN = Buffer.from('GET /cable HTTP/1.1\r\nHost: cable.example.test\r\n\r\n');
const ROOM = 'Chats::RoomChannel';
const AT_ONCE = 4;
const PATIENT = { queue_age_ms: 600_000 }; // so that it is another limit that counts
const MAY_COME_BACK = ['too_many_connections', 'rate_limited', 'too_slow'];

// The table: limit, setting, default, answer, told, counted in.
const ROWS = fs
    .readFileSync(path.join(ROOT, 'packaging/SECURITY.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\|.*`pgcable_[a-z_]+_total/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')))
    .map(([, limit, setting, , answer, told, metric]) => ({ limit, setting, answer, told, metric }));

// One socket, from that address of this machine.
function dial(t, daemon, localAddress = '127.0.0.1') {
    const socket = net.connect({ port: daemon.port, host: '127.0.0.1', localAddress });
    socket.heard = '';
    socket.on('data', (data) => {
        socket.heard += data.toString('latin1');
    });
    socket.on('error', () => {}); // a reset is an end like any other
    socket.over = new Promise((resolve) => {
        socket.once('close', resolve);
    });
    t.later(() => socket.destroy());
    return socket;
}

// What such a socket is told before its end; it says `bytes`.
async function hear(t, daemon, bytes, localAddress) {
    const socket = dial(t, daemon, localAddress);
    if (bytes) {
        socket.write(bytes);
    }
    await within('the end of a connection', socket.over);
    const [, status] = /^HTTP\/1\.1 (\d+) /.exec(socket.heard) ?? [];
    return status === undefined
        ? { answer: 'end', told: socket.heard || '—' }
        : { answer: status, told: socket.heard.split('\r\n\r\n')[1] };
}

// What a websocket is told before its end.
async function farewell(wire) {
    const { code, reason } = await wire.end();
    const frame = wire.frames.find(({ type }) => type === 'disconnect');
    assert.equal(frame?.reconnect, frame && MAY_COME_BACK.includes(frame.reason));
    return { answer: String(code), told: frame?.reason ?? reason };
}

async function says(t, daemon, bytes) {
    const wire = await t.connect(42, {}, daemon);
    wire.ws._socket.write(Buffer.concat([bytes].flat()));
    return farewell(wire);
}

async function rejection(t, daemon, ...subscribes) {
    const wire = await t.connect(42, {}, daemon);
    for (const [index, params] of subscribes.entries()) {
        const isLast = index === subscribes.length - 1;
        const expected = isLast ? 'reject_subscription' : 'confirm_subscription';
        await wire.subscribe('NotificationChannel', params, expected);
    }
    const { length } = wire.pings;
    await until('a ping', () => wire.failed(wire.pings.length > length));
    return { answer: 'goes on', told: 'reject_subscription' };
}

const connections = (daemon, count) =>
    until(`${count} connections`, async () => {
        return (await daemon.metric('pgcable_ws_connections')) === count;
    });

// Many large rows of one transaction, numbered from `start`.
const pour = (t, room, member, start, count) =>
    t.app.sql`insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
        select chat_room_id, id, n || ' ' || repeat('x', 50000)
        from generate_series(${start}::int, ${start + count - 1}) n, chat_room_participants
        where chat_room_id = ${room} and community_member_id = ${member} order by n`;

// A client that stops reading and is cut off, while another one reads all.  Returns both and how
// many messages there have been.
async function stallOnce(t, daemon, protocols) {
    const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
    const room = await t.app.room([ann, bo]);
    const slow = await t.connect(ann, { protocols }, daemon);
    const slowly = await slow.subscribe(ROOM, { chat_room_id: room });
    const quick = await t.connect(bo, {}, daemon);
    const quickly = await quick.subscribe(ROOM, { chat_room_id: room });
    let count = 0;
    slow.ws.pause();
    const told = daemon.logged(/cut off: /, daemon.log.length).then(() => {
        slow.ws.resume();
        return farewell(slow);
    });
    told.catch(() => {}); // it is awaited below
    await until('the slow one to be gone', async () => {
        if (count < 200) {
            await pour(t, room, bo, count + 1, 4);
            count += 4;
            await quickly.take(4);
        }
        return slow.closed;
    });
    assert.equal(quick.closed, null);
    return { ann, bo, room, slowly, quickly, count, told: await told };
}

// Who does not read within 2 s after having been cut off is hung up on, and hears nothing: that
// happens on a busy machine.
async function stall(t, daemon, protocols) {
    return until('one to be cut off that hears of it', async () => {
        const stalled = await stallOnce(t, daemon, protocols);
        return stalled.told.answer !== '1006' && stalled;
    });
}

// Meanwhile there was more.  The new subscription, which goes on where the old one stopped.
async function comeBack(t, daemon, { ann, bo, room, slowly, quickly, count }) {
    await pour(t, room, bo, count + 1, 4);
    await quickly.take(4);
    const { stream_id, epoch, offset } = slowly.frames.at(-1);
    const wire = await t.connect(ann, { protocols: EXTENDED }, daemon);
    const history = { streams: { [stream_id]: { epoch, offset } } };
    return wire.subscribe(ROOM, { chat_room_id: room }, undefined, { history });
}

const isSlow = async (t, daemon) => (await stall(t, daemon)).told;

// The lowest number that no descriptor of the process has: with that as its limit it gets no more.
function freeDescriptor({ child }) {
    const used = new Set(fs.readdirSync(`/proc/${child.pid}/fd`).map(Number));
    let free = 0;
    while (used.has(free)) {
        free++;
    }
    return free;
}

const limitDescriptors = ({ child }, limit) =>
    execFileSync('prlimit', ['--pid', String(child.pid), `--nofile=${limit}`]);

// While `body` runs the daemon gets no new descriptor; returns how long that was.
async function withoutDescriptors(daemon, body) {
    const limits = fs.readFileSync(`/proc/${daemon.child.pid}/limits`, 'utf8');
    const [, hard] = /^Max open files +\d+ +(\d+)/m.exec(limits);
    const began = performance.now();
    limitDescriptors(daemon, `${freeDescriptor(daemon)}:${hard}`);
    try {
        await body();
    } finally {
        limitDescriptors(daemon, `${hard}:${hard}`);
    }
    return performance.now() - began;
}

const manyCommands = async (t, daemon) => {
    const wire = await t.connect(42, {}, daemon);
    for (let i = 0; i < 500; i++) {
        wire.send({ command: 'message', identifier: '{}', data: '{}' });
    }
    return farewell(wire);
};

// For each row, by its setting and what it is counted as: { with: settings, does }.
const PROVOKED = {
    'max_connections capacity': {
        with: { max_connections: 1 },
        async does(t, daemon) {
            await t.connect(42, {}, daemon);
            return hear(t, daemon);
        },
    },
    'max_connections_per_address address': {
        with: { max_connections_per_address: 1 },
        async does(t, daemon) {
            await t.connect(42, {}, daemon);
            return hear(t, daemon);
        },
    },
    'max_connections_per_member member': {
        with: { max_connections_per_member: 1 },
        async does(t, daemon) {
            await t.connect(42, {}, daemon);
            await t.connect(43, {}, daemon);
            return farewell(t.open({ token: mint(42) }, daemon));
        },
    },
    'max_handshakes_percent handshakes': {
        with: { max_connections: 8, handshake_ms: 60_000 },
        async does(t, daemon) {
            dial(t, daemon);
            dial(t, daemon);
            await connections(daemon, 2);
            return hear(t, daemon);
        },
    },
    'max_handshakes_percent address_handshakes': {
        with: { max_connections_per_address: 8, handshake_ms: 60_000 },
        async does(t, daemon) {
            dial(t, daemon);
            dial(t, daemon);
            await connections(daemon, 2);
            return hear(t, daemon);
        },
    },
    'handshakes_per_s rate': {
        with: { handshakes_per_s: 1 },
        async does(t, daemon) {
            const all = Array.from({ length: 30 }, () => hear(t, daemon, PLAIN));
            const answers = await Promise.all(all);
            return answers.find(({ answer }) => answer === '503');
        },
    },
    '— descriptors': {
        with: {},
        async does(t, daemon) {
            let heard;
            await withoutDescriptors(daemon, async () => {
                heard = await hear(t, daemon);
            });
            return heard;
        },
    },
    'trusted_proxies no_proxy': {
        with: { proxy_protocol: 'on', trusted_proxies: '127.0.0.2' },
        does: (t, daemon) => hear(t, daemon),
    },
    'proxy_protocol no_header': {
        with: { proxy_protocol: 'on', trusted_proxies: '127.0.0.1' },
        does: (t, daemon) => hear(t, daemon, PLAIN),
    },
    'handshake_ms incomplete': {
        with: { handshake_ms: 100 },
        does: (t, daemon) => hear(t, daemon, PLAIN.subarray(0, 20)),
    },
    'max_header_bytes incomplete': {
        with: { max_header_bytes: 4096 },
        does: (t, daemon) =>
            hear(t, daemon, handshake(mint(42), { set: { 'X-Fill': 'x'.repeat(8000) } })),
    },
    'cable_path request': { does: (t, daemon) => hear(t, daemon, PLAIN) },
    'allowed_origins origin': {
        does: (t, daemon) =>
            hear(t, daemon, handshake(mint(42), { set: { Origin: 'https://evil.example.test' } })),
    },
    'max_token_bytes token': {
        with: { max_token_bytes: 256 },
        does: (t, daemon) =>
            farewell(t.open({ token: mint(42, { fill: 'x'.repeat(256) }) }, daemon)),
    },
    'max_message_bytes message_too_big': {
        does: (t, daemon) => says(t, daemon, text('x'.repeat(16385))),
    },
    'max_fragments fragments': {
        does: (t, daemon) =>
            says(t, daemon, fragments('x'.repeat(65), Array.from({ length: 64 }, (_, i) => i + 1))),
    },
    'message_ms message_unfinished': {
        with: { message_ms: 100 },
        does: (t, daemon) => says(t, daemon, first('x')),
    },
    'max_control_frames control_frames': {
        does: (t, daemon) => says(t, daemon, Array(1000).fill(ping('x'))),
    },
    '— not_utf8': {
        does: (t, daemon) => says(t, daemon, text(Buffer.from([0xc0, 0xaf]))),
    },
    'commands_per_s rate_limited': { with: { commands_per_s: 1 }, does: manyCommands },
    'commands_burst rate_limited': { with: { commands_burst: 1, commands_per_s: 1 }, does: manyCommands },
    'max_subscriptions too_many': {
        with: { max_subscriptions: 1 },
        does: (t, daemon) => rejection(t, daemon, {}, { again: 1 }),
    },
    'max_identifier_bytes too_long': {
        with: { max_identifier_bytes: 64 },
        does: (t, daemon) => rejection(t, daemon, { fill: 'x'.repeat(64) }),
    },
    'queue_bytes too_slow': { with: { queue_bytes: 1_000_000, ...PATIENT }, does: isSlow },
    'queue_messages too_slow': { with: { queue_messages: 16, ...PATIENT }, does: isSlow },
    'queue_age_ms too_slow': { with: { queue_age_ms: 500 }, does: isSlow },
    'queue_total_bytes queue_total': {
        with: { queue_total_bytes: 1_048_576, ...PATIENT },
        does: isSlow,
    },
};

// "queue_bytes too_slow", by which a row is known.
const nameOf = ({ setting, metric }) =>
    `${setting} ${/"(.*)"/.exec(metric)?.[1] ?? metric.replace(/^pgcable_(.*)_total$/, '$1')}`;

// What runs the daemon (valgrind, if anything) needs descriptors of its own.
const isOfNoUse = (row) => process.env.PGCABLE_WRAP && nameOf(row) === '— descriptors';

async function provoke(t, row) {
    const { with: settings, does } = PROVOKED[nameOf(row)];
    const daemon = settings ? await t.start(settings) : t.daemon;
    const before = await daemon.metric(row.metric);
    const { answer, told } = await does(t, daemon);
    assert.deepEqual({ answer, told }, { answer: row.answer, told: row.told }, row.limit);
    await until(
        `${row.limit}: ${row.metric} to count it`,
        async () => (await daemon.metric(row.metric)) > before,
    );
}

export default {
    async 'each row of the table has its provocation, and there are no others'() {
        assert.ok(ROWS.length >= 25, `${ROWS.length} rows`);
        assert.deepEqual(ROWS.map(nameOf).sort(), Object.keys(PROVOKED).sort());
    },

    async 'whoever is over a limit hears what the table says, and is counted'(t) {
        const waiting = ROWS.filter((row) => !isOfNoUse(row)).values();
        const some = async () => {
            for (const row of waiting) {
                await provoke(t, row);
            }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, some));
    },

    async 'a client that stalled is cut off, comes back, and has missed nothing'(t) {
        const daemon = await t.start({ queue_age_ms: 500 });
        const stalled = await stall(t, daemon, EXTENDED);
        assert.deepEqual(stalled.told, { answer: '4290', told: 'too_slow' });
        const rest = await comeBack(t, daemon, stalled);
        const got = () => [...stalled.slowly.messages, ...rest.messages];
        const all = Array.from({ length: stalled.count + 4 }, (_, i) => i + 1);
        await until('all that was missed', () => rest.wire.failed(got().length >= all.length));
        assert.deepEqual(
            got().map(({ body }) => parseInt(body, 10)),
            all,
        );
    },

    async 'who missed more than may wait is told so when it comes back'(t) {
        const daemon = await t.start({ queue_total_bytes: 1_048_576, ...PATIENT });
        const stalled = await stall(t, daemon, EXTENDED);
        assert.deepEqual(stalled.told, { answer: '4290', told: 'too_slow' });
        const rest = await comeBack(t, daemon, stalled);
        await rest.wire.frame('the truth', ({ type }) => type === 'reject_history');
        await pour(t, stalled.room, stalled.bo, 1000, 1);
        assert.equal(parseInt((await rest.next()).body, 10), 1000);
    },

    async 'a crowd that says nothing harms nobody who is there, wherever it comes from'(t) {
        const daemon = await t.start({
            max_connections: 500,
            max_connections_per_address: 20,
            handshake_ms: 60_000,
        });
        const { wire, room } = await t.listen(42, 7, daemon);
        const refused = (reason) => daemon.metric(`pgcable_ws_refused_total{reason="${reason}"}`);
        const crowd = Array.from({ length: 300 }, () => dial(t, daemon));
        await until('5 to be left', async () => (await refused('address_handshakes')) === 295);
        const addresses = Array.from({ length: 200 }, (_, i) => `127.0.1.${i + 1}`);
        crowd.push(...addresses.map((address) => dial(t, daemon, address)));
        await until('125 to be left', async () => (await refused('handshakes')) === 80);
        await connections(daemon, 126);
        await t.app.message(7, 42, 'still here');
        assert.equal((await room.next()).body, 'still here');
        crowd.forEach((socket) => socket.destroy());
        await connections(daemon, 1);
        await t.connect(43, {}, daemon);
        assert.equal(wire.closed, null);
    },

    async 'who is behind a trusted proxy is known by its own address, in limits and in the log'(t) {
        const daemon = await t.start({
            trusted_proxies: '127.0.0.1, 10.0.0.0/8',
            max_connections_per_address: 1,
        });
        const from = (value) => ({ token: mint(42), headers: { 'X-Forwarded-For': value } });
        await t.open(from('192.0.2.66, 203.0.113.7, 10.1.2.3'), daemon).welcomed();
        await daemon.logged(/ opened member=42 address=203\.0\.113\.7 /);
        const second = t.open(from('203.0.113.7'), daemon);
        await second.end();
        assert.equal(second.refused, 429);
        await daemon.logged(/ refuse 203\.0\.113\.7: Too many connections of this address/);
        await t.open(from('2001:db8:1:2::3'), daemon).welcomed();
        const near = t.open(from('2001:db8:1:2:ffff::4'), daemon);
        await near.end();
        assert.equal(near.refused, 429);
        await t.open(from('2001:db8:1:3::3'), daemon).welcomed();
    },

    async 'behind a proxy that speaks the PROXY protocol it is the same'(t) {
        const daemon = await t.start({ trusted_proxies: '127.0.0.0/8', proxy_protocol: 'on' });
        const header = Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 51234 8080\r\n');
        for (const localAddress of ['127.0.0.1', '127.0.0.9']) {
            const socket = dial(t, daemon, localAddress);
            socket.write(Buffer.concat([header, handshake(mint(42))]));
            await until('a welcome', () => socket.heard.includes('{"type":"welcome"}'));
        }
        await daemon.logged(/ opened member=42 address=\[2001:db8::7\]:51234 /);
    },

    async 'IPv6: the limit is for a /64'(t) {
        await needIPv6();
        const daemon = await t.start({ listen_address: '::1', max_connections_per_address: 1 });
        const call = () => {
            const socket = net.connect({ port: daemon.port, host: '::1' });
            t.later(() => socket.destroy());
            return new Promise((resolve, reject) => {
                socket.once('data', (data) => resolve(data.toString('latin1')));
                socket.once('error', reject);
                socket.write(handshake(mint(42)));
            });
        };
        assert.match(await call(), /^HTTP\/1\.1 101 /);
        assert.match(await call(), /^HTTP\/1\.1 429 .*Too many connections of this address$/s);
    },

    async 'without descriptors it tells one client after the other, and rests in between'(t) {
        if (process.env.PGCABLE_WRAP) {
            throw new Skip('what runs the daemon needs descriptors of its own');
        }
        const daemon = await t.start();
        const { room } = await t.listen(42, 7, daemon);
        const from = daemon.log.length;
        const elapsed = await withoutDescriptors(daemon, async () => {
            const crowd = Array.from({ length: 15 }, () => hear(t, daemon));
            await t.app.message(7, 42, 'meanwhile');
            assert.equal((await room.next()).body, 'meanwhile');
            for (const heard of await Promise.all(crowd)) {
                assert.deepEqual(heard, { answer: '503', told: 'Too many connections' });
            }
        });
        const failures = await daemon.metric('pgcable_ws_accept_errors_total');
        const lines = daemon.log.slice(from).match(/accept a connection: /g).length;
        assert.ok(failures >= 15 && failures <= elapsed / 100 + 2, `${failures} in ${elapsed} ms`);
        assert.ok(lines >= 1 && lines <= elapsed / 1000 + 2, `${lines} lines in ${elapsed} ms`);
        await t.connect(43, {}, daemon);
    },
};
