// SPDX-License-Identifier: PostgreSQL
// Runs last: what all daemons of all tests have logged.
import assert from 'node:assert/strict';
import { Daemon } from './lib/daemon.mjs';
import { SECRET, minted } from './lib/token.mjs';

export default {
    async 'no token, no part of one and no secret stands in any log'(t) {
        await t
            .open({
                query: '?token=canary-in-the-query',
                headers: { Authorization: 'Bearer canary-in-the-header' },
            })
            .end();
        const log = Daemon.all.map((daemon) => daemon.log).join('\n');
        assert.ok(log.length > 0);
        assert.ok(!log.includes('canary-in'));
        assert.ok(!log.includes(SECRET));
        for (const token of minted) {
            const [, claims, signature] = token.split('.');
            assert.ok(
                !log.includes(claims) && !log.includes(signature),
                `a token was logged: ${claims}`,
            );
        }
    },
};
