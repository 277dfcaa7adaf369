// SPDX-License-Identifier: PostgreSQL
// limits.mjs - RFC 6455 10.4: what is too much.  A length that is only announced counts.
import { binary, command, first, fragments, frame, last, more, ping, text } from './bytes.mjs';
import { LIMIT_BYTES, ROOMY_BYTES, echo, fails, works } from './row.mjs';

const OWN = '10.4 leaves limits to the endpoint: ';

function cutEvery(length, size) {
    return Array.from({ length: Math.ceil(length / size) - 1 }, (_, i) => (i + 1) * size);
}

const sizes = [
    [LIMIT_BYTES, {}],
    [ROOMY_BYTES, { server: 'roomy' }],
].flatMap(([limit, settings]) => {
    const whole = command('whole', limit);
    const over = command('over', limit + 1);
    return [
        works(`the limit, text of ${limit} bytes`, [text(whole)], ['echo whole'], settings),
        works(`the limit, binary of ${limit} bytes`, [binary(whole)], ['echo whole'], settings),
        works(
            `${limit} bytes in 2 fragments`,
            fragments(whole, [limit - 1]),
            ['echo whole'],
            settings,
        ),
        works(
            `${limit} bytes in 64 fragments`,
            fragments(whole, cutEvery(limit, limit / 64)),
            ['echo whole'],
            settings,
        ),
        works(
            `${limit} bytes and an empty fragment`,
            fragments(whole, [limit]),
            ['echo whole'],
            settings,
        ),
        fails(`text of ${limit + 1} bytes`, [text(over)], 1009, settings),
        fails(`binary of ${limit + 1} bytes`, [binary(over)], 1009, settings),
        fails(`${limit + 1} bytes in 2 fragments`, fragments(over, [limit]), 1009, settings),
        fails(
            `${limit + 1} bytes in fragments of 4096`,
            fragments(over, cutEvery(limit + 1, 4096)),
            1009,
            settings,
        ),
    ];
});

const lengths = [
    ['the limit and one', BigInt(LIMIT_BYTES + 1), 1009],
    ['65536', 65_536n, 1009],
    ['2^31 - 1', 2n ** 31n - 1n, 1009],
    ['2^31', 2n ** 31n, 1009],
    ['2^32 - 1', 2n ** 32n - 1n, 1009],
    ['2^32', 2n ** 32n, 1009],
    ['2^32 + 1', 2n ** 32n + 1n, 1009],
    ['2^40', 2n ** 40n, 1009],
    ['2^53', 2n ** 53n, 1009],
    ['2^62', 2n ** 62n, 1009],
    ['2^63 - 1', 2n ** 63n - 1n, 1009],
].flatMap(([what, declared, code]) => [
    fails(`text that announces ${what} bytes`, [text('', { declared, width: 64 })], code, {
        isLast: true,
    }),
    fails(
        `a continuation that announces ${what} bytes`,
        [first('x'), last('', { declared, width: 64 })],
        code,
        { isLast: true },
    ),
]);

const noLength = [2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n].map((declared) =>
    fails(
        `text that announces ${declared} bytes, over 63 bits`,
        [text('', { declared, width: 64 })],
        1002,
        {
            isLast: true,
            ws: ['close 1009', 'end'],
            why:
                '5.2: "the most significant bit MUST be 0": to pgcable the protocol is broken; ws' +
                ' calls all lengths too big that it cannot count to',
        },
    ),
);

const announced = [
    fails(
        'the rest of an announced length, too long by one',
        [first('x'.repeat(100)), last('', { declared: LIMIT_BYTES - 99 })],
        1009,
        { isLast: true },
    ),
    fails(
        '64 fragments of 1 kB',
        [first('x'.repeat(1024)), ...Array.from({ length: 63 }, () => more('x'.repeat(1024)))],
        1009,
        { isLast: true },
    ),
];

const counts = [
    fails('65 fragments', fragments('x'.repeat(65), cutEvery(65, 1)), 1008),
    fails(
        '65 empty fragments',
        [first(''), ...Array.from({ length: 63 }, () => more('')), last('')],
        1008,
    ),
    fails(
        'empty fragments without end',
        [first(''), ...Array.from({ length: 5000 }, () => more(''))],
        1008,
        { isLast: true },
    ),
    fails(
        'fragments of a byte without end',
        [first('x'), ...Array.from({ length: 5000 }, () => more('x'))],
        1008,
        { isLast: true },
    ),
    works(
        '64 fragments, a ping behind every other one',
        fragments(command('p', 64), cutEvery(64, 1), (i) => (i % 2 ? [] : [ping('p')])),
        ['pong p', '*pong p', 'echo p'],
        {
            ws: [...Array(32).fill('pong p'), 'echo p', 'alive'],
            why: '5.5.3: of several pings one may answer "only the most recently processed"',
        },
    ),
    works(
        '64 fragments twice',
        [
            ...fragments(command('one', 64), cutEvery(64, 1)),
            ...fragments(command('two', 64), cutEvery(64, 1)),
        ],
        ['echo one', 'echo two'],
    ),
];

const slow = [
    ['text that is begun and not finished', [first('x')]],
    ['an empty fragment and nothing more', [first('')]],
    ['half of a frame', [text('x'.repeat(100)).subarray(0, 50)]],
].map(([what, send]) => ({
    name: what,
    send,
    isLast: true,
    expect: ['close 1008', 'end'],
    ws: null,
    why: `${OWN}pgcable gives a message 5 seconds from its first fragment; ws waits for ever`,
}));

const rate = {
    name: 'commands without end',
    send: Array.from({ length: 500 }, (_, i) => echo(`n${i}`)),
    isLast: true,
    expect: [
        ...Array.from({ length: 500 }, (_, i) => `?echo n${i}`),
        'told rate_limited',
        'close 1008',
        'end',
    ],
    ws: null,
    why: `${OWN}pgcable bounds the commands of a client, ws does not know what a command is`,
};

const quiet = [
    {
        name: '1000 empty binary messages',
        send: Array.from({ length: 1000 }, () => frame(2)),
        isLast: true,
        expect: ['told rate_limited', 'close 1008', 'end'],
        ws: null,
        why: `${OWN}a message that is no command costs as much as one`,
    },
];

export default [
    ...sizes,
    ...lengths,
    ...noLength,
    ...announced,
    ...counts,
    ...slow,
    rate,
    ...quiet,
];
