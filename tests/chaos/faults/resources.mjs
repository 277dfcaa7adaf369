// SPDX-License-Identifier: PostgreSQL
// resources.mjs - what runs out: files, memory, the disk, the right to listen.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { REVOKED_ROOMS, membersOf } from '../stage.mjs';

export const noFiles = {
    name: 'no-files',
    touches: ['daemon', 'clients'],
    hold: [500, 4000],
    async start(world, prng) {
        const node = prng.pick(world.nodes);
        node.limitFiles(prng.between(0, 2));
        world.front.reset(() => prng.chance(0.5));
        if (prng.chance(0.5)) {
            node.wire.reset();
        }
        return () => node.limitFiles(null);
    },
};

const CGROUP = '/sys/fs/cgroup/memory';

// The kernel's own way to end a process.
export const noMemory = {
    name: 'no-memory',
    touches: ['daemon'],
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
    async start(world, prng) {
        const node = prng.pick(world.nodes);
        const group = `${CGROUP}/pgcable-chaos-${node.pid}`;
        const { pid } = node;
        fs.mkdirSync(group);
        fs.writeFileSync(`${group}/memory.limit_in_bytes`, '1M');
        node.expectEnd();
        fs.writeFileSync(`${group}/cgroup.procs`, String(pid));
        const deadline = Date.now() + 30_000;
        while (node.up && Date.now() < deadline) {
            await delay(20);
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
        const { bavail, bsize } = fs.statfsSync(world.cluster.dir);
        execFileSync('fallocate', ['-l', String(Math.max(4096, bavail * bsize - 65_536)), filler]);
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
