// SPDX-License-Identifier: PostgreSQL
// control.mjs - RFC 6455 5.5: pings and pongs; close frames have a table of their own.
import { frame, ping, pong } from './bytes.mjs';
import { echo, fails, works } from './row.mjs';

const LATEST = '5.5.3: of several pings one may answer "only the most recently processed"';

const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 64, 100, 123, 124, 125];
const pings = sizes.map((size) =>
    works(`a ping of ${size} bytes`, [ping('p'.repeat(size))], [`pong ${'p'.repeat(size)}`]),
);
const pongs = sizes.map((size) => works(`a pong of ${size} bytes`, [pong('p'.repeat(size))]));

const bytes = Buffer.from(Array.from({ length: 125 }, (_, i) => (i * 37 + 128) % 256));
const anyBytes = [
    works('a ping of any bytes', [ping(bytes)], [`pong ${bytes.toString('hex')}`], { hex: true }),
    works('a ping of zeros', [ping(Buffer.alloc(125))], [`pong ${'00'.repeat(125)}`], {
        hex: true,
    }),
    works('a pong of any bytes', [pong(bytes)]),
    works('a pong of any bytes behind a command', [echo('a'), pong(bytes)], ['echo a']),
];

const many = [2, 10].map((count) =>
    works(
        `${count} pings at once`,
        Array.from({ length: count }, (_, i) => ping(`p${i}`)),
        [...Array.from({ length: count - 1 }, (_, i) => `?pong p${i}`), `pong p${count - 1}`],
        {
            ws: [...Array.from({ length: count }, (_, i) => `pong p${i}`), 'alive'],
            why: LATEST,
        },
    ),
);

const between = [
    works('a ping behind a command', [echo('a'), ping('p')], ['pong p', 'echo a']),
    works('a ping before a command', [ping('p'), echo('a')], ['pong p', 'echo a']),
    works('a pong that nobody asked for', [pong('unasked'), echo('a')], ['echo a']),
    works(
        'ten pongs that nobody asked for',
        Array.from({ length: 10 }, () => pong('unasked')),
    ),
];

const tooLong = [
    ['126 bytes', 126, 16],
    ['127 bytes', 127, 16],
    ['1000 bytes', 1000, 16],
    ['65535 bytes', 65_535, 16],
    ['65536 bytes', 65_536, 64],
    ['1 byte, its length in 16 bits,', 1, 16],
    ['1 byte, its length in 64 bits,', 1, 64],
].flatMap(([what, size, width]) =>
    [
        ['ping', 9],
        ['pong', 10],
        ['close frame', 8],
    ].map(([kind, opcode]) =>
        fails(
            `a ${kind} of ${what} is too long`,
            [frame(opcode, Buffer.alloc(size, 'x'), { width })],
            1002,
        ),
    ),
);

const bare = [
    fails('a ping that announces 2^40 bytes', [frame(9, '', { declared: 2n ** 40n })], 1002),
    fails('a ping that announces 2^63 bytes', [frame(9, '', { declared: 2n ** 63n })], 1002),
];

const flood = [
    {
        name: '2000 pings at once',
        send: [Buffer.concat(Array.from({ length: 2000 }, () => ping('p')))],
        expect: ['*pong p', 'close 4429', 'end'],
        ws: null,
        why: 'ws knows no limit of pings; the RFC leaves limits to the endpoint (10.4)',
    },
];

export default [
    ...pings,
    ...pongs,
    ...anyBytes,
    ...many,
    ...between,
    ...tooLong,
    ...bare,
    ...flood,
];
