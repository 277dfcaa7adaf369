#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
// run.mjs - runs the integration tests.
//
//   node run.mjs [--only REGEX] [--list] [--jobs N]
//
//   --jobs N       N files at a time, each process with a database and a daemon of its own
//
//   PGCABLE_BIN    the program (default: build/asan/src/app/pgcable)
//   PGCABLE_WRAP   what goes before it, such as "valgrind -q --error-exitcode=99"
//   PGCABLE_KEEP   set: leave the folder with database, settings and logs
//
// A file NN_area_behaviour.mjs exports { sentence: async (t) => { … } }; `t` is lib/test.mjs.  With
// `isAlone` it has a database of its own, for it looks at what stands in that.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Daemon, PGCABLE } from './lib/daemon.mjs';
import { follow, lead } from './lib/jobs.mjs';
import { Skip, Test } from './lib/test.mjs';
import { SLOWNESS, within } from './lib/until.mjs';
import { World } from './lib/world.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TEST_MS = 600_000 * SLOWNESS;

function listAreas() {
    return fs
        .readdirSync(HERE)
        .filter((name) => /^\d\d_.*\.mjs$/.test(name))
        .map((name) => name.slice(0, -'.mjs'.length))
        .sort();
}

async function loadTests(area, only) {
    const { default: sentences, isAlone } = await import(path.join(HERE, `${area}.mjs`)).catch((error) => ({
        default: { 'the file can be read': () => Promise.reject(error) },
    }));
    const tests = Object.entries(sentences)
        .map(([sentence, body]) => ({ name: `${area}: ${sentence}`, body }))
        .filter(({ name }) => !only || only.test(name));
    return Object.assign(tests, { isAlone });
}

async function runTest({ name, body }, world) {
    const test = new Test(world);
    const start = performance.now();
    let result = 'PASS';
    let why = '';
    const fail = (error) => {
        if (result === 'PASS') {
            result = error instanceof Skip ? 'SKIP' : 'FAIL';
            why = error instanceof Skip ? error.message : (error.stack ?? String(error));
        }
    };
    try {
        await world.daemon.ready();
        await within(`the test "${name}"`, body(test), TEST_MS);
    } catch (error) {
        fail(error);
    }
    await test.finish().catch(fail);
    console.log(
        `${result} ${name} (${Math.round(performance.now() - start)} ms)` +
            (why && `\n  ${why.replaceAll('\n', '\n  ')}`),
    );
    return result;
}

// The tests of the areas that `next` hands out, in one world: { PASS, FAIL, SKIP }.
async function runAreas(next, only) {
    const count = { PASS: 0, FAIL: 0, SKIP: 0 };
    const world = await World.create();
    const worlds = [world];
    const leave = async (signal) => {
        Daemon.all.filter(({ running }) => running).forEach((daemon) => daemon.kill('SIGKILL'));
        await Promise.all(worlds.map((one) => one.end().catch(() => {})));
        process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    process.once('SIGINT', leave);
    process.once('SIGTERM', leave);
    process.once('disconnect', leave);
    for (let area = await next(); area; area = await next()) {
        const tests = await loadTests(area, only);
        if (tests.isAlone) {
            worlds.push(await World.create());
        }
        for (const test of tests) {
            count[await runTest(test, worlds.at(-1))]++;
        }
        if (tests.isAlone) {
            await worlds.pop().end();
        }
    }
    process.off('disconnect', leave);
    try {
        await world.end();
    } catch (error) {
        console.log(`FAIL the shared daemon ends well\n  ${error.message}`);
        count.FAIL++;
    }
    return count;
}

async function main() {
    const { values } = parseArgs({
        options: {
            only: { type: 'string' },
            list: { type: 'boolean' },
            jobs: { type: 'string', default: '1' },
        },
    });
    const only = values.only && new RegExp(values.only);
    if (process.send) {
        return follow((next) => runAreas(next, only));
    }
    const areas = [];
    for (const area of listAreas()) {
        const tests = await loadTests(area, only);
        if (values.list) {
            tests.forEach(({ name }) => console.log(name));
        } else if (tests.length > 0) {
            areas.push(area);
        }
    }
    if (values.list) {
        return 0;
    }
    if (!fs.existsSync(PGCABLE)) {
        console.error(`there is no ${PGCABLE}: build it, or set PGCABLE_BIN`);
        return 1;
    }
    const count =
        Number(values.jobs) > 1
            ? await lead(Number(values.jobs), areas)
            : await runAreas(() => areas.shift(), only);
    console.log(`${count.PASS} passed, ${count.FAIL} failed, ${count.SKIP} skipped`);
    return count.FAIL ? 1 : 0;
}

process.exit(await main());
