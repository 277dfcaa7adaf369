// SPDX-License-Identifier: PostgreSQL
// verdict.mjs - compares what every client was told with what the ledger says.
import { Expected, couldSee } from './ledger.mjs';
import { checkOrder, merge } from './order.mjs';
import { Revocations } from './tokens.mjs';

const CLOCK_MS = 2; // commit times have microseconds, the clients' clock milliseconds

// "I12.3": message 12, version 3
const messageOf = (key) => (/^[IUD]/.test(key) ? Number(/\d+/.exec(key)[0]) : null);
const versionOf = (key) => (key[0] === 'D' ? Infinity : Number(key.split('.')[1]));

// What a failover lost may be committed once more (it had been prepared), and be lost once more: what
// a client is told of is the last one before that.
const latest = (list, at) => list.reduce((last, one) => (last === undefined || at(one) > at(last) ? one : last), undefined);

// Of which tick of which history a message says to be; a base client's says nothing.
const epochOf = (place) => place?.slice(0, place.indexOf(':')) ?? null;

// Can a message tell of this?  Many of the free ones have one name, so that each is any of them.  By
// the clock alone what is committed once more behind a failover looks like what was committed first,
// where that comes late: a daemon that was stopped, or a wire, may hold it back for seconds.
const tells = (fact, { epoch, time }) => fact !== undefined &&
    (epoch !== null && !fact.anyone ? fact.row.epoch === epoch : fact.row.at <= time + CLOCK_MS);

// For who has to find out why: a message of a run, with the resumption before it.
function around({ start, ids, times, places, resumes }, n) {
    const iso = (ms) => new Date(ms).toISOString();
    const resume = resumes.findLast(({ from }) => from <= n);
    return `${n} of ${ids.length}, at ${places[n]}, arrived ${iso(times[n])}, run since ${iso(start)}, ` +
        (resume ? `resumed ${iso(resume.at)} with ${resume.from} to ${resume.to}` : 'never resumed');
}

export class Verdict {
    // `ghosts`: what servers had whose last transactions were lost in a failover, read there:
    // [{ rows, tick, at }], the last tick that the other one has, too, and when it took over.
    constructor(rows, ghosts, events, violation) {
        this.expected = new Expected(rows);
        this.events = events;
        this.violation = violation;
        this.ghosts = ghosts.map(({ rows: all, tick, at }) => ({ tick, at, expected: new Expected(all) }));
        this.revocations = new Revocations(rows, this.ghosts);
        this.edits = new Map(); // message -> [{ row, ghost }], what replaced or deleted it, in any history
        this.#noteEdits(this.expected, null);
        this.ghosts.forEach((ghost) => this.#noteEdits(ghost.expected, ghost));
        this.moved = 0; // in two histories, at two places
        this.ghosts.forEach((ghost) => this.#freeMoved(ghost));
        this.again = 0; // told twice, on both sides of a gap that the client knows of
        this.excused = 0; // not replayed since it was edited or deleted meanwhile
        this.amended = 0; // replayed with its newest text
        this.ghostly = 0; // told before a failover lost it
        this.arrivals = new Map(); // client -> [commit, arrival, …]
        this.slowest = { ms: 0 };
    }

    judge(clients) {
        const byStream = new Map();
        for (const client of clients) {
            this.arrivals.set(client, []);
            this.#checkRefusals(client);
            for (const subscription of client.subscriptions.values()) {
                const { stream } = subscription;
                byStream.set(stream, [...(byStream.get(stream) ?? []), { client, subscription }]);
            }
        }
        for (const [stream, subscribers] of byStream) {
            this.#judgeStream(stream, subscribers);
        }
    }

    #noteEdits({ superseded }, ghost) {
        for (const [message, rows] of superseded) {
            this.edits.set(message, [...(this.edits.get(message) ?? []), ...rows.map((row) => ({ row, ghost }))]);
        }
    }

    // What both histories have, but behind the last tick that they share, has a place in each: the
    // failover kept the row, but not where it stood, or it was written (committed, if it had been
    // prepared) once more.  By its text alone it cannot be told which one a base client was told of.
    #freeMoved({ tick, expected }) {
        for (const [stream, lost] of expected.streams) {
            for (const [key, { sha }] of lost) {
                const fact = this.expected.streams.get(stream)?.get(key);
                if (fact && !fact.free && fact.sha === sha && fact.row.tick > tick) {
                    Object.assign(fact, { optional: true, free: true, moved: true });
                    this.moved++;
                }
            }
        }
    }

    #judgeStream(stream, subscribers) {
        const facts = this.expected.streams.get(stream) ?? new Map();
        const runs = subscribers.flatMap(({ client, subscription }) => {
            const before = new Set();
            return subscription.runs.map((run) => this.#read({ stream, facts, client, before }, run));
        });
        const accounted = [...facts.values()].filter(({ free }) => !free);
        const order = merge(accounted, runs.map((run) => run.facts));
        const seen = new Set(runs.flatMap((run) => run.facts));
        const violation = (kind, text) => this.violation(kind, `${stream}: ${text}`);
        for (const run of runs) {
            this.#checkOrder(run, violation);
            this.#checkTicks(run, violation);
            this.#checkWhole(run, order, violation);
            this.#checkReplays(run, violation);
        }
        this.#checkPlaces(runs, violation);
        checkOrder(order.filter((fact) => seen.has(fact)), violation);
    }

    // A run as facts; what is none is a violation.
    #read(where, run) {
        const { stream, client, before } = where;
        const read = { client, run, facts: [], keys: [], places: [], arrived: [], resumes: [] };
        const seen = new Set();
        const factsAt = []; // number of the message -> how many facts before it
        let lost = null; // what the run told of last that a failover has lost: { ghost, event, n }
        run.ids.forEach((id, n) => {
            factsAt.push(read.facts.length);
            const event = this.events.list[id];
            const told = this.#toldOf(event, run, n);
            const { time, replayed } = told;
            this.#checkToken(where, event, told, () => around(run, n));
            const fact = this.#factOf(where, event, told);
            const gone = fact ? null : this.#ghostOf(where, event, told);
            lost = told.edit?.ghost ? { ghost: told.edit.ghost, event, n } : lost;
            if (lost && this.#isBehind(lost.ghost, gone ?? this.#ofNow(fact, told))) {
                this.violation('lost', `${client.name} ${stream}: went on with ${event.key} (${around(run, n)}) past a ` +
                    `failover at ${new Date(lost.ghost.at).toISOString()} behind tick ${lost.ghost.tick}, that lost ` +
                    `${lost.event.key} (${around(run, lost.n)})`);
                lost = null;
            }
            lost = gone ? { ghost: gone.ghost, event, n } : lost;
            if (!fact) {
                return;
            }
            this.#checkLeak(where, fact, time);
            if (fact.free) {
                return;
            }
            this.#noteArrival(where, fact, time, replayed);
            if (seen.has(fact)) {
                this.violation('duplicated', `${client.name} ${stream}: ${fact.key} twice`);
                return;
            }
            this.again += before.has(fact) ? 1 : 0;
            seen.add(fact);
            before.add(fact);
            read.facts.push(fact);
            read.keys.push(event.key);
            read.places.push(run.places[n]);
            read.arrived.push(time);
        });
        factsAt.push(read.facts.length);
        read.resumes = run.resumes.map(({ at, from, to }) => ({
            at, from: factsAt[from], to: factsAt[to ?? run.ids.length],
        }));
        return read;
    }

    #noteArrival({ stream, client }, { key, row }, time, replayed) {
        this.arrivals.get(client).push(row.at, time);
        if (time - row.at > this.slowest.ms) {
            this.slowest = { ms: time - row.at, at: row.at, what: `${key} on ${stream} to ${client.name}`, replayed };
        }
    }

    // How a message came, and by what it got the text that it is replayed with, if that is not its first.
    #toldOf(event, { times, places, tokens, resumes }, n) {
        const replayed = resumes.some(({ from, to }) => n >= from && (to === null || n < to));
        const edit = replayed ? this.#editOf(event, times[n]) : undefined;
        return { time: times[n], epoch: epochOf(places[n]), token: tokens[n], replayed, edit };
    }

    // As #ghostOf(), of the history that there is now.  What both have may as well be of the other one.
    #ofNow(fact, { epoch }) {
        return { ghost: null, row: fact?.row, isSure: !fact?.anyone && (epoch !== null || !fact?.moved) };
    }

    // Is that of what came after the failover, and surely?
    #isBehind(ghost, { ghost: other, row, isSure }) {
        const isLater = other === null || this.ghosts.indexOf(other) > this.ghosts.indexOf(ghost);
        return isSure && isLater && row?.tick > ghost.tick;
    }

    #editOf({ key, sha }, time) {
        const edits = key[0] === 'I' ? this.edits.get(messageOf(key)) ?? [] : [];
        return latest(edits.filter(({ row }) => row.version === versionOf(key) && row.sha === sha &&
            row.at <= time + CLOCK_MS), ({ row }) => row.at);
    }

    // What the ledger has under this name, or under the name it had before it was edited.
    #factOf({ facts }, { key, sha }, told) {
        const fact = facts.get(key);
        if (fact?.sha === sha && tells(fact, told)) {
            return fact;
        }
        const first = told.edit ? facts.get(`I${messageOf(key)}.1`) : undefined;
        if (!tells(first, told)) {
            return null;
        }
        this.amended++;
        return first;
    }

    // What was committed on a server whose last transactions were lost, and is told of in time: surely
    // there, or perhaps on another one of them.
    #ghostOf({ stream, facts, client }, { key, sha }, told) {
        const due = this.ghosts.flatMap((ghost) => {
            const lost = ghost.expected.streams.get(stream);
            const fact = lost?.get(key);
            const one = fact?.sha === sha ? fact : told.edit ? lost?.get(`I${messageOf(key)}.1`) : undefined;
            return tells(one, told) ? [{ ghost, row: one.row }] : [];
        });
        const ghost = latest(due, ({ row }) => row.at);
        if (ghost) {
            this.ghostly++;
            return { ...ghost, isSure: due.length === 1 };
        }
        if (facts.has(key) && facts.get(key).sha !== sha) {
            this.violation('altered', `${client.name} ${stream}: ${key} has ${sha}, not ${facts.get(key).sha}`);
        } else {
            this.violation('invented', `${client.name} ${stream}: ${key} ${sha ?? ''} was not committed` +
                (told.epoch ? ` in tick ${told.epoch}` : ''));
        }
        return null;
    }

    // Nothing of a room whose member one is no more, up to the time one is a member again.
    #checkLeak({ stream, client }, { key, row }, time) {
        for (const removal of this.expected.memberships) {
            if (removal.op !== 'D' || removal.room !== row.room || removal.member !== client.member ||
                !couldSee(row, removal)) {
                continue;
            }
            const back = this.expected.memberships.find((other) => other.op === 'I' &&
                other.seq > removal.seq && other.room === removal.room && other.member === removal.member);
            if (!back || time < back.at) {
                this.violation('leaked', `${client.name} ${stream}: ${key} ${Math.round(row.at - removal.at)} ms after its removal`);
            }
        }
    }

    // Every row that a message may have come from: of a server that was lost, too, and in a replay it
    // may be an edit.
    #sourcesOf(stream, { key, sha }, told) {
        const facts = [null, ...this.ghosts].map((ghost) =>
            ({ ...(ghost ?? this).expected.streams.get(stream)?.get(key), ghost }));
        const edits = told.replayed && key[0] === 'I' ? this.edits.get(messageOf(key)) ?? [] : [];
        return [...facts.filter((fact) => fact.row && fact.sha === sha && tells(fact, told)),
            ...edits.filter(({ row }) => row.version === versionOf(key) && row.sha === sha && row.at <= told.time + CLOCK_MS)];
    }

    // Nothing that was committed after the revocation of the token that one holds.  Rooms that members
    // come back to are told of by one name each time.
    #checkToken({ stream, client }, event, told, tell) {
        const { token } = told;
        if (event.key[0] === 'C' || this.revocations.of(client, token).length === 0) {
            return;
        }
        const sources = this.#sourcesOf(stream, event, told);
        const end = sources.length > 0 && this.revocations.brokenBy(client, token, sources);
        if (end) {
            this.violation('leaked', `${client.name} ${stream}: ${event.key}${told.replayed ? ', replayed,' : ''} ` +
                `${Math.round(sources[0].row.at - end.row.at)} ms after its token ${token.number} was revoked: ` +
                `tick ${sources[0].row.tick}, seq ${sources[0].row.seq}, xid ${sources[0].row.xid} after tick ${end.row.tick}, ` +
                `seq ${end.row.seq}, xid ${end.row.xid}; ${tell()}; tokens since ` +
                client.tokens.slice(-3).map(({ number, since }) => `${number} ${new Date(since).toISOString()}`).join(', '));
        }
    }

    // Only what was revoked is refused.
    #checkRefusals(client) {
        for (const { token, at } of client.refusals) {
            if (!this.revocations.of(client, token).some(({ row }) => row.at <= at + CLOCK_MS)) {
                this.violation('refused', `${client.name} was refused with its token ${token.number}, which is good`);
            }
        }
    }

    #checkOrder({ client, facts }, violation) {
        for (let n = 1; n < facts.length; n++) {
            if (facts[n].index < facts[n - 1].index) {
                violation('misordered', `${client.name} got ${facts[n - 1].key} before ${facts[n].key}, others did not`);
            }
        }
    }

    #checkTicks({ client, facts }, violation) {
        for (let n = 1; n < facts.length; n++) {
            if (facts[n].row.tick < facts[n - 1].row.tick) {
                violation('misordered', `${client.name} got ${facts[n - 1].key} of tick ${facts[n - 1].row.tick} before ` +
                    `${facts[n].key} of tick ${facts[n].row.tick}`);
            }
        }
    }

    // Everything from the tick of the run's first fact, or its confirmation, to its last fact, or to
    // the end: one listens from the end of a tick on.
    #checkWhole(read, order, violation) {
        const { client, run, facts } = read;
        const has = new Set(facts);
        const first = facts.reduce((least, { row }) => Math.min(least, row.tick), Infinity);
        const last = run.end === null ? Infinity : facts.reduce((most, { index }) => Math.max(most, index), -1);
        for (const fact of order) {
            const due = fact.index < last && (fact.row.tick >= first || fact.row.at > run.start + CLOCK_MS);
            if (!due || fact.optional || has.has(fact)) {
                continue;
            }
            if (this.#isExcused(read, fact)) {
                this.excused++;
            } else {
                violation('lost', `${client.name}${client.extended ? ' (ext)' : ''} lacks ${fact.key}, committed ` +
                    `${Math.round(fact.row.at - run.start)} ms after its subscription, ${this.#around(read, fact)}`);
            }
        }
    }

    // For who has to find out why.
    #around({ run, facts, arrived }, { index }) {
        const next = facts.findIndex((fact) => fact.index > index);
        const tell = (n) => (facts[n] ? `${facts[n].key} (${n} of ${facts.length}, committed ` +
            `${Math.round(facts[n].row.at - run.start)}, arrived ${arrived[n] - run.start})` : 'nothing');
        return `between ${tell((next < 0 ? facts.length : next) - 1)} and ${tell(next)}; ` +
            `since ${new Date(run.start).toISOString()}, end: ${run.end}`;
    }

    // In a replay what was edited or deleted before is not told any more.
    #isExcused({ facts, resumes }, { key, row, index }) {
        const message = messageOf(key);
        if (message === null || row.op === 'D') {
            return false;
        }
        let place = facts.findIndex((fact) => fact.index > index);
        place = place < 0 ? facts.length : place;
        return resumes.some(({ from, to, at }) => place >= from && place <= to &&
            this.edits.get(message)?.some(({ row: newer }) => newer.at <= at + CLOCK_MS &&
                newer.seq > row.seq && (row.op === 'U' || newer.op === 'D')));
    }

    // Nor is it told, then, what it said before.
    #checkReplays({ client, keys, resumes }, violation) {
        for (const { from, to } of resumes) {
            const newest = new Map();
            for (let n = to - 1; n >= from; n--) {
                const message = messageOf(keys[n]);
                if (message !== null && versionOf(keys[n]) < (newest.get(message) ?? 0)) {
                    violation('stale', `${client.name} was replayed ${keys[n]}, though it was edited or deleted`);
                }
                newest.set(message, Math.max(newest.get(message) ?? 0, versionOf(keys[n])));
            }
        }
    }

    // A message has one place, the same for everyone.
    #checkPlaces(runs, violation) {
        const places = new Map();
        for (const { client, facts, places: own } of runs) {
            facts.forEach((fact, n) => {
                if (own[n] === null) {
                    return;
                }
                const known = (places.get(fact) ?? new Set()).add(own[n]);
                places.set(fact, known);
                if (known.size > 1) {
                    violation('misordered', `${client.name} has ${fact.key} at ${own[n]}, others elsewhere: ${[...known]}`);
                }
            });
        }
    }
}
