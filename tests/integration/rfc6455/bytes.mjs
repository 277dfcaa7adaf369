// SPDX-License-Identifier: PostgreSQL
// bytes.mjs - what a client sends, byte for byte, right or wrong; and reading what comes back.
import { ORIGIN } from '../lib/wire.mjs';

export const OPCODE = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const MASK = Buffer.from('37fa213d', 'hex'); // of the RFC's own example

// The header of a frame.  `declared`: what it says its length is; `width`: in 7, 16 or 64 bits.
function header({ fin, rsv, opcode, masked, mask, declared, width }) {
    const extended = { 7: 0, 16: 2, 64: 8 }[width];
    const bytes = Buffer.alloc(2 + extended);
    bytes[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
    bytes[1] = (masked ? 0x80 : 0) | { 7: Number(declared), 16: 126, 64: 127 }[width];
    if (width === 16) {
        bytes.writeUInt16BE(Number(declared), 2);
    } else if (width === 64) {
        bytes.writeBigUInt64BE(BigInt(declared), 2);
    }
    return masked ? Buffer.concat([bytes, mask]) : bytes;
}

function widthOf(length) {
    return length < 126 ? 7 : length < 65_536 ? 16 : 64;
}

export function frame(opcode, payload = '', options = {}) {
    const { fin = true, rsv = 0, masked = true, mask = MASK } = options;
    const plain = Buffer.from(payload);
    const { declared = plain.length } = options;
    const { width = widthOf(declared) } = options;
    const sent = masked ? plain.map((byte, i) => byte ^ mask[i % 4]) : plain;
    return Buffer.concat([header({ fin, rsv, opcode, masked, mask, declared, width }), sent]);
}

export const text = (payload, options) => frame(OPCODE.text, payload, options);
export const binary = (payload, options) => frame(OPCODE.binary, payload, options);
export const ping = (payload, options) => frame(OPCODE.ping, payload, options);
export const pong = (payload, options) => frame(OPCODE.pong, payload, options);
export const first = (payload) => text(payload, { fin: false });
export const more = (payload, options) => frame(OPCODE.more, payload, { fin: false, ...options });
export const last = (payload, options) => frame(OPCODE.more, payload, options);

// `reason` may be bytes.
export function close(code, reason = '', options) {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(code);
    return frame(OPCODE.close, Buffer.concat([bytes, Buffer.from(reason)]), options);
}

// `payload` as text in several frames, cut behind the bytes named in `cuts`.
export function fragments(payload, cuts, between = () => []) {
    const bytes = Buffer.from(payload);
    const edges = [0, ...cuts, bytes.length];
    return edges.slice(1).flatMap((edge, i) => {
        const fin = edge === bytes.length && i === edges.length - 2;
        const opcode = i === 0 ? OPCODE.text : OPCODE.more;
        const piece = frame(opcode, bytes.subarray(edges[i], edge), { fin });
        return fin ? [piece] : [piece, ...between(i)];
    });
}

// A command that is answered with its identifier, as long as is wished: white space follows it.
export function command(identifier, length = 0) {
    const start = Buffer.from('{"command":"subscribe","identifier":"');
    const bytes = Buffer.concat([start, Buffer.from(identifier), Buffer.from('"}')]);
    return Buffer.concat([bytes, Buffer.alloc(Math.max(0, length - bytes.length), ' ')]);
}

export const SHORTEST_COMMAND = command('').length;

const HEADERS = [
    ['Host', 'cable.example.test'],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', KEY],
    ['Sec-WebSocket-Version', '13'],
    ['Origin', ORIGIN],
];

// A handshake, whole but for what `changes` says.  `set`: other values (null: no such header, a
// list: one line for each); `raw`: lines that follow; `tail`: bytes behind the empty line.
export function handshake(token, changes = {}) {
    const { line = 'GET /cable HTTP/1.1', set = {}, raw = [], eol = '\r\n', tail = [] } = changes;
    const headers = [...HEADERS, ['Authorization', `Bearer ${token}`]];
    const known = headers.map(([name]) => name);
    const added = Object.keys(set).filter((name) => !known.includes(name));
    const lines = [...headers, ...added.map((name) => [name, null])].flatMap(([name, value]) =>
        [name in set ? set[name] : value]
            .flat()
            .filter((one) => one !== null)
            .map((one) => `${name}: ${one}`),
    );
    const head = [line, ...lines, ...raw, '', ''].join(eol);
    return Buffer.concat([Buffer.from(head, 'latin1'), ...tail]);
}

// Takes one frame off the start of `bytes`: { frame, rest }, or null if it is not all there.
export function takeFrame(bytes) {
    if (bytes.length < 2) {
        return null;
    }
    const short = bytes[1] & 0x7f;
    const start = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (bytes.length < start) {
        return null;
    }
    const length =
        short === 126
            ? bytes.readUInt16BE(2)
            : short === 127
              ? Number(bytes.readBigUInt64BE(2))
              : short;
    if (bytes.length < start + length) {
        return null;
    }
    const opcode = bytes[0] & 15;
    const isStrange =
        bytes[0] >> 4 !== 8 ||
        bytes[1] >> 7 !== 0 ||
        start !== header({ width: widthOf(length), declared: length }).length ||
        (opcode >= 8 && length > 125);
    return {
        frame: { opcode, isStrange, payload: bytes.subarray(start, start + length) },
        rest: bytes.subarray(start + length),
    };
}
