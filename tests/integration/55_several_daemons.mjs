// SPDX-License-Identifier: PostgreSQL
// Several daemons on one database: one order, one set of positions, and none of them is needed.
import assert from 'node:assert/strict';
import { behind, follow, write } from './lib/follow.mjs';
import { ownWorld } from './lib/own.mjs';
import { until } from './lib/until.mjs';

export default {
    async 'two daemons give the same messages, in the same order, at the same positions'(t) {
        const own = await ownWorld(t);
        const second = await own.start();
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const one = await follow(own, own.daemon, ann, room);
        const two = await follow(own, second, ann, room);
        await write(own, room, ann, 15, 'x');
        await own.app.message(room, ann, 'end');
        await one.until('end');
        await two.until('end');
        assert.equal(one.got().length, 4 * 15 * 2 + 1);
        assert.deepEqual(two.got(), one.got());
        assert.equal(one.got().some(([, , body]) => body === 'never'), false);
    },

    async 'either may be killed under load: its clients go on at the other, nothing lost, nothing twice'(t) {
        const own = await ownWorld(t);
        const daemons = [own.daemon, await own.start()];
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const witness = [await follow(own, daemons[0], ann, room), await follow(own, daemons[1], ann, room)];
        await own.app.message(room, ann, 'begin');
        await Promise.all(witness.map((client) => client.until('begin')));
        const stories = [];
        for (const victim of [0, 1]) {
            const survivor = daemons[1 - victim];
            const client = witness[victim];
            const writing = write(own, room, ann, 10, `without ${victim}`);
            await client.until(`without ${victim} 0 2 a`);
            await daemons[victim].crash();
            await client.wire.end();
            const before = client.got();
            const resumed = await follow(own, survivor, ann, room, behind(room, before));
            await writing;
            await own.app.message(room, ann, `end ${victim}`);
            await resumed.until(`end ${victim}`);
            stories.push([...before, ...resumed.got()]);

            await daemons[victim].start();
            await daemons[victim].ready();
            witness[victim] = await follow(own, daemons[victim], ann, room);
        }
        // What the client of the second daemon saw of the first crash is the measure of it.
        const [first, second] = stories;
        const upTo = second.findIndex(([, , body]) => body === 'end 0') + 1;
        assert.ok(upTo > 0);
        assert.deepEqual(first, second.slice(0, upTo));
        const bodies = second.map(([, , body]) => body);
        assert.equal(new Set(bodies).size, bodies.length, 'nothing twice');
        assert.equal(bodies.length, 1 + 2 * (4 * 10 * 2 + 1));
    },

    async 'both prune, and the one that is left goes on pruning'(t) {
        const own = await ownWorld(t, { settings: { retention_s: 10, history_s: 5 } });
        const second = await own.start({ retention_s: 10, history_s: 5 });
        const age = async (query) => Number(await own.app.superuser.script(query));
        const oldest = `select coalesce(extract(epoch from (select max(at) from pgcable.tick)
            - (select min(at) from pgcable.tick)), 0)`;
        const first = () => age('select min(tick) from pgcable.tick');
        const goesOn = async (what) => {
            const from = await first();
            await until(`${what} to prune`, async () => {
                await own.app.broadcast('nobody', 'a row now and then, for age is measured in ticks');
                return (await first()) > from;
            }, 120_000);
            assert.ok((await age(oldest)) < 60);
        };
        await goesOn('two');
        await own.daemon.crash();
        await goesOn('the second');
        await own.daemon.start();
        await own.daemon.ready();
        await second.crash();
        await goesOn('the first');
    },
};
