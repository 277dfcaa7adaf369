/* SPDX-License-Identifier: PostgreSQL */
/*
 * resume.js - teaches Rails' client, action_cable.js as it is, to go on where it stopped.
 *
 * The library takes its WebSocket class from ActionCable.adapters.  This one speaks AnyCable's
 * extended protocol, in which every message says where it stands.  It remembers that place for each
 * subscription, longer than one connection lives, and names it when the library subscribes again.
 */
const EXTENDED = 'actioncable-v1-ext-json';
const BASE = 'actioncable-v1-json'; // what the library believes it speaks
const ROW_BITS = 2 ** 23;

const memories = new Map(); // by the consumer's name, which travels in the URL

class Memory {
    constructor(hooks) {
        this.hooks = hooks;
        this.places = new Map(); // identifier -> what to say in "history"
    }

    forget(identifier) {
        this.places.set(identifier, { since: Math.floor(Date.now() / 1000), streams: {} });
    }

    // Is this frame one for the library?
    take(frame) {
        const { type, identifier } = frame;
        if (type === 'confirm_history') {
            return false;
        }
        if (type === 'reject_history') {
            this.forget(identifier);
            this.hooks.onLost(identifier);
            return false;
        }
        if (type === 'confirm_subscription' && !this.places.has(identifier)) {
            this.forget(identifier);
        } else if (type === 'reject_subscription') {
            this.places.delete(identifier);
        } else if (frame.stream_id) {
            const { stream_id: stream, epoch, offset, message } = frame;
            this.places.get(identifier).streams[stream] = { epoch, offset };
            this.hooks.onFrame({
                identifier,
                stream,
                message,
                tick: parseInt(epoch, 10),
                row: Math.floor(offset / ROW_BITS),
                part: offset % ROW_BITS,
            });
        }
        return true;
    }
}

class ResumingSocket extends WebSocket {
    constructor(url) {
        super(url, [EXTENDED]);
        this.memory = memories.get(new URL(url).searchParams.get('client'));
    }

    get protocol() {
        return super.protocol === EXTENDED ? BASE : super.protocol;
    }

    send(text) {
        const command = JSON.parse(text);
        if (command.command === 'subscribe' && this.memory.places.has(command.identifier)) {
            command.history = this.memory.places.get(command.identifier);
        }
        super.send(JSON.stringify(command));
    }

    set onmessage(handler) {
        super.onmessage = (event) => {
            if (this.memory.take(JSON.parse(event.data))) {
                handler(event);
            }
        };
    }
}

ActionCable.adapters.WebSocket = ResumingSocket;

// Hooks: onFrame(frame) hears of every message before the subscription does; onLost(identifier) is
// told when it cannot be said exactly what came meanwhile, and the page has to load anew.
export function createConsumer(name, url, hooks) {
    memories.set(name, new Memory(hooks));
    return ActionCable.createConsumer(() => `${url()}&client=${encodeURIComponent(name)}`);
}
