// SPDX-License-Identifier: PostgreSQL
// network.mjs - what happens between daemons and database, and between clients and daemons.

export const databaseSilent = {
    name: 'database-silent',
    touches: ['wire'],
    hold: [500, 9000],
    async start(world, prng) {
        const wires = prng.chance(0.5) ? [prng.pick(world.nodes).wire] : world.nodes.map(({ wire }) => wire);
        wires.forEach((wire) => wire.stall());
        return () => wires.forEach((wire) => wire.heal());
    },
};

export const databaseReset = {
    name: 'database-reset',
    touches: ['wire'],
    hold: [0, 0],
    async start(world, prng) {
        world.nodes.forEach(({ wire }) => wire.reset(() => prng.chance(0.6)));
        return () => {};
    },
};

export const clientsSilent = {
    name: 'clients-silent',
    touches: ['clients'],
    hold: [500, 11_000],
    async start(world) {
        world.front.stall();
        return () => world.front.heal();
    },
};

export const clientsReset = {
    name: 'clients-reset',
    touches: ['clients'],
    hold: [0, 0],
    async start(world, prng) {
        world.front.reset(() => prng.chance(0.5));
        return () => {};
    },
};

export const clientsStalled = {
    name: 'clients-stalled',
    touches: ['clients'],
    hold: [1000, 8000],
    async start(world, prng) {
        const stalled = world.clients.filter(() => prng.chance(0.3));
        stalled.forEach((client) => client.stall());
        return () => stalled.forEach((client) => client.resume());
    },
};
