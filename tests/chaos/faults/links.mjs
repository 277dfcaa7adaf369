// SPDX-License-Identifier: PostgreSQL
// links.mjs - what happens to the cables between machines.  Only with --bus, and where each part has a
// network namespace of its own.

const skip = (world) => (world.lab ? null : 'there are no network namespaces here');

// One end knows, or nobody does; until it is whole again.
async function cut(links, prng) {
    const silently = prng.chance(0.7);
    await Promise.all(links.map((link) => link.cut(silently)));
    return () => links.forEach((link) => link.heal());
}

// One or the other of a place's links, or both.
function someOf(links, prng) {
    const shuffled = prng.shuffle(Object.values(links));
    return shuffled.slice(prng.between(0, 1));
}

export const edgeCut = {
    name: 'edge-cut',
    touches: ['wire'],
    hold: [500, 15_000],
    onBus: true,
    skip,
    async start(world, prng) {
        return cut(someOf(prng.pick(world.serving).place.links, prng), prng);
    },
};

export const edgeSlow = {
    name: 'edge-slow',
    touches: ['wire'],
    hold: [2000, 12_000],
    onBus: true,
    skip,
    async start(world, prng) {
        const { bus } = prng.pick(world.serving).place.links;
        bus.slow(prng.between(16, 128));
        return () => world.count('packets that waited for a slow link', bus.hasten());
    },
};

// The other two are a majority, and it does not know.
export const natsCut = {
    name: 'nats-cut',
    touches: ['nats'],
    hold: [500, 15_000],
    onBus: true,
    skip,
    async start(world, prng) {
        return cut([prng.pick(world.nats.nodes).place.links.bus], prng);
    },
};

// From NATS, from the database, or from both.
export const leaderCut = {
    name: 'leader-cut',
    touches: ['feeds', 'wire'],
    hold: [500, 15_000],
    onBus: true,
    skip,
    async start(world, prng) {
        const leader = await world.leader();
        return leader ? cut(someOf(leader.place.links, prng), prng) : () => {};
    },
};
