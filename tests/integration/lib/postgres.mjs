// SPDX-License-Identifier: PostgreSQL
// postgres.mjs - a throwaway cluster, and psql as the only way to it: the application is psql.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT } from './daemon.mjs';
import { PATIENCE_MS, within } from './until.mjs';

async function run(command, args, input = '', env = process.env) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
        stdout += data;
    });
    child.stderr.on('data', (data) => {
        stderr += data;
    });
    child.stdin.on('error', () => {}); // it may end without reading all
    child.stdin.end(input);
    const code = await new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
    });
    if (code !== 0) {
        throw new Error(
            `${path.basename(command)} ended with ${code}: ${stderr.trim()}\n` +
                input.slice(0, 500),
        );
    }
    return stdout.trimEnd();
}

// A value as SQL: nothing in these tests builds statements from strangers' text, but quotes occur.
function literal(value) {
    if (value === null || value === undefined) {
        return 'null';
    }
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
        return String(value);
    }
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `'${text.replaceAll("'", "''")}'`;
}

// psql as one role: role.sql`select ${1}` returns the rows as text, columns split by "|".
export class Role {
    constructor(dsn) {
        this.dsn = dsn;
    }

    sql = (parts, ...values) => this.script(String.raw({ raw: parts.raw }, ...values.map(literal)));

    script(text, ms = PATIENCE_MS) {
        return within(
            `psql: ${text.slice(0, 80)}`,
            run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', this.dsn], text),
            ms,
        );
    }

    file(name) {
        return run('psql', [
            '-XqAt',
            '-v',
            'ON_ERROR_STOP=1',
            '-d',
            this.dsn,
            '-f',
            path.join(ROOT, name),
        ]);
    }
}

export class Postgres {
    // `port` is also part of the socket's name.
    constructor(dir, port = 5432) {
        this.dir = dir;
        this.port = port;
    }

    // `verb` is a function of tests/lib/postgres.sh.
    #shell(verb, ...args) {
        const script = `set -eu; . "${path.join(ROOT, 'tests/lib/postgres.sh')}"; "$@"`;
        return within(
            `${verb} ${this.dir}`,
            run('bash', ['-c', script, 'bash', verb, this.dir, ...args]),
            2 * PATIENCE_MS,
        );
    }

    start(...conf) {
        return this.#shell('pg_start', ...conf);
    }

    // As if the machine lost its power, or in order ('fast').
    stop(mode = 'immediate') {
        return this.#shell('pg_stop', mode);
    }

    // What was stopped goes on with its data.
    up() {
        return this.#shell('pg_up');
    }

    // A copy that follows, in a folder beside this one.
    async standby(name) {
        const standby = new Postgres(path.join(path.dirname(this.dir), name));
        await standby.#shell('pg_standby', this.dir);
        return standby;
    }

    promote() {
        return this.#shell('pg_promote');
    }

    dsn(database, user) {
        const where = `host=${this.dir}${this.port === 5432 ? '' : ` port=${this.port}`}`;
        return `${where} dbname=${database} user=${user}`;
    }

    role(database, user) {
        return new Role(this.dsn(database, user));
    }
}
