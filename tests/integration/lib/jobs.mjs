// SPDX-License-Identifier: PostgreSQL
// jobs.mjs - several processes that take the test files from one list.
import { fork } from 'node:child_process';
import { once } from 'node:events';

// These look at what the tests before them left behind, in each process.
const isLast = (area) => area.startsWith('99_');

// Starts the processes, which are this program again, and adds up what they count.
export async function lead(jobs, areas) {
    const total = { PASS: 0, FAIL: 0, SKIP: 0 };
    const queue = areas.filter((area) => !isLast(area));
    const work = async () => {
        const left = [...areas.filter(isLast)];
        const child = fork(process.argv[1], process.argv.slice(2));
        let isDone = false;
        child.on('message', ({ count }) => {
            isDone = Boolean(count);
            Object.keys(count ?? {}).forEach((result) => (total[result] += count[result]));
            if (!count) {
                child.send({ area: queue.shift() ?? left.shift() ?? null });
            }
        });
        const [code, signal] = await once(child, 'exit');
        if (!isDone) {
            console.log(`FAIL a process of the tests ended early: ${signal ?? `status ${code}`}`);
            total.FAIL++;
        }
    };
    await Promise.all(Array.from({ length: jobs }, work));
    return total;
}

// What such a process does: `run` gets a function that returns the next area, or null.
export async function follow(run) {
    const next = async () => {
        process.send({});
        const [{ area }] = await once(process, 'message');
        return area;
    };
    const count = await run(next);
    await new Promise((resolve) => process.send({ count }, resolve));
    return count.FAIL ? 1 : 0;
}
