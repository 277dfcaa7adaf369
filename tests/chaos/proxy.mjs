// SPDX-License-Identifier: PostgreSQL
// proxy.mjs - a TCP proxy whose wire can be cut: silently (bytes stop, nobody is told) or by reset.
import net from 'node:net';

export class Proxy {
    #pairs = new Set();
    #waiting = new Set();
    #stalled = false;

    // `target()`: where a new connection goes, as for net.connect(); null: nowhere, it is refused.
    constructor(target) {
        this.target = target;
        this.server = net.createServer((near) => this.#accept(near));
    }

    async listen() {
        await new Promise((resolve, reject) => {
            this.server.once('error', reject);
            this.server.listen(0, '127.0.0.1', resolve);
        });
        this.port = this.server.address().port;
        return this;
    }

    #accept(near) {
        near.on('error', () => {}); // 'close' follows
        if (this.#stalled) {
            this.#waiting.add(near);
            near.once('close', () => this.#waiting.delete(near));
        } else {
            this.#join(near);
        }
    }

    #join(near) {
        const target = this.target();
        if (!target) {
            near.resetAndDestroy();
            return;
        }
        const far = net.connect(target);
        const pair = { near, far };
        this.#pairs.add(pair);
        far.on('error', () => {});
        for (const [socket, other] of [[near, far], [far, near]]) {
            socket.setNoDelay(true);
            socket.pipe(other);
            socket.once('close', () => {
                // Behind a cut wire nobody hears of it.
                if (!this.#stalled) {
                    this.#pairs.delete(pair);
                    other.destroy();
                }
            });
        }
    }

    // From now on nothing passes, in either direction, and connects do not come through.
    stall() {
        this.#stalled = true;
        for (const { near, far } of this.#pairs) {
            near.unpipe(far).pause();
            far.unpipe(near).pause();
        }
    }

    // The wire is whole again: what was on its way goes on, as TCP would have it.
    heal() {
        this.#stalled = false;
        for (const pair of this.#pairs) {
            const { near, far } = pair;
            if (near.destroyed || far.destroyed) {
                this.#pairs.delete(pair);
                near.destroy();
                far.destroy();
            } else {
                near.pipe(far);
                far.pipe(near);
            }
        }
        for (const near of this.#waiting) {
            this.#waiting.delete(near);
            this.#join(near);
        }
    }

    // Breaks those connections that `chosen()` picks, in the middle of whatever they carry.
    reset(chosen = () => true) {
        for (const { near, far } of [...this.#pairs].filter(chosen)) {
            near.resetAndDestroy();
            far.destroy(); // a unix socket knows no reset
        }
    }

    close() {
        this.server.close();
        this.#stalled = false;
        this.reset();
        this.#waiting.forEach((near) => near.destroy());
    }
}
