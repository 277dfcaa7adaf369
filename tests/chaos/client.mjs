// SPDX-License-Identifier: PostgreSQL
// client.mjs - a client that stays: reconnects, subscribes again, writes down all it is told.
//
// A run is what a client may believe to be whole: on one stream, from a confirmation up to where it
// was told that something may be missing.  A base client is told so by the loss of its connection;
// one of the extended protocol resumes by positions, and its run goes on until reject_history.
import { createRequire } from 'node:module';
import { ORIGIN, streamOf } from '../integration/lib/wire.mjs';
import { issueTo } from './tokens.mjs';

const WebSocket = createRequire(new URL('../integration/package.json', import.meta.url))('ws');

export const BASE = ['actioncable-v1-json', 'actioncable-unsupported'];
export const EXTENDED = ['actioncable-v1-ext-json'];
const SILENCE_MS = 8000; // two pings and a half, as Rails' client has it
const IN_ORDER = 1000; // the code of a close frame
const AGAIN_MS = 500; // between two attempts to subscribe where we are refused

class Subscription {
    constructor(channel, params, stream) {
        this.identifier = JSON.stringify({ channel, ...params });
        this.stream = stream;
        this.runs = [];
        this.position = null; // { epoch, offset } of the last message
        this.confirmed = false;
        this.resuming = false;
    }

    get run() {
        return this.runs.at(-1);
    }

    begin() {
        this.since = Math.floor(Date.now() / 1000);
        this.position = null;
        this.runs.push({ start: Date.now(), end: null, ids: [], times: [], places: [], tokens: [], resumes: [] });
    }

    // What comes now is no replay, whether that one ended or was cut off.
    stopReplay() {
        const resume = this.run?.resumes.at(-1);
        if (resume && resume.to === null) {
            resume.to = this.run.ids.length;
        }
    }

    end(reason) {
        if (this.run && this.run.end === null) {
            this.run.end = reason;
        }
    }
}

export class Client {
    #timer = null;
    #again = new Set();

    // `events`: lib/events.mjs; `violation(kind, text)`
    constructor(name, { member, streams, extended, port, prng, events, violation }) {
        Object.assign(this, { name, member, extended, port, prng, events, violation });
        this.subscriptions = new Map(streams.map(([channel, params]) => {
            const stream = channel === 'OrdersChannel'
                ? `orders-${params.customer_id}` : streamOf(channel, params, member);
            const subscription = new Subscription(channel, params, stream);
            return [subscription.identifier, subscription];
        }));
        this.tokens = []; // all that it ever had, the last one is good as far as it knows
        this.refusals = []; // { token, at }
        this.told = {}; // reason -> times
        this.journal = []; // what happened to its connections, for who has to find out why
        this.connects = 0;
        this.frames = 0;
        this.over = false;
    }

    get token() {
        return this.tokens.at(-1);
    }

    get settled() {
        return [...this.subscriptions.values()].every(({ confirmed }) => confirmed);
    }

    start() {
        this.connects++;
        this.heard = Date.now();
        if (this.refusals.at(-1)?.token === this.token) { // that one, or none yet
            this.tokens.push(issueTo(this.member));
        }
        this.#note(`connects with token ${this.token.number}`);
        const ws = new WebSocket(`ws://127.0.0.1:${this.port()}/cable`, this.extended ? EXTENDED : BASE, {
            headers: { Authorization: `Bearer ${this.token.text}`, Origin: ORIGIN },
            handshakeTimeout: SILENCE_MS,
            maxPayload: 1 << 28,
        });
        this.ws = ws;
        this.isTold = false;
        ws.on('message', (data) => {
            if (ws === this.ws) {
                this.#receive(data.toString());
            }
        });
        ws.on('error', () => {}); // 'close' follows
        ws.on('close', (code) => {
            if (ws === this.ws) {
                this.#lost(code);
            }
        });
    }

    #note(what) {
        if (process.env.PGCABLE_KEEP) {
            this.journal.push(`${new Date().toISOString()} ${this.name} ${what}`);
        }
    }

    #count(what) {
        this.told[what] = (this.told[what] ?? 0) + 1;
    }

    #lost(code) {
        this.ws = null;
        this.#note(`lost the connection, ${code}`);
        if (code === IN_ORDER && !this.isTold) {
            this.violation('protocol', `${this.name} was sent away and not told why`);
        }
        this.#again.forEach(clearTimeout);
        this.#again.clear();
        for (const subscription of this.subscriptions.values()) {
            subscription.confirmed = false;
            subscription.resuming = false;
            subscription.stopReplay();
            if (!this.extended) {
                subscription.end('disconnected');
            }
        }
        if (!this.over) {
            this.#timer = setTimeout(() => this.start(), 20 + this.prng.between(0, 400));
        }
    }

    // Called now and then: who has heard nothing for so long takes the connection for dead.
    look() {
        if (this.ws && !this.stalled && Date.now() - this.heard > SILENCE_MS) {
            this.#count('silence');
            this.#note('hears nothing');
            this.ws.terminate();
        }
    }

    #subscribe(subscription) {
        const { identifier, stream, position, run } = subscription;
        const command = { command: 'subscribe', identifier };
        subscription.resuming = this.extended && run?.end === null;
        if (subscription.resuming) {
            command.history = position
                ? { streams: { [stream]: position } } : { since: subscription.since, streams: {} };
        }
        this.ws?.send(JSON.stringify(command));
    }

    #receive(text) {
        const frame = JSON.parse(text);
        this.heard = Date.now();
        this.frames++;
        if (frame.type === undefined) {
            this.#message(this.subscriptions.get(frame.identifier), frame);
        } else if (frame.type === 'welcome') {
            this.subscriptions.forEach((subscription) => this.#subscribe(subscription));
        } else if (frame.type === 'disconnect') {
            this.#disconnected(frame);
        } else if (frame.type !== 'ping') {
            this.#answered(frame, this.subscriptions.get(frame.identifier));
        }
    }

    #disconnected({ reason, reconnect }) {
        this.#count(reason);
        this.#note(reason);
        this.isTold = true;
        if (reason === 'unauthorized') {
            this.refusals.push({ token: this.token, at: Date.now() });
        } else if (!reconnect) {
            this.violation('refused', `${this.name} was told ${reason}, reconnect: false`);
        }
    }

    #answered({ type }, subscription) {
        this.#note(`${type} ${subscription?.stream} at ${subscription?.position?.epoch}`);
        if (type === 'confirm_subscription') {
            subscription.confirmed = true;
            if (subscription.resuming) {
                subscription.run.resumes.push({ at: Date.now(), from: subscription.run.ids.length, to: null });
            } else {
                subscription.end('subscribed again');
                subscription.begin();
            }
        } else if (type === 'reject_subscription') {
            this.#count(type);
            subscription.confirmed = false;
            const again = setTimeout(() => {
                this.#again.delete(again);
                this.#subscribe(subscription);
            }, AGAIN_MS);
            this.#again.add(again);
        } else if (type === 'confirm_history') {
            this.#count(type);
            subscription.resuming = false;
            subscription.stopReplay();
        } else if (type === 'reject_history') {
            this.#rejected(subscription);
        } else {
            this.violation('protocol', `${this.name} got a frame of type ${type}`);
        }
    }

    // From here to the subscription's confirmation there is a gap, and we know it.
    #rejected(subscription) {
        const resume = subscription.run.resumes.pop();
        this.#count('reject_history');
        if (subscription.run.ids.length > resume.from) {
            this.violation('lost', `${this.name} got a part of a replay of ${subscription.stream}, then reject_history`);
        }
        subscription.resuming = false;
        subscription.end('reject_history');
        subscription.begin();
        subscription.run.start = resume.at;
    }

    #message(subscription, frame) {
        if (!subscription?.confirmed) {
            this.violation('protocol', `${this.name} got a message without a subscription: ${frame.identifier}`);
            return;
        }
        const { run } = subscription;
        if (frame.epoch !== undefined) {
            subscription.position = { epoch: frame.epoch, offset: frame.offset };
        }
        const id = this.events.take(frame.message, subscription.stream);
        if (id !== null) {
            this.reached ||= this.events.probes.has(this.events.list[id].sha);
            run.ids.push(id);
            run.times.push(Date.now());
            const tick = frame.epoch?.split('-')[0]; // what was seen with it is behind the "-"
            run.places.push(tick === undefined ? null : `${tick}:${frame.offset}`);
            run.tokens.push(this.token);
        }
    }

    // Reads nothing until resume(): the kernel's buffers fill, then the daemon's queue.
    stall() {
        this.stalled = true;
        this.ws?.pause();
    }

    resume() {
        this.stalled = false;
        this.heard = Date.now();
        if (this.ws?.isPaused) {
            this.ws.resume();
        }
    }

    stop() {
        this.over = true;
        clearTimeout(this.#timer);
        this.#again.forEach(clearTimeout);
        this.ws?.terminate();
    }
}
