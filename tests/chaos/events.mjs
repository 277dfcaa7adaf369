// SPDX-License-Identifier: PostgreSQL
// events.mjs - which entry of the ledger a message is: { key, sha }, each known by a number.
import crypto from 'node:crypto';
import { roomOfUuid } from './stage.mjs';

export const sha = (body) => crypto.createHash('sha256').update(body ?? '').digest('hex').slice(0, 16);

// The keys: I, U, D with the message and its version, R a room's description, C and X rooms that
// come and go on a member's stream, N notifications, gI gU gD orders, B broadcasts.
function identify(message, stream) {
    switch (message.event) {
        case 'newMessage':
            return { key: `I${message.id}.${message.version}`, sha: sha(message.body) };
        case 'updatedMessage':
            return { key: `U${message.id}.${message.version}`, sha: sha(message.body) };
        case 'deletedMessage':
            return { key: `D${message.id}` };
        case 'chatRoomUpdated': {
            const [, room] = /^chat-room-(\d+)-channel$/.exec(stream) ?? [];
            const [, version] = /^d(\d+) /.exec(message.chat_room_description) ?? [];
            return room ? { key: `R${room}.${version}`, sha: sha(message.chat_room_description) } : null;
        }
        case 'chatRoomCreated':
            return { key: `C${message.id}` };
        case 'chatRoomDeleted':
            return { key: `X${roomOfUuid(message.chat_room_uuid)}` };
        case 'newNotification':
            return { key: `N${message.notification.id}` };
        case 'said':
            return { key: `B${message.id}`, sha: sha(message.body) };
        case 'INSERT':
        case 'UPDATE':
            return { key: `g${message.event[0]}${message.record.id}.${message.record.version}`,
                sha: sha(message.record.body) };
        case 'DELETE':
            return { key: `gD${message.old_record.id}`, sha: sha(message.old_record.body) };
        default:
            return null; // counts: they are not accounted for here
    }
}

export class Events {
    #numbers = new Map();

    constructor() {
        this.list = []; // number -> { key, sha, room? }
        this.taken = 0;
        this.probes = new Set(); // texts, as sha, that clients are waiting for
    }

    // The number of what this message is, or null where it is not accounted for.
    take(message, stream) {
        const event = identify(message, stream);
        if (!event) {
            return null;
        }
        this.taken++;
        const name = `${event.key} ${event.sha ?? ''}`;
        let number = this.#numbers.get(name);
        if (number === undefined) {
            number = this.list.length;
            this.#numbers.set(name, number);
            this.list.push(event);
        }
        return number;
    }
}
