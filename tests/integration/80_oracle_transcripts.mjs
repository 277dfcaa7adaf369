// SPDX-License-Identifier: PostgreSQL
// Every recorded exchange of a real ActionCable server, replayed; see tests/oracle.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadCases, makeEnv, runCase } from '../oracle/replay.mjs';
import { SECRET } from './lib/token.mjs';
import { PATIENCE_MS, until } from './lib/until.mjs';

const oracle = (name) => fileURLToPath(new URL(`../oracle/${name}`, import.meta.url));
const deviations = JSON.parse(fs.readFileSync(oracle('deviations.json'), 'utf8'));
const cases = loadCases(oracle('transcripts'), deviations.cases).filter(
    ({ tags }) => !tags.includes('quirk'),
);

const SETTINGS = {
    allowed_origins: 'http://localhost:3000, https://app.example.test',
    allow_same_origin: 'on',
    token_query: 'on',
};
const AT_ONCE = 8; // most of a replay is waiting for silence

async function startFor(t) {
    const daemon = await t.start(SETTINGS);
    const broadcast =
        `psql -XqAt -d "${t.app.superuser.dsn}" -v ON_ERROR_STOP=1 ` +
        '-v stream="$STREAM" -v message="$MESSAGE" ' +
        `<<< "select pgcable.broadcast(:'stream', :'message')"`;
    const env = makeEnv(`ws://127.0.0.1:${daemon.port}/cable`, {
        secret: SECRET,
        control: 'none',
        broadcast: `cmd:${broadcast}`,
    });
    return { daemon, env };
}

// What these say is true of a client that keeps its pace; on a busy machine that may take more
// than one attempt.
const PACED = /^(connect_pings|subscribe_duplicate)/;

async function replay(kase, env) {
    let outcome;
    const passes = async () => {
        outcome = await runCase(kase, env, { timeout: PATIENCE_MS });
        return outcome.result === 'PASS';
    };
    const passed = PACED.test(kase.case)
        ? await until(kase.case, passes, 2 * PATIENCE_MS).catch(() => false)
        : await passes();
    return passed ? null : `${outcome.result} ${kase.case}: ${outcome.why}`;
}

// Cases that broadcast would hear each other; the others may run side by side.
async function replayAll(list, env, atOnce) {
    const complaints = [];
    const queue = [...list];
    await Promise.all(
        Array.from({ length: atOnce }, async () => {
            for (let kase = queue.shift(); kase; kase = queue.shift()) {
                complaints.push(await replay(kase, env));
            }
        }),
    );
    return complaints.filter(Boolean);
}

const does =
    (step) =>
    ({ steps }) =>
        steps.some((candidate) => candidate[step]);

export default {
    async 'all exchanges without a broadcast go as recorded'(t) {
        const { env } = await startFor(t);
        const list = cases.filter((kase) => !does('broadcast')(kase) && !does('server')(kase));
        assert.ok(list.length > 50);
        assert.deepEqual(await replayAll(list, env, AT_ONCE), []);
    },

    async 'all exchanges with a broadcast go as recorded'(t) {
        const { env } = await startFor(t);
        const list = cases.filter(does('broadcast'));
        assert.ok(list.length > 10);
        assert.deepEqual(await replayAll(list, env, 1), []);
    },

    async 'the exchange in which the server is stopped goes as it should'(t) {
        const { daemon, env } = await startFor(t);
        env.stopCmd = `kill -TERM ${daemon.child.pid}`;
        env.startCmd = 'true'; // nothing follows in these cases
        assert.equal(cases.filter(does('server')).length, 1);
        assert.deepEqual(await replayAll(cases.filter(does('server')), env, 1), []);
        daemon.check(await daemon.ended);
    },

    async 'each deviation names one of the sentences that allow it, and fits its case'() {
        const allowed = fs.readFileSync(oracle('README.md'), 'utf8');
        for (const [name, { allowed_by: sentence, steps }] of Object.entries(deviations.cases)) {
            assert.ok(
                cases.some((kase) => kase.case === name),
                `there is a case ${name}`,
            );
            assert.ok(allowed.includes(sentence), `${name}: the README allows it`);
            assert.ok(Object.keys(steps).length > 0);
        }
    },
};
