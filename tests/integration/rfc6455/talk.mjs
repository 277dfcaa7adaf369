// SPDX-License-Identifier: PostgreSQL
// talk.mjs - one case against one server: sends its bytes and notes what comes back.
//
// The notes are a list of words:
//
//   http 404          the answer to the handshake, unless it is a right 101
//   101               a right one, where the case is about the handshake
//   pong TEXT         in their order, but before the echoes: which of them is first is left open
//   echo IDENTIFIER   a command was read and answered
//   close 1002        a close frame (and its reason, where the case asks for that)
//   alive             last: the server goes on and answers what is said now
//   end               last: the server has ended the connection
import crypto from 'node:crypto';
import net from 'node:net';
import { PATIENCE_MS } from '../lib/until.mjs';
import { OPCODE, close, command, handshake, takeFrame, text } from './bytes.mjs';

const PROBE = 'is anybody there?';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

class Talk {
    constructor(server, row) {
        this.server = server;
        this.row = row;
        this.head = null; // of the answer
        this.bytes = Buffer.alloc(0);
        this.pongs = [];
        this.notes = [];
        this.hasClosed = row.hasClosed ?? false;
    }

    run(byByte) {
        return new Promise((resolve) => {
            this.socket = net.connect(this.server.port, '127.0.0.1');
            this.socket.setNoDelay();
            this.timer = setTimeout(() => this.finish('nothing, for too long'), PATIENCE_MS);
            this.finish = (word) => {
                clearTimeout(this.timer);
                this.finish = () => {};
                this.socket.destroy();
                resolve([...this.pongs, ...this.notes, word]);
            };
            this.socket.on('data', (data) => this.receive(data));
            this.socket.on('error', () => this.finish('end'));
            this.socket.on('end', () => this.finish('end'));
            this.socket.on('close', () => this.finish('end'));
            this.socket.on('connect', () => {
                this.asked = this.send([this.request()], byByte);
            });
            this.byByte = byByte;
        });
    }

    request() {
        const { part, isSilent } = this.row;
        const bytes = handshake(this.server.token, this.row.handshake);
        return bytes.subarray(0, isSilent ? 0 : part);
    }

    // Each byte on its own, if so wished: the server shall not care how it arrives.
    async send(pieces, byByte) {
        const bytes = Buffer.concat(pieces);
        if (!byByte) {
            this.socket.write(bytes);
            return;
        }
        for (let i = 0; i < bytes.length && !this.socket.destroyed; i++) {
            this.socket.write(bytes.subarray(i, i + 1));
            await new Promise(byByte === true ? setImmediate : (next) => setTimeout(next, byByte));
        }
    }

    receive(data) {
        this.bytes = Buffer.concat([this.bytes, data]);
        if (this.head === null && !this.takeHead()) {
            return;
        }
        for (let taken; this.isOpen && (taken = takeFrame(this.bytes));) {
            this.bytes = taken.rest;
            this.note(taken.frame);
        }
    }

    takeHead() {
        const end = this.bytes.indexOf('\r\n\r\n');
        if (end < 0) {
            return false;
        }
        this.head = this.bytes.toString('latin1', 0, end);
        this.bytes = this.bytes.subarray(end + 4);
        const answer = this.judgeHead();
        if (answer !== '101' || this.row.handshake) {
            this.notes.push(answer);
        }
        this.isOpen = answer.startsWith('101');
        if (this.isOpen) {
            this.begin();
        }
        return true;
    }

    judgeHead() {
        const field = (name) =>
            new RegExp(`^${name}: *(.*?) *$`, 'im').exec(this.head.replaceAll('\r', ''))?.[1];
        const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(this.head)?.[1]);
        if (status !== 101) {
            return `http ${status}`;
        }
        const key = /^Sec-WebSocket-Key: *(.*?) *\r?$/im.exec(this.request().toString('latin1'))[1];
        const accept = crypto
            .createHash('sha1')
            .update(key.trim() + GUID)
            .digest('base64');
        if (
            field('Sec-WebSocket-Accept') !== accept ||
            field('Upgrade')?.toLowerCase() !== 'websocket' ||
            field('Connection')?.toLowerCase() !== 'upgrade' ||
            field('Sec-WebSocket-Extensions') !== undefined
        ) {
            return '101, but not a right one';
        }
        const protocol = field('Sec-WebSocket-Protocol');
        return protocol ? `101 ${protocol}` : '101';
    }

    async begin() {
        const { row } = this;
        await this.asked; // for there may be more behind the handshake
        await this.send(row.send ?? [], this.byByte);
        if (row.hangUp === 'half') {
            this.socket.end();
        } else if (row.hangUp === 'reset') {
            this.socket.resetAndDestroy();
        } else if (!row.isLast && !this.socket.destroyed) {
            await this.send([text(command(PROBE))]);
        }
    }

    note({ opcode, isStrange, payload }) {
        if (isStrange) {
            this.notes.push('a frame that no server may send');
        } else if (opcode === OPCODE.pong) {
            this.pongs.push(`pong ${this.row.hex ? payload.toString('hex') : payload}`);
        } else if (opcode === OPCODE.close) {
            this.noteClose(payload);
        } else if (opcode === OPCODE.text) {
            this.noteMessage(JSON.parse(payload));
        }
        this.finishIfAlive();
    }

    noteClose(payload) {
        const code = payload.length < 2 ? 'without a code' : payload.readUInt16BE(0);
        const reason = this.row.reason ? ` ${payload.toString('utf8', 2)}` : '';
        this.notes.push(`close ${code}${reason}`);
        if (!this.hasClosed && !this.row.isMute) {
            this.socket.write(Buffer.concat([this.row.reply ?? close(1000)]));
        }
        this.hasClosed = true;
    }

    noteMessage({ type, identifier, reason }) {
        if (type === 'reject_subscription') {
            this.isAlive ||= identifier === PROBE;
            if (identifier !== PROBE) {
                this.notes.push(`echo ${identifier}`);
            }
        } else if (type === 'disconnect') {
            this.notes.push(`told ${reason}`);
        }
    }

    // A pong may come after the echo of what was sent behind its ping.
    finishIfAlive() {
        const due = this.server.expected(this.row).filter((word) => /^[?*]?pong/.test(word));
        if (this.isAlive && matches(this.pongs, due)) {
            this.finish('alive');
        }
    }
}

// `byByte`: true, or the milliseconds between two bytes.
export function talk(server, row, byByte) {
    return new Talk(server, row).run(byByte ?? row.byByte);
}

// "?" before a word: it may be missing; "*": it may be there any number of times, or not at all.
export function matches(words, expected) {
    let at = 0;
    for (const word of expected) {
        const [, often, plain] = /^([?*]?)(.*)$/s.exec(word);
        const most = often === '*' ? words.length : 1;
        let count = 0;
        while (count < most && words[at] === plain) {
            at++;
            count++;
        }
        if (count === 0 && often === '') {
            return false;
        }
    }
    return at === words.length;
}
