// SPDX-License-Identifier: PostgreSQL
// pgcable bench: load on a daemon that runs.  How fast anything is, is not asked here.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { pgcable } from './lib/daemon.mjs';
import { Authority } from './lib/pki.mjs';
import { needIPv6 } from './lib/test.mjs';
import { SECRET, mint } from './lib/token.mjs';

const SECRETLY = ['--hs256_secret', SECRET];

function bench(dsn, { host = '127.0.0.1', port }, ...args) {
    const scheme = args.includes('--ca') ? 'wss' : 'ws';
    const url = `${scheme}://${host}:${port}/cable`;
    return pgcable(['bench', '-d', dsn, '--url', url, '--seconds', '1', ...args]);
}

// It goes well, and what it counts fits together.
async function counts(t, daemon, { clients, members = 1, rate }, ...args) {
    const { code, stdout, stderr } = await bench(t.app.superuser.dsn, daemon, '--json',
        '--clients', String(clients), '--rate', String(rate), ...args);
    assert.deepEqual([code, stderr], [0, ''], stdout);
    const result = JSON.parse(stdout);
    assert.equal(result.listening, clients);
    assert.equal(result.written, rate + members); // each member's last one tells that it is over
    assert.equal(result.expected, result.written * clients / members);
    assert.deepEqual([result.received, result.lost, result.twice], [result.expected, 0, 0]);
    assert.equal(result.histogram_us.reduce((sum, [, count]) => sum + count, 0), result.received);
    assert.ok(result.p50_ms <= result.p99_ms && result.p99_ms <= result.max_ms, stdout);
}

// It fails with this status, and says so in one line.
async function fails(status, pattern, ended) {
    const { code, stderr } = await ended;
    assert.equal(code, status, stderr);
    assert.match(stderr, /^pgcable: .*\n$/);
    assert.match(stderr, pattern);
}

export default {
    async 'clients of one member, or of several, get each event once'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        assert.equal(bo, ann + 1); // nobody else writes meanwhile
        await counts(t, t.daemon, { clients: 10, rate: 50 }, ...SECRETLY, '--member', `${ann}`);
        await counts(t, t.daemon, { clients: 10, members: 2, rate: 50 }, ...SECRETLY, '--member',
            `${ann}-${bo}`);
    },

    async 'the host may be a name, and an address of IPv6'(t) {
        const ann = await t.app.member('Ann');
        const once = [{ clients: 1, rate: 10 }, ...SECRETLY, '--member', `${ann}`];
        await counts(t, { host: 'localhost', port: t.daemon.port }, ...once);
        await needIPv6();
        const { port } = await t.start({ listen_address: '::1' });
        await counts(t, { host: '[::1]', port }, ...once);
    },

    async 'a client that is cut off and misses events makes it fail'(t) {
        const ann = await t.app.member('Ann');
        let isCut = false;
        const server = net.createServer((near) => {
            const far = net.connect(t.daemon.port, '127.0.0.1');
            for (const [from, to] of [[near, far], [far, near]]) {
                from.on('error', () => {});
                from.on('close', () => to.destroy());
            }
            near.pipe(far);
            far.on('data', (data) => {
                if (!isCut && data.includes('pgcableBench')) {
                    isCut = true;
                    near.destroy();
                } else {
                    near.write(data);
                }
            });
        });
        t.later(() => server.close());
        await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { code, stdout, stderr } = await bench(t.app.superuser.dsn, server.address(), '--json',
            '--clients', '1', '--rate', '50', ...SECRETLY, '--member', `${ann}`, '--seconds', '3');
        assert.equal(code, 1, stdout);
        assert.match(stderr, /^pgcable: not all clients had all events, once/);
        const result = JSON.parse(stdout);
        assert.equal(result.cut_off, 1);
        assert.ok(result.lost > 0 && result.received + result.lost === result.expected, stdout);
    },

    async 'it says for people what it counted'(t) {
        const ann = await t.app.member('Ann');
        const { code, stdout } = await bench(t.app.superuser.dsn, t.daemon, '--clients', '5',
            '--rate', '20', '--member', `${ann}`, '--token', mint(ann));
        assert.equal(code, 0, stdout);
        assert.match(stdout, /^5 clients listened after \d/m);
        assert.match(stdout, /^21 events written .* 105 of 105 messages received: lost 0, twice 0/m);
        assert.match(stdout, /^ms .*: p50 \d/m);
    },

    async 'with TLS it believes whom it is told to believe, for the name they have'(t) {
        const ann = await t.app.member('Ann');
        const [ours, others] = ['ours', 'others'].map((name) => new Authority(path.join(t.dir, name)));
        const serve = (hosts) => {
            const { certificate, key } = ours.issue(hosts.slice(0, 3), hosts);
            return t.start({ tls_certificate: certificate, tls_key: key });
        };
        const address = await serve('IP:127.0.0.1');
        const name = await serve('DNS:localhost');
        const believed = [{ clients: 3, rate: 10 }, ...SECRETLY, '--member', `${ann}`, '--ca', ours.ca];
        await counts(t, address, ...believed);
        await counts(t, { host: 'localhost', port: name.port }, ...believed);
        await Promise.all([
            [address, others.ca],
            [{ host: 'localhost', port: address.port }, ours.ca],
            [name, ours.ca],
        ].map(([server, ca]) => fails(1, /0 of 1 clients listened .*--ca/, bench(t.app.superuser.dsn,
            server, ...SECRETLY, '--member', `${ann}`, '--clients', '1', '--ca', ca))));
    },

    async 'what keeps it from starting is said at once'(t) {
        const superuser = t.app.superuser.dsn;
        const member = ['--member', '1'];
        await fails(2, /--member ID/, bench(superuser, t.daemon, ...SECRETLY));
        await fails(2, /--member "2-1" is no ID/,
            bench(superuser, t.daemon, ...SECRETLY, '--member', '2-1'));
        await fails(2, /hs256_secret, or --token/, bench(superuser, t.daemon, ...member));
        await fails(2, /"many" is no number/,
            bench(superuser, t.daemon, ...SECRETLY, ...member, '--clients', 'many'));
        await fails(2, /one member's, --member names 2/,
            bench(superuser, t.daemon, '--token', mint(1), '--member', '1-2'));
        await fails(2, /2 members need at least as many clients, not 1/,
            bench(superuser, t.daemon, ...SECRETLY, '--member', '1-2', '--clients', '1'));
        for (const url of ['http://127.0.0.1/cable', 'ws', 'ws://', 'ws://host:/', 'ws://host:99999/']) {
            await fails(2, new RegExp(`"${url}".*ws://HOST`),
                pgcable(['bench', ...SECRETLY, ...member, '--url', url]));
        }
        await fails(1, /permission denied.*may broadcast/,
            bench(t.world.dsn, t.daemon, ...SECRETLY, ...member));
        await fails(1, /rejected.*exists/,
            bench(superuser, t.daemon, ...SECRETLY, '--member', '4000000000'));
    },
};
