// SPDX-License-Identifier: PostgreSQL
// psql.mjs - one psql that stays, as the application's connection: scripts go in, their rows come
// out, errors are counted by SQLSTATE.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Gone extends Error {}

export class Psql {
    static all = new Set();

    #marker = 0;
    #lines = [];
    #waiting = null;

    constructor(dsn, onError = () => {}) {
        this.gone = false;
        this.child = spawn('psql', ['-XqAt', '-v', 'VERBOSITY=sqlstate', '-d', dsn], {
            stdio: ['pipe', 'pipe', 'pipe'],
        });
        this.stderr = '';
        Psql.all.add(this);
        createInterface({ input: this.child.stdout }).on('line', (line) => this.#line(line));
        createInterface({ input: this.child.stderr }).on('line', (line) => {
            this.stderr = `${this.stderr}${line}\n`.slice(-2000);
            const [, state] = /(?:ERROR|FATAL): {2}([0-9A-Z]{5})$/.exec(line) ?? [];
            if (state) {
                onError(state);
            }
        });
        this.child.stdin.on('error', () => {}); // it may have ended
        this.child.once('error', () => this.#ended());
        this.child.once('close', () => this.#ended());
    }

    #line(line) {
        if (this.#waiting && line === `-- ${this.#marker} --`) {
            this.#settle()?.resolve(this.#lines.splice(0));
        } else {
            this.#lines.push(line);
        }
    }

    #settle() {
        const waiting = this.#waiting;
        this.#waiting = null;
        return waiting;
    }

    #ended() {
        this.gone = true;
        Psql.all.delete(this);
        this.#settle()?.reject(new Gone(`psql ended: ${this.stderr.trim()}`));
    }

    // The rows' lines, when the whole script is done; Gone if the connection was lost on the way:
    // whether it was committed, only the database knows.
    run(sql) {
        return new Promise((resolve, reject) => {
            if (this.gone) {
                reject(new Gone(`psql ended: ${this.stderr.trim()}`));
                return;
            }
            this.#waiting = { resolve, reject };
            this.child.stdin.write(`${sql}\n\\echo -- ${++this.#marker} --\n`);
        });
    }

    kill() {
        this.child.kill('SIGKILL');
    }
}

// One script over a connection of its own; throws where psql fails.
export async function query(dsn, sql) {
    const errors = [];
    const psql = new Psql(dsn, (state) => errors.push(state));
    try {
        const lines = await psql.run(sql);
        if (errors.length > 0) {
            throw new Error(`${errors}: ${sql.slice(0, 200)}\n${psql.stderr}`);
        }
        return lines;
    } finally {
        psql.kill();
    }
}
