// SPDX-License-Identifier: PostgreSQL
// test.mjs - what a test gets: the application, a daemon, clients; and the cleaning up after it.
import net from 'node:net';
import { Daemon } from './daemon.mjs';
import { mint } from './token.mjs';
import { until } from './until.mjs';
import { Wire } from './wire.mjs';

export class Skip extends Error {}

// Skips the rest of the test where there is no IPv6.
export async function needIPv6() {
    const canListen = await new Promise((resolve) => {
        const server = net.createServer();
        server.once('error', () => resolve(false));
        server.listen(0, '::1', () => server.close(() => resolve(true)));
    });
    if (!canListen) {
        throw new Skip('this machine has no ::1');
    }
}

let markers = 0;

export class Test {
    #cleanups = [];

    constructor(world) {
        this.world = world;
        this.app = world.app;
        this.pg = world.pg;
        this.dir = world.dir;
        this.daemon = world.daemon;
    }

    // Runs after the test, the last one first, however it ends.
    later(cleanup) {
        this.#cleanups.push(cleanup);
    }

    async finish() {
        const errors = [];
        for (const cleanup of this.#cleanups.splice(0).reverse()) {
            await Promise.resolve()
                .then(cleanup)
                .catch((error) => errors.push(error));
        }
        if (errors.length > 0) {
            throw errors[0];
        }
    }

    // A daemon of the test's own.
    async start(settings = {}) {
        const daemon = await this.create(settings);
        await daemon.start();
        return daemon.ready();
    }

    async create(settings = {}) {
        const daemon = await Daemon.create(this.dir, { database: this.world.dsn, ...settings });
        this.later(() => daemon.stop());
        return daemon;
    }

    // A connection that need not come up.
    open(options = {}, daemon = this.daemon) {
        const wire = new Wire(daemon, options);
        this.later(() => wire.close());
        return wire;
    }

    connect(member, options = {}, daemon = this.daemon) {
        return this.open({ member, token: mint(member), ...options }, daemon).welcomed();
    }

    // One connection with the four subscriptions (the room's if there is one).
    async listen(member, room, daemon = this.daemon) {
        const wire = await this.connect(member, {}, daemon);
        return {
            wire,
            notifications: await wire.subscribe('NotificationChannel'),
            member: await wire.subscribe('ChatRoomChannel'),
            threads: await wire.subscribe('Chats::CommunityMemberThreadsChannel'),
            room: room && (await wire.subscribe('Chats::RoomChannel', { chat_room_id: room })),
        };
    }

    // What each subscription got and nobody has read yet.  A marker is sent behind all that was
    // committed before, so that nothing has to be waited for that does not come.
    async settle(...subscriptions) {
        const settled = ++markers;
        const streams = new Set(subscriptions.map(({ stream }) => stream));
        await this.app.broadcast([...streams], { settled });
        return Promise.all(
            subscriptions.map(async (subscription) => {
                const { messages } = subscription;
                await until(`the marker on ${subscription.identifier}`, () =>
                    subscription.wire.failed(
                        messages.some((message) => message?.settled === settled),
                    ),
                );
                const unread = messages
                    .slice(subscription.read)
                    .filter((message) => !message?.settled);
                subscription.read = messages.length;
                return unread;
            }),
        );
    }
}
