// SPDX-License-Identifier: PostgreSQL
// world.mjs - all that takes part in a run, and its end: nothing of it is left running.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT, pgcable } from '../integration/lib/daemon.mjs';
import { Nats } from '../integration/lib/nats.mjs';
import { until } from '../integration/lib/until.mjs';
import { Client } from './client.mjs';
import { Cluster, PATIENCE_MS } from './cluster.mjs';
import { Node } from './daemons.mjs';
import { Events, sha } from './events.mjs';
import { Lab } from './lab.mjs';
import { Proxy } from './proxy.mjs';
import { Psql, query } from './psql.mjs';
import { takeOut } from './safeguards.mjs';
import { CUSTOMERS, MEMBERS, roomsOf, stageSql } from './stage.mjs';
import { Crew } from './writers.mjs';

const DISK_SIZE = '1000m';
const LOOK_MS = 1000;
const FINISH_MS = 300; // between two looks for prepared transactions to end

const read = (name) => fs.readFileSync(path.join(ROOT, name), 'utf8');

export class World {
    constructor(prng, options) {
        this.prng = prng;
        this.options = options;
        this.over = false;
        this.violations = [];
        this.counts = {};
        this.ghosts = [];
        this.clients = [];
        this.nodes = [];
        this.events = new Events();
        this.timers = [];
        this.probes = 0;
    }

    violation = (kind, text) => {
        this.violations.push({ kind, text });
        if (this.violations.filter((other) => other.kind === kind).length <= 3) {
            console.log(`  ${kind}: ${text}`);
        }
    };

    count(what, by = 1) {
        this.counts[what] = (this.counts[what] ?? 0) + by;
    }

    async begin() {
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgcable-chaos-'));
        fs.chmodSync(this.dir, 0o711);
        this.clock = path.join(this.dir, 'clock');
        fs.writeFileSync(this.clock, '+0\n');
        const disk = path.join(this.dir, 'disk');
        fs.mkdirSync(disk, { mode: 0o711 });
        this.hasDisk = this.#mount(disk);
        this.lab = this.options.namespaces ? new Lab(this.dir) : null;
        this.cluster = new Cluster(disk, this.lab);
        await this.cluster.start(this.options.prepares);
        await this.#install();
        await this.#startDaemons();
        this.crew = new Crew(this.prng.fork('writers'), () => this.cluster.primary.dsn('app'), this.options.crew);
        this.crew.prepares = this.options.prepares;
        this.#startClients();
    }

    #mount(disk) {
        try {
            execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_SIZE},mode=0711`, 'pgcable-chaos', disk],
                { stdio: 'ignore' });
            return true;
        } catch {
            return false;
        }
    }

    async asApp(sql) {
        await until('the application to write', () =>
            query(this.cluster.primary.dsn('app'), sql).then(() => true, () => false), PATIENCE_MS);
    }

    async #install() {
        const { primary } = this.cluster;
        const app = primary.dsn('app');
        await query(app, `${read('sql/reference/schema.sql')}\n${read('tests/chaos/schema.sql')}`);
        const migrated = await pgcable(['migrate', '-d', primary.dsn('postgres')]);
        if (migrated.code !== 0) {
            throw new Error(`pgcable migrate: ${migrated.stderr}`);
        }
        await primary.query(read('tests/chaos/attach.sql'));
        await query(app, stageSql());
        if (this.options.without) {
            await takeOut(this.options.without, primary);
        }
    }

    // One that serves clients; `role` if it is another one than those have here.
    async addDaemon(name, role = this.nats ? 'edge' : 'all') {
        const node = new Node(name, this);
        this.nodes.push(node);
        await node.start(role, this.options.settings);
        return node;
    }

    get serving() {
        return this.nodes.filter(({ serves }) => serves);
    }

    // Where nodes of NATS are to run, if not here.
    #places() {
        return this.lab && {
            placed: (name) => {
                const place = this.lab.place(name, 'bus');
                return Object.assign(place, { host: place.links.bus.address });
            },
        };
    }

    // Of the daemons that read the database, the one that publishes; null: nobody, or nobody knows.
    async leader() {
        const [name] = await this.cluster.primary.query('select name from pgcable.leader;').catch(() => ['']);
        return this.nodes.find((node) => node.up && name.split('/').includes(String(node.pid))) ?? null;
    }

    async #startDaemons() {
        if (this.options.bus) {
            this.nats = await Nats.start({ dir: this.dir, later: () => {} }, { nodes: 3, ...this.#places() });
            await Promise.all(['F', 'G'].map((name) => this.addDaemon(name, 'feed')));
        }
        for (const name of this.options.bus ? ['A', 'B', 'C'] : ['A', 'B'].slice(0, this.options.daemons)) {
            await this.addDaemon(name);
        }
        await Promise.all(this.nodes.map((node) => node.ready()));
        const prng = this.prng.fork('front');
        this.front = await new Proxy(() => {
            const up = this.serving.filter((node) => node.up);
            return up.length > 0 ? prng.pick(up).target : null;
        }).listen();
    }

    #startClients() {
        const { clients, extended } = this.options;
        for (let n = 0; n < clients; n++) {
            const member = (n % MEMBERS) + 1;
            const rooms = roomsOf(member);
            const isExtended = extended && n % 4 !== 0;
            const client = new Client(`${isExtended ? 'ext' : 'base'}-${n}`, {
                member,
                streams: [
                    ['ChatRoomChannel', {}],
                    ['NotificationChannel', {}],
                    ['Chats::CommunityMemberThreadsChannel', {}],
                    ['OrdersChannel', { customer_id: CUSTOMERS[n % CUSTOMERS.length] }],
                    ...[...new Set([rooms[n % rooms.length], rooms.at(-1)])]
                        .map((room) => ['Chats::RoomChannel', { chat_room_id: room }]),
                ],
                extended: isExtended,
                port: () => this.front.port,
                prng: this.prng.fork(`client ${n}`),
                events: this.events,
                violation: this.violation,
            });
            this.clients.push(client);
            client.start();
        }
        this.timers.push(setInterval(() => this.clients.forEach((client) => client.look()), LOOK_MS));
    }

    startWriting() {
        this.crew.start();
        const prng = this.prng.fork('prepared');
        this.timers.push(setInterval(() => this.#finishPrepared(prng.between(0, 6), prng), FINISH_MS));
    }

    // Ends the transactions that were prepared so many seconds ago, one way or the other.
    async #finishPrepared(seconds, prng) {
        if (this.finishing) {
            return;
        }
        this.finishing = true;
        try {
            const { primary } = this.cluster;
            const names = await primary.query(`select gid from pg_prepared_xacts
                where prepared < clock_timestamp() - interval '${seconds} s' order by gid;`);
            for (const name of names) {
                await query(primary.dsn('app'), `${prng.chance(0.8) ? 'commit' : 'rollback'} prepared '${name}';`);
                this.count('prepared transactions ended');
            }
        } catch {
            // the server may be down: the next time, then
        }
        this.finishing = false;
    }

    async noPrepared() {
        const prng = this.prng.fork('last prepared');
        await until('prepared transactions to end', async () => {
            await this.#finishPrepared(0, prng);
            const [left] = await this.cluster.primary.query('select count(*) from pg_prepared_xacts;').catch(() => []);
            return left === '0';
        }, PATIENCE_MS);
    }

    // One row for every client, written on its own.
    async #probe() {
        const text = `probe ${++this.probes}`;
        this.events.probes.add(sha(text));
        await this.asApp(`select chaos.say('orders-' || customer, '${text}')
            from unnest(array[${CUSTOMERS}]) customer;`);
    }

    // All daemons are ready, all clients subscribed and told of something that is written now.  Those
    // who subscribe later than that need another one: `every_ms`.
    async allReached(what, ms, every_ms = Infinity) {
        let last = 0;
        this.events.probes.clear();
        this.clients.forEach((client) => {
            client.reached = false;
        });
        await until(what, async () => {
            if (Date.now() - last >= every_ms || last === 0) {
                await this.#probe();
                last = Date.now();
            }
            return this.clients.every(({ settled, reached }) => settled && reached) &&
                (await Promise.all(this.nodes.map((node) => node.isReady()))).every(Boolean);
        }, ms);
    }

    #keepLogs() {
        this.nodes.forEach(({ name, daemon }) =>
            fs.writeFileSync(path.join(this.dir, `daemon-${name}.log`), daemon?.log ?? ''));
        this.nats?.nodes.forEach(({ name, log }) => fs.writeFileSync(path.join(this.dir, `${name}.log`), log));
        this.cluster.servers.forEach(({ dir }) =>
            fs.copyFileSync(path.join(dir, 'server.log'), path.join(this.dir, `${path.basename(dir)}.log`)));
        fs.writeFileSync(path.join(this.dir, 'violations.txt'),
            this.violations.map(({ kind, text }) => `${kind}: ${text}\n`).join(''));
        fs.writeFileSync(path.join(this.dir, 'clients.txt'),
            this.clients.flatMap(({ journal }) => journal).sort().map((line) => `${line}\n`).join(''));
        console.log(`kept: ${this.dir}`);
    }

    // Returns what daemons that did not end well have to say; `hasty`: nobody wants to know.
    async end({ hasty = false } = {}) {
        this.over = true;
        this.timers.forEach(clearInterval);
        this.clients.forEach((client) => client.stop());
        this.crew && (this.crew.over = true);
        Psql.all.forEach((psql) => psql.kill());
        const errors = [];
        for (const node of this.nodes) {
            await node.stop(hasty).catch((error) => errors.push(error));
        }
        this.front?.close();
        await this.nats?.stop();
        await this.cluster?.end();
        this.lab?.end();
        if (process.env.PGCABLE_KEEP) {
            this.#keepLogs();
        }
        if (this.hasDisk) {
            execFileSync('umount', ['--lazy', this.cluster.dir]); // a server's child may still be ending
        }
        if (!process.env.PGCABLE_KEEP) {
            fs.rmSync(this.dir, { recursive: true, force: true });
        }
        return errors;
    }
}
