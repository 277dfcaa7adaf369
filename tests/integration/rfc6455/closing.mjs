// SPDX-License-Identifier: PostgreSQL
// closing.mjs - RFC 6455 5.5.1 and 7: close frames, their codes and reasons, who hangs up when.
import { binary, close, command, first, frame, last, ping, pong, text } from './bytes.mjs';
import { LIMIT_BYTES, closes, echo } from './row.mjs';

const BY_REGISTRY =
    '7.4.1 does not define it and 7.4.2 reserves it; ws takes it because it was registered later';

const GOOD = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3001, 3999, 4000, 4401, 4999,
];
const BAD = [
    0, 1, 5, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65_535,
];
const LATER = [1012, 1013, 1014];

const codes = [
    ...GOOD.flatMap((code) => [
        closes(`code ${code}`, [close(code)], [`close ${code}`]),
        closes(`code ${code} with a reason`, [close(code, 'bye')], [`close ${code} bye`], {
            reason: true,
        }),
    ]),
    ...BAD.flatMap((code) => [
        closes(`code ${code}, which none may send`, [close(code)], ['close 1002']),
        closes(
            `code ${code}, which none may send, with a reason`,
            [close(code, 'bye')],
            ['close 1002'],
        ),
    ]),
    ...LATER.map((code) =>
        closes(`code ${code}`, [close(code)], ['close 1002'], {
            ws: [`close ${code}`, 'end'],
            why: BY_REGISTRY,
        }),
    ),
];

const NO_CODE_EITHER =
    '5.5.1: who answers "typically echos the status code it received", and here is none; 1000' +
    ' says what is meant';

const shapes = [
    closes('no code', [frame(8)], ['close 1000'], {
        ws: ['close without a code', 'end'],
        why: NO_CODE_EITHER,
    }),
    closes('half a code', [frame(8, '\x03')], ['close 1002']),
];

const REASONS = {
    'of 1 byte': 'x',
    'of 122 bytes': 'x'.repeat(122),
    'of 123 bytes': 'x'.repeat(123),
    'in Greek': 'κόσμε',
    'of 123 bytes in three-byte characters': '€'.repeat(41),
    'with U+10FFFF': '\u{10ffff}',
};
const reasons = Object.entries(REASONS).map(([what, reason]) =>
    closes(`a reason ${what}`, [close(1000, reason)], [`close 1000 ${reason}`], { reason: true }),
);

const BAD_REASONS = {
    'a continuation byte': '80',
    overlong: 'c0af',
    'a surrogate': 'eda080',
    'beyond U+10FFFF': 'f4908080',
    ff: 'ff',
    'a character that is cut off': 'e282',
    'ASCII, then a character that is cut off': '6162e282',
    'ASCII, then ff': '616263ff',
    '122 bytes, then c3': `${'78'.repeat(122)}c3`,
};
const badReasons = Object.entries(BAD_REASONS).map(([what, hex]) =>
    closes(
        `a reason that is no UTF-8: ${what}`,
        [close(1000, Buffer.from(hex, 'hex'))],
        ['close 1007'],
    ),
);

// What follows the client's close frame is not looked at.
const after = [
    ['text', echo('late')],
    ['a ping', ping('late')],
    ['a pong', pong('late')],
    ['binary', binary('late')],
    ['another close frame', close(1001)],
    ['an unmasked frame', text('late', { masked: false })],
    ['a reserved opcode', frame(3, 'late')],
    ['nonsense', Buffer.alloc(500, 0xff)],
    ['text in fragments', Buffer.concat([first('x'), last('y')])],
].map(([what, bytes]) =>
    closes(`${what} behind the close frame`, [close(3333), bytes], ['close 3333'], { goesOn: true }),
);

const before = [
    closes('a command before the close frame', [echo('quick'), close(1000)], ['close 1000'], {
        expect: ['?echo quick', 'close 1000', 'end'],
        ws: ['echo quick', 'close 1000', 'end'],
        why: '5.5.1: a peer that wants to close need not be sent what waits for it',
    }),
    closes('a ping before the close frame', [ping('quick'), close(1000)], ['close 1000'], {
        expect: ['?pong quick', 'close 1000', 'end'],
        ws: ['pong quick', 'close 1000', 'end'],
        why: '5.5.2: a ping is answered "unless it already received a Close frame"',
    }),
    closes('a close frame within a message', [first('x'), close(1001)], ['close 1001']),
    closes('a close frame behind an empty fragment', [first(''), close(1001)], ['close 1001']),
];

// The server closes first: its limit of a message is overrun.
const TOO_BIG = text(command('big', LIMIT_BYTES + 1));
const byServer = [
    ['which the client answers with the same code', { reply: close(1009) }],
    ['which the client answers with another code', { reply: close(4000, 'so there') }],
    ['which the client answers without a code', { reply: frame(8) }],
    ['which the client answers with a bad code', { reply: close(1005) }],
    ['which the client answers with half a code', { reply: frame(8, '\x03') }],
    [
        'which the client answers after more text',
        {
            reply: Buffer.concat([echo('a'), ping('b'), close(1009)]),
        },
    ],
    ['which the client never answers', { isMute: true }],
].map(([what, more]) => ({
    name: `the server closes, ${what}`,
    send: [TOO_BIG],
    isLast: true,
    expect: ['close 1009', 'end'],
    ...more,
}));

const without = [
    { name: 'the client ends its half of the connection', hangUp: 'half', expect: ['end'] },
    {
        name: 'the client ends its half within a frame',
        send: [text('half of it').subarray(0, 9)],
        hangUp: 'half',
        expect: ['end'],
    },
    {
        name: 'the client ends its half within a header',
        send: [text('x'.repeat(300)).subarray(0, 3)],
        hangUp: 'half',
        expect: ['end'],
    },
    {
        name: 'the client ends its half within a message',
        send: [first('half of it')],
        hangUp: 'half',
        expect: ['end'],
    },
    { name: 'the client resets the connection', hangUp: 'reset', expect: ['end'] },
];

export default [
    ...codes,
    ...shapes,
    ...reasons,
    ...badReasons,
    ...after,
    ...before,
    ...byServer,
    ...without,
];
