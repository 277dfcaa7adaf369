// SPDX-License-Identifier: PostgreSQL
// utf8.mjs - RFC 6455 8.1: text is UTF-8, or the connection fails with 1007.
import { binary, command, first, fragments, last, more, text } from './bytes.mjs';
import { echo, fails, works } from './row.mjs';

const VALID = {
    'the last of one byte': '7f',
    'the first of two bytes': 'c280',
    'the last of two bytes': 'dfbf',
    'the first of three bytes': 'e0a080',
    'the last before the surrogates': 'ed9fbf',
    'the first behind the surrogates': 'ee8080',
    'the replacement character': 'efbfbd',
    'U+FFFE': 'efbfbe',
    'U+FFFF': 'efbfbf',
    'U+FDD0, no character': 'efb790',
    'a byte order mark': 'efbbbf',
    'the first of four bytes': 'f0908080',
    'U+1FFFF': 'f09fbfbf',
    'an emoji': 'f09f9880',
    'U+FFFFF': 'f3bfbfbf',
    'U+10FFFF': 'f48fbfbf',
    Greek: 'cebae1bdb9cf83cebcceb5',
    'a character and its combining mark': '61cc88',
    'separators U+2028 and U+2029': 'e280a8e280a9',
};

const INVALID = {
    'a continuation byte 80': '80',
    'a continuation byte bf': 'bf',
    'two continuation bytes': '80bf',
    c0: 'c080',
    c1: 'c1bf',
    'overlong / in two bytes': 'c0af',
    'overlong / in three bytes': 'e080af',
    'overlong / in four bytes': 'f08080af',
    'the longest overlong in three': 'e09fbf',
    'the longest overlong in four': 'f08fbfbf',
    'NUL in three bytes': 'e08080',
    'NUL in four bytes': 'f0808080',
    'five bytes': 'f888808080',
    'six bytes': 'fc8480808080',
    'the first surrogate': 'eda080',
    'the last high surrogate': 'edafbf',
    'the first low surrogate': 'edb080',
    'the last surrogate': 'edbfbf',
    'a pair of surrogates': 'eda080edb080',
    'U+110000': 'f4908080',
    'U+13FFFF': 'f4bfbfbf',
    f5: 'f5808080',
    f7: 'f7bfbfbf',
    fe: 'fe',
    ff: 'ff',
    'fe and ff': 'fefeffff',
    'two bytes, the second is ASCII': 'c241',
    'three bytes, the third is ASCII': 'e1a041',
    'four bytes, the fourth is ASCII': 'f0908041',
    'one continuation byte too many': 'c28080',
    'latin-1': '4cf66666656c',
};

const TRUNCATED = {
    c2: 'c2',
    df: 'df',
    e0: 'e0',
    'e0 a0': 'e0a0',
    'ef bf': 'efbf',
    f0: 'f0',
    'f0 90': 'f090',
    'f0 90 80': 'f09080',
    'f4 8f bf': 'f48fbf',
    'Greek without its last byte': 'cebae1bdb9cf83cebcce',
};

const bytesOf = (hex) => Buffer.from(hex, 'hex');

const valid = Object.entries(VALID).flatMap(([what, hex]) => {
    const bytes = bytesOf(hex);
    const payload = command(bytes);
    const start = command('').length - 2;
    const each = Array.from({ length: bytes.length }, (_, i) => start + i + 1);
    return [
        works(what, [text(payload)], [`echo ${bytes}`]),
        works(`${what}, byte by byte in fragments`, fragments(payload, each), [`echo ${bytes}`]),
    ];
});

const invalid = Object.entries(INVALID).flatMap(([what, hex]) => {
    const payload = command(bytesOf(hex));
    return [
        fails(`not UTF-8: ${what}`, [text(payload)], 1007),
        fails(
            `not UTF-8: ${what}, in fragments`,
            fragments(payload, [payload.length - 3, payload.length - 2]),
            1007,
        ),
    ];
});

// Of each length modulo 4, for who checks words at a time.
const truncated = Object.entries(TRUNCATED).flatMap(([what, hex]) => [
    ...['', 'x', 'xx', 'xxx'].map((before) =>
        fails(
            `the message ends within a character: ${before}${what}`,
            [text(Buffer.concat([Buffer.from(before), bytesOf(hex)]))],
            1007,
            { isLast: true },
        ),
    ),
    fails(
        `the message ends within a character, in fragments: ${what}`,
        [first('x'), last(bytesOf(hex))],
        1007,
        { isLast: true },
    ),
    fails(
        `the message ends within a character, then empty: ${what}`,
        [first(bytesOf(hex)), last('')],
        1007,
        { isLast: true },
    ),
]);

const others = [
    works(
        'binary may hold anything',
        Object.values(INVALID).map((hex) => binary(bytesOf(hex))),
    ),
    fails(
        'the first half of a character now, the other in the next message',
        [text(bytesOf('c3')), text(bytesOf('a9'))],
        1007,
    ),
    fails('a good command behind a bad text', [text(bytesOf('ff')), echo('late')], 1007),
    fails(
        'long text, its last byte is bad',
        [text(Buffer.concat([Buffer.alloc(9999, 'x'), bytesOf('ff')]))],
        1007,
    ),
    fails(
        'long text, its first byte is bad',
        [text(Buffer.concat([bytesOf('ff'), Buffer.alloc(9999, 'x')]))],
        1007,
    ),
    works(
        "characters across the end of the library's buffer",
        [text(command(`${'x'.repeat(473)}${'é'.repeat(15)}`, 1000))],
        [`echo ${'x'.repeat(473)}${'é'.repeat(15)}`],
    ),
    fails(
        'a bad byte in a text that is not finished',
        [first('x'), more(bytesOf('ff414141'))],
        1007,
        {
            isLast: true,
            ws: null,
            why: '8.1 does not say when: ws looks at whole messages, and waits for this one to end',
        },
    ),
];

export default [...valid, ...invalid, ...truncated, ...others];
