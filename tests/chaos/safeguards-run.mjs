#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
// safeguards-run.mjs - takes out one safeguard after another and shows that the ledger notices.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SAFEGUARDS } from './safeguards.mjs';

const MAIN = fileURLToPath(new URL('main.mjs', import.meta.url));
const SEED = '1';

async function run(name) {
    const { faults = '', seconds = 12, flags = [] } = SAFEGUARDS.get(name);
    const child = spawn(process.execPath, [MAIN, '--safeguard', name, '--seed', SEED, '--seconds', seconds,
        '--faults', faults, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data) => {
        output += data;
    });
    process.once('SIGTERM', () => child.kill('SIGTERM'));
    await new Promise((resolve) => child.once('close', resolve));
    return output;
}

let failed = 0;
const names = process.argv.length > 2 ? process.argv.slice(2) : [...SAFEGUARDS.keys()];
for (const name of names) {
    const { caught } = SAFEGUARDS.get(name);
    const output = await run(name);
    const broken = [...output.matchAll(/^FAIL .*: (\w+ \d+)$/gm)].map(([, what]) => what);
    const noticed = broken.some((what) => what.startsWith(`${caught} `));
    failed += noticed ? 0 : 1;
    console.log(`${noticed ? 'PASS' : 'FAIL'} without ${name}: ${broken.join(', ') || 'nothing noticed'}`);
    if (!noticed) {
        console.log(output.replaceAll(/^/gm, '  '));
    }
}
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
