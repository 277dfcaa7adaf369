// SPDX-License-Identifier: PostgreSQL
// @rails/actioncable, unchanged, in the place where a browser would be.
import assert from 'node:assert/strict';
import * as ActionCable from '@rails/actioncable';
import WebSocket from 'ws';
import { mint } from './lib/token.mjs';
import { SLOWNESS, until } from './lib/until.mjs';
import { ORIGIN } from './lib/wire.mjs';

// It asks again every 500 ms until it is answered, and tells each answer: on a busy machine a
// subscription may be `connected` more than once.

// What the client expects of a browser.
class BrowserSocket extends WebSocket {
    constructor(url, protocols) {
        super(url, protocols, { headers: { Origin: ORIGIN } });
        this.on('error', () => {});
    }
}
ActionCable.adapters.WebSocket = BrowserSocket;
globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};

const RECONNECT_MS = 200_000 * SLOWNESS; // its pauses grow to half a minute and more

function consume(t, daemon, member) {
    const consumer = ActionCable.createConsumer(`ws://127.0.0.1:${daemon.port}/cable`);
    consumer.addSubProtocol(`anycable-token.${mint(member)}`);
    t.later(() => consumer.disconnect());
    return consumer;
}

function subscribe(consumer, params) {
    const log = { connected: [], received: [], disconnected: 0, rejected: 0 };
    log.subscription = consumer.subscriptions.create(params, {
        connected: (how) => log.connected.push(how),
        disconnected: () => {
            log.disconnected++;
        },
        rejected: () => {
            log.rejected++;
        },
        received: (message) => log.received.push(message),
    });
    return log;
}

export default {
    async 'it subscribes to the four channels and gets their events'(t) {
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const root = await t.app.message(room, ann, 'root');
        const thread = await t.app.thread(room, root, [ann]);
        const consumer = consume(t, t.daemon, ann);
        const logs = [
            { channel: 'NotificationChannel' },
            { channel: 'ChatRoomChannel' },
            { channel: 'Chats::RoomChannel', chat_room_id: room },
            { channel: 'Chats::CommunityMemberThreadsChannel' },
        ].map((params) => subscribe(consumer, params));
        await until('four confirmations', () =>
            logs.every(({ connected }) => connected.length > 0),
        );

        await t.app.message(room, ann, 'Hi');
        await t.app.message(room, ann, 'in the thread', { parent: root, thread });
        await t.app.notification(ann);
        await until(
            'the events',
            () =>
                logs[0].received.length === 2 &&
                logs[2].received.length === 2 &&
                logs[1].received.length === 1 &&
                logs[3].received.length === 1,
        );
        assert.deepEqual(
            logs.map(({ received }) => received.map(({ event }) => event)),
            [
                ['newNotification', 'updateNewNotificationCount'],
                ['newMessage'],
                ['newMessage', 'newMessage'],
                ['newMessage'],
            ],
        );
    },

    async 'a rejected subscription and an unknown channel are told once, and not asked for again'(
        t,
    ) {
        const ann = await t.app.member('Ann');
        const consumer = consume(t, t.daemon, ann);
        const room = subscribe(consumer, { channel: 'Chats::RoomChannel', chat_room_id: 7 });
        const unknown = subscribe(consumer, { channel: 'NoSuchChannel' });
        await until('both rejections', () => room.rejected === 1 && unknown.rejected === 1);
        const mine = subscribe(consumer, { channel: 'NotificationChannel' });
        await until('the confirmation', () => mine.connected.length > 0);
        assert.deepEqual([room.rejected, unknown.rejected], [1, 1]);
    },

    async 'two subscription objects on one identifier both get connected, and one copy each'(t) {
        const ann = await t.app.member('Ann');
        const consumer = consume(t, t.daemon, ann);
        const params = { channel: 'NotificationChannel' };
        const [one, two] = [subscribe(consumer, params), subscribe(consumer, params)];
        await until(
            'both to be connected',
            () => one.connected.length > 0 && two.connected.length > 0,
        );
        await t.app.broadcast(`notification-channel-${ann}`, { n: 1 });
        await until('the message', () => one.received.length > 0 && two.received.length > 0);
        assert.deepEqual([one.received, two.received], [[{ n: 1 }], [{ n: 1 }]]);
    },

    async 'unsubscribe and subscribe again in one go keeps the subscription'(t) {
        const ann = await t.app.member('Ann');
        const consumer = consume(t, t.daemon, ann);
        const params = { channel: 'NotificationChannel' };
        const first = subscribe(consumer, params);
        await until('the first confirmation', () => first.connected.length > 0);
        first.subscription.unsubscribe();
        const second = subscribe(consumer, params);
        await until('the second confirmation', () => second.connected.length > 0);
        await t.app.broadcast(`notification-channel-${ann}`, { n: 2 });
        await until('the message', () => second.received.length === 1);
        assert.deepEqual(first.received, []);
    },

    async 'it survives a restart of the daemon and goes on'(t) {
        const daemon = await t.start({ history_s: 1 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const consumer = consume(t, daemon, ann);
        const log = subscribe(consumer, { channel: 'Chats::RoomChannel', chat_room_id: room });
        await until('the confirmation', () => log.connected.length > 0);
        await daemon.stop();
        await until('the client to notice', () => log.disconnected > 0);
        await daemon.start();
        await daemon.ready();
        await until(
            'the client to be back',
            () => log.connected.some(({ reconnected }) => reconnected),
            RECONNECT_MS,
        );
        await t.app.message(room, ann, 'after the restart');
        await until('the message', () => log.received.length === 1);
        assert.equal(log.received[0].body, 'after the restart');
    },
};
