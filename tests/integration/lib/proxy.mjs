// SPDX-License-Identifier: PostgreSQL
// proxy.mjs - a way to the database that can fall silent: the other end is there, and says nothing.
import net from 'node:net';

export class Proxy {
    #links = new Set();
    #silent = null;

    // `target` is what net.connect() takes.
    static async open(target) {
        const proxy = new Proxy();
        proxy.server = net.createServer((near) => proxy.#link(near, target));
        await new Promise((resolve) => {
            proxy.server.listen(0, '127.0.0.1', resolve);
        });
        proxy.port = proxy.server.address().port;
        return proxy;
    }

    #link(near, target) {
        const link = { near, far: net.connect(target), hello: '' };
        this.#links.add(link);
        near.on('data', (data) => {
            if (link.hello.length < 1000) {
                link.hello += data.toString('latin1'); // the first words name the application
                this.#apply(link);
            }
        });
        for (const [from, to] of [[near, link.far], [link.far, near]]) {
            from.on('data', (data) => to.write(data));
            from.on('error', () => {});
            from.on('close', () => {
                this.#links.delete(link);
                to.destroy();
            });
        }
        this.#apply(link);
    }

    #apply(link) {
        const isSilent = this.#silent?.test(link.hello);
        for (const socket of [link.near, link.far]) {
            isSilent ? socket.pause() : socket.resume();
        }
    }

    // Connections whose first words match, old and new ones, carry nothing any more.
    silence(which = /(?:)/) {
        this.#silent = which;
        this.#links.forEach((link) => this.#apply(link));
    }

    speak() {
        this.#silent = null;
        this.#links.forEach((link) => this.#apply(link));
    }

    close() {
        this.server.close();
        this.#links.forEach(({ near, far }) => [near, far].forEach((socket) => socket.destroy()));
    }
}
