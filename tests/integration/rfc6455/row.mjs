// SPDX-License-Identifier: PostgreSQL
// row.mjs - the usual kinds of rows of the tables.
//
// A row: its name, what the client does, what comes back (talk.mjs has the words).
//
//   handshake    changes to a right one (bytes.mjs)
//   part         only so many bytes of it; `isSilent`: none
//   send         frames to send when the connection is open
//   isLast       nothing follows them; otherwise a command does, to see whether the server lives
//   hasClosed    among them is a close frame: the server's needs no answer
//   goesOn       … and something behind it
//   isMute       the server's close frame gets no answer; `reply`: gets this one
//   hangUp       then the client leaves without one: "half" or "reset"
//   byByte       milliseconds between two bytes
//   hex, reason  note pongs in hex; note the reason of a close frame
//   server       "roomy": a message may have ROOMY_BYTES; "hasty": a handshake HANDSHAKE_MS
//   expect       the words that come back from pgcable, and from ws, unless
//   ws, why      those from ws differ: then with the reason; null: ws would not answer at all
import { command, text } from './bytes.mjs';

export const LIMIT_BYTES = 16_384;
export const ROOMY_BYTES = 131_072;
export const HANDSHAKE_MS = 2000;

export const echo = (identifier, options) => text(command(identifier), options);

export function works(name, send, words = [], more = {}) {
    return { name, send, expect: [...words, 'alive'], ...more };
}

export function fails(name, send, code, more = {}) {
    return { name, send, expect: [`close ${code}`, 'end'], ...more };
}

// The client closes, with these bytes.
export function closes(name, send, expect, more = {}) {
    return { name, send, expect: [...expect, 'end'], isLast: true, hasClosed: true, ...more };
}

export function upgrades(name, handshake, words = ['101'], more = {}) {
    return { name, handshake, expect: [...words, 'alive'], ...more };
}

export function refuses(name, handshake, status, more = {}) {
    return { name, handshake, expect: [`http ${status}`, 'end'], ...more };
}
