// SPDX-License-Identifier: PostgreSQL
// process.mjs - what happens to daemons.  A fault is { name, touches, onNode, hold: [ms, ms], skip(world),
// start(world, prng, node) } and start() returns what ends it.  `touches`: what no other one may at the
// same time; `onNode`: it befalls one daemon; `onBus`: only where NATS is.
import { setTimeout as delay } from 'node:timers/promises';

export const kill = {
    name: 'kill',
    touches: [],
    onNode: true,
    hold: [0, 1500],
    async start(world, prng, node) {
        await node.kill();
        return () => node.run();
    },
};

// All of them at once: what is committed now, nobody reads.
export const killAll = {
    name: 'kill-all',
    touches: ['daemons'],
    hold: [0, 2500],
    async start(world) {
        await Promise.all(world.nodes.map((node) => node.kill()));
        return () => Promise.all(world.nodes.map((node) => node.run()));
    },
};

// In good order: clients are told, and move over.
export const restart = {
    name: 'restart',
    touches: [],
    onNode: true,
    hold: [0, 1000],
    async start(world, prng, node) {
        node.expectEnd();
        await node.daemon.stop();
        return () => node.run();
    },
};

export const freeze = {
    name: 'freeze',
    touches: [],
    onNode: true,
    hold: [1000, 12_000],
    async start(world, prng, node) {
        node.signal('SIGSTOP');
        return () => node.signal('SIGCONT');
    },
};

// Killed again and again, at whatever it does while it starts.
export const stutter = {
    name: 'stutter',
    touches: [],
    onNode: true,
    hold: [0, 200],
    async start(world, prng, node) {
        for (let n = prng.between(2, 4); n > 0; n--) {
            await node.kill();
            await node.run();
            await delay(prng.between(0, 400));
        }
        return () => {};
    },
};
