// SPDX-License-Identifier: PostgreSQL
// nats.mjs - a real nats-server, or several as a cluster, with the configuration that packaging/nats
// ships: TLS, and users that may do only what is written there.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { ROOT, freePort } from './daemon.mjs';
import { Authority } from './pki.mjs';
import { until, within } from './until.mjs';

export class NatsNode {
    // `place`: where it runs, an address and what comes before its command.
    constructor(nats, name, ports, place) {
        Object.assign(this, { nats, name, place, host: place.host, ...ports });
        this.dir = path.join(nats.dir, name);
        fs.mkdirSync(this.dir);
        this.log = '';
    }

    // Its own part; the rest is what we ship.
    configure() {
        const routes = this.nats.nodes.map(({ host, cluster }) => `nats-route://${host}:${cluster}`);
        const own = [`server_name: ${this.name}`, `http: "${this.host}:${this.monitor}"`];
        if (routes.length > 1) {
            own.push(`cluster { name: test, no_advertise: true, listen: "${this.host}:${this.cluster}", routes: [${
                routes.map((route) => JSON.stringify(route)).join(', ')}] }`);
        }
        fs.copyFileSync(path.join(ROOT, 'packaging/nats/nats-server.conf'), path.join(this.dir, 'shipped.conf'));
        this.file = path.join(this.dir, 'nats.conf');
        fs.writeFileSync(this.file, `${own.join('\n')}\ninclude ./shipped.conf\n`);
    }

    async start() {
        const { certificate, key } = this.nats.issued;
        const from = this.log.length;
        const [command, ...rest] = [...this.place.wrap, 'nats-server', '-c', this.file];
        this.child = spawn(command, rest, {
            stdio: ['ignore', 'pipe', 'pipe'],
            env: {
                ...process.env,
                NATS_LISTEN: `${this.host}:${this.port}`,
                NATS_CERTIFICATE: certificate,
                NATS_KEY: key,
                NATS_STORE: path.join(this.dir, 'store'),
                NATS_FEED_PASSWORD: 'feeds',
                NATS_EDGE_PASSWORD: 'edges',
            },
        });
        for (const stream of [this.child.stdout, this.child.stderr]) {
            stream.on('data', (data) => {
                this.log += data;
            });
        }
        this.running = true;
        this.ended = new Promise((resolve) => {
            this.child.once('error', (error) => resolve({ error }));
            this.child.once('close', (code, signal) => {
                this.running = false;
                resolve({ code, signal });
            });
        });
        await until(`nats-server ${this.name} to listen`, () => {
            if (!this.running) {
                throw new Error(`nats-server did not start:\n${this.log.slice(from)}`);
            }
            return /Server is ready/.test(this.log.slice(from));
        });
    }

    // In order, or as if the machine lost its power.
    async stop(signal = 'SIGTERM') {
        if (this.running) {
            this.child.kill(signal);
            await within(`nats-server ${this.name} to end`, this.ended);
        }
    }

    async monitored(target) {
        const response = await fetch(`http://${this.host}:${this.monitor}${target}`);
        return response.json();
    }
}

const HERE = { host: '127.0.0.1', wrap: [] };

export class Nats {
    // Runs until the test ends; `placed(name)`: where a node of that name is to run.
    static async start(t, { nodes = 1, placed = () => HERE } = {}) {
        const nats = new Nats();
        nats.dir = fs.mkdtempSync(path.join(t.dir, 'nats-'));
        nats.authority = new Authority(path.join(nats.dir, 'pki'));
        nats.nodes = [];
        for (let n = 0; n < nodes; n++) {
            const ports = { port: await freePort(), cluster: await freePort(), monitor: await freePort() };
            nats.nodes.push(new NatsNode(nats, `node${n}`, ports, placed(`node${n}`)));
        }
        const hosts = new Set(nats.nodes.map(({ host }) => `IP:${host}`));
        nats.issued = nats.authority.issue('nats', [...hosts].join(','));
        t.later(() => nats.stop());
        nats.nodes.forEach((node) => node.configure());
        await Promise.all(nats.nodes.map((node) => node.start()));
        return nats;
    }

    async stop(signal) {
        await Promise.all(this.nodes.map((node) => node.stop(signal)));
    }

    // The settings of a daemon that goes through it, by that way.
    settings(role, ways = this.nodes) {
        const secret = { feed: 'feeds', edge: 'edges' }[role];
        return {
            role,
            nats_url: ways.map(({ host, port }) => `tls://${role}:${secret}@${host}:${port}`).join(','),
            nats_tls_ca: this.authority.ca,
            nats_replicas: this.nodes.length,
        };
    }

    // Where a new connection goes, for a proxy before all of them.
    target() {
        const up = this.nodes.filter(({ running }) => running);
        const { host, port } = up[Math.floor(Math.random() * up.length)] ?? {};
        return host ? { host, port } : null;
    }
}

// One connection that says what it likes: what NATS forbids a user comes back as an error.
export class NatsClient {
    static async connect(nats, user, password) {
        const client = new NatsClient();
        client.text = '';
        client.subscriptions = 0;
        const plain = net.connect(nats.nodes[0].port, '127.0.0.1');
        await within('INFO of NATS', new Promise((resolve, reject) => {
            plain.once('data', resolve);
            plain.once('error', reject);
        }));
        client.socket = tls.connect({
            socket: plain,
            host: '127.0.0.1',
            ca: fs.readFileSync(nats.authority.ca),
        });
        client.socket.on('data', (data) => {
            client.text += data;
        });
        client.socket.on('error', (error) => {
            client.error = error;
        });
        client.say(`CONNECT ${JSON.stringify({ user, pass: password, verbose: false, headers: true })}`);
        return client;
    }

    say(...lines) {
        this.socket.write(lines.map((line) => `${line}\r\n`).join(''));
    }

    // What NATS answered up to here.
    async settled() {
        const from = this.text.length;
        this.say('PING');
        await until('PONG', () => {
            if (this.error) {
                throw this.error;
            }
            return /PONG\r\n/.test(this.text.slice(from));
        });
        return this.text;
    }

    async mayPublish(subject) {
        this.say(`PUB ${subject} 0`, '');
        return !(await this.settled()).includes(`Permissions Violation for Publish to "${subject}"`);
    }

    async maySubscribe(subject) {
        this.say(`SUB ${subject} ${++this.subscriptions}`);
        return !(await this.settled()).includes(`Permissions Violation for Subscription to "${subject}"`);
    }

    end() {
        this.socket.destroy();
    }
}
