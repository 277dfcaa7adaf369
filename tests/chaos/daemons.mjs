// SPDX-License-Identifier: PostgreSQL
// daemons.mjs - one daemon of several, each with a wire of its own to where its batches come from: the
// database, or NATS, for an edge; a feed has one more, to NATS.  It is a proxy, or a link of its place.
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

    async start(role, settings) {
        this.isEdge = role === 'edge';
        this.serves = role !== 'feed';
        const own = await (this.world.lab ? this.#placed(role) : this.#proxied(role));
        this.daemon = await Daemon.create(this.world.dir, { ...own, ...settings });
        this.daemon.host = own.listen_address ?? this.daemon.host;
        this.daemon.wrap = this.place?.wrap ?? [];
        this.daemon.env.FAKETIME_TIMESTAMP_FILE = this.world.clock;
        await this.run();
    }

    #database({ host, port }) {
        return this.isEdge ? 'host=/nowhere'
            : `host=${host} port=${port} dbname=app user=pgcable_daemon sslmode=disable`;
    }

    async #proxied(role) {
        const { cluster, nats } = this.world;
        const toNats = () => new Proxy(() => nats.target()).listen();
        this.wire = await (this.isEdge ? toNats()
            : new Proxy(() => ({ path: cluster.primary.socket })).listen());
        this.natsWire = role === 'feed' ? await toNats() : this.wire;
        return {
            database: this.#database({ host: '127.0.0.1', port: this.wire.port }),
            ...(role === 'all' ? {} : nats.settings(role, [{ host: '127.0.0.1', port: this.natsWire.port }])),
        };
    }

    // In a network namespace of its own, the way to everything is its links.
    #placed(role) {
        const { lab, nats } = this.world;
        const front = this.isEdge ? 'public' : 'database';
        this.place = lab.place(this.name, 'bus', front);
        this.natsWire = this.place.links.bus;
        this.wire = this.place.links[this.isEdge ? 'bus' : 'database'];
        const { address } = this.place.links[front];
        return {
            listen_address: address,
            admin_address: address,
            database: this.#database({ host: lab.floating, port: 5432 }),
            ...nats.settings(role),
        };
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
        return { host: this.daemon.host, port: this.daemon.port };
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
            this.natsWire?.close();
        }
    }
}
