// SPDX-License-Identifier: PostgreSQL
// report.mjs - what a run was, and what came of it; one line per promise.

import { firstWhere } from './search.mjs';

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
    refused: 'no client is sent away for good, nor refused with a good token',
    writes: 'no write of the application fails for our sake',
    unnoticed: 'what is falsified in one place is noticed, and nothing true is blamed',
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

// By time of commit, with the first arrival of all that was committed then or later.
function firstArrivals(arrivals) {
    const sorted = [];
    for (let n = 0; n < arrivals.length; n += 2) {
        sorted.push({ at: arrivals[n], first: arrivals[n + 1] });
    }
    sorted.sort((a, b) => a.at - b.at);
    for (let n = sorted.length - 2; n >= 0; n--) {
        sorted[n].first = Math.min(sorted[n].first, sorted[n + 1].first);
    }
    return sorted;
}

// From a fault's end to each client's first message of something committed after it.
function recoveries(games) {
    const byName = new Map();
    for (const { nemesis, verdict } of games) {
        const ended = nemesis.log.filter(({ to }) => to !== null);
        for (const arrivals of verdict.arrivals.values()) {
            const sorted = firstArrivals(arrivals);
            for (const { name, to } of ended) {
                const next = sorted[firstWhere(sorted.length, (n) => sorted[n].at > to)];
                const values = byName.get(name) ?? [];
                values.push(...(next ? [next.first - to] : []));
                byName.set(name, values);
            }
        }
    }
    return byName;
}

function delays(verdicts) {
    const all = [];
    for (const arrivals of verdicts.flatMap((verdict) => [...verdict.arrivals.values()])) {
        for (let n = 0; n < arrivals.length; n += 2) {
            all.push(arrivals[n + 1] - arrivals[n]);
        }
    }
    return all;
}

const total = (objects, what) => objects.reduce((sumOfAll, object) => sumOfAll + object[what], 0);

function printFaults(games, messages) {
    const times = ({ nemesis }) => Object.fromEntries([...nemesis.times].map(([{ name }, n]) => [name, n]));
    const faults = add(games.map(times));
    const kinds = Object.values(faults);
    const { skipped } = games[0].nemesis;
    console.log(`${grouped(messages)} messages x ${grouped(sum(faults))} faults, each of ${kinds.length} kinds ` +
        `${kinds.length > 0 ? Math.min(...kinds) : 0} times or more: ${list(faults)}${skipped ? `; ${skipped} kinds skipped` : ''}`);
}

function printRecoveries(games) {
    const recovered = recoveries(games);
    if (process.env.PGCABLE_CHAOS_VERBOSE) {
        games.forEach(({ nemesis }) => nemesis.log.forEach(({ name, from, to }) =>
            console.log(`  ${new Date(from).toISOString()} ${name} ${to - from} ms`)));
    }
    for (const [name, values] of recovered) {
        console.log(`from the end of ${name} to a client's first message: ${quantiles(values)}`);
    }
    if (recovered.size > 0) {
        console.log(`from the end of a fault to a client's first message: ${quantiles([...recovered.values()].flat())}`);
    }
}

function printCounts(games) {
    const worlds = games.map(({ world }) => world);
    const verdicts = games.map(({ verdict }) => verdict);
    const clients = worlds.flatMap((world) => world.clients);
    const rows = verdicts.map(({ expected }) => expected.rows);
    const transactions = rows.map((all) => new Set(all.map(({ xid }) => xid)).size);
    const messages = total(worlds.map(({ events }) => events), 'taken');
    console.log(`${grouped(total(rows, 'length'))} rows committed in ${grouped(sum(transactions))} transactions and ` +
        `${Math.round(Math.max(...games.map(({ seconds }) => seconds)))} s: ` +
        list(add(worlds.flatMap(({ crew, counts }) => [crew.kinds, counts]))));
    console.log(`${grouped(messages)} messages to ${clients.filter(({ extended }) => !extended).length} base and ` +
        `${clients.filter(({ extended }) => extended).length} resuming clients, connected ` +
        `${total(clients, 'connects')} times; told: ${list(add(clients.map(({ told }) => told)))}`);
    console.log(`told of what a failover lost ${total(verdicts, 'ghostly')}, of what it moved ${total(verdicts, 'moved')}, ` +
        `again after a gap ${total(verdicts, 'again')}, replayed in their newest text ${total(verdicts, 'amended')}, ` +
        `left out of replays since edited or deleted ${total(verdicts, 'excused')}`);
    console.log(`errors of the application, by SQLSTATE: ${list(add(worlds.map(({ crew }) => crew.errors))) || 'none'}`);
    const { what, at, replayed } = verdicts.map(({ slowest }) => slowest).reduce((a, b) => (a.ms > b.ms ? a : b));
    console.log(`from commit to client, faults included: ${quantiles(delays(verdicts))}; ` +
        `the slowest: ${what}, committed at ${new Date(at).toISOString()}${replayed ? ', replayed' : ''}`);
    printFaults(games, messages);
    printRecoveries(games);
}

// True if every promise was kept.
export function report(games, seed) {
    printCounts(games);
    for (const { world } of games) {
        for (const [state, times] of world.crew.unexpected) {
            world.violation('writes', `${times} writes failed with SQLSTATE ${state}`);
        }
    }
    const violations = games.flatMap(({ world }) => world.violations);
    let failed = 0;
    for (const [kind, sentence] of Object.entries(PROMISES)) {
        const broken = violations.filter((violation) => violation.kind === kind);
        failed += broken.length > 0 ? 1 : 0;
        console.log(`${broken.length > 0 ? 'FAIL' : 'PASS'} ${sentence}: ${kind} ${broken.length}`);
    }
    if (failed > 0) {
        const seeded = process.argv.includes('--seed') ? [] : ['--seed', seed];
        console.log(`again: tests/chaos/run ${[...process.argv.slice(2), ...seeded].join(' ')}`);
    }
    const { skipped } = games[0].nemesis;
    console.log(`${Object.keys(PROMISES).length - failed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    return failed === 0;
}
