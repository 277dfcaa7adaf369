// SPDX-License-Identifier: PostgreSQL
// Streams of events over plain HTTP: curl, fetch, and a browser's EventSource.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { chromium } from 'playwright-core';
import { Events } from './lib/sse.mjs';
import { Skip } from './lib/test.mjs';
import { mint } from './lib/token.mjs';
import { nextSecond, until } from './lib/until.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ROOM = 'Chats::RoomChannel';
const bearer = (member) => ({ Authorization: `Bearer ${mint(member)}` });

async function scene(t) {
    const ann = await t.app.member('Ann');
    return { ann, room: await t.app.room([ann]) };
}

async function listen(t, daemon, query, headers) {
    const events = await new Events(daemon, query, headers).open();
    t.later(() => events.close());
    return events;
}

// The program itself, its output as it comes.
function curl(t, daemon, query, ...headers) {
    const child = spawn('curl', [
        '-sSN',
        ...headers.flatMap((header) => ['-H', header]),
        `http://127.0.0.1:${daemon.port}/events?${query}`,
    ]);
    const run = { out: '', end: () => child.kill() };
    child.stdout.on('data', (data) => {
        run.out += data;
    });
    t.later(run.end);
    return run;
}

const outline = ({ records }) => records.map(({ event, data }) => data.body ?? event);

export default {
    async 'curl follows a room, and goes on behind the last id that it saw'(t) {
        const { ann, room } = await scene(t);
        const query = `channel=${ROOM}&chat_room_id=${room}`;
        const [authorization] = [`Authorization: Bearer ${mint(ann)}`];
        const first = curl(t, t.daemon, query, authorization);
        await until('the confirmation', () => /^event: confirm_subscription$/m.test(first.out));
        await t.app.message(room, ann, 'one');
        await until('a message', () => /^data: .*"body":"one".*\nid: \S+\n\n/m.test(first.out));
        const [, id] = /^id: (\S+)$/m.exec(first.out);
        assert.match(id, /^\d+\/\d+\.[0-9a-f]{8}\/chat-room-\d+-channel$/);
        first.end();

        await t.app.message(room, ann, 'two');
        const second = curl(t, t.daemon, query, authorization, `Last-Event-ID: ${id}`);
        await until('the end of history', () => /^event: confirm_history$/m.test(second.out));
        await t.app.message(room, ann, 'three');
        await until('the last message', () => second.out.includes('"body":"three"'));
        const bodies = [...second.out.matchAll(/"body":"(\w+)"/g)].map(([, body]) => body);
        assert.deepEqual(bodies.filter((body, i) => body !== bodies[i - 1]), ['two', 'three']);
    },

    async 'a stream begins at a time, and goes on after a restart of the daemon'(t) {
        const daemon = await t.start();
        const { ann, room } = await scene(t);
        const history_since = await nextSecond();
        const watching = await (await t.connect(ann, {}, daemon)).subscribe(ROOM, {
            chat_room_id: room,
        });
        await t.app.message(room, ann, 'one');
        await watching.next();
        const identifier = JSON.stringify({ channel: ROOM, chat_room_id: room });
        const events = await listen(t, daemon, { identifier, history_since }, bearer(ann));
        await events.count(4);
        assert.deepEqual(outline(events), [
            'welcome',
            'confirm_subscription',
            'one',
            'confirm_history',
        ]);
        assert.equal(events.records[1].data.identifier, identifier);
        const [{ id }] = events.messages;

        await daemon.stop();
        await events.end();
        assert.deepEqual(events.records.at(-1).data, {
            type: 'disconnect',
            reason: 'server_restart',
            reconnect: true,
        });
        assert.equal(events.retry, null, 'it may come back when it likes');
        await t.app.message(room, ann, 'two');
        await daemon.start();
        await daemon.ready();
        const headers = { ...bearer(ann), 'Last-Event-ID': id };
        const again = await listen(t, daemon, { identifier }, headers);
        await again.count(4);
        assert.deepEqual(outline(again), [
            'welcome',
            'confirm_subscription',
            'two',
            'confirm_history',
        ]);
    },

    async 'an id that means nothing here is rejected, and then it is live'(t) {
        const { ann, room } = await scene(t);
        const query = { channel: ROOM, chat_room_id: room };
        for (const id of ['7', 'x/y/z', '16777216/1.00000000/chat-room-7-channel']) {
            const headers = { ...bearer(ann), 'Last-Event-ID': id };
            const events = await listen(t, t.daemon, query, headers);
            await events.count(3);
            await t.app.message(room, ann, 'live');
            await events.count(4);
            assert.deepEqual(outline(events), [
                'welcome',
                'confirm_subscription',
                'reject_history',
                'live',
            ]);
        }
    },

    async 'who may not listen is told so, and not to come back'(t) {
        const { room } = await scene(t);
        const query = { channel: ROOM, chat_room_id: room };
        const events = await listen(t, t.daemon, query, bearer(await t.app.member('Bo')));
        await events.end();
        assert.deepEqual(outline(events), ['welcome', 'reject_subscription', 'disconnect']);
        assert.equal(events.retry, 31_536_000_000);
    },

    async 'a right that is lost ends the stream, and the next one is rejected'(t) {
        const { ann, room } = await scene(t);
        const query = { channel: ROOM, chat_room_id: room };
        const events = await listen(t, t.daemon, query, bearer(ann));
        await events.count(2);
        await t.app.sql`delete from chat_room_participants where chat_room_id = ${room}`;
        await events.end();
        assert.deepEqual(events.records.at(-1).data, {
            type: 'disconnect',
            reason: 'remote',
            reconnect: true,
        });
        const again = await listen(t, t.daemon, query, bearer(ann));
        await again.end();
        assert.equal(again.records[1].event, 'reject_subscription');
    },

    async 'bad tokens, origins and identifiers get a status'(t) {
        const query = { channel: 'NotificationChannel' };
        const expired = mint(42, { exp: Math.floor(Date.now() / 1000) - 3600 });
        const cases = [
            [401, query, { Authorization: 'Bearer x' }],
            [401, query, { Authorization: `Bearer ${expired}` }],
            [401, { ...query, token: mint(42) }, { Origin: 'http://app.example.test' }],
            [403, { ...query, token: mint(42) }, {}],
            [403, query, { ...bearer(42), Origin: 'https://evil.example' }],
            [400, {}, bearer(42)],
            [400, { identifier: 'x' }, bearer(42)],
        ];
        for (const [status, given, headers] of cases) {
            const { response } = await listen(t, t.daemon, given, headers);
            assert.equal(response.status, status, JSON.stringify(given));
        }
        const off = await t.start({ sse_path: '' });
        assert.equal((await listen(t, off, query, bearer(42))).response.status, 404);
    },

    async 'a token that expires ends the stream'(t) {
        const daemon = await t.start({ token_leeway_s: 0 });
        const exp = Math.floor(Date.now() / 1000) + 3;
        const headers = { Authorization: `Bearer ${mint(42, { exp })}` };
        const events = await listen(t, daemon, { channel: 'NotificationChannel' }, headers);
        await events.end();
        assert.deepEqual(events.records.at(-1).data, {
            type: 'disconnect',
            reason: 'token_expired',
            reconnect: false,
        });
        assert.equal(events.retry, 31_536_000_000);
    },

    async "a browser's EventSource comes back by itself and misses nothing"(t) {
        if (!fs.existsSync(CHROMIUM)) {
            throw new Skip(`there is no ${CHROMIUM}: set CHROMIUM`);
        }
        const daemon = await t.start({ token_query: 'on', allowed_origins: '*' });
        const { ann, room } = await scene(t);
        const browser = await chromium.launch({
            executablePath: CHROMIUM,
            args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
        });
        t.later(() => browser.close());
        const page = await browser.newPage();
        await page.goto(`http://127.0.0.1:${daemon.settings.admin_port}/health`);
        const query = new URLSearchParams({ channel: ROOM, chat_room_id: room, token: mint(ann) });
        await page.evaluate((url) => {
            globalThis.seen = [];
            const source = new EventSource(url);
            source.onmessage = ({ data }) => seen.push(JSON.parse(data).body);
            source.addEventListener('confirm_subscription', () => seen.push('confirmed'));
            source.addEventListener('confirm_history', () => seen.push('history'));
        }, `http://127.0.0.1:${daemon.port}/events?${query}`);
        const seen = async (wanted) => {
            await until(`${wanted} in the page`, async () =>
                (await page.evaluate(() => globalThis.seen)).includes(wanted),
            );
        };
        await seen('confirmed');
        await t.app.message(room, ann, 'one');
        await seen('one');
        await daemon.stop();
        await t.app.message(room, ann, 'two');
        await daemon.start();
        await seen('history');
        await t.app.message(room, ann, 'three');
        await seen('three');
        assert.deepEqual(await page.evaluate(() => globalThis.seen), [
            'confirmed',
            'one',
            'confirmed',
            'two',
            'history',
            'three',
        ]);
    },
};
