// SPDX-License-Identifier: PostgreSQL
// All at once: being sent away, and being let in again.
import assert from 'node:assert/strict';
import net from 'node:net';
import { createCable } from '@anycable/core';
import * as ActionCable from '@rails/actioncable';
import WebSocket from 'ws';
import { mint } from './lib/token.mjs';
import { SLOWNESS, until } from './lib/until.mjs';
import { ORIGIN } from './lib/wire.mjs';

const AT_ONCE = 50; // are told at once, the others one after the other
const RECONNECT_MS = 200_000 * SLOWNESS; // the clients' pauses grow to half a minute and more

globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};

// A browser's websocket that tells when it is not let in.
function browserSocket(onRefusal) {
    return class extends WebSocket {
        constructor(url, protocols) {
            super(url, protocols, { headers: { Origin: ORIGIN } });
            this.on('error', onRefusal);
        }
    };
}

const isTold = ({ frames }) => frames.some(({ reason }) => reason === 'server_restart');

export default {
    async 'SIGTERM: goodbyes are spread, the others are served meanwhile, a second one ends it'(t) {
        const daemon = await t.start({ shutdown_ms: 600_000 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const wires = await Promise.all(
            Array.from({ length: AT_ONCE + 20 }, () => t.connect(ann, {}, daemon)),
        );
        for (const wire of wires) {
            wire.room = await wire.subscribe('Chats::RoomChannel', { chat_room_id: room });
        }
        daemon.kill('SIGTERM');
        await until('the first goodbyes', () => wires.filter(isTold).length >= AT_ONCE);
        const late = t.open({ token: mint(ann) }, daemon);
        await late.end();
        assert.equal(late.error.code, 'ECONNREFUSED');
        await t.app.message(room, ann, 'Hi');
        await until('the message', () => wires.some((wire) => wire.room.messages.length === 1));
        assert.ok(wires.filter(isTold).length < wires.length, 'not all were told at once');

        daemon.kill('SIGTERM');
        daemon.check(await daemon.ended);
        for (const wire of wires) {
            await wire.end();
            assert.ok(isTold(wire) || wire.room.messages.length === 1);
        }
    },

    async 'who is refused with 503 comes back by itself, both kinds of clients'(t) {
        const daemon = await t.start({ max_connections: 2 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const params = { channel: 'Chats::RoomChannel', chat_room_id: room };
        const guests = [await t.connect(42, {}, daemon), await t.connect(43, {}, daemon)];
        const url = `ws://127.0.0.1:${daemon.port}/cable`;
        const refused = new Set();
        const received = [[], []];

        ActionCable.adapters.WebSocket = browserSocket(() => refused.add('rails'));
        const consumer = ActionCable.createConsumer(url);
        t.later(() => consumer.disconnect());
        consumer.addSubProtocol(`anycable-token.${mint(ann)}`);
        consumer.subscriptions.create(params, {
            received: (message) => received[0].push(message),
        });
        const cable = createCable(url, {
            websocketImplementation: browserSocket(() => refused.add('anycable')),
            websocketAuthStrategy: 'sub-protocol',
            auth: { token: mint(ann) },
            logLevel: 'error',
        });
        t.later(() => cable.disconnect());
        cable
            .subscribeTo('Chats::RoomChannel', { chat_room_id: room })
            .on('message', (message) => received[1].push(message));
        await until('both to be refused', () => refused.size === 2);

        guests.forEach((guest) => guest.close());
        await until(
            'two subscriptions',
            async () => (await daemon.metric('pgcable_subscriptions')) === 2,
            RECONNECT_MS,
        );
        await t.app.message(room, ann, 'Hi');
        await until('the message', () => received.every(({ length }) => length === 1));
    },

    async 'a refusal says when to come back, and that differs'(t) {
        const daemon = await t.start({ max_connections: 1 });
        await t.connect(42, {}, daemon);
        const seconds = new Set();
        await until('two answers that differ', async () => {
            const socket = net.connect(daemon.port, '127.0.0.1');
            let answer = '';
            socket.setEncoding('utf8').on('data', (data) => {
                answer += data;
            });
            await new Promise((resolve) => socket.once('close', resolve));
            assert.match(answer, /^HTTP\/1\.1 503 /);
            seconds.add(/\r\nRetry-After: ([2-9])\r\n/.exec(answer)[1]);
            return seconds.size > 1;
        });
    },
};
