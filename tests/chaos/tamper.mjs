// SPDX-License-Identifier: PostgreSQL
// tamper.mjs - who checks the checker: what one client wrote down is falsified in one place, and the
// verdict must notice.
import { Verdict } from './verdict.mjs';

const STREAM = 'orders-1'; // nothing on it is ever left out of a replay

// What is done to a list of [id, time, place] at n, and the promise that must break.
const TAMPERINGS = [
    ['lost', (list, n) => list.splice(n, 1)],
    ['duplicated', (list, n) => list.splice(n, 0, list[n])],
    ['misordered', (list, n) => list.splice(n, 2, list[n + 1], list[n])],
    ['altered', (list, n, events) => list.splice(n, 1, [another(events, list[n][0], {}), ...list[n].slice(1)])],
    ['invented', (list, n, events) => list.splice(n, 0, [another(events, list[n][0], { key: 'gI0.0' }), ...list[n].slice(1)])],
];

// The number of an event like that one, but with another text.
function another(events, id, changes) {
    return events.list.push({ ...events.list[id], sha: 'tampered', ...changes }) - 1;
}

// A client with nothing but its subscription to this stream, and that a copy.
function copyOf({ name, member, extended, tokens, subscriptions }) {
    const copies = [...subscriptions.values()].filter(({ stream }) => stream === STREAM).map((subscription) => ({
        stream: STREAM,
        runs: subscription.runs.map((run) => ({ ...run })),
    }));
    return { name, member, extended, tokens, refusals: [], subscriptions: new Map(copies.map((copy) => [STREAM, copy])) };
}

function tamperWith(clients, events, change) {
    const runs = clients.flatMap(({ subscriptions }) => [...subscriptions.values()].map((one) => one.runs.at(-1)));
    const run = runs.reduce((longest, one) => (one.ids.length > longest.ids.length ? one : longest));
    const list = run.ids.map((id, n) => [id, run.times[n], run.places[n]]);
    change(list, list.length - 4, events); // behind all faults
    [run.ids, run.times, run.places] = [0, 1, 2].map((part) => list.map((entry) => entry[part]));
}

// Returns the promises whose breach goes unnoticed.
export function unnoticed(rows, world) {
    return TAMPERINGS.filter(([kind, change]) => {
        const found = new Set();
        const clients = world.clients.map(copyOf);
        tamperWith(clients, world.events, change);
        new Verdict(rows, world.ghosts, world.events, (what) => found.add(what)).judge(clients);
        return !found.has(kind);
    }).map(([kind]) => kind);
}
