// SPDX-License-Identifier: PostgreSQL
// Clients that go on where they stopped: AnyCable's own, raw ones for the exact order of frames,
// and clients of the base protocol that name a time.
import assert from 'node:assert/strict';
import { createCable } from '@anycable/core';
import WebSocket from 'ws';
import { ownWorld } from './lib/own.mjs';
import { Session } from './lib/session.mjs';
import { mint } from './lib/token.mjs';
import { nextSecond, until } from './lib/until.mjs';
import { EXTENDED, ORIGIN } from './lib/wire.mjs';

const ROOM = 'Chats::RoomChannel';
const MEMBER = 'ChatRoomChannel';
const seconds = () => Math.floor(Date.now() / 1000);
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// Two members and their room.
async function scene(t) {
    const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
    return { ann, bo, room: await t.app.room([ann, bo]) };
}

// Messages with these numbers as bodies, one transaction each.
async function write(t, room, member, from, to) {
    const session = new Session(t.app.role);
    try {
        for (let n = from; n <= to; n++) {
            await session.run(`insert into chat_room_messages
                (chat_room_id, chat_room_participant_id, body)
                select chat_room_id, id, '${n}' from chat_room_participants
                where chat_room_id = ${room} and community_member_id = ${member};`);
        }
    } finally {
        session.end();
    }
}

const extended = (t, member, daemon) => t.connect(member, { protocols: EXTENDED }, daemon);

// Where a frame stands, as a history that begins behind it.
function behind(frame) {
    const { stream_id, epoch, offset } = frame;
    assert.ok(stream_id && epoch && offset > 0, JSON.stringify(frame));
    return { since: seconds(), streams: { [stream_id]: { epoch, offset } } };
}

// A new connection with the room's subscription, and all frames about it until one of that type.
async function resume(t, member, room, history, daemon) {
    const wire = await extended(t, member, daemon);
    const subscription = await wire.subscribe(ROOM, { chat_room_id: room }, undefined, { history });
    await until('the end of the history', () =>
        wire.failed(subscription.frames.some(({ type }) => /_history$/.test(type))),
    );
    return subscription;
}

// What came, in short: types, and of messages their body.
const outline = (subscription) =>
    subscription.frames.map(({ type, message }) => type ?? message.body ?? message.event);

async function live(t, subscription, room, member) {
    const before = subscription.messages.length;
    await t.app.message(room, member, 'live');
    await until('a live message', () =>
        subscription.wire.failed(subscription.messages.length > before),
    );
    assert.equal(subscription.frames.at(-1).message.body, 'live');
}

async function rejected(t, { ann, room }, history, daemon) {
    const subscription = await resume(t, ann, room, history, daemon);
    assert.deepEqual(outline(subscription), ['confirm_subscription', 'reject_history']);
    await live(t, subscription, room, ann);
    assert.equal(subscription.messages.length, 1);
    subscription.wire.close();
}

// AnyCable's client as people use it; `cut()` ends its sockets without a word.  It asks for all
// since it was made, and who was let in within that second has no past to go on from.
async function anycable(t, daemon, member, room) {
    await nextSecond();
    const sockets = [];
    class Socket extends WebSocket {
        constructor(...args) {
            super(...args);
            sockets.push(this);
        }
    }
    const cable = createCable(`ws://127.0.0.1:${daemon.port}/cable`, {
        protocol: 'actioncable-v1-ext-json',
        websocketImplementation: Socket,
        websocketOptions: { headers: { Origin: ORIGIN } },
        websocketAuthStrategy: 'sub-protocol',
        auth: { token: mint(member) },
        reconnectStrategy: () => 20,
        pongs: true,
        logLevel: 'error',
    });
    t.later(() => cable.disconnect());
    const client = { bodies: [], history: [], cut: () => sockets.at(-1).terminate() };
    const channel = cable.subscribeTo(ROOM, { chat_room_id: room });
    channel.on('message', ({ body }) => client.bodies.push(Number(body)));
    channel.on('info', ({ type }) => client.history.push(type));
    channel.on('connect', () => {
        client.connected = true;
    });
    return client;
}

const received = (client, to) =>
    until(`${to} messages, have ${client.bodies.length}`, () => client.bodies.length >= to, 60_000);

export default {
    async "AnyCable's client loses nothing and doubles nothing while its socket is cut"(t) {
        const { ann, bo, room } = await scene(t);
        const client = await anycable(t, t.daemon, ann, room);
        await until('the confirmation', () => client.connected);
        const total = 300;
        const written = write(t, room, bo, 1, total);
        for (let step = 20; step < total; step += 20) {
            await received(client, step);
            client.cut();
        }
        await written;
        await received(client, total);
        assert.deepEqual(client.bodies, numbers(1, total));
        assert.ok(client.history.includes('history_received'));
        assert.ok(!client.history.includes('history_not_found'));
    },

    async "AnyCable's client goes on after the daemon was killed, with what came meanwhile"(t) {
        // Not beside all that the other tests have written: reading that again takes longer than
        // this client waits for the answer to a subscribe.
        const own = await ownWorld(t);
        const { daemon } = own;
        const { ann, bo, room } = await scene(own);
        const client = await anycable(own, daemon, ann, room);
        await until('the confirmation', () => client.connected);
        await write(own, room, bo, 1, 10);
        await received(client, 10);
        for (const last of [20, 30, 40]) {
            await daemon.crash();
            await write(own, room, bo, last - 9, last - 5);
            await daemon.start();
            await write(own, room, bo, last - 4, last);
            await received(client, last);
        }
        assert.deepEqual(client.bodies, numbers(1, 40));
        assert.ok(!client.history.includes('history_not_found'));
    },

    async 'what was missed comes between the confirmation and what is new, while others write'(t) {
        const { ann, bo, room } = await scene(t);
        const first = await (await extended(t, ann)).subscribe(ROOM, { chat_room_id: room });
        await write(t, room, bo, 1, 20);
        await first.take(20);
        const total = 220;
        const written = write(t, room, bo, 21, total);
        const starts = [];
        for (const start of numbers(0, 19)) {
            const last = first.messages.length;
            const history = behind(first.frames.findLast(({ message }) => message));
            await first.take(1); // so that writing goes on while this one comes back
            starts.push({ start, last, back: await resume(t, ann, room, history) });
        }
        await written;
        for (const { last, back } of starts) {
            await until('all messages', () =>
                back.wire.failed(back.frames.at(-1).message?.body === String(total)),
            );
            const [confirmed, ...rest] = outline(back);
            assert.equal(confirmed, 'confirm_subscription');
            assert.equal(rest.filter((what) => what === 'confirm_history').length, 1);
            assert.ok(rest.length > 1);
            assert.deepEqual(
                rest.filter((what) => what !== 'confirm_history').map(Number).slice(-(total - last)),
                numbers(last + 1, total),
                'nothing lost, nothing twice, in order',
            );
        }
    },

    async 'places are the same live, replayed, after a restart and on another daemon'(t) {
        const [one, other] = [await t.start(), await t.start()];
        const { ann, bo, room } = await scene(t);
        const params = { chat_room_id: room };
        const seen = await (await extended(t, ann, one)).subscribe(ROOM, params);
        const elsewhere = await (await extended(t, ann, other)).subscribe(ROOM, params);
        await write(t, room, bo, 1, 10);
        await seen.take(10);
        await elsewhere.take(10);
        const messages = (subscription) => subscription.frames.filter(({ message }) => message);
        assert.deepEqual(messages(elsewhere), messages(seen));

        const missed = messages(seen).slice(4);
        const history = behind(messages(seen)[3]);
        for (const daemon of [one, other]) {
            const back = await resume(t, ann, room, history, daemon);
            assert.deepEqual(messages(back), missed);
        }
        await one.stop();
        await one.start();
        await one.ready();
        assert.deepEqual(messages(await resume(t, ann, room, history, one)), missed);
    },

    async 'a time brings all of that second and later'(t) {
        const { ann, bo, room } = await scene(t);
        const since = await nextSecond(); // who was let in within it has no past to go on from
        await write(t, room, bo, 1, 3);
        const watching = await (await extended(t, ann)).subscribe(ROOM, { chat_room_id: room });
        await t.settle(watching);
        const back = await resume(t, ann, room, { since, streams: {} });
        const bodies = back.messages.map(({ body }) => body).filter(Boolean);
        assert.deepEqual(bodies, ['1', '2', '3']);
        assert.equal(back.frames.at(-1).type, 'confirm_history');
        const future = await resume(t, ann, room, { since: seconds() + 3600, streams: {} });
        assert.deepEqual(outline(future), ['confirm_subscription', 'confirm_history']);
    },

    async 'places that mean nothing here are rejected, and then it is live'(t) {
        const daemon = await t.start({ history_messages: 5 });
        const { ann, bo, room } = await scene(t);
        const first = await (await extended(t, ann, daemon)).subscribe(ROOM, {
            chat_room_id: room,
        });
        await write(t, room, bo, 1, 10);
        await first.take(10);
        const frames = first.frames.filter(({ message }) => message);
        const good = frames[7];
        const [tick, nonce] = good.epoch.split('.');
        const flipped = (nonce[0] === '0' ? '1' : '0') + nonce.slice(1);
        const wrong = {
            'of another history': { ...good, epoch: `${tick}.${flipped}` },
            'of the future': { ...good, epoch: `${Number(tick) + 100_000}.${nonce}` },
            'of long ago': { ...good, epoch: `1.${nonce}` },
            'no longer kept': frames[0],
            "another server's": { ...good, epoch: 'ab', offset: 7 },
        };
        for (const frame of Object.values(wrong)) {
            await rejected(t, { ann, room }, behind(frame), daemon);
        }
        for (const history of [7, [], { since: 'x' }, { streams: [] }, { since: 1 }]) {
            await rejected(t, { ann, room }, history, daemon);
        }
        assert.equal(first.wire.closed, null);
    },

    async 'after a TRUNCATE no place from before is good'(t) {
        const { ann, bo, room } = await scene(t);
        const first = await (await extended(t, ann)).subscribe(ROOM, { chat_room_id: room });
        await write(t, room, bo, 1, 3);
        await first.take(3);
        const history = behind(first.frames.at(-1));
        await t.app.sql`truncate notifications`;
        assert.deepEqual(await first.wire.disconnected(), {
            type: 'disconnect',
            reason: 'history_reset',
            reconnect: true,
        });
        await rejected(t, { ann, room }, history);
    },

    async 'a deleted message is never replayed, an edited one has its newest text'(t) {
        const { ann, bo, room } = await scene(t);
        const params = { chat_room_id: room };
        const first = await (await extended(t, ann)).subscribe(ROOM, params);
        await t.app.message(room, bo, 'before');
        await first.next();
        const history = behind(first.frames.at(-1));
        const [gone, edited] = [
            await t.app.message(room, bo, 'a secret'),
            await t.app.message(room, bo, 'first words'),
        ];
        await t.app.sql`update chat_room_messages set body = 'second words', edited_at = now()
            where id = ${edited}`;
        await t.app.sql`update chat_room_messages set body = 'last words', edited_at = now()
            where id = ${edited}`;
        await t.app.sql`update chat_room_messages set deleted_at = now() where id = ${gone}`;
        await first.take(5);

        const replays = async (daemon) => {
            const back = await resume(t, ann, room, history, daemon);
            assert.equal(back.frames.at(-1).type, 'confirm_history');
            assert.doesNotMatch(back.texts.join('\n'), /a secret|first words|second words/);
            return back.messages.map(({ event, id, body }) => [event, id, body]);
        };
        const expected = [
            ['newMessage', edited, 'last words'],
            ['updatedMessage', edited, 'last words'],
            ['deletedMessage', gone, undefined],
        ];
        assert.deepEqual(await replays(t.daemon), expected);
        assert.deepEqual(await replays(await t.start()), expected, 'on a daemon that came later');
    },

    async "a member's rooms are followed as they were joined and left"(t) {
        const { ann, bo, room } = await scene(t);
        const later = await t.app.room([bo], { name: 'Later' });
        const first = await (await extended(t, ann)).subscribe(MEMBER);
        await t.app.message(room, bo, 'before');
        await first.next();
        const history = behind(first.frames.at(-1));
        await t.app.message(later, bo, 'not yet for Ann');
        const joined = await t.app.participant(later, ann);
        await t.app.message(later, bo, 'for Ann');
        await t.app.sql`delete from chat_room_participants where id = ${joined}`;
        await t.app.message(later, bo, 'no longer for Ann');
        await t.app.message(room, bo, 'after');
        const missed = await first.take(3);

        const wire = await extended(t, ann);
        const back = await wire.subscribe(MEMBER, {}, undefined, { history });
        await until('the end of the history', () =>
            wire.failed(back.frames.at(-1).type === 'confirm_history'),
        );
        assert.deepEqual(back.messages, missed);
        assert.deepEqual(
            back.messages.map(({ event, body }) => body ?? event),
            ['chatRoomCreated', 'for Ann', 'after'],
        );
    },

    async 'who lost the right gets a rejection and no history'(t) {
        const { ann, bo, room } = await scene(t);
        const first = await (await extended(t, ann)).subscribe(ROOM, { chat_room_id: room });
        await t.app.message(room, bo, 'before');
        await first.next();
        const history = behind(first.frames.at(-1));
        first.wire.close();
        await t.app.message(room, bo, 'not for her any more');
        await t.app.sql`delete from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${ann}`;
        const wire = await extended(t, ann);
        const params = { chat_room_id: room };
        const back = await wire.subscribe(ROOM, params, 'reject_subscription', { history });
        await wire.subscribe('NotificationChannel'); // answered behind all that came before
        assert.deepEqual(outline(back), ['reject_subscription']);
    },

    async 'a client of the base protocol may name a time in its identifier'(t) {
        const { ann, bo, room } = await scene(t);
        const watching = await (await t.connect(ann)).subscribe(ROOM, { chat_room_id: room });
        const history_since = await nextSecond();
        await write(t, room, bo, 1, 3);
        await watching.take(3);
        const wire = await t.connect(ann);
        const back = await wire.subscribe(ROOM, { chat_room_id: room, history_since });
        await t.app.message(room, bo, '4');
        assert.deepEqual(
            (await back.take(4)).map(({ body }) => body),
            ['1', '2', '3', '4'],
        );
        assert.deepEqual(outline(back), ['confirm_subscription', '1', '2', '3', '4']);
        for (const wrong of [1, -1, 'x', 0.5, null]) {
            const nothing = await wire.subscribe(ROOM, {
                chat_room_id: room,
                history_since: wrong,
            });
            const [unread] = await t.settle(nothing);
            assert.deepEqual(unread, []);
        }
    },

    async 'a client of the base protocol sees nothing of the extension'(t) {
        const { ann, bo, room } = await scene(t);
        const wire = await t.connect(ann);
        const params = { chat_room_id: room };
        const plain = await wire.subscribe(ROOM, params, undefined, { history: { since: 1 } });
        wire.send({ command: 'history', identifier: plain.identifier, history: { since: 1 } });
        wire.send({ command: 'ping' });
        wire.send({ command: 'pong' });
        await t.app.message(room, bo, 'Hi');
        await plain.next();
        assert.deepEqual(Object.keys(plain.frames.at(-1)), ['identifier', 'message']);
        assert.deepEqual(outline(plain), ['confirm_subscription', 'Hi']);
        assert.equal(wire.frames.length, 3);
    },

    async 'the extension greets with a sid, answers pings and takes no notice of the rest'(t) {
        const wire = await extended(t, 42);
        assert.equal(wire.ws.protocol, EXTENDED[0]);
        assert.match(wire.frames[0].sid, /^[\w-]{21}$/);
        const room = await wire.subscribe(ROOM, { chat_room_id: 7 });
        const { identifier } = room;
        wire.send({ command: 'pong' });
        wire.send({ command: 'whisper', identifier, data: { typing: true } });
        wire.send({ command: 'join', identifier, presence: { id: '7', info: {} } });
        wire.send({ command: 'presence', identifier, data: {} });
        wire.send({ command: 'leave', identifier });
        wire.send({ command: 'ping' });
        await wire.frame('the pong', ({ type }) => type === 'pong');
        assert.deepEqual(
            wire.frames.map(({ type }) => type),
            ['welcome', 'confirm_subscription', 'pong'],
        );
    },

    async '300 clients that come back at once cost the database a handful of queries'(t) {
        const daemon = await t.start({
            max_connections_per_address: 0,
            max_connections_per_member: 0,
        });
        const { ann, bo, room } = await scene(t);
        const first = await (await extended(t, ann, daemon)).subscribe(ROOM, {
            chat_room_id: room,
        });
        await write(t, room, bo, 1, 101);
        await first.take(101);
        const history = behind(first.frames.find(({ message }) => message));
        const wires = await Promise.all(numbers(1, 300).map(() => extended(t, ann, daemon)));
        const queries = async () =>
            (await daemon.metric('pgcable_feed_advance_seconds_count')) +
            (await daemon.metric('pgcable_feed_facts_queries_total'));
        const before = await queries();
        const backs = await Promise.all(
            wires.map((wire) =>
                wire.subscribe(ROOM, { chat_room_id: room }, undefined, { history }),
            ),
        );
        for (const back of backs) {
            await until('the end of the history', () =>
                back.wire.failed(back.frames.at(-1).type === 'confirm_history'),
            );
            assert.deepEqual(back.messages.map(({ body }) => Number(body)), numbers(2, 101));
        }
        const spent = (await queries()) - before;
        assert.ok(spent < 100, `${spent} queries`);
        assert.equal(await daemon.metric('pgcable_replays_total{result="done"}'), 300);
        assert.equal(await daemon.metric('pgcable_replayed_messages_total'), 30_000);
    },
};
