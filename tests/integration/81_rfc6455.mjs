// SPDX-License-Identifier: PostgreSQL
// RFC 6455 by table: what comes back for which bytes, from pgcable and from npm ws.  Where the two
// differ the row says which sentence of the RFC allows that, or why one is stricter.
import assert from 'node:assert/strict';
import { handshake as bytesOfHandshake } from './rfc6455/bytes.mjs';
import closing from './rfc6455/closing.mjs';
import control from './rfc6455/control.mjs';
import fragmentation from './rfc6455/fragmentation.mjs';
import framing from './rfc6455/framing.mjs';
import handshake from './rfc6455/handshake.mjs';
import limits from './rfc6455/limits.mjs';
import { startReference } from './rfc6455/reference.mjs';
import { HANDSHAKE_MS, LIMIT_BYTES, ROOMY_BYTES } from './rfc6455/row.mjs';
import { matches, talk } from './rfc6455/talk.mjs';
import utf8 from './rfc6455/utf8.mjs';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';

const TABLES = { framing, fragmentation, control, utf8, closing, handshake, limits };
const SETTINGS = {
    roomy: { max_message_bytes: ROOMY_BYTES },
    hasty: { handshake_ms: HANDSHAKE_MS },
};
const AT_ONCE = 24;
const MOST_FAULTS = 20; // that are told; a row that waits in vain takes its time
const BYTE_BY_BYTE = 1000; // a row that sends no more is repeated so

const ofPgcable = ({ expect }) => expect;
const ofWs = ({ expect, ws }) => ws ?? expect;

// The daemon of all tests has the usual limits.
async function startServers(t, kind) {
    const settings = SETTINGS[kind];
    const daemon = settings ? await t.start(settings) : t.daemon;
    const ws = await startReference({
        maxPayload: settings?.max_message_bytes ?? LIMIT_BYTES,
        handshakeMs: HANDSHAKE_MS,
    });
    t.later(() => ws.stop());
    return {
        daemon,
        pgcable: { name: 'pgcable', port: daemon.port, token: mint(42), expected: ofPgcable },
        ws: { name: 'ws', port: ws.port, token: mint(42), expected: ofWs },
    };
}

function isShort(row) {
    const request = bytesOfHandshake('', row.handshake);
    return Buffer.concat([request, ...(row.send ?? [])]).length <= BYTE_BY_BYTE;
}

// What is to be said: { server, row, byByte }.
function talksOf(rows, { pgcable, ws }) {
    return rows.flatMap((row) => [
        { row, server: pgcable },
        ...(isShort(row) && !row.byByte ? [{ row, server: pgcable, byByte: true }] : []),
        ...(row.ws === null ? [] : [{ row, server: ws }]),
    ]);
}

// A server that does not read on may lose what it said last: the kernel resets what has unread bytes.
async function say({ row, server, byByte }) {
    const words = await talk(server, row, byByte);
    const mayLose = byByte && (row.goesOn ? /^(?=close)/ : /^(?=http 403)/);
    const expected = server
        .expected(row)
        .map((word) => (mayLose ? word.replace(mayLose, '?') : word));
    const how = byByte ? ', byte by byte' : '';
    return matches(words, expected)
        ? []
        : [`${server.name}${how}: ${row.name}\n    ${words}\n    instead of ${expected}`];
}

// Several at once, for some of them wait.
async function sayAll(talks) {
    const faults = [];
    const waiting = talks.values();
    await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
            for (const one of waiting) {
                if (faults.length < MOST_FAULTS) {
                    faults.push(...(await say(one)));
                }
            }
        }),
    );
    return faults;
}

async function table(t, rows) {
    for (const kind of new Set(rows.map(({ server }) => server))) {
        const servers = await startServers(t, kind);
        const chosen = rows.filter(({ server }) => server === kind);
        const faults = await sayAll(talksOf(chosen, servers));
        assert.equal(faults.length, 0, `wrong:\n${faults.join('\n')}`);
        await until(
            'all connections to be gone',
            async () => (await servers.daemon.metric('pgcable_ws_connections')) === 0,
        );
    }
}

const sentences = Object.entries(TABLES).map(([name, rows]) => [
    `${name}: ${rows.length} rows`,
    (t) => table(t, rows),
]);

export default {
    async 'the tables have 250 rows and more, and explain each difference'() {
        const rows = Object.values(TABLES).flat();
        assert.ok(rows.length >= 250, `${rows.length} rows`);
        const names = rows.map(({ name }) => name);
        const twice = names.filter((name, i) => names.indexOf(name) !== i);
        assert.deepEqual(twice, [], 'each row has a name of its own');
        for (const { name, expect, ws, why } of rows) {
            assert.equal(ws !== undefined, why !== undefined, `${name}: a difference has a reason`);
            assert.notDeepEqual(ws, expect, `${name}: that is no difference`);
        }
    },

    ...Object.fromEntries(sentences),
};
