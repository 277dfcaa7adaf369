// SPDX-License-Identifier: PostgreSQL
// session.mjs - one psql that stays: a transaction that is open while others go on.
import { spawn } from 'node:child_process';
import { until } from './until.mjs';

let statements = 0;

export class Session {
    #out = '';
    #err = '';
    #ended = false;

    constructor(role) {
        this.psql = spawn('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', role.dsn]);
        this.psql.stdout.on('data', (data) => { this.#out += data; });
        this.psql.stderr.on('data', (data) => { this.#err += data; });
        this.psql.stdin.on('error', () => {}); // it may have ended
        this.psql.once('close', () => { this.#ended = true; });
    }

    // Sends it without waiting; `done()` of what is returned waits for its rows.
    begin(sql) {
        const marker = `-- ${++statements} --`;
        const from = this.#out.length;
        this.psql.stdin.write(`${sql}\n\\echo ${marker}\n`);
        return {
            done: async () => {
                const end = await until(`psql: ${sql.slice(0, 80)}`, () => {
                    if (this.#ended) {
                        throw new Error(`psql ended: ${this.#err}`);
                    }
                    return this.#out.indexOf(marker, from) + 1;
                });
                return this.#out.slice(from, end - 1).trimEnd();
            },
        };
    }

    run(sql) {
        return this.begin(sql).done();
    }

    end() {
        this.psql.kill('SIGKILL');
    }
}
