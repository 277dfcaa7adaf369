// SPDX-License-Identifier: PostgreSQL
// nats.mjs - what happens to NATS, and between it and the feeds; an edge's way to it is its wire.  Only
// with --bus.

// The other two are a majority.
export const natsKill = {
    name: 'nats-kill',
    touches: ['nats'],
    hold: [0, 4000],
    onBus: true,
    async start(world, prng) {
        const node = prng.pick(world.nats.nodes);
        await node.stop('SIGKILL');
        return () => node.start();
    },
};

// No majority, for a while; what was stored stays.
export const natsGone = {
    name: 'nats-gone',
    touches: ['nats'],
    hold: [0, 4000],
    onBus: true,
    async start(world, prng) {
        const nodes = prng.shuffle(world.nats.nodes).slice(prng.between(0, 1));
        const signal = prng.chance(0.5) ? 'SIGKILL' : 'SIGTERM';
        await Promise.all(nodes.map((node) => node.stop(signal)));
        return () => Promise.all(nodes.map((node) => node.start()));
    },
};

export const natsFreeze = {
    name: 'nats-freeze',
    touches: ['nats'],
    hold: [500, 9000],
    onBus: true,
    async start(world, prng) {
        const { child } = prng.pick(world.nats.nodes);
        child.kill('SIGSTOP');
        return () => child.kill('SIGCONT');
    },
};

export const feedSilent = {
    name: 'feed-silent',
    touches: ['feeds'],
    hold: [500, 9000],
    onBus: true,
    async start(world, prng) {
        const { natsWire } = prng.pick(world.nodes.filter(({ serves }) => !serves));
        natsWire.stall();
        return () => natsWire.heal();
    },
};

export const feedReset = {
    name: 'feed-reset',
    touches: ['feeds'],
    hold: [0, 0],
    onBus: true,
    async start(world, prng) {
        world.nodes.filter(({ serves }) => !serves).forEach(({ natsWire }) => natsWire.reset(() => prng.chance(0.6)));
        return () => {};
    },
};
