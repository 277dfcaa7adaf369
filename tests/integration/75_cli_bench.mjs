// SPDX-License-Identifier: PostgreSQL
// pgcable bench: load on a daemon that runs.  How fast anything is, is not asked here.
import assert from 'node:assert/strict';
import path from 'node:path';
import { pgcable } from './lib/daemon.mjs';
import { Authority } from './lib/pki.mjs';
import { SECRET, mint } from './lib/token.mjs';

const SECRETLY = ['--hs256_secret', SECRET];

function bench(dsn, daemon, ...args) {
    const scheme = args.includes('--ca') ? 'wss' : 'ws';
    const url = `${scheme}://127.0.0.1:${daemon.port}/cable`;
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
        const members = bo === ann + 1 ? 2 : 1; // another test may have made one in between
        await counts(t, t.daemon, { clients: 10, rate: 50 }, ...SECRETLY, '--member', `${ann}`);
        await counts(t, t.daemon, { clients: 10, members, rate: 50 }, ...SECRETLY, '--member',
            `${ann}-${ann + members - 1}`);
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

    async 'with TLS it believes whom it is told to believe, and nobody else'(t) {
        const ann = await t.app.member('Ann');
        const [ours, others] = ['ours', 'others'].map((name) => new Authority(path.join(t.dir, name)));
        const { certificate, key } = ours.issue('bench');
        const daemon = await t.start({ tls_certificate: certificate, tls_key: key });
        await counts(t, daemon, { clients: 3, rate: 10 }, ...SECRETLY, '--member', `${ann}`,
            '--ca', ours.ca);
        const { code, stderr } = await bench(t.app.superuser.dsn, daemon, ...SECRETLY, '--member',
            `${ann}`, '--clients', '1', '--ca', others.ca);
        assert.equal(code, 1);
        assert.match(stderr, /^pgcable: 0 of 1 clients listened .*--ca/);
    },

    async 'what keeps it from starting is said at once'(t) {
        const superuser = t.app.superuser.dsn;
        const member = ['--member', '1'];
        await fails(2, /--member ID/, bench(superuser, t.daemon, ...SECRETLY));
        await fails(2, /hs256_secret, or --token/, bench(superuser, t.daemon, ...member));
        await fails(2, /"many" is no number/,
            bench(superuser, t.daemon, ...SECRETLY, ...member, '--clients', 'many'));
        await fails(2, /"http:.*ws:\/\/HOST/,
            pgcable(['bench', ...SECRETLY, ...member, '--url', 'http://127.0.0.1/cable']));
        await fails(1, /permission denied.*may broadcast/,
            bench(t.world.dsn, t.daemon, ...SECRETLY, ...member));
        await fails(1, /rejected.*exists/,
            bench(superuser, t.daemon, ...SECRETLY, '--member', '4000000000'));
    },
};
