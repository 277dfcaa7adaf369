// SPDX-License-Identifier: PostgreSQL
// @anycable/core, unchanged; only its public options are used.
import assert from 'node:assert/strict';
import { createCable } from '@anycable/core';
import WebSocket from 'ws';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';
import { ORIGIN } from './lib/wire.mjs';

function cableFor(t, daemon, token, options = {}) {
    const cable = createCable(`ws://127.0.0.1:${daemon.port}/cable`, {
        websocketImplementation: WebSocket,
        websocketOptions: { headers: { Origin: ORIGIN } },
        websocketAuthStrategy: 'sub-protocol',
        auth: { token },
        reconnectStrategy: () => 100,
        logLevel: 'error',
        ...options,
    });
    t.later(() => cable.disconnect());
    return cable;
}

function listen(cable, channel, params) {
    const log = { events: [], received: [] };
    const subscription = cable.subscribeTo(channel, params);
    subscription.on('connect', ({ reconnect }) =>
        log.events.push(reconnect ? 'reconnect' : 'connect'),
    );
    subscription.on('disconnect', () => log.events.push('disconnect'));
    subscription.on('close', (why) => log.events.push(`close ${why?.reason ?? why?.name}`));
    subscription.on('message', (message) => log.received.push(message));
    log.subscription = subscription;
    return log;
}

export default {
    async 'it subscribes to the four channels and gets their events'(t) {
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const root = await t.app.message(room, ann, 'root');
        const thread = await t.app.thread(room, root, [ann]);
        const cable = cableFor(t, t.daemon, mint(ann));
        const logs = [
            listen(cable, 'NotificationChannel', { community_member_id: ann }),
            listen(cable, 'ChatRoomChannel', { community_member_id: ann }),
            listen(cable, 'Chats::RoomChannel', { chat_room_id: room }),
            listen(cable, 'Chats::CommunityMemberThreadsChannel', { community_member_id: ann }),
        ];
        await until('four confirmations', () =>
            logs.every(({ events }) => events[0] === 'connect'),
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

    async 'a subscription that is not allowed is closed as rejected'(t) {
        const ann = await t.app.member('Ann');
        const cable = cableFor(t, t.daemon, mint(ann));
        const log = listen(cable, 'Chats::RoomChannel', { chat_room_id: 7 });
        await until('the rejection', () => log.events.length > 0);
        assert.match(log.events[0], /^close/);
    },

    async 'it survives a restart of the daemon and goes on'(t) {
        const daemon = await t.start({ history_s: 1 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const cable = cableFor(t, daemon, mint(ann));
        const log = listen(cable, 'Chats::RoomChannel', { chat_room_id: room });
        await until('the confirmation', () => log.events.length === 1);
        await daemon.stop();
        await daemon.start();
        await daemon.ready();
        await until('the client to be back', () => log.events.at(-1) === 'reconnect');
        await t.app.message(room, ann, 'after the restart');
        await until('the message', () => log.received.length === 1);
        assert.equal(log.received[0].body, 'after the restart');
    },

    async 'an expired token makes it fetch a new one and connect again'(t) {
        const ann = await t.app.member('Ann');
        const expired = mint(ann, { exp: Math.floor(Date.now() / 1000) - 60 });
        let refreshed = 0;
        const cable = cableFor(t, t.daemon, expired, {
            tokenRefresher: async (transport) => {
                refreshed++;
                transport.setToken(mint(ann));
            },
        });
        const log = listen(cable, 'NotificationChannel');
        await until('a connection with the new token', () => log.events.includes('connect'));
        assert.equal(refreshed, 1);
    },
};
