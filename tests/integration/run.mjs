#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
// run.mjs - runs the integration tests, one after the other.
//
//   node run.mjs [--only REGEX] [--list]
//
//   PGCABLE_BIN    the program (default: build/asan/src/app/pgcable)
//   PGCABLE_WRAP   what goes before it, such as "valgrind -q --error-exitcode=99"
//   PGCABLE_KEEP   set: leave the folder with database, settings and logs
//
// A file NN_area_behaviour.mjs exports { sentence: async (t) => { … } }; `t` is lib/test.mjs.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Daemon, PGCABLE } from './lib/daemon.mjs';
import { Skip, Test } from './lib/test.mjs';
import { SLOWNESS, within } from './lib/until.mjs';
import { World } from './lib/world.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TEST_MS = 600_000 * SLOWNESS;

async function loadTests(only) {
    const files = fs
        .readdirSync(HERE)
        .filter((name) => /^\d\d_.*\.mjs$/.test(name))
        .sort();
    const tests = [];
    for (const file of files) {
        const area = file.slice(0, -'.mjs'.length);
        const { default: sentences } = await import(path.join(HERE, file)).catch((error) => ({
            default: { 'the file can be read': () => Promise.reject(error) },
        }));
        for (const [sentence, body] of Object.entries(sentences)) {
            const name = `${area}: ${sentence}`;
            if (!only || only.test(name)) {
                tests.push({ name, body });
            }
        }
    }
    return tests;
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

async function main() {
    const { values } = parseArgs({
        options: { only: { type: 'string' }, list: { type: 'boolean' } },
    });
    const tests = await loadTests(values.only && new RegExp(values.only));
    if (values.list) {
        tests.forEach(({ name }) => console.log(name));
        return 0;
    }
    if (!fs.existsSync(PGCABLE)) {
        console.error(`there is no ${PGCABLE}: build it, or set PGCABLE_BIN`);
        return 1;
    }
    const count = { PASS: 0, FAIL: 0, SKIP: 0 };
    const world = await World.create();
    const leave = async (signal) => {
        Daemon.all.filter(({ running }) => running).forEach((daemon) => daemon.kill('SIGKILL'));
        await world.end().catch(() => {});
        process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    process.once('SIGINT', leave);
    process.once('SIGTERM', leave);
    for (const test of tests) {
        count[await runTest(test, world)]++;
    }
    try {
        await world.end();
    } catch (error) {
        console.log(`FAIL the shared daemon ends well\n  ${error.message}`);
        count.FAIL++;
    }
    console.log(`${count.PASS} passed, ${count.FAIL} failed, ${count.SKIP} skipped`);
    return count.FAIL ? 1 : 0;
}

process.exit(await main());
