// SPDX-License-Identifier: PostgreSQL
// framing.mjs - RFC 6455 5.2: lengths and their encodings, reserved bits, opcodes; 5.3: masking.
import {
    SHORTEST_COMMAND,
    binary,
    close,
    command,
    fragments,
    frame,
    ping,
    pong,
    text,
} from './bytes.mjs';
import { echo, fails, works } from './row.mjs';

// The identifier of a command shall tell that exactly these bytes were read.
function ofLength(kind, name, length, options) {
    if (length < SHORTEST_COMMAND) {
        return works(`${name} of ${length} bytes`, [kind('x'.repeat(length), options)]);
    }
    const identifier = `${length} bytes`;
    return works(
        `${name} of ${length} bytes`,
        [kind(command(identifier, length), options)],
        [`echo ${identifier}`],
    );
}

const SHORT_LENGTHS = [0, 1, 2, 64, 124, 125, 126, 127, 128, 129, 255, 256, 511, 512, 513];
const LONG_LENGTHS = [1023, 1024, 4095, 4096, 4097, 16_383, 16_384];
const WIDE_LENGTHS = [32_767, 32_768, 65_534, 65_535, 65_536, 65_537, 131_071, 131_072];

const lengths = [...SHORT_LENGTHS, ...LONG_LENGTHS].flatMap((length) => [
    ofLength(text, 'text', length),
    ofLength(binary, 'binary', length),
]);

const wide = WIDE_LENGTHS.map((length) => ({
    ...ofLength(text, 'text', length),
    server: 'roomy',
}));

const wasteful = [
    [0, 16],
    [1, 16],
    [100, 16],
    [125, 16],
    [0, 64],
    [100, 64],
    [125, 64],
    [126, 64],
    [1000, 64],
    [16_384, 64],
].map(([length, width]) => ofLength(text, `text, its length in ${width} bits,`, length, { width }));

const reserved = [1, 2, 3, 4, 5, 6, 7].flatMap((rsv) => [
    fails(`reserved bits ${rsv} in text`, [text('x', { rsv })], 1002),
    fails(`reserved bits ${rsv} in a ping`, [ping('x', { rsv })], 1002),
    fails(
        `reserved bits ${rsv} in binary, behind a good command`,
        [echo('good'), binary('x', { rsv })],
        1002,
        {
            expect: ['?echo good', 'close 1002', 'end'],
            ws: ['echo good', 'close 1002', 'end'],
            why:
                '7.1.7: who fails a connection "MUST NOT continue to attempt to process data"; what' +
                ' was not answered yet may stay so',
        },
    ),
]);

const reservedWithinMessage = [1, 2, 4].map((rsv) =>
    fails(
        `reserved bits ${rsv} in a continuation`,
        [text('x', { fin: false }), frame(0, 'y', { rsv })],
        1002,
    ),
);

const opcodes = [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf].flatMap((opcode) => [
    fails(`reserved opcode ${opcode}`, [frame(opcode, 'x')], 1002),
    fails(`reserved opcode ${opcode}, empty`, [frame(opcode)], 1002),
    fails(`reserved opcode ${opcode}, no final frame`, [frame(opcode, 'x', { fin: false })], 1002),
    fails(
        `reserved opcode ${opcode} within a message`,
        [text('x', { fin: false }), frame(opcode, 'y')],
        1002,
    ),
]);

const MASKS = ['00000000', '00000001', 'ff000000', '00ff00ff', 'ffffffff', '7b7b7b7b', '81818181'];

const masks = MASKS.flatMap((hex) => {
    const mask = Buffer.from(hex, 'hex');
    return [
        works(`text under the mask ${hex}`, [echo('masked', { mask })], ['echo masked']),
        works(
            `a long text under the mask ${hex}`,
            [text(command('masked', 5003), { mask })],
            ['echo masked'],
        ),
        works(`a ping under the mask ${hex}`, [ping('masked', { mask })], ['pong masked']),
    ];
});

const changingMasks = works(
    'each frame under another mask',
    MASKS.map((hex) => echo(hex, { mask: Buffer.from(hex, 'hex') })),
    MASKS.map((hex) => `echo ${hex}`),
);

const unmasked = [
    ['text', echo('plain', { masked: false })],
    ['empty text', text('', { masked: false })],
    ['binary', binary('plain', { masked: false })],
    ['text with a length in 16 bits', text(command('plain', 300), { masked: false })],
    ['text with a length in 64 bits', text('plain', { masked: false, width: 64 })],
    ['ping', ping('plain', { masked: false })],
    ['empty ping', ping('', { masked: false })],
    ['pong', pong('plain', { masked: false })],
    ['close frame', close(1000, '', { masked: false })],
].map(([what, bytes]) => fails(`no mask: ${what}`, [bytes], 1002));

const unmaskedWithinMessage = fails(
    'no mask: continuation',
    [text('x', { fin: false }), frame(0, 'y', { masked: false })],
    1002,
);

const together = [
    works(
        '50 commands in one packet',
        Array.from({ length: 50 }, (_, i) => echo(`n${i}`)),
        Array.from({ length: 50 }, (_, i) => `echo n${i}`),
    ),
    works('a command in two frames', fragments(command('halves'), [20]), ['echo halves']),
];

export default [
    ...lengths,
    ...wide,
    ...wasteful,
    ...reserved,
    ...reservedWithinMessage,
    ...opcodes,
    ...masks,
    changingMasks,
    ...unmasked,
    unmaskedWithinMessage,
    ...together,
];
