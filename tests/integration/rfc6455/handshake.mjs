// SPDX-License-Identifier: PostgreSQL
// handshake.mjs - RFC 6455 4.2: the client's request; RFC 9112, where it is HTTP.
import { close, command, first, last, ping, text } from './bytes.mjs';
import { echo, refuses, upgrades } from './row.mjs';

const AS_RAILS =
    '4.2.1: "an appropriate error code (such as 400 Bad Request)"; pgcable answers 404, as Rails' +
    ' does to all that is not for its cable';
const NODE_400 = {
    ws: ['http 400', 'end'],
    why: 'RFC 9112 3 and 5: it is to be refused, best with 400; the library of pgcable says 403',
};
const NODE_431 = {
    ws: ['?http 431', 'end'], // or it is lost: node hangs up while there is more to read
    why: 'RFC 6585 5: 431 "can be used"; pgcable does not answer what it does not want to read',
};
const COMMAND = command('two');

function gone(name, handshake) {
    return { name, handshake, expect: ['end'] };
}

function notFound(name, handshake, ws = ['http 400', 'end'], why = AS_RAILS) {
    return refuses(name, handshake, 404, { ws, why });
}

const upgrade = [
    upgrades('a right handshake', {}),
    upgrades('Upgrade: WebSocket', { set: { Upgrade: 'WebSocket' } }),
    upgrades('Upgrade: WEBSOCKET', { set: { Upgrade: 'WEBSOCKET' } }),
    notFound('no Upgrade', { set: { Upgrade: null } }, ['http 426', 'end']),
    notFound('an empty Upgrade', { set: { Upgrade: '' } }, ['http 426', 'end']),
    notFound('Upgrade: h2c', { set: { Upgrade: 'h2c' } }),
    notFound('Upgrade: websocket2', { set: { Upgrade: 'websocket2' } }),
    notFound('Upgrade: web socket', { set: { Upgrade: 'web socket' } }),
    notFound('Upgrade twice', { set: { Upgrade: ['websocket', 'websocket'] } }),
    notFound('Upgrade: h2c, websocket', { set: { Upgrade: 'h2c, websocket' } }),
];

const connection = [
    upgrades('Connection: upgrade', { set: { Connection: 'upgrade' } }),
    upgrades('Connection: UPGRADE', { set: { Connection: 'UPGRADE' } }),
    upgrades('Connection: keep-alive, Upgrade', { set: { Connection: 'keep-alive, Upgrade' } }),
    upgrades('Connection: Upgrade,keep-alive', { set: { Connection: 'Upgrade,keep-alive' } }),
    upgrades('Connection in two lines', { set: { Connection: ['keep-alive', 'Upgrade'] } }),
    notFound('no Connection', { set: { Connection: null } }, ['http 426', 'end']),
    notFound('an empty Connection', { set: { Connection: '' } }, ['http 426', 'end']),
    notFound('Connection: keep-alive', { set: { Connection: 'keep-alive' } }, ['http 426', 'end']),
    notFound('Connection: close', { set: { Connection: 'close' } }, ['http 426', 'end']),
    notFound('Connection: Upgraded', { set: { Connection: 'Upgraded' } }, ['http 426', 'end']),
];

const BAD_KEYS = {
    'no Sec-WebSocket-Key': null,
    'an empty key': '',
    'a key of 15 bytes': Buffer.alloc(15, 1).toString('base64'),
    'a key of 17 bytes': Buffer.alloc(17, 1).toString('base64'),
    'a key of 100 bytes': Buffer.alloc(100, 1).toString('base64'),
    'a key without its padding': 'dGhlIHNhbXBsZSBub25jZQ',
    'a key with half of its padding': 'dGhlIHNhbXBsZSBub25jZQ=',
    'a key with too much padding': 'dGhlIHNhbXBsZSBub25jZQ===',
    'a key in base64url': 'dGhlIHNhbXBsZSBub25j-_==',
    'a key that is no base64': 'dGhlIHNhbXBsZSBub25j*Q==',
    'a key with a blank': 'dGhlIHNhbXBsZS Bub25jZQ==',
    'a key of 2000 characters': 'A'.repeat(2000),
    'the key twice': ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='],
};
const keys = [
    upgrades('another key', { set: { 'Sec-WebSocket-Key': 'x3JJHMbDL1EzLkh9GBhXDw==' } }),
    upgrades('a key with + and /', { set: { 'Sec-WebSocket-Key': '+/+/+/+/+/+/+/+/+/+/+w==' } }),
    upgrades('a key of zeros', { set: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' } }),
    upgrades('a key between blanks', {
        set: { 'Sec-WebSocket-Key': '  dGhlIHNhbXBsZSBub25jZQ==  ' },
    }),
    ...Object.entries(BAD_KEYS).map(([what, key]) =>
        notFound(what, { set: { 'Sec-WebSocket-Key': key } }),
    ),
];

const WITH_VERSION =
    '4.4: the versions that the server speaks come with "426 Upgrade Required"; ws says 400';
const VERSIONS = [
    null,
    '',
    '0',
    '1',
    '7',
    '12',
    '14',
    '25',
    '255',
    '-13',
    '013',
    '13.0',
    '13, 8',
    '8, 13',
    '13 8',
    'x',
    '13x',
    ['13', '13'],
    ['13', '8'],
];
const SAME_NUMBER =
    '4.1: "The value of this header field MUST be 13"; to ws any spelling of that number is';
const versions = [
    ...VERSIONS.map((version) =>
        refuses(
            `version ${JSON.stringify(version)}`,
            {
                set: { 'Sec-WebSocket-Version': version },
            },
            426,
            ['013', '13.0'].includes(version)
                ? { ws: ['101', 'alive'], why: SAME_NUMBER }
                : { ws: ['http 400', 'end'], why: WITH_VERSION },
        ),
    ),
    refuses('version 8', { set: { 'Sec-WebSocket-Version': '8' } }, 426, {
        ws: ['101', 'alive'],
        why: '4.4 allows a server several versions; ws speaks that draft, too',
    }),
];

const ONE_HOST =
    '4.2.1 2: a Host is required, RFC 9112 3.2: one; of an upgrade node does not look at it';
const host = [
    upgrades('a Host with a port', { set: { Host: 'cable.example.test:8080' } }),
    upgrades('a Host that is an address', { set: { Host: '[::1]:8080' } }),
    ...[
        ['no Host', null],
        ['two Hosts', ['a.example', 'b.example']],
        ['the same Host twice', ['a.example', 'a.example']],
        ['a Host with a comma', 'a.example, b.example'],
    ].map(([what, value]) => notFound(what, { set: { Host: value } }, ['101', 'alive'], ONE_HOST)),
];

const ORIGIN_OFF = '4.2.2: the server decides on origins; the reference has none to decide on';
const origins = [
    upgrades('no Origin, with a token in a header', { set: { Origin: null } }),
    ...[
        ['another Origin', 'http://evil.example'],
        ['Origin: null', 'null'],
        ['two Origins', ['http://app.example.test', 'http://evil.example']],
        ['the right Origin twice', ['http://app.example.test', 'http://app.example.test']],
    ].map(([what, origin]) =>
        notFound(what, { set: { Origin: origin } }, ['101', 'alive'], ORIGIN_OFF),
    ),
];

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const NOT_GET =
    '4.2.1 1: the method is GET; RFC 9110 15.5.6: 405 is for a resource that has other methods';
const methods = [
    ...METHODS.map((method) =>
        notFound(`${method}`, { line: `${method} /cable HTTP/1.1` }, ['http 405', 'end'], NOT_GET),
    ),
];

const strangers = [
    gone('CONNECT', { line: 'CONNECT /cable HTTP/1.1' }),
    refuses('a method in lower case', { line: 'get /cable HTTP/1.1' }, 403, NODE_400),
    refuses('a method nobody knows', { line: 'BREW /cable HTTP/1.1' }, 403, NODE_400),
    refuses('no method', { line: '/cable HTTP/1.1' }, 403, NODE_400),
    { ...gone('an empty request line', { line: '' }), ...NODE_400 },
    refuses('a blank request line', { line: ' ' }, 403, NODE_400),
    refuses('a blank before the method', { line: ' GET /cable HTTP/1.1' }, 403, NODE_400),
];

const PATHS = {
    '/cable/': 101,
    '/cable?': 101,
    '/cable?x=1': 101,
    '/cable?x=1&y=%20': 101,
    '/cable?x=%00': 101,
    '/cable?/../x': 101,
    '/%63able': 101,
    '/./cable': 101,
    '/x/../cable': 101,
    '//cable': 101,
    '/': 404,
    '/cables': 404,
    '/cabl': 404,
    '/cable/x': 404,
    '/cable//x': 404,
    '/CABLE': 404,
    '/x/cable': 404,
    '/cable;x': 404,
    '/cable%2fx': 404,
    '/cable%0': 403,
    '/cable%zz': 403,
};
const EXACTLY = "the path is the server's business (4.2.2); ws compares texts, pgcable paths";
const paths = Object.entries(PATHS).map(([path, status]) => {
    const line = `GET ${path} HTTP/1.1`;
    const isSame = status === 101 && path.startsWith('/cable?');
    const difference = isSame ? {} : { ws: ['http 400', 'end'], why: EXACTLY };
    return status === 101
        ? upgrades(`path ${path}`, { line }, ['101'], difference)
        : refuses(`path ${path}`, { line }, status, difference);
});

const ANY_HTTP =
    '4.2.1 1: HTTP/1.1 or higher, and higher ones are not spoken so; node takes these, too';
const http = [
    ...['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0'].map((version) =>
        notFound(
            `version ${version}`,
            { line: `GET /cable ${version}` },
            ['101', 'alive'],
            ANY_HTTP,
        ),
    ),
    ...['HTTP/1.2', 'http/1.1', 'HTTP/1.1 x', 'HTTP', ''].map((version) =>
        notFound(`version "${version}" of HTTP`, { line: `GET /cable ${version}` }),
    ),
];

const NO_BODIES =
    'RFC 9110 9.3.1: a body "might lead some implementations to reject the request and close the' +
    ' connection because of its potential as a request smuggling attack"; ws takes it for frames';
const LENGTH = { 'Content-Length': '5' };
const CHUNKS = { 'Transfer-Encoding': 'chunked' };
const MISREAD = ['101', 'close 1002', 'end'];
const bodies = [
    ['Content-Length: 5', LENGTH, 'hello', MISREAD],
    ['Content-Length: 5 and no body', LENGTH, '', ['101', 'alive']],
    ['chunks', CHUNKS, '5\r\nhello\r\n0\r\n\r\n', MISREAD],
    ['both, the length first', { ...LENGTH, ...CHUNKS }, '0\r\n\r\n'],
    ['both, chunks first', { ...CHUNKS, ...LENGTH }, '0\r\n\r\n'],
    ['two lengths', { 'Content-Length': ['5', '6'] }, 'hello'],
].map(([what, set, body, ws]) =>
    notFound(`a body: ${what}`, { set, tail: [Buffer.from(body)] }, ws, NO_BODIES),
);
const noBody = upgrades('a body of no bytes', { set: { 'Content-Length': '0' } });

const lines = [
    upgrades('names in lower case', {
        set: { Upgrade: null, Connection: null, Host: null },
        raw: ['upgrade: websocket', 'connection: upgrade', 'host: cable.example.test'],
    }),
    upgrades('names in upper case', {
        set: { Upgrade: null, 'Sec-WebSocket-Version': null },
        raw: ['UPGRADE: websocket', 'SEC-WEBSOCKET-VERSION: 13'],
    }),
    upgrades('no blank behind the colon', { set: { Upgrade: null }, raw: ['Upgrade:websocket'] }),
    upgrades('a tab behind the colon', { set: { Upgrade: null }, raw: ['Upgrade:\twebsocket'] }),
    upgrades('blanks behind the value', {
        set: { Upgrade: null },
        raw: ['Upgrade: websocket  \t'],
    }),
    upgrades('a header that nobody knows', { raw: ['X-Nobody: knows'] }),
    upgrades('a header that is empty', { raw: ['X-Nobody:'] }),
    upgrades('a header with bytes over 127', { raw: ['X-Nobody: \xe9\xff'] }),
    upgrades('a cookie', { raw: ['Cookie: a=b; c=d'] }),
    refuses('a blank before the colon', { raw: ['X-Nobody : knows'] }, 403, NODE_400),
    refuses(
        'a blank before the colon of Upgrade',
        {
            set: { Upgrade: null },
            raw: ['Upgrade : websocket'],
        },
        403,
        NODE_400,
    ),
    refuses('a folded line', { raw: ['X-Nobody: knows', ' what'] }, 403, NODE_400),
    refuses('a line folded with a tab', { raw: ['X-Nobody: knows', '\twhat'] }, 403, NODE_400),
    refuses(
        'a folded Upgrade',
        { set: { Upgrade: null }, raw: ['Upgrade:', ' websocket'] },
        403,
        NODE_400,
    ),
    refuses('a line without a colon', { raw: ['nonsense'] }, 403, NODE_400),
    refuses('a line that is but a colon', { raw: [':'] }, 403, NODE_400),
    refuses('NUL in a value', { set: { Host: 'a\0b' } }, 403, NODE_400),
    refuses('NUL in a value that nobody knows', { raw: ['X-Nobody: a\0b'] }, 403, NODE_400),
    refuses('NUL in a name', { raw: ['X-No\0body: knows'] }, 403, NODE_400),
    { ...gone('NUL in the path', { line: 'GET /cable\0 HTTP/1.1' }), ...NODE_400 },
    { ...gone('NUL in the path, escaped', { line: 'GET /cable%00 HTTP/1.1' }), ...NODE_400 },
    refuses('a CR on its own in a value', { set: { Host: 'a\rb' } }, 403, NODE_400),
    upgrades('LF alone ends each line', { eol: '\n' }, ['101'], {
        ws: ['http 400', 'end'],
        why: 'RFC 9112 2.2: "a recipient MAY recognize a single LF as a line terminator"',
    }),
];

const sizes = [
    upgrades('a header of 8 kB', { raw: [`X-Nobody: ${'x'.repeat(8000)}`] }),
    upgrades('50 headers', { raw: Array.from({ length: 50 }, (_, i) => `X-Nobody-${i}: x`) }),
    { ...gone('a header of 20 kB', { raw: [`X-Nobody: ${'x'.repeat(20_000)}`] }), ...NODE_431 },
    { ...gone('a header of 1 MB', { raw: [`X-Nobody: ${'x'.repeat(1_000_000)}`] }), ...NODE_431 },
    { ...gone('a name of 20 kB', { raw: [`${'X'.repeat(20_000)}: x`] }), ...NODE_431 },
    { ...gone('a path of 20 kB', { line: `GET /${'x'.repeat(20_000)} HTTP/1.1` }), ...NODE_431 },
    {
        ...gone('a query of 20 kB', { line: `GET /cable?${'x'.repeat(20_000)} HTTP/1.1` }),
        ...NODE_431,
    },
    {
        ...gone('2000 headers', {
            raw: Array.from({ length: 2000 }, (_, i) => `X-Nobody-${i}: x`),
        }),
        ...NODE_431,
    },
];

const protocols = [
    ['actioncable-v1-json', '101 actioncable-v1-json'],
    ['actioncable-v1-json, actioncable-unsupported', '101 actioncable-v1-json'],
    ['graphql-ws, actioncable-v1-json', '101 actioncable-v1-json'],
    ['foo,actioncable-v1-json', '101 actioncable-v1-json'],
    [['graphql-ws', 'actioncable-v1-json'], '101 actioncable-v1-json'],
    ['graphql-ws', '101'],
    ['ActionCable-V1-JSON', '101'],
].map(([value, answer]) =>
    upgrades(`sub-protocol ${value}`, { set: { 'Sec-WebSocket-Protocol': value } }, [answer]),
);

const LENIENT = '4.1: names are tokens and unique; pgcable passes over what it does not know';
const oddProtocols = ['', ',', 'a b', 'graphql-ws, graphql-ws', 'x'.repeat(4000)].map((value, i) =>
    upgrades(
        `odd sub-protocol "${value.slice(0, 30)}"`,
        { set: { 'Sec-WebSocket-Protocol': value } },
        ['101'],
        {
            ...(i === 4 ? {} : { ws: ['http 400', 'end'], why: LENIENT }),
        },
    ),
);

const extensions = [
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_no_context_takeover, x-webkit-deflate-frame',
    'foo',
    'a b c;;;=',
].map((value) =>
    upgrades(`extension ${value} is not accepted`, { set: { 'Sec-WebSocket-Extensions': value } }),
);

const pipelined = [
    upgrades('a command in the same packet', { tail: [echo('early')] }, ['101', 'echo early']),
    upgrades(
        'ten commands in the same packet',
        { tail: Array.from({ length: 10 }, (_, i) => echo(`n${i}`)) },
        ['101', ...Array.from({ length: 10 }, (_, i) => `echo n${i}`)],
    ),
    upgrades('a long command in the same packet', { tail: [text(command('long', 6000))] }, [
        '101',
        'echo long',
    ]),
    upgrades('a ping in the same packet', { tail: [ping('early')] }, ['pong early', '101']),
    {
        ...upgrades('half of a frame in the same packet', { tail: [echo('half').subarray(0, 9)] }, [
            '101',
            'echo half',
        ]),
        send: [echo('half').subarray(9)],
    },
    {
        ...upgrades(
            'the first fragment in the same packet',
            { tail: [first(COMMAND.subarray(0, 9))] },
            ['101', 'echo two'],
        ),
        send: [last(COMMAND.subarray(9))],
    },
    {
        ...upgrades('an unmasked frame in the same packet', {
            tail: [text('x', { masked: false })],
        }),
        expect: ['101', 'close 1002', 'end'],
    },
    {
        ...upgrades('a close frame in the same packet', { tail: [close(3000)] }),
        isLast: true,
        hasClosed: true,
        expect: ['101', 'close 3000', 'end'],
    },
    {
        ...upgrades('a second handshake in the same packet', {
            tail: [Buffer.from('GET /cable HTTP/1.1\r\n\r\n')],
        }),
        expect: ['101', 'close 1002', 'end'],
    },
];

const MAY_408 = 'RFC 9110 15.5.9: who waits no longer may say 408, and need not';
const slow = [
    ['a handshake that comes a byte at a time', { byByte: 100 }],
    ['a handshake that never comes', { isSilent: true }],
    ['a handshake that stops in the first line', { part: 8 }],
    ['a handshake that stops in a header', { part: 50 }],
    ['a handshake without its last line', { part: -2 }],
].map(([what, more]) => ({
    name: what,
    server: 'hasty',
    handshake: {},
    expect: ['end'],
    ws: ['http 408', 'end'],
    why: MAY_408,
    ...more,
}));

export default [
    ...upgrade,
    ...connection,
    ...keys,
    ...versions,
    ...host,
    ...origins,
    ...methods,
    ...strangers,
    ...paths,
    ...http,
    ...bodies,
    noBody,
    ...lines,
    ...sizes,
    ...protocols,
    ...oddProtocols,
    ...extensions,
    ...pipelined,
    ...slow,
];
