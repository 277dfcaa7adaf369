// SPDX-License-Identifier: PostgreSQL
// wire.mjs - one raw websocket: frames as they come, subscriptions as queues of messages.
import WebSocket from 'ws';
import { until } from './until.mjs';

export const ORIGIN = 'http://app.example.test';
const RAILS_PROTOCOLS = ['actioncable-v1-json', 'actioncable-unsupported'];
export const EXTENDED = ['actioncable-v1-ext-json']; // AnyCable's

// The contract's streams: where the events of a channel come from.
export function streamOf(channel, params, member) {
    return {
        NotificationChannel: `notification-channel-${member}`,
        ChatRoomChannel: `chat-room-channel-${member}`,
        'Chats::RoomChannel': `chat-room-${params.chat_room_id}-channel`,
        'Chats::CommunityMemberThreadsChannel': `chat-community-member-${member}-threads-channel`,
    }[channel];
}

class Subscription {
    constructor(wire, channel, params) {
        this.wire = wire;
        this.identifier = JSON.stringify({ channel, ...params });
        this.stream = streamOf(channel, params, wire.member);
        this.messages = []; // parsed, in order
        this.texts = []; // the same as sent, for what JSON.parse() would round
        this.frames = []; // all that name this identifier
        this.read = 0;
    }

    async next(what = 'the next message') {
        await until(`${what} on ${this.identifier}`, () =>
            this.wire.failed(this.messages.length > this.read),
        );
        return this.messages[this.read++];
    }

    async take(count) {
        await until(
            `${count} messages on ${this.identifier}, have ${this.messages.length - this.read}`,
            () => this.wire.failed(this.messages.length - this.read >= count),
        );
        this.read += count;
        return this.messages.slice(this.read - count, this.read);
    }
}

export class Wire {
    // `options`: member, token, protocols, headers, query, origin (null = none), onopen(ws), tls
    // (what node's tls.connect() takes, such as { ca })
    constructor(daemon, options = {}) {
        const {
            member,
            token,
            protocols = RAILS_PROTOCOLS,
            headers = {},
            query = '',
            origin = ORIGIN,
            tls,
        } = options;
        const base = `${tls ? 'wss' : 'ws'}://${daemon.host ?? '127.0.0.1'}:${daemon.port}`;
        this.member = member;
        this.frames = []; // all but pings
        this.pings = [];
        this.subscriptions = new Map();
        this.closed = null;
        this.refused = null;
        this.ws = new WebSocket(`${base}/cable${query}`, protocols, {
            ...tls,
            headers: {
                ...(token ? { Authorization: `Bearer ${token}` } : {}),
                ...(origin ? { Origin: origin } : {}),
                ...headers,
            },
            maxPayload: 1 << 28,
        });
        this.ws.on('open', () => options.onopen?.(this.ws));
        this.ws.on('message', (data) => this.#receive(data.toString()));
        this.ws.on('unexpected-response', (_, response) => {
            this.refused = response.statusCode;
            response.resume();
            this.ws.terminate();
        });
        this.ws.on('error', (error) => {
            this.error = error;
        });
        this.ws.on('close', (code, reason) => {
            this.closed = { code, reason: reason.toString() };
        });
    }

    #receive(text) {
        const frame = JSON.parse(text);
        if (frame.type === 'ping') {
            this.pings.push(frame);
            return;
        }
        this.frames.push(frame);
        const subscription = this.subscriptions.get(frame.identifier);
        subscription?.frames.push(frame);
        if (subscription && frame.type === undefined) {
            subscription.messages.push(frame.message);
            subscription.texts.push(text);
        }
    }

    // For waiting loops: no use to go on when the connection is gone.
    failed(ready) {
        if (!ready && this.closed) {
            throw new Error(
                `connection closed: ${JSON.stringify(this.closed)} ${this.error?.message ?? ''}, ` +
                    `last frame ${JSON.stringify(this.frames.at(-1))}`,
            );
        }
        return ready;
    }

    async frame(what, matches) {
        return until(what, () => this.failed(this.frames.find(matches)));
    }

    async welcomed() {
        await this.frame('welcome', (frame) => frame.type === 'welcome');
        return this;
    }

    send(frame) {
        this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    }

    // Sends subscribe and waits for the answer; throws if it is not the expected one.  `more` goes
    // into the command, such as { history: … }.
    async subscribe(channel, params = {}, expected = 'confirm_subscription', more = {}) {
        const before = this.frames.length;
        const subscription = new Subscription(this, channel, params);
        const { identifier } = subscription;
        this.subscriptions.set(identifier, subscription);
        this.send({ command: 'subscribe', identifier, ...more });
        const answer = await until(`an answer to subscribe ${identifier}`, () =>
            this.failed(
                this.frames
                    .slice(before)
                    .find((frame) => frame.identifier === identifier && frame.type),
            ),
        );
        if (answer.type !== expected) {
            throw new Error(`subscribe ${identifier}: ${answer.type}, not ${expected}`);
        }
        return subscription;
    }

    async end() {
        await until('the connection to end', () => this.closed);
        return this.closed;
    }

    async disconnected() {
        const frame = await until('a disconnect frame', () =>
            this.failed(this.frames.find(({ type }) => type === 'disconnect')),
        );
        await this.end();
        return frame;
    }

    close() {
        this.ws.terminate();
    }
}
