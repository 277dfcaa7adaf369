// SPDX-License-Identifier: PostgreSQL
// nemesis.mjs - makes things fail, round by round: the faults that came least often, as many at a time
// as do not exclude each other.
import { setTimeout as delay } from 'node:timers/promises';

const WELL_MS = 90_000;
const PROBE_MS = 500;
const CALM_MS = [0, 100];
const LONG = 0.1; // how many rounds last as long as the faults would

const exclude = (one, other) => one.touches.some((what) => other.touches.includes(what)) ||
    (one.onNode && other.touches.includes('daemons')) || (other.onNode && one.touches.includes('daemons'));

export class Nemesis {
    // `each`: so often each of them; `atOnce`: so many at a time; `hold_ms`: so long most of them.
    constructor(world, faults, prng, { each, atOnce, hold_ms }) {
        Object.assign(this, { world, prng, each, atOnce, hold_ms });
        this.log = []; // { name, from, to }
        this.faults = faults.filter((fault) => {
            const why = fault.skip?.(world);
            if (why) {
                console.log(`SKIPPED: fault ${fault.name}: ${why}`);
            }
            return !why;
        });
        this.skipped = faults.length - this.faults.length;
        this.times = new Map(this.faults.map((fault) => [fault, 0]));
    }

    async #inflict({ fault, node }, longest_ms) {
        const entry = { name: fault.name, from: Date.now(), to: null };
        this.log.push(entry);
        this.times.set(fault, this.times.get(fault) + 1);
        const prng = this.prng.fork(`${fault.name} ${this.times.get(fault)}`);
        const stop = await fault.start(this.world, prng, node);
        await delay(Math.min(prng.between(...fault.hold), longest_ms));
        await stop();
        entry.to = Date.now();
    }

    // All of them at once; after the worst, all must be well again, by itself.
    async #round(chosen, longest_ms) {
        await Promise.all(chosen.map((one) => this.#inflict(one, longest_ms)));
        await this.world.allReached('recovery', WELL_MS, PROBE_MS).catch(async () => {
            const { clients, nodes } = this.world;
            const deaf = clients.filter(({ settled, reached }) => !settled || !reached);
            this.world.violation('stuck', `${WELL_MS} ms after ${chosen.map(({ fault }) => fault.name)}: ` +
                `${deaf.length} clients hear nothing (${deaf.slice(0, 5).map(({ name }) => name)}), daemons ready: ` +
                `${await Promise.all(nodes.map((node) => node.isReady()))}`);
        });
        await delay(this.prng.between(...CALM_MS));
    }

    // [{ fault, node }], `node` for those that befall one daemon.
    #choose() {
        const chosen = [];
        const nodes = this.prng.shuffle(this.world.nodes);
        const due = this.faults.filter((fault) => this.times.get(fault) < this.each);
        for (const fault of this.prng.shuffle(due).sort((a, b) => this.times.get(a) - this.times.get(b))) {
            if (chosen.length < this.atOnce && !chosen.some((other) => exclude(fault, other.fault)) &&
                !(fault.onNode && nodes.length === 0)) {
                chosen.push({ fault, node: fault.onNode ? nodes.pop() : null });
            }
        }
        return chosen;
    }

    async run(deadline) {
        let chosen = this.#choose();
        while (Date.now() < deadline && chosen.length > 0) {
            await this.#round(chosen, this.prng.chance(LONG) ? Infinity : this.hold_ms);
            chosen = this.#choose();
        }
    }
}
