// SPDX-License-Identifier: PostgreSQL
// cluster.mjs - the PostgreSQL servers of a run: one primary, at times a standby that takes over.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../integration/lib/daemon.mjs';
import { until } from '../integration/lib/until.mjs';
import { query } from './psql.mjs';

const run = promisify(execFile);
export const PATIENCE_MS = 60_000;

export const MAX_PREPARED = 100;

const CONF = [
    'max_connections = 80',
    'track_commit_timestamp = on',
    'max_wal_senders = 4',
    'shared_buffers = 32MB',
    'min_wal_size = 32MB',
    'max_wal_size = 64MB',
    'checkpoint_completion_target = 0', // a copy for a standby waits for it
    'wal_retrieve_retry_interval = 200ms',
    'deadlock_timeout = 200ms',
    'log_min_duration_statement = 500ms',
];

const shells = new Set(); // those that run

// With the functions of tests/lib/postgres.sh at hand.
async function shell(wrap, script, ...args) {
    const [command, ...rest] = [...wrap, 'bash', '-c',
        `set -euo pipefail; . "${path.join(ROOT, 'tests/lib/postgres.sh')}"; ${script}`, 'bash', ...args];
    const done = run(command, rest, { timeout: 4 * PATIENCE_MS });
    shells.add(done);
    try {
        await done;
    } catch (error) {
        throw new Error(`${script} ${args}: ${(error.stderr || error.message).slice(0, 500)}`);
    } finally {
        shells.delete(done);
    }
}

class Server {
    constructor(dir, cluster) {
        this.dir = dir;
        this.cluster = cluster;
        this.place = cluster.lab?.place(path.basename(dir), 'database') ?? null;
    }

    shell(script, ...args) {
        return shell(this.place?.wrap ?? [], script, ...args);
    }

    get socket() {
        return path.join(this.dir, '.s.PGSQL.5432');
    }

    dsn(user) {
        return `host=${this.dir} dbname=app user=${user}`;
    }

    query(sql) {
        return query(this.dsn('postgres'), sql);
    }

    up() {
        if (this.cluster.over) {
            throw new Error(`${this.dir} is not started any more`);
        }
        return this.shell('pg_up "$1"', this.dir);
    }

    // As if the machine had lost its power.
    crash() {
        return this.shell('pg_stop "$1"', this.dir);
    }

    // In order; a standby that is connected has everything then.
    shutDown() {
        return this.shell('pg_as "$(pg_bin)/pg_ctl" -D "$1/data" -w -s -m fast stop', this.dir);
    }

    promote() {
        return this.shell('pg_as "$(pg_bin)/pg_ctl" -D "$1/data" -w -s promote', this.dir);
    }

    // Up again, whatever it did meanwhile.
    async revive() {
        await until('the server to be back', async () => {
            if (await this.query('select 1;').catch(() => null)) {
                return true;
            }
            await this.shell('pg_as "$(pg_bin)/pg_ctl" -D "$1/data" status > /dev/null || pg_up "$1"', this.dir)
                .catch(() => {});
            return false;
        }, 2 * PATIENCE_MS);
    }

    async setting(name, value) {
        await query(this.dsn('postgres'), `alter system set ${name} = '${value}';`);
    }

    async remove() {
        await this.crash();
        this.place?.end();
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

export class Cluster {
    #count = 0;

    // `lab`: each server is a place there, and has an address beside its socket; null: it has none.
    constructor(dir, lab) {
        this.dir = dir;
        this.lab = lab;
        this.servers = new Set();
        this.over = false;
    }

    #server() {
        const server = new Server(path.join(this.dir, `pg${this.#count++}`), this);
        this.servers.add(server);
        return server;
    }

    async start(prepares) {
        const server = this.#server();
        await server.shell('pg_start "$@"', server.dir, ...CONF, ...(this.lab ? ["listen_addresses = '*'"] : []),
            `max_prepared_transactions = ${prepares ? MAX_PREPARED : 0}`);
        if (this.lab) {
            fs.appendFileSync(path.join(server.dir, 'data/pg_hba.conf'), 'host app pgcable_daemon samenet trust\n');
            await query(`host=${server.dir} dbname=postgres user=postgres`, 'select pg_reload_conf();');
            this.lab.float(server.place);
        }
        await query(`host=${server.dir} dbname=postgres user=postgres`,
            'create role app login;\ncreate database app owner app;');
        this.primary = server;
    }

    // A copy of the primary that follows it.
    async standby() {
        const standby = this.#server();
        await standby.shell(`
            mkdir "$2"
            if [ "$(id -u)" = 0 ]; then chown postgres "$2"; chmod 711 "$2"; fi
            pg_as "$(pg_bin)/pg_basebackup" -h "$1" -U postgres -D "$2/data" -R -X stream -c fast --no-sync
            echo "unix_socket_directories = '$2'" | pg_as tee -a "$2/data/postgresql.conf" > /dev/null
            pg_up "$2"`, this.primary.dir, standby.dir);
        await until('the standby to follow', async () =>
            (await this.primary.query('select count(*) from pg_stat_replication where state = \'streaming\';'))[0] === '1',
        PATIENCE_MS);
        return standby;
    }

    // From now on the standby is the primary; whoever asks for `primary` goes there.
    async takeOver(standby) {
        await standby.promote();
        this.lab?.float(standby.place);
        this.primary = standby;
    }

    async end() {
        this.over = true;
        await Promise.allSettled(shells); // one of them may be starting a server
        for (const server of this.servers) {
            await server.crash().catch(() => {});
        }
    }

    async drop(server) {
        this.servers.delete(server);
        await server.remove();
    }
}
