// SPDX-License-Identifier: PostgreSQL
// order.mjs - one order out of what all clients saw, and what it must not contradict.
import { sees } from './ledger.mjs';
import { firstWhere } from './search.mjs';

class Heap {
    #items = [];

    constructor(before) {
        this.before = before;
    }

    push(item) {
        const items = this.#items;
        let n = items.push(item) - 1;
        while (n > 0 && this.before(item, items[(n - 1) >> 1])) {
            items[n] = items[(n - 1) >> 1];
            n = (n - 1) >> 1;
        }
        items[n] = item;
    }

    pop() {
        const items = this.#items;
        const top = items[0];
        const last = items.pop();
        if (items.length > 0) {
            let n = 0;
            for (;;) {
                let child = 2 * n + 1;
                if (child + 1 < items.length && this.before(items[child + 1], items[child])) {
                    child++;
                }
                if (child >= items.length || !this.before(items[child], last)) {
                    break;
                }
                items[n] = items[child];
                n = child;
            }
            items[n] = last;
        }
        return top;
    }

    get size() {
        return this.#items.length;
    }
}

// Facts (all of a stream, seen or not) in an order that each of the runs, lists of facts, agrees
// with; where no run says anything, by tick, and in a tick by number, as pgcable has it: while nobody
// makes ticks, one of them gets long, and who committed first is not who wrote first.  Sets
// fact.index.  Where runs contradict each other there is none, and the checks of the runs will tell.
export function merge(facts, runs) {
    const before = (a, b) => (a.row.tick === b.row.tick ? a.row.seq - b.row.seq : a.row.tick - b.row.tick);
    const next = new Map(facts.map((fact) => [fact, []]));
    const waits = new Map(facts.map((fact) => [fact, 0]));
    for (const run of runs) {
        for (let n = 1; n < run.length; n++) {
            next.get(run[n - 1]).push(run[n]);
            waits.set(run[n], waits.get(run[n]) + 1);
        }
    }
    const heap = new Heap((a, b) => before(a, b) < 0);
    const left = [...facts].sort(before);
    const order = [];
    const taken = new Set();
    facts.filter((fact) => waits.get(fact) === 0).forEach((fact) => heap.push(fact));
    for (let oldest = 0; order.length < facts.length;) {
        while (heap.size === 0) { // a circle: break it at its oldest
            const fact = left[oldest++];
            if (!taken.has(fact)) {
                waits.set(fact, 0);
                heap.push(fact);
            }
        }
        const fact = heap.pop();
        if (taken.has(fact)) {
            continue;
        }
        taken.add(fact);
        fact.index = order.push(fact) - 1;
        for (const follower of next.get(fact)) {
            waits.set(follower, waits.get(follower) - 1);
            if (waits.get(follower) === 0) {
                heap.push(follower);
            }
        }
    }
    return order;
}

const describe = ({ key, row }) => `${key} (seq ${row.seq}, xid ${row.xid})`;

// The versions of a row rise; a writer's turns rise; rows of one transaction stay in their order.
function checkCounters(order, violation) {
    const last = new Map();
    const rising = (what, value, fact) => {
        const previous = last.get(what);
        if (previous && value < previous.value) {
            violation('misordered', `${describe(previous.fact)} before ${describe(fact)}: ${what}`);
        }
        last.set(what, { value, fact });
    };
    for (const fact of order) {
        const { kind, entity, version, op, writer, turn, xid, seq } = fact.row;
        rising(`the versions of ${kind} ${entity}`, op === 'D' ? Infinity : version ?? 0, fact);
        rising(`the rows of transaction ${xid}`, seq, fact);
        if (turn !== null) {
            rising(`the turns of writer ${writer}`, turn, fact);
        }
    }
}

// Nothing stands before what it could already see.
function checkCauses(order, violation) {
    const lastOf = new Map(); // xid -> its last place
    order.forEach((fact, index) => lastOf.set(fact.row.xid, { index, fact }));
    const xids = [...lastOf.keys()].sort((a, b) => a - b);
    const firstNotBelow = (xid) => firstWhere(xids.length, (n) => xids[n] >= xid);
    let youngest = { xid: Infinity };
    for (let n = order.length - 1; n >= 0; n--) {
        const fact = order[n];
        const { snap, xid } = fact.row;
        if (youngest.xid < snap.xmin) {
            violation('misordered', `${describe(fact)} before ${describe(youngest.fact)}, which it could see`);
        }
        for (let i = firstNotBelow(snap.xmin); i < xids.length && xids[i] < snap.xmax; i++) {
            if (xids[i] !== xid && sees(snap, xids[i]) && lastOf.get(xids[i]).index > n) {
                violation('misordered', `${describe(fact)} before ${describe(lastOf.get(xids[i]).fact)}, which it could see`);
            }
        }
        if (xid < youngest.xid) {
            youngest = { xid, fact };
        }
    }
}

export function checkOrder(order, violation) {
    checkCounters(order, violation);
    checkCauses(order, violation);
}
