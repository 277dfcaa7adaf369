// SPDX-License-Identifier: PostgreSQL
// clock.mjs - the daemons' wall clock is set, by up to half an hour, either way; at the end it is
// right again.  tests/chaos/run starts them with libfaketime where there is one.
import fs from 'node:fs';

export const clock = {
    name: 'clock',
    touches: ['clock'],
    hold: [1000, 6000],
    skip: () => (process.env.PGCABLE_CHAOS_CLOCK ? null : 'libfaketime is not installed (packaging/deps test)'),
    async start(world, prng) {
        const seconds = prng.between(5, 1800) * (prng.chance(0.5) ? 1 : -1);
        fs.writeFileSync(world.clock, `${seconds > 0 ? '+' : ''}${seconds}\n`);
        return () => fs.writeFileSync(world.clock, '+0\n');
    },
};
