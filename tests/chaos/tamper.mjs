// SPDX-License-Identifier: PostgreSQL
// tamper.mjs - who checks the checker: what one client wrote down is falsified in one place, and the
// verdict must notice.
import { Verdict } from './verdict.mjs';

const STREAM = 'orders-1'; // nothing on it is ever left out of a replay

// What is done to a list of [id, time, place, token] at n, and the promise that must break.
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

// As far behind all faults as there are two, one behind the other, that count: what a failover lost,
// or moved, may be told or not.
function placeIn({ ids }, counts) {
    let n = ids.length - 4;
    while (n >= 0 && !(counts(ids[n]) && counts(ids[n + 1]))) {
        n--;
    }
    return n;
}

function tamperWith(clients, events, counts, change) {
    const runs = clients.flatMap(({ subscriptions }) => [...subscriptions.values()].map((one) => one.runs.at(-1)));
    const run = runs.filter((one) => placeIn(one, counts) >= 0)
        .reduce((longest, one) => (one.ids.length > longest.ids.length ? one : longest), { ids: [] });
    if (run.ids.length === 0) {
        return; // and that is noticed
    }
    const list = run.ids.map((id, n) => [id, run.times[n], run.places[n], run.tokens[n]]);
    change(list, placeIn(run, counts), events);
    [run.ids, run.times, run.places, run.tokens] = [0, 1, 2, 3].map((part) => list.map((entry) => entry[part]));
}

// Returns the promises whose breach goes unnoticed.
export function unnoticed(rows, world) {
    const facts = new Verdict(rows, world.ghosts, world.events, () => {}).expected.streams.get(STREAM);
    const counts = (id) => {
        const { key, sha } = world.events.list[id];
        const fact = facts?.get(key);
        return fact !== undefined && fact.sha === sha && !fact.optional;
    };
    return TAMPERINGS.filter(([kind, change]) => {
        const found = new Set();
        const clients = world.clients.map(copyOf);
        tamperWith(clients, world.events, counts, change);
        new Verdict(rows, world.ghosts, world.events, (what) => found.add(what)).judge(clients);
        return !found.has(kind);
    }).map(([kind]) => kind);
}
