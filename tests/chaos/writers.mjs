// SPDX-License-Identifier: PostgreSQL
// writers.mjs - the application: several connections that write without pause, each in its own way.
import { setTimeout as delay } from 'node:timers/promises';
import { Gone, Psql } from './psql.mjs';
import { TURNS, longTurn } from './turns.mjs';

// What may befall an application anywhere: a deadlock, a server that goes, starts or is full, what
// follows a failure inside a transaction; a participant that is removed while it writes.
const EXPECTED = new Set([
    '23503', '40P01', '57P01', '57P02', '57P03', '53100', '58030', '25P02', '3B001', '08006', '42601',
]);

class Writer {
    constructor(crew, number, prng) {
        this.crew = crew;
        this.number = number;
        this.prng = prng;
        this.turns = 0;
    }

    // The next turn's number, for the ledger; a turn that ends elsewhere (prepared) has none.
    turn() {
        return `set chaos.turn = '${++this.turns}';`;
    }

    noTurn() {
        this.turns++;
        return "set chaos.turn = '';";
    }

    // A text that no other write ever has: with quotes, escapes, newlines and all sizes.
    body(mark = 'w') {
        const { prng } = this;
        const size = prng.weighted([[80, 40], [15, 1500], [4, 9000], [1, 60_000]]);
        const odd = prng.chance(0.2) ? ' "é" \\ 😀\n\t\u2028 ' : ' ';
        return `${mark}${this.number}.${this.turns}.${prng.hex(8)}${odd}${prng.hex(prng.between(1, size))}`;
    }

    run(sql) {
        return this.psql.run(sql);
    }

    async #connect() {
        this.psql = new Psql(this.crew.dsn(), (state) => this.crew.failed(state));
        await this.psql.run(`set chaos.writer = '${this.number}'; set lock_timeout = '60s';`);
    }

    async work(turn) {
        const { crew } = this;
        while (!crew.over) {
            await crew.gate;
            if (crew.over) {
                break;
            }
            crew.busy++;
            try {
                if (!this.psql || this.psql.gone) {
                    await this.#connect();
                }
                await turn(this);
            } catch (error) {
                if (!(error instanceof Gone)) {
                    throw error;
                }
                await delay(100 + this.prng.between(0, 200)); // the server may be down: not at once again
            } finally {
                crew.busy--;
            }
            await delay(this.prng.between(0, 2 * crew.pause_ms));
        }
        this.psql?.kill();
    }
}

export class Crew {
    #open = null;

    // `dsn()`: the server that is the primary now.
    constructor(prng, dsn, { writers = 8, slow = 2, pause_ms = 30 } = {}) {
        this.dsn = dsn;
        this.pause_ms = pause_ms;
        this.over = false;
        this.busy = 0;
        this.gate = Promise.resolve();
        this.prepares = true;
        this.kinds = {};
        this.errors = {};
        this.writers = Array.from({ length: writers + slow }, (_, n) =>
            new Writer(this, n + 1, prng.fork(`writer ${n + 1}`)));
        this.slow = slow;
    }

    start() {
        this.work = Promise.all(this.writers.map((writer, n) =>
            writer.work(n < this.slow ? longTurn : (one) => this.#turn(one))));
        this.work.catch(() => {}); // for who awaits it in stop()
    }

    #turn(writer) {
        const kinds = this.prepares ? TURNS : TURNS.filter(([, { name }]) => name !== 'prepared');
        const turn = writer.prng.weighted(kinds);
        this.count(turn.name);
        return turn(writer);
    }

    count(kind) {
        this.kinds[kind] = (this.kinds[kind] ?? 0) + 1;
    }

    failed(state) {
        this.errors[state] = (this.errors[state] ?? 0) + 1;
    }

    // Who is at something long, ends it now.
    get isHushed() {
        return this.over || this.#open !== null;
    }

    // Errors that the application would not have had without pgcable.
    get unexpected() {
        return Object.entries(this.errors).filter(([state]) => !EXPECTED.has(state));
    }

    // Nobody begins anything new; returns when what was begun is done.
    async hush() {
        if (!this.#open) {
            this.gate = new Promise((resolve) => {
                this.#open = resolve;
            });
        }
        while (this.busy > 0) {
            await delay(5);
        }
    }

    goOn() {
        this.#open?.();
        this.#open = null;
    }

    async stop() {
        this.over = true;
        this.goOn();
        await this.work;
    }
}
