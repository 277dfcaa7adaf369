// SPDX-License-Identifier: PostgreSQL
// database.mjs - what happens to PostgreSQL.
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../integration/lib/until.mjs';
import { MAX_PREPARED, PATIENCE_MS } from '../cluster.mjs';
import { readLost } from '../ledger.mjs';

export const terminate = {
    name: 'terminate',
    touches: ['sessions'],
    hold: [0, 0],
    async start(world, prng) {
        for (let n = prng.between(1, 6); n > 0; n--) {
            await world.cluster.primary.query(`select pg_terminate_backend(pid) from pg_stat_activity
                where pid in (select pid from pg_stat_activity where usename = 'pgcable_daemon'
                    order by pid limit ${prng.between(1, 4)});`);
            await delay(prng.between(0, 300));
        }
        return () => {};
    },
};

export const crash = {
    name: 'crash',
    touches: ['database', 'sessions'],
    hold: [0, 2000],
    async start(world) {
        const { primary } = world.cluster;
        await primary.crash();
        return () => primary.up();
    },
};

// In good order; and from now on transactions can be prepared, or cannot: then the doorbell rings.
export const reconfigure = {
    name: 'reconfigure',
    touches: ['database', 'sessions'],
    hold: [0, 500],
    async start(world) {
        const { cluster, crew } = world;
        const { primary } = cluster;
        await crew.hush();
        crew.prepares = !crew.prepares;
        await world.noPrepared();
        await primary.setting('max_prepared_transactions', crew.prepares ? MAX_PREPARED : 0);
        await primary.shutDown();
        return async () => {
            await primary.up();
            crew.goOn();
        };
    },
};

// The standby has everything: nobody needs to notice.
export const promote = {
    name: 'promote',
    touches: ['database', 'sessions'],
    hold: [0, 500],
    async start(world) {
        const { cluster } = world;
        const old = cluster.primary;
        const standby = await cluster.standby();
        await old.shutDown();
        return async () => {
            await cluster.takeOver(standby);
            await cluster.drop(old);
        };
    },
};

// The standby lacks the last of it.  What was lost is read from the old server afterwards, so that
// it is known which messages told of it.
export const loseTail = {
    name: 'lose-tail',
    touches: ['database', 'sessions', 'rights'],
    hold: [0, 500],
    start: (world, prng) => loseLast(world, prng, null),
};

// One daemon sees nothing of it until the new history is longer than the old one was.
export const loseTailUnseen = {
    name: 'lose-tail-unseen',
    touches: ['database', 'sessions', 'daemons', 'rights'],
    hold: [0, 500],
    start: (world, prng) => loseLast(world, prng, prng.pick(world.nodes)),
};

async function loseLast({ cluster, ghosts }, prng, blind) {
    const old = cluster.primary;
    const standby = await cluster.standby();
    await standby.setting('primary_conninfo', '');
    await standby.query('select pg_reload_conf();');
    await delay(prng.between(200, 1500));
    blind?.signal('SIGSTOP');
    await old.crash();
    return async () => {
        const at = Date.now();
        await cluster.takeOver(standby);
        await old.up();
        ghosts.push({ at, ...await readLost(old, standby) });
        const [last] = await old.query('select max(tick) from pgcable.tick;');
        await cluster.drop(old);
        if (blind) {
            await until('the new history to be longer', async () => Number((await standby.query(
                `select chaos.say('orders-1', 'and on'); select max(tick) from pgcable.tick;`)).at(-1)) > Number(last), PATIENCE_MS);
            blind.signal('SIGCONT');
        }
    };
}

// Rows go before they were read: retention is tiny, and one daemon is not looking.
export const prune = {
    name: 'prune',
    touches: ['database', 'daemons'],
    hold: [500, 3000],
    async start(world, prng) {
        const node = prng.pick(world.nodes);
        const idle = prng.chance(0.7) ? node : null;
        idle?.signal('SIGSTOP');
        return async () => {
            for (let n = 0; n < 4; n++) {
                await world.cluster.primary.query(
                    `select pgcable.prune('${prng.between(0, 500)} ms', (select max(tick) from pgcable.tick));`);
                await delay(prng.between(50, 400));
            }
            idle?.signal('SIGCONT');
        };
    },
};
