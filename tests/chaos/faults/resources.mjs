// SPDX-License-Identifier: PostgreSQL
// resources.mjs - what runs out: files, memory, the disk, the right to listen.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../integration/lib/until.mjs';
import { PATIENCE_MS } from '../cluster.mjs';
import { REVOKED_ROOMS, membersOf } from '../stage.mjs';
import { issuersSecond } from '../tokens.mjs';

export const noFiles = {
    name: 'no-files',
    touches: ['clients'],
    onNode: true,
    hold: [500, 4000],
    async start(world, prng, node) {
        node.limitFiles(prng.between(0, 2));
        world.front.reset(() => prng.chance(0.5));
        if (prng.chance(0.5)) {
            node.wire.reset();
        }
        return () => node.limitFiles(null);
    },
};

const CGROUP = '/sys/fs/cgroup/memory';

// The kernel's own way to end a process: it may keep what it has, and get no page more.
export const noMemory = {
    name: 'no-memory',
    touches: ['clients'],
    onNode: true,
    hold: [0, 500],
    skip() {
        try {
            fs.mkdirSync(`${CGROUP}/pgcable-chaos-probe`);
            fs.rmdirSync(`${CGROUP}/pgcable-chaos-probe`);
            return null;
        } catch (error) {
            return `no memory control group can be made here (${error.code})`;
        }
    },
    async start(world, prng, node) {
        const group = `${CGROUP}/pgcable-chaos-${node.pid}`;
        const { pid } = node;
        fs.mkdirSync(group);
        fs.writeFileSync(`${group}/memory.limit_in_bytes`, '0');
        node.expectEnd();
        fs.writeFileSync(`${group}/cgroup.procs`, String(pid));
        for (let n = 0; node.up && n < 5; n++) {
            world.front.reset(() => prng.chance(0.5)); // who comes back needs some
            await delay(1000);
        }
        if (node.up) {
            await node.kill(); // it needed no more memory
        } else {
            world.count('killed by the kernel');
        }
        fs.rmdirSync(group);
        return () => node.run();
    },
};

export const diskFull = {
    name: 'disk-full',
    touches: ['database'],
    hold: [1000, 4000],
    skip: (world) => (world.hasDisk ? null : 'no tmpfs can be mounted here'),
    async start(world) {
        const { primary } = world.cluster;
        const filler = path.join(world.cluster.dir, 'filler');
        const fill = () => {
            const { bavail, bsize } = fs.statfsSync(world.cluster.dir);
            const size = String(Math.max(4096, bavail * bsize - 65_536));
            return spawnSync('fallocate', ['-l', size, filler]).status === 0; // others write meanwhile
        };
        await until('the disk to be full', fill, PATIENCE_MS);
        return async () => {
            fs.rmSync(filler);
            await primary.revive(); // it may have given up: what it could not write was its log
        };
    },
};

// Members lose their place in a room, and get it back.
export const revoke = {
    name: 'revoke',
    touches: ['rights'],
    hold: [1000, 5000],
    async start(world, prng) {
        const removed = [];
        for (const room of REVOKED_ROOMS) {
            for (const member of membersOf(room).filter(() => prng.chance(0.5))) {
                removed.push([room, member]);
            }
        }
        const which = removed.map(([room, member]) => `(${room}, ${member})`).join(', ');
        if (removed.length === 0) {
            return () => {};
        }
        await world.asApp(prng.chance(0.5)
            ? `delete from chat_room_participants where (chat_room_id, community_member_id) in (${which});`
            : `update chat_room_participants set deleted_at = now()
                where (chat_room_id, community_member_id) in (${which}) and deleted_at is null;`);
        return () => world.asApp(`insert into chat_room_participants (chat_room_id, community_member_id)
            select r, m from (values ${which}) v (r, m) where not exists (select from chat_room_participants
                where chat_room_id = r and community_member_id = m and deleted_at is null);`);
    },
};

// Tokens that clients hold are good no more, one by one or all of a member; with words before it and
// after it in the same transaction, which may take its time.
export const revokeToken = {
    name: 'revoke-token',
    touches: ['tokens'],
    hold: [0, 500],
    async start(world, prng) {
        for (let n = prng.between(2, 6); n > 0; n--) {
            const { member, token, subscriptions } = prng.pick(world.clients);
            const { stream } = prng.pick([...subscriptions.values()]);
            const say = (when) => `select chaos.say('${stream}', '${when} ${prng.hex(8)}');`;
            await world.asApp(`begin; ${say('before')}
                select chaos.${prng.chance(0.2) ? `revoke_tokens(${member}, ${issuersSecond()})` : `revoke_token(${token.number})`};
                select pg_sleep(${prng.chance(0.5) ? 0 : prng.between(0, 500) / 1000}); ${say('with')} commit;`);
            world.count('revocations');
            await delay(prng.between(0, 300));
        }
        return () => {};
    },
};
