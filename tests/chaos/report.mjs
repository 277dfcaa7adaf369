// SPDX-License-Identifier: PostgreSQL
// report.mjs - what a run was, and what came of it; one line per promise.

// What must not happen; each is a line that passes or fails.
const PROMISES = {
    lost: 'nothing committed is lost without the client being told',
    invented: 'nothing that was not committed is sent',
    altered: 'every text arrives as it was committed',
    duplicated: 'nothing is sent twice',
    misordered: 'everyone sees one order, and none that the commits contradict',
    leaked: 'nothing is sent to who has lost the right',
    stale: 'no replay tells what was edited or deleted meanwhile',
    stranded: 'no commit waits for another one to be noticed',
    stuck: 'all is well again after every fault, by itself',
    crashed: 'no daemon ends by itself, nor badly',
    protocol: 'clients are told what the protocol has',
    refused: 'no client is sent away for good',
    writes: 'no write of the application fails for our sake',
    unnoticed: 'what a client wrote down, falsified in one place, is noticed',
};

const sum = (object) => Object.values(object).reduce((total, value) => total + value, 0);
const list = (object) => Object.entries(object).map(([name, value]) => `${name} ${value}`).join(', ');
const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

function add(objects) {
    const total = {};
    for (const object of objects) {
        for (const [name, value] of Object.entries(object)) {
            total[name] = (total[name] ?? 0) + value;
        }
    }
    return total;
}

function quantiles(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (part) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]);
    return `p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} ms`;
}

// From a fault's end to each client's first message of something committed after it.
function recoveries(nemesis, verdict) {
    const byName = new Map();
    for (const { name, to } of nemesis.log.filter((entry) => entry.to !== null)) {
        for (const arrivals of verdict.arrivals.values()) {
            let first = Infinity;
            for (let n = 0; n < arrivals.length; n += 2) {
                if (arrivals[n] > to && arrivals[n + 1] < first) {
                    first = arrivals[n + 1];
                }
            }
            if (first < Infinity) {
                byName.set(name, [...(byName.get(name) ?? []), first - to]);
            }
        }
    }
    return byName;
}

function delays(verdict) {
    const all = [];
    for (const arrivals of verdict.arrivals.values()) {
        for (let n = 0; n < arrivals.length; n += 2) {
            all.push(arrivals[n + 1] - arrivals[n]);
        }
    }
    return all;
}

function printCounts(world, verdict, { nemesis, seconds }) {
    const { crew, clients, events } = world;
    const transactions = new Set(verdict.expected.rows.map(({ xid }) => xid)).size;
    const faults = add(nemesis.log.map(({ name }) => ({ [name]: 1 })));
    console.log(`${grouped(verdict.expected.rows.length)} rows committed in ${grouped(transactions)} transactions and ${Math.round(seconds)} s: ` +
        list(add([crew.kinds, world.counts])));
    console.log(`${grouped(events.taken)} messages to ${clients.filter(({ extended }) => !extended).length} base and ` +
        `${clients.filter(({ extended }) => extended).length} resuming clients, connected ` +
        `${sum(clients.map(({ connects }) => connects))} times; told: ${list(add(clients.map(({ told }) => told)))}`);
    console.log(`told of what a failover lost ${verdict.ghostly}, again after a gap ${verdict.again}, replayed in their newest ` +
        `text ${verdict.amended}, left out of replays since edited or deleted ${verdict.excused}`);
    console.log(`errors of the application, by SQLSTATE: ${list(crew.errors) || 'none'}`);
    console.log(`${sum(faults)} faults: ${list(faults)}${nemesis.skipped ? `; ${nemesis.skipped} kinds skipped` : ''}`);
    const { what, at, replayed } = verdict.slowest;
    console.log(`from commit to client, faults included: ${quantiles(delays(verdict))}; the slowest: ${what}, committed at ` +
        `${new Date(at).toISOString()}${replayed ? ', replayed' : ''}`);
    const recovered = recoveries(nemesis, verdict);
    if (process.env.PGCABLE_CHAOS_VERBOSE) {
        nemesis.log.forEach(({ name, from, to }) => console.log(`  ${new Date(from).toISOString()} ${name} ${to - from} ms`));
    }
    for (const [name, values] of recovered) {
        console.log(`from the end of ${name} to a client's first message: ${quantiles(values)}`);
    }
    if (recovered.size > 0) {
        console.log(`from the end of a fault to a client's first message: ${quantiles([...recovered.values()].flat())}`);
    }
}

// True if every promise was kept.
export function report(world, verdict, played, options) {
    printCounts(world, verdict, played);
    for (const [state, times] of world.crew.unexpected) {
        world.violation('writes', `${times} writes failed with SQLSTATE ${state}`);
    }
    let failed = 0;
    for (const [kind, sentence] of Object.entries(PROMISES)) {
        const broken = world.violations.filter((violation) => violation.kind === kind);
        failed += broken.length > 0 ? 1 : 0;
        console.log(`${broken.length > 0 ? 'FAIL' : 'PASS'} ${sentence}: ${kind} ${broken.length}`);
    }
    if (failed > 0) {
        console.log(`again: tests/chaos/run --seconds ${options.seconds} --seed ${options.seed}`);
    }
    const skipped = played.nemesis.skipped > 0 ? `, ${played.nemesis.skipped} skipped` : '';
    console.log(`${Object.keys(PROMISES).length - failed} passed, ${failed} failed${skipped}`);
    return failed === 0;
}
