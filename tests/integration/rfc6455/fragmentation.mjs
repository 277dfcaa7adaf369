// SPDX-License-Identifier: PostgreSQL
// fragmentation.mjs - RFC 6455 5.4: messages in several frames, and what may come between them.
import {
    binary,
    close,
    command,
    first,
    fragments,
    last,
    more,
    ping,
    pong,
    text,
} from './bytes.mjs';
import { echo, fails, works } from './row.mjs';

const LATEST = '5.5.3: of several pings one may answer "only the most recently processed"';
const COMMAND = command('in pieces', 100);
const HALF = COMMAND.subarray(0, 50);
const REST = COMMAND.subarray(50);
const ECHO = ['echo in pieces'];

function evenly(count) {
    return Array.from({ length: count - 1 }, (_, i) => Math.floor(((i + 1) * 100) / count));
}

const counts = [2, 3, 4, 5, 7, 8, 10, 16, 31, 32, 33, 63, 64].map((count) =>
    works(`${count} fragments`, fragments(COMMAND, evenly(count)), ECHO),
);

const edges = [1, 2, 49, 98, 99].map((at) =>
    works(`cut behind byte ${at}`, fragments(COMMAND, [at]), ECHO),
);

const empties = [
    works('an empty first fragment', fragments(COMMAND, [0]), ECHO),
    works('an empty last fragment', fragments(COMMAND, [100]), ECHO),
    works('an empty fragment between', fragments(COMMAND, [50, 50]), ECHO),
    works('ten empty fragments between', fragments(COMMAND, Array(10).fill(50)), ECHO),
    works('empty ones at both ends', fragments(COMMAND, [0, 0, 100, 100]), ECHO),
    works('nothing but two empty fragments', [first(''), last('')]),
    works('nothing but five empty fragments', fragments('', [0, 0, 0, 0])),
    works('an empty message behind an empty message', [first(''), last(''), first(''), last('')]),
];

const mixed = [
    works(
        'two messages in fragments',
        [...fragments(COMMAND, [10, 20]), ...fragments(command('again'), [5])],
        [...ECHO, 'echo again'],
    ),
    works('binary in fragments', [binary(HALF, { fin: false }), last(REST)], ECHO),
    works('long fragments', fragments(command('long', 12_000), [512, 1024, 5000, 11_999]), [
        'echo long',
    ]),
    works(
        'a continuation that says its length in 64 bits',
        [first(HALF), last(REST, { width: 64 })],
        ECHO,
    ),
];

const controls = [
    works(
        'a ping between fragments',
        [first(HALF), ping('now'), last(REST)],
        ['pong now', ...ECHO],
    ),
    works('an empty ping between', [first(HALF), ping(''), last(REST)], ['pong ', ...ECHO]),
    works('a pong between fragments', [first(HALF), pong('unasked'), last(REST)], ECHO),
    works('an empty pong between', [first(HALF), pong(''), last(REST)], ECHO),
    works(
        'a pong of 125 bytes that are no UTF-8 between',
        [first(HALF), pong(Buffer.alloc(125, 0xff)), last(REST)],
        ECHO,
    ),
    works(
        'a pong behind a fragment that ends within a character',
        [
            ...fragments(command('ein Löffel'), [command('ein L').length - 1], () => [
                pong(Buffer.from('ff', 'hex')),
            ]),
        ],
        ['echo ein Löffel'],
    ),
    works(
        'a ping behind a fragment that ends within a character',
        fragments(command('ein Löffel'), [command('ein L').length - 1], () => [ping('now')]),
        ['pong now', 'echo ein Löffel'],
    ),
    works(
        'pings and pongs between three fragments',
        fragments(COMMAND, [30, 60], (i) => [pong(`p${i}`), ping(`p${i}`)]),
        ['?pong p0', 'pong p1', ...ECHO],
        {
            ws: ['pong p0', 'pong p1', ...ECHO, 'alive'],
            why: LATEST,
        },
    ),
    works(
        'a ping before the first fragment is whole',
        [ping('early'), ...fragments(COMMAND, [50])],
        ['pong early', ...ECHO],
    ),
];

const broken = [
    fails('a continuation of nothing', [last('x')], 1002),
    fails('an empty continuation of nothing', [last('')], 1002),
    fails('a continuation of nothing, not the last', [more('x')], 1002),
    fails('a continuation behind a whole message', [text('x'), last('y')], 1002),
    fails(
        'a continuation behind a whole message in fragments',
        [first('x'), last('y'), last('z')],
        1002,
    ),
    fails('text within text', [first(HALF), text(REST)], 1002),
    fails('text within text, itself not final', [first(HALF), first(REST)], 1002),
    fails('binary within text', [first(HALF), binary(REST)], 1002),
    fails('text within binary', [binary('x', { fin: false }), text('y')], 1002),
    fails(
        'text behind a continuation that is not the last',
        [first('x'), more('y'), echo('new')],
        1002,
    ),
    fails('text within text, after a ping', [first(HALF), ping('now'), text(REST)], 1002, {
        expect: ['?pong now', 'close 1002', 'end'],
        ws: ['pong now', 'close 1002', 'end'],
        why: '5.5.2: a pong is sent "as soon as is practical"; 7.1.7: after the failure nothing is',
    }),
    fails('a ping in fragments', [ping('x', { fin: false }), last('y')], 1002),
    fails('an empty ping that is not final', [ping('', { fin: false })], 1002),
    fails('a pong in fragments', [pong('x', { fin: false }), last('y')], 1002),
    fails('a close frame in fragments', [close(1000, '', { fin: false })], 1002),
    fails('a ping in fragments within a message', [first('x'), ping('y', { fin: false })], 1002),
];

export default [...counts, ...edges, ...empties, ...mixed, ...controls, ...broken];
