// SPDX-License-Identifier: PostgreSQL
// tokens.mjs - the tokens that clients hold, and what ended them.
import { mint } from '../integration/lib/token.mjs';
import { couldSee } from './ledger.mjs';

const BEHIND_S = 2000; // the daemons' clocks are set back, too, and to them no token may be of tomorrow
const GOOD_S = 86_400;

let issued = 0;

// What the clock of who issues them shows.
export const issuersSecond = () => Math.floor(Date.now() / 1000) - BEHIND_S;

export function issueTo(member) {
    const number = ++issued;
    const second = issuersSecond();
    const claims = { jti: String(number), iat: second, exp: second + BEHIND_S + GOOD_S };
    return { number, second, since: Date.now(), text: mint(member, claims) };
}

// Is `row` behind what was revoked, in the order of commits?  Each of them with the `ghost` that it
// stands in, or null; what a ghost has, is behind all that it shares with its successor.
function follows({ row, ghost }, { row: end, ghost: where }) {
    if (ghost !== where) {
        return ghost !== null && where === null && end.tick <= ghost.tick;
    }
    return row.tick > end.tick || couldSee(row, end);
}

export class Revocations {
    #known = new Map(); // token -> what revoked it

    // `ghosts`: as the verdict has them
    constructor(rows, ghosts) {
        const histories = [{ rows, ghost: null }, ...ghosts.map((ghost) => ({ rows: ghost.expected.rows, ghost }))];
        this.all = histories.flatMap((history) => history.rows
            .filter(({ kind }) => kind === 'token' || kind === 'tokens')
            .map((row) => ({ row, ghost: history.ghost })));
    }

    // What revoked that token of the client, in any history.
    of({ member }, token) {
        if (!this.#known.has(token)) {
            this.#known.set(token, this.all.filter(({ row: { kind, entity, member: whose } }) => (kind === 'token'
                ? entity === token.number : whose === member && token.second <= entity)));
        }
        return this.#known.get(token);
    }

    // What it should not have been told after; `sources`: each row that it may come from.
    brokenBy(client, token, sources) {
        const ends = this.of(client, token);
        const isLate = (source) => ends.some((end) => follows(source, end));
        return sources.every(isLate) ? ends.find((end) => follows(sources[0], end)) : undefined;
    }
}
