// SPDX-License-Identifier: PostgreSQL
// daemons.mjs - one daemon of several, each with a wire of its own to the database.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { Daemon } from '../integration/lib/daemon.mjs';
import { until } from '../integration/lib/until.mjs';
import { Proxy } from './proxy.mjs';

const READY_MS = 120_000;

export class Node {
    #ending = false;

    constructor(name, world) {
        this.name = name;
        this.world = world;
        this.up = false;
    }

    async start(settings) {
        this.wire = await new Proxy(() => ({ path: this.world.cluster.primary.socket })).listen();
        this.daemon = await Daemon.create(this.world.dir, {
            database: `host=127.0.0.1 port=${this.wire.port} dbname=app user=pgcable_daemon sslmode=disable`,
            ...settings,
        });
        this.daemon.env.FAKETIME_TIMESTAMP_FILE = this.world.clock;
        await this.run();
    }

    async run() {
        if (this.world.over) {
            throw new Error(`daemon ${this.name} is not started any more`);
        }
        this.#ending = false;
        await this.daemon.start();
        this.up = true;
        this.daemon.ended.then((end) => {
            this.up = false;
            if (!this.#ending) {
                this.world.violation('crashed', `daemon ${this.name} ended by itself: ${JSON.stringify(end)}\n` +
                    this.daemon.log.slice(-4000));
            }
        });
    }

    get pid() {
        return this.daemon.child.pid;
    }

    get target() {
        return { host: '127.0.0.1', port: this.daemon.port };
    }

    // What happens to it from now on is our doing.
    expectEnd() {
        this.#ending = true;
    }

    async kill() {
        this.expectEnd();
        await this.daemon.crash();
    }

    signal(name) {
        this.daemon.kill(name);
    }

    async ready() {
        await until(`daemon ${this.name} to be ready`, async () => this.up &&
            (await this.daemon.get('/ready').catch(() => null))?.status === 200, READY_MS);
    }

    async isReady() {
        return this.up && (await this.daemon.get('/ready').catch(() => null))?.status === 200;
    }

    // How many more files it may open; null: as many as at first.
    limitFiles(more) {
        const open = fs.readdirSync(`/proc/${this.pid}/fd`).length;
        const limit = more === null ? this.files : open + more;
        this.files ??= execFileSync('prlimit', ['--pid', this.pid, '--nofile', '--output', 'SOFT', '--noheadings'])
            .toString().trim();
        execFileSync('prlimit', ['--pid', this.pid, `--nofile=${limit}:`]);
    }

    // The clean end, with what the sanitizers have to say.
    async stop(hasty) {
        this.expectEnd();
        try {
            await (hasty && this.up ? this.kill() : this.daemon?.stop());
        } finally {
            this.wire?.close();
        }
    }
}
