// SPDX-License-Identifier: PostgreSQL
// cases.mjs - who checks the checker, too: a made-up failover, which lost what was then committed once
// more, and what the verdict has to say of clients that were told of it in this way or that.
import { Verdict } from './verdict.mjs';

const STREAM = 'orders-1';
const FAILOVER = 3000; // by the clock, behind tick 10; on the old server there had been 11, too

const at = (tick, epoch, xid, time) => ({ tick, epoch, xid, at: time, snap: { xmin: xid, xmax: xid, xip: null } });
const row = (seq, place, rest) => ({
    seq, version: null, room: null, member: null, thread: null, writer: null, turn: null, stream: STREAM, ...place, ...rest,
});
const order = (entity, seq, place) =>
    row(seq, place, { kind: 'order', op: 'I', entity, version: 1, sha: `text ${entity}` });
const said = (entity, seq, place) =>
    row(seq, place, { kind: 'broadcast', op: 'B', entity, sha: `text ${entity}` });

// Order 2 had been prepared: committed on the old server, and again on the new one.  There a token is
// revoked between two words of one transaction.
const REVOKING = at(13, '13.bbbbbbbb', 60, 7000);
const LOST = [
    order(1, 2, at(11, '11.aaaaaaaa', 51, 1000)),
    order(2, 3, at(11, '11.aaaaaaaa', 40, 1500)),
];
const KEPT = [
    order(9, 1, at(10, '10.aaaaaaaa', 30, 500)),
    order(2, 3, at(11, '11.bbbbbbbb', 40, 4000)),
    order(3, 4, at(12, '12.bbbbbbbb', 52, 5000)),
    said(4, 5, { ...REVOKING, snap: { xmin: 60, xmax: 62, xip: null } }), // 61 had come and gone meanwhile
    row(6, REVOKING, { kind: 'token', op: 'D', entity: 77, stream: null }),
    said(5, 7, REVOKING),
];

const EVENTS = ['gI9.1', 'gI1.1', 'gI2.1', 'gI3.1', 'B4', 'B5']
    .map((key) => ({ key, sha: `text ${/\d+/.exec(key)[0]}` }));

// `told`: [key, epoch], in its order; `base`: to a client that knows no places; `token`: the one in use.
function judge({ told, start = 100, time = 8000, base = false, token = 78 }) {
    const tokens = [77, 78].map((number) => ({ number, second: number, since: 9000 })); // by a clock set back since
    const run = {
        start, end: 'reject_history', resumes: [],
        ids: told.map(([key]) => EVENTS.findIndex((event) => event.key === key)),
        times: told.map(() => time),
        places: told.map(([, epoch], n) => (base ? null : `${epoch}:${n + 1}`)),
        tokens: told.map(() => tokens.find(({ number }) => number === token)),
    };
    const client = {
        name: 'made up', member: 1, extended: !base, tokens, refusals: [],
        subscriptions: new Map([[STREAM, { stream: STREAM, runs: [run] }]]),
    };
    const found = new Set();
    new Verdict(KEPT, [{ rows: LOST, tick: 10, at: FAILOVER }], { list: EVENTS }, (kind) => found.add(kind))
        .judge([client]);
    return [...found].join();
}

const OLD = [['gI9.1', '10.aaaaaaaa'], ['gI1.1', '11.aaaaaaaa'], ['gI2.1', '11.aaaaaaaa']];
const WORDS = [['B4', '13.bbbbbbbb'], ['B5', '13.bbbbbbbb']];
const CASES = [
    // A daemon that was stopped tells of the old history when all has been committed again.
    ['the old history, late', '', { told: OLD }],
    ['the old history, late, to a base client', '', { told: OLD, base: true }],
    ['the old history, in time', '', { told: OLD, time: 2000 }],
    ['what was kept, and what came then', '', { told: [OLD[0], ['gI2.1', '11.bbbbbbbb'], ['gI3.1', '12.bbbbbbbb']] }],
    ['what was committed again, behind what was lost', 'lost', { told: [...OLD.slice(0, 2), ['gI2.1', '11.bbbbbbbb']] }],
    ['what is new, behind what was lost', 'lost', { told: [...OLD, ['gI3.1', '12.bbbbbbbb']] }],
    ['the same to a base client', 'lost', { told: [...OLD, ['gI3.1']], base: true }],
    ['a tick that had no such message', 'invented', { told: [OLD[0], ['gI3.1', '11.aaaaaaaa']] }],
    ['what a revoked token is not to be told', 'leaked', { told: WORDS, start: 6000, token: 77 }],
    ['what stands before its revocation', '', { told: WORDS.slice(0, 1), start: 6000, token: 77 }],
    ['the same to who has another one', '', { told: WORDS, start: 6000 }],
];

// Returns the cases in which the verdict is wrong, and how.
export function misjudged() {
    return CASES.map(([what, kind, told]) => ({ what, kind, found: judge(told) }))
        .filter(({ kind, found }) => kind !== found)
        .map(({ what, kind, found }) => `${what}: is ${kind || 'nothing'}, the verdict says ${found || 'nothing'}`);
}
