// SPDX-License-Identifier: PostgreSQL
// sse.mjs - a stream of events as HTML's EventSource reads it, over node's fetch.
import assert from 'node:assert/strict';
import { until } from './until.mjs';

export class Events {
    // `headers` as for fetch; `query` is an object of parameters.
    constructor(daemon, query, headers = {}) {
        this.records = []; // { event, data, id } in order, without pings
        this.ended = false;
        this.retry = null;
        this.stopper = new AbortController();
        const parameters = new URLSearchParams(query);
        this.answer = fetch(`http://127.0.0.1:${daemon.port}/events?${parameters}`, {
            headers,
            signal: this.stopper.signal,
        });
    }

    async open() {
        this.response = await this.answer;
        this.ended = !this.response.ok;
        if (this.response.ok) {
            this.reading = this.#read().catch(() => {}); // it was closed
        }
        return this;
    }

    async #read() {
        let text = '';
        try {
            for await (const chunk of this.response.body.pipeThrough(new TextDecoderStream())) {
                const parts = (text + chunk).split('\n\n');
                text = parts.pop();
                parts.forEach((part) => this.#take(part));
            }
        } finally {
            this.ended = true;
        }
    }

    #take(part) {
        const record = { event: 'message', data: [] };
        for (const line of part.split('\n')) {
            const [, name, value] = /^(\w+): (.*)$/.exec(line) ?? [];
            if (name === 'data') {
                record.data.push(value);
            } else if (name === 'retry') {
                this.retry = Number(value);
            } else if (name) {
                record[name] = value;
            }
        }
        record.data = JSON.parse(record.data.join('\n'));
        if (record.event !== 'ping') {
            this.records.push(record);
        }
    }

    get messages() {
        return this.records.filter(({ event }) => event === 'message');
    }

    async count(wanted) {
        const have = () => `have ${JSON.stringify(this.records)}, ${this.response.status}`;
        try {
            await until(`${wanted} records`, () => {
                assert.ok(!this.ended || this.records.length >= wanted, 'the stream ended');
                return this.records.length >= wanted;
            });
        } catch (error) {
            throw new Error(`${error.message}, ${have()}`);
        }
        return this.records;
    }

    async end() {
        await until('the stream to end', () => this.ended);
    }

    close() {
        this.stopper.abort();
    }
}
