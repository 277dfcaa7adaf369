// SPDX-License-Identifier: PostgreSQL
// ledger.mjs - reads the ledger, and derives from it what each stream has to say.
import { firstWhere } from './search.mjs';
import { REVOKED_ROOMS, membersOf } from './stage.mjs';

const SNAPSHOT = (column) => `pg_snapshot_xmin(${column}), pg_snapshot_xmax(${column}),
    array_to_string(array(select pg_snapshot_xip(${column})), ',')`;

const COLUMNS = `seq, xid, ${SNAPSHOT('snap')},
    extract(epoch from pg_xact_commit_timestamp(xid::xid)) * 1000,
    kind, op, entity, version, room, member, thread, stream, writer, turn, sha`;

const snapshot = (xmin, xmax, xip) =>
    ({ xmin: Number(xmin), xmax: Number(xmax), xip: xip ? new Set(xip.split(',').map(Number)) : null });

const number = (text) => (text === '' ? null : Number(text));

function parse(line) {
    const [seq, xid, xmin, xmax, xip, at, kind, op, entity, version, room, member, thread, stream,
        writer, turn, sha] = line.split('|');
    if (at === '') {
        throw new Error(`PostgreSQL does not know when transaction ${xid} was committed`);
    }
    return {
        seq: Number(seq), xid: Number(xid), at: Number(at), kind, op,
        snap: snapshot(xmin, xmax, xip),
        entity: Number(entity), version: number(version), room: number(room), member: number(member),
        thread: number(thread), stream, writer: number(writer), turn: number(turn), sha: sha || undefined,
    };
}

// Had the transaction `xid` ended before the snapshot was taken?
export function sees({ xmin, xmax, xip }, xid) {
    return xid < xmin || (xid < xmax && !xip?.has(xid));
}

// Was `other` there when `row` was written?  A snapshot lists what else is in progress: by it one's own
// transaction may look as if it had ended.
export const couldSee = (row, other) => (row.xid === other.xid ? row.seq > other.seq : sees(row.snap, other.xid));

async function readTicks(server) {
    const lines = await server.query(`select tick, nonce, ${SNAPSHOT('snap')} from chaos.tick order by tick;`);
    return lines.map((line) => {
        const [tick, nonce, ...snap] = line.split('|');
        return { tick: Number(tick), nonce, snap: snapshot(...snap) };
    });
}

// The first tick that sees it: from then on all of them do.
function tickOf(ticks, xid) {
    const seen = ticks[firstWhere(ticks.length, (n) => sees(ticks[n].snap, xid))];
    return seen ? { tick: seen.tick, epoch: `${seen.tick}.${seen.nonce.slice(0, 8)}` } : { tick: Infinity, epoch: null };
}

async function readRows(server, where = 'true') {
    return (await server.query(`select ${COLUMNS} from chaos.ledger where ${where} order by seq;`)).map(parse);
}

// The rows, each with the tick that it belongs to, and the tick's name to clients: in another history
// the tick of that number has another one.
async function withTicks(server, rows) {
    const ticks = await readTicks(server);
    const known = new Map();
    for (const row of rows) {
        if (!known.has(row.xid)) {
            known.set(row.xid, tickOf(ticks, row.xid));
        }
        Object.assign(row, known.get(row.xid));
    }
    return rows;
}

export async function readLedger(server) {
    return withTicks(server, await readRows(server));
}

// What `old` has behind the last tick that both servers have: { tick, rows }.
export async function readLost(old, server) {
    const newest = 'select tick, nonce from chaos.tick order by tick desc limit 20000;';
    const kept = new Set(await server.query(newest));
    const [tick] = (await old.query(newest)).find((line) => kept.has(line)).split('|');
    const lost = `not pg_visible_in_snapshot(xid, (select snap from chaos.tick where tick = ${tick}))`;
    const rows = await readRows(old, `${lost} or kind = 'participant'
        and room in (select room from chaos.ledger where ${lost})`); // who was told of them
    return { tick: Number(tick), rows: await withTicks(old, rows) };
}

const roomStream = (room) => `chat-room-${room}-channel`;
const memberStream = (member) => `chat-room-channel-${member}`;
const threadsStream = (member) => `chat-community-member-${member}-threads-channel`;

// Per stream: key -> fact { key, row, sha }.  `optional`: need not come; `free`: besides, may come at
// any place, as often as it likes, because it depends on who was a member at the time.
export class Expected {
    constructor(rows) {
        this.streams = new Map();
        this.superseded = new Map(); // message -> rows that replaced or deleted it
        this.members = new Map(); // room -> members, by the ledger
        this.memberships = []; // of the rooms whose members come and go
        this.gone = new Set(); // rooms that were deleted
        this.rows = rows;
        for (const row of rows) {
            this.#note(row);
        }
        for (const row of rows) {
            this.#expect(row);
        }
    }

    #note(row) {
        const { kind, op, room, member, entity } = row;
        if (kind === 'participant' && REVOKED_ROOMS.includes(room)) {
            this.memberships.push(row);
        }
        if (kind === 'participant' && op === 'I') {
            this.members.set(room, (this.members.get(room) ?? new Set()).add(member));
        } else if (kind === 'room' && op === 'D') {
            this.gone.add(room);
        } else if (kind === 'message' && op !== 'I') {
            this.superseded.set(entity, [...(this.superseded.get(entity) ?? []), row]);
        }
    }

    #add(stream, key, row, liberty = null) {
        if (!this.streams.has(stream)) {
            this.streams.set(stream, new Map());
        }
        const facts = this.streams.get(stream);
        if (liberty === 'free' && facts.has(key)) {
            return; // the first one allows all
        }
        facts.set(key, {
            key, row, sha: row.sha, optional: liberty !== null, free: liberty === 'free', anyone: liberty === 'free',
        });
    }

    #expect(row) {
        const { kind, op, entity, version, room, member, stream } = row;
        if (kind === 'message') {
            this.#expectMessage(row);
        } else if (kind === 'room' && op === 'U') {
            this.#add(roomStream(room), `R${room}.${version}`, row);
        } else if (kind === 'room') {
            this.#toMembers(`X${room}`, row);
        } else if (kind === 'participant' && op === 'I') {
            // Of a room that is gone when the daemon asks for it there is nothing to tell.
            this.#add(memberStream(member), `C${room}`, row,
                REVOKED_ROOMS.includes(room) ? 'free' : this.gone.has(room) ? 'optional' : null);
        } else if (kind === 'notification') {
            this.#add(`notification-channel-${member}`, `N${entity}`, row);
        } else if (kind === 'order') {
            this.#add(stream, op === 'D' ? `gD${entity}` : `g${op}${entity}.${version}`, row);
        } else if (kind === 'broadcast') {
            this.#add(stream, `B${entity}`, row);
        }
    }

    #toMembers(key, row) {
        for (const member of this.members.get(row.room) ?? []) {
            this.#add(memberStream(member), key, row, REVOKED_ROOMS.includes(row.room) ? 'free' : null);
        }
    }

    #expectMessage(row) {
        const { op, entity, version, room, thread } = row;
        const key = op === 'D' ? `D${entity}` : `${op}${entity}.${version}`;
        this.#add(roomStream(room), key, row);
        if (thread !== null) {
            membersOf(thread).forEach((member) => this.#add(threadsStream(member), key, row)); // its room has its number
        } else if (op === 'I') {
            this.#toMembers(key, row);
        }
    }
}
