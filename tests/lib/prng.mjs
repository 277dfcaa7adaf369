// SPDX-License-Identifier: PostgreSQL
// prng.mjs - one seed decides everything but timing: each part forks a generator of its own, so
// that what one part draws does not depend on when another one does.

function hash(text) {
    let h = 2166136261;
    for (const char of text) {
        h = Math.imul(h ^ char.codePointAt(0), 16777619);
    }
    return h >>> 0;
}

export class Prng {
    #state;

    constructor(seed) {
        this.seed = String(seed);
        this.#state = hash(this.seed);
    }

    fork(name) {
        return new Prng(`${this.seed}/${name}`);
    }

    // mulberry32: in [0, 1)
    next() {
        this.#state = (this.#state + 0x6d2b79f5) >>> 0;
        let t = this.#state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }

    // Both ends included.
    between(low, high) {
        return low + Math.floor(this.next() * (high - low + 1));
    }

    chance(probability) {
        return this.next() < probability;
    }

    pick(list) {
        return list[this.between(0, list.length - 1)];
    }

    // [[weight, value], …]
    weighted(choices) {
        let left = this.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
        return (choices.find(([weight]) => (left -= weight) < 0) ?? choices.at(-1))[1];
    }

    shuffle(list) {
        const shuffled = [...list];
        for (let i = shuffled.length - 1; i > 0; i--) {
            const j = this.between(0, i);
            [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
        }
        return shuffled;
    }

    hex(length) {
        let text = '';
        while (text.length < length) {
            text += Math.floor(this.next() * 4294967296).toString(16).padStart(8, '0');
        }
        return text.slice(0, length);
    }
}
