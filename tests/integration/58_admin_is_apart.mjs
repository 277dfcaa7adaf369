// SPDX-License-Identifier: PostgreSQL
// Clients reach the websocket and nothing else; who watches has an address of its own.
import assert from 'node:assert/strict';
import fs from 'node:fs';

// What a process listens on, as "address:port", from the kernel's own tables.
function listening(pid) {
    const sockets = new Set();
    for (const name of fs.readdirSync(`/proc/${pid}/fd`)) {
        try {
            sockets.add(/^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${name}`))?.[1]);
        } catch {
            // closed meanwhile
        }
    }
    return ['tcp', 'tcp6', 'udp', 'udp6']
        .flatMap((table) => fs.readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n').slice(1)
            .map((line) => [table, ...line.trim().split(/\s+/)]))
        .filter(([table, , , , state, , , , , , inode]) =>
            sockets.has(inode) && (table.startsWith('udp') || state === '0A'))
        .map(([table, , local]) => {
            const [address, port] = local.split(':');
            return `${table} ${address} ${parseInt(port, 16)}`;
        })
        .sort();
}

export default {
    async 'the daemon listens on its two ports, of this machine unless told otherwise'(t) {
        const daemon = await t.start();
        const { listen_port: clients, admin_port: admin } = daemon.settings;
        assert.deepEqual(listening(daemon.child.pid),
            [`tcp 0100007F ${clients}`, `tcp 0100007F ${admin}`].sort());
    },

    async 'the port of the clients answers none of the questions of the other'(t) {
        for (const target of ['/metrics', '/ready', '/health', '/', '/../metrics', '/cable/../metrics',
            '//metrics', '/%6detrics', '/metrics?x']) {
            const response = await fetch(`http://127.0.0.1:${t.daemon.port}${target}`);
            assert.equal(response.status, 404, target);
            assert.doesNotMatch(await response.text(), /pgcable_|ready/, target);
        }
    },

    async 'without an admin port there is none'(t) {
        const daemon = await t.create({ admin_port: -1 });
        await daemon.start();
        assert.deepEqual(listening(daemon.child.pid), [`tcp 0100007F ${daemon.port}`]);
    },
};
