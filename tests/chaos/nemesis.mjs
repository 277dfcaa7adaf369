// SPDX-License-Identifier: PostgreSQL
// nemesis.mjs - makes things fail: each fault once, one after another, then at random, two at a time.
import { setTimeout as delay } from 'node:timers/promises';

const WELL_MS = 90_000;
const PROBE_MS = 1000;
const CALM_MS = [200, 800];
const BRIEF_MS = 4000; // at first, so that every fault has its turn soon

export class Nemesis {
    constructor(world, faults, prng) {
        this.world = world;
        this.prng = prng;
        this.log = []; // { name, from, to }
        this.faults = faults.filter((fault) => {
            const why = fault.skip?.(world);
            if (why) {
                console.log(`SKIPPED: fault ${fault.name}: ${why}`);
            }
            return !why;
        });
        this.skipped = faults.length - this.faults.length;
    }

    async #inflict(fault, longest_ms = Infinity) {
        const entry = { name: fault.name, from: Date.now(), to: null };
        this.log.push(entry);
        const prng = this.prng.fork(`${fault.name} ${this.log.length}`);
        const stop = await fault.start(this.world, prng);
        await delay(Math.min(prng.between(...fault.hold), longest_ms));
        await stop();
        entry.to = Date.now();
    }

    // After the worst, all must be well again, by itself.
    async #recover(after) {
        await this.world.allReached('recovery', WELL_MS, PROBE_MS).catch(async () => {
            const { clients, nodes } = this.world;
            const deaf = clients.filter(({ settled, reached }) => !settled || !reached);
            this.world.violation('stuck', `${WELL_MS} ms after ${after}: ${deaf.length} clients hear nothing ` +
                `(${deaf.slice(0, 5).map(({ name }) => name)}), daemons ready: ` +
                `${await Promise.all(nodes.map((node) => node.isReady()))}`);
        });
    }

    async run(deadline) {
        const inTime = () => Date.now() < deadline;
        const rounds = this.prng.shuffle(this.faults);
        while (inTime() && rounds.length > 0) {
            const fault = rounds.shift();
            await this.#inflict(fault, BRIEF_MS);
            await this.#recover(fault.name);
            await delay(this.prng.between(...CALM_MS));
        }
        while (inTime() && this.faults.length > 0) {
            const first = this.prng.pick(this.faults);
            const others = this.faults.filter(({ touches }) => !touches.some((what) => first.touches.includes(what)));
            const pair = others.length > 0 ? [first, this.prng.pick(others)] : [first];
            await Promise.all(pair.map((fault) => this.#inflict(fault)));
            await this.#recover(pair.map(({ name }) => name).join(' and '));
            await delay(this.prng.between(...CALM_MS));
        }
    }
}
