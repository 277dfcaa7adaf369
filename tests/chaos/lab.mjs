// SPDX-License-Identifier: PostgreSQL
// lab.mjs - network namespaces, one for each part of a run, on networks that can be cut.  tests/chaos/run
// gives the run a namespace of its own, of network and of mounts: nothing here is seen outside, and what
// is left when the run ends in whatever way, goes with its last process.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const NETWORKS = ['database', 'bus', 'public'];
const GATEWAY = 1; // the run's own address on each of them
const FLOATING = 2; // PostgreSQL's, wherever it is
const FIRST = 10;
const DISABLED = 0; // states of a bridge's port: bytes stop, and nobody is told
const FORWARDING = 3;
const PATIENCE_MS = 60_000;
const SILENCE_MS = 300; // what comes through takes less, at least now and then

export const isAllowed = Boolean(process.env.PGCABLE_CHAOS_NAMESPACES);

function run(...command) {
    return execFileSync(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}

// A place's way into one network; what Proxy's methods do with a connection, these do with the cable.
class Link {
    constructor(place, network) {
        Object.assign(this, { place, network });
        this.address = place.lab.address(network, place.number);
        this.port = `${place.lab.number}${place.name}-${network.slice(0, 3)}`; // its other end, at the bridge
    }

    plug() {
        const { lab, file } = this.place;
        run('ip', 'link', 'add', this.port, 'type', 'veth', 'peer', 'name', this.network, 'netns', file);
        run('ip', 'link', 'set', this.port, 'master', lab.bridge(this.network), 'up');
        this.place.run('ip', 'address', 'add', `${this.address}/24`, 'dev', this.network);
        this.place.run('ip', 'link', 'set', this.network, 'up');
    }

    // Does anything come through?  Where nobody listens, a kernel says so.
    #answers(timeout) {
        return new Promise((resolve) => {
            const socket = net.connect({ host: this.address, port: 1, timeout });
            socket.once('error', ({ code }) => resolve(code === 'ECONNREFUSED'));
            socket.once('timeout', () => {
                socket.destroy();
                resolve(false);
            });
        });
    }

    // Somewhere on the way: connections are half open.
    stall() {
        this.#forward(DISABLED);
    }

    // At the place: its kernel knows.
    pull() {
        this.isPulled = true;
        run('ip', 'link', 'set', this.port, 'down');
    }

    // `silently`, or with the place knowing.  A cut that is none would let every run pass.
    async cut(silently) {
        if (!await this.#answers(PATIENCE_MS)) {
            throw new Error(`the link ${this.port} does not work before it is cut`);
        }
        silently ? this.stall() : this.pull();
        if (await this.#answers(SILENCE_MS)) {
            throw new Error(`the link ${this.port} is cut, and lets bytes pass`);
        }
    }

    // Few bytes pass, either way; the rest waits its turn, or is lost.
    slow(kbit) {
        const qdisc = (device) => ['tc', 'qdisc', 'replace', 'dev', device, 'root', 'tbf',
            'rate', `${kbit}kbit`, 'burst', '16kb', 'latency', '500ms'];
        run(...qdisc(this.port));
        this.place.run(...qdisc(this.network));
    }

    // Returns how many packets had to wait, or were lost.
    hasten() {
        const [{ overlimits }] = JSON.parse(run('tc', '-s', '-j', 'qdisc', 'show', 'dev', this.port));
        run('tc', 'qdisc', 'delete', 'dev', this.port, 'root');
        this.place.run('tc', 'qdisc', 'delete', 'dev', this.network, 'root');
        return overlimits;
    }

    heal() {
        if (this.isPulled) {
            run('ip', 'link', 'set', this.port, 'up'); // and then it forwards
        } else {
            this.#forward(FORWARDING);
        }
        this.isPulled = false;
    }

    // Not with `ip link set … type bridge_slave`: that tells the kernel of a change, and so undoes it.
    #forward(state) {
        run('bridge', 'link', 'set', 'dev', this.port, 'state', String(state));
    }

    // Both ends of the connections that `chosen()` picks are told that they are no more.
    reset(chosen = () => true) {
        const lines = this.place.run('ss', '-Htn', 'state', 'established', 'src', this.address);
        const filters = lines.split('\n').filter(Boolean).filter(() => chosen()).map((line) => {
            const [near, far] = line.trim().split(/\s+/).slice(-2);
            return `( src ${near} and dst ${far} )`;
        });
        if (filters.length > 0) {
            this.place.run('ss', '-HKtn', filters.join(' or '));
        }
    }

    close() {} // it goes with its place
}

class Place {
    constructor(lab, name, number) {
        Object.assign(this, { lab, name, number });
        this.links = {};
        this.file = path.join(lab.dir, name);
        this.wrap = ['nsenter', `--net=${this.file}`]; // before a command that is to run there
    }

    make(networks) {
        fs.writeFileSync(this.file, '');
        run('unshare', `--net=${this.file}`, 'true');
        this.lab.places.add(this);
        this.run('ip', 'link', 'set', 'lo', 'up');
        for (const network of networks) {
            const link = new Link(this, network);
            link.plug();
            this.links[network] = link;
        }
    }

    run(...command) {
        return run(...this.wrap, ...command);
    }

    end() {
        Object.values(this.links).forEach(({ port }) => run('ip', 'link', 'delete', port));
        run('umount', this.file);
        fs.rmSync(this.file);
        this.lab.places.delete(this);
    }
}

export class Lab {
    static #count = 0;

    constructor(dir) {
        this.dir = path.join(dir, 'lab');
        this.number = Lab.#count++;
        this.places = new Set();
        fs.mkdirSync(this.dir);
        run('ip', 'link', 'set', 'lo', 'up');
        for (const network of NETWORKS) {
            run('ip', 'link', 'add', this.bridge(network), 'type', 'bridge');
            run('ip', 'address', 'add', `${this.address(network, GATEWAY)}/24`, 'dev', this.bridge(network));
            run('ip', 'link', 'set', this.bridge(network), 'up');
        }
    }

    bridge(network) {
        return `${network}${this.number}`;
    }

    address(network, number) {
        return `10.${this.number}.${NETWORKS.indexOf(network)}.${number}`;
    }

    place(name, ...networks) {
        const taken = [...this.places].map(({ number }) => number);
        let number = FIRST;
        while (taken.includes(number)) {
            number++;
        }
        const place = new Place(this, name, number);
        place.make(networks);
        return place;
    }

    get floating() {
        return this.address('database', FLOATING);
    }

    // PostgreSQL's address goes to this place, and nobody looks for it at another one any more: not even
    // who was cut off just now, and would not hear it said.
    float(place) {
        const address = [`${this.floating}/24`, 'dev', 'database'];
        if (this.floats) {
            this.floats.run('ip', 'address', 'delete', ...address);
        }
        this.floats = place;
        place.run('ip', 'address', 'add', ...address);
        for (const other of this.places) {
            other.run('ip', 'neighbour', 'flush', 'to', this.floating);
        }
    }

    end() {
        [...this.places].forEach((place) => place.end());
        NETWORKS.forEach((network) => run('ip', 'link', 'delete', this.bridge(network)));
    }
}
