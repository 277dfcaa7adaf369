// SPDX-License-Identifier: PostgreSQL
// lull.mjs - everybody stops writing, until the daemons sleep; then a row, all alone, at a moment
// near to their falling asleep, must be told of, though no other one follows and no poll is due.
import { setTimeout as delay } from 'node:timers/promises';

const PROBES = 4;
const PATIENCE_MS = 25_000; // far less than the settings' poll_ms

export const lull = {
    name: 'lull',
    touches: ['daemons', 'database', 'sessions', 'wire', 'clients', 'rights', 'tokens', 'clock'],
    hold: [0, 0],
    async start(world, prng) {
        await world.crew.hush();
        await world.noPrepared();
        for (let n = 0; n < PROBES; n++) {
            await delay(prng.between(0, 700));
            await world.allReached('a lonely row to arrive', PATIENCE_MS).catch(() => {
                const deaf = world.clients.filter(({ reached }) => !reached).length;
                world.violation('stranded', `${deaf} clients did not get a lonely row within ${PATIENCE_MS} ms`);
            });
        }
        return () => world.crew.goOn();
    },
};
