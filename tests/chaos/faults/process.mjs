// SPDX-License-Identifier: PostgreSQL
// process.mjs - what happens to daemons.  A fault is { name, touches, hold: [ms, ms], skip(world),
// start(world, prng) } and start() returns what ends it.
import { setTimeout as delay } from 'node:timers/promises';

const oneOf = (world, prng) => prng.pick(world.nodes);

export const kill = {
    name: 'kill',
    touches: ['daemon'],
    hold: [0, 1500],
    async start(world, prng) {
        const node = oneOf(world, prng);
        await node.kill();
        return () => node.run();
    },
};

// All of them at once: what is committed now, nobody reads.
export const killAll = {
    name: 'kill-all',
    touches: ['daemon'],
    hold: [0, 2500],
    async start(world) {
        await Promise.all(world.nodes.map((node) => node.kill()));
        return () => Promise.all(world.nodes.map((node) => node.run()));
    },
};

// In good order: clients are told, and move over.
export const restart = {
    name: 'restart',
    touches: ['daemon'],
    hold: [0, 1000],
    async start(world, prng) {
        const node = oneOf(world, prng);
        node.expectEnd();
        await node.daemon.stop();
        return () => node.run();
    },
};

export const freeze = {
    name: 'freeze',
    touches: ['daemon'],
    hold: [1000, 12_000],
    async start(world, prng) {
        const node = oneOf(world, prng);
        node.signal('SIGSTOP');
        return () => node.signal('SIGCONT');
    },
};

// Killed again and again, at whatever it does while it starts.
export const stutter = {
    name: 'stutter',
    touches: ['daemon'],
    hold: [0, 200],
    async start(world, prng) {
        const node = oneOf(world, prng);
        for (let n = prng.between(2, 4); n > 0; n--) {
            await node.kill();
            await node.run();
            await delay(prng.between(0, 400));
        }
        return () => {};
    },
};
