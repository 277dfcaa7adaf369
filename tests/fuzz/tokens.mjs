// SPDX-License-Identifier: PostgreSQL
/*
 * tokens.mjs - tokens, right, mutated and rightly signed after mutation, judged twice: by src/auth
 * and by jws.mjs, with node's crypto.  Any difference fails.
 *
 *   node tests/fuzz/tokens.mjs --program build/asan/tests/unit/token_verdicts
 *       [--count 2000] [--seed 1] [--rounds 1]     rounds of so many tokens, each with the next seed
 *
 * The seed chooses what is done to tokens; keys are new each time.
 */
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { makePair } from '../lib/keypair.mjs';
import { Prng } from '../lib/prng.mjs';
import { verdict } from './jws.mjs';

const NOW = 1_790_000_000;

// ---- chance

let prng = null;
const below = (count) => prng.between(0, count - 1);
const pick = (list) => prng.pick(list);
const chance = (share) => prng.chance(share);

// ---- keys

function makeKey(alg, kid) {
    if (alg === 'HS256') {
        const secret = crypto.randomBytes(24).toString('base64'); // 32 characters
        const mac = (text) => crypto.createHmac('sha256', secret).update(text).digest();
        return {
            alg, kid, secret, sign: mac,
            jwk: { kty: 'oct', k: Buffer.from(secret).toString('base64url'), kid },
            verify: (text, signature) => mac(text).equals(signature),
        };
    }
    const { publicKey, privateKey } = makePair(alg === 'RS256' ? 'rsa' : 'ec');
    const dsaEncoding = 'ieee-p1363';
    return {
        alg, kid, privateKey,
        pem: publicKey.export({ type: 'spki', format: 'pem' }),
        jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
        sign: (text) => crypto.sign('sha256', text, { key: privateKey, dsaEncoding }),
        verify: (text, signature) =>
            crypto.verify('sha256', text, { key: publicKey, dsaEncoding }, signature),
    };
}

// Two settings: single keys without names, and a set of named ones with all rules on.
function makeSettings(dir) {
    const write = (name, text) => {
        fs.writeFileSync(path.join(dir, name), text);
        return path.join(dir, name);
    };
    const [hs, rs, es] = ['HS256', 'RS256', 'ES256'].map((alg) => makeKey(alg));
    const set = [makeKey('ES256', 'es-1'), makeKey('ES256', 'es-2'), makeKey('RS256', 'rs/1'),
        makeKey('HS256', 'hs:1')];
    const audience = 'chat';
    const issuer = 'https://issuer.example/é';
    return [
        {
            keys: [hs, rs, es],
            rules: { now: NOW, leeway: 0 },
            flags: ['--hs256_secret', hs.secret, '--rs256_public_key', write('rs.pem', rs.pem),
                '--es256_public_key', write('es.pem', es.pem)],
        },
        {
            keys: set,
            rules: { now: NOW, leeway: 30, audience, issuer },
            flags: ['--jwks_file', write('set.json', JSON.stringify({ keys: set.map(({ jwk }) => jwk) })),
                '--audience', audience, '--issuer', issuer],
        },
    ];
}

// ---- texts of JSON that are right, nearly right, and wrong

const DATES = ['0', '-1', '-0', '1', '1789999969', '1789999970', '1789999971', '1789999999',
    '1790000000', '1790000001', '1790000029', '1790000030', '1790000031', '1790000000.999',
    '1790000000.0000000000000000000000000000000000000000000000000000', '1.79e9', '1790000001E0',
    '179000000100e-2', '1e400', '1e999', '1e1000', '-1e9', '253402300799', '253402300800', '1e-5',
    '9223372036854775807', '99999999999999999999', '01790003600', '+1790003600', '.5', '1.', '0x10',
    'NaN', 'Infinity', 'null', 'true', '"1790003600"', '[]', '{}', '[1790003600]', "'1790003600'",
    '1790003600'.padEnd(40, '0'), `1790003600.${'0'.repeat(990)}`, `1790003600.${'0'.repeat(1000)}`];
const TEXTS = ['""', '"a"', '"chat"', '"\\u0063hat"', '"é"', '"\\u00e9"', '"😀"', '"\\ud83d\\ude00"',
    '"\\ud83d"', '"\\ude00"', '"\\u0000"', '"a\\nb"', '"\\u007f"', '"\\u0080"', '"\\/"', '"\\x"', '"\\u12"',
    '"a\tb"', `"${'x'.repeat(127)}"`, `"${'x'.repeat(128)}"`, `"${'é'.repeat(63)}"`, `"${'é'.repeat(64)}"`,
    '42', '-5', '-0', '0', '007', '4.0', '4e1', '123456789012345678901234567890', 'null', 'true',
    '[]', '["chat"]', '["a", "chat" ]', '[1,"chat"]', '[["chat"]]', '{"chat":"chat"}', '"chat', "'a'"];
const HEADERS = {
    alg: ['"HS256"', '"RS256"', '"ES256"', '"none"', '"None"', '""', '"hs256"', '"HS384"', '"PS256"',
        '"ES384"', '"HS256 "', '"\\u0048S256"', 'null', '5', '["HS256"]', '"EdDSA"'],
    kid: ['"es-1"', '"es-2"', '"rs/1"', '"hs:1"', '"\\u0065s-1"', '"../../etc/passwd"', '"\' or 1=1"',
        '""', '5', 'null', `"${'k'.repeat(128)}"`, `"${'k'.repeat(129)}"`, '"a b"', '"é"'],
    typ: ['"JWT"', '"jwt"', '"JWE"', '""', 'null', '"at+jwt"', '"J\\u0057T"'],
    crit: ['["exp"]', '[]', 'null'],
    b64: ['true', 'false'],
    jku: ['"https://evil.example/keys"'],
    jwk: ['{"kty":"oct","k":"AAAA"}'],
};
const SPACES = ['', '', '', ' ', '\n', '\t ', '\r\n'];
const nested = (depth) => `${'['.repeat(depth)}1${']'.repeat(depth)}`;
const STRANGE = ['1', '"x"', 'NaN', nested(6), nested(7), nested(8), '{"a":1,"a":2}', '{"a":{"b":[{}]}}',
    '[1,]', '[,1]', '{,}', '{"a":1,}', '/**/1', '"\\u0000"', '1 2', '', 'tru', '"\ud800"'];

function write(members) {
    const space = () => pick(SPACES);
    const text = members.map(([key, value]) =>
        `${space()}${key}${space()}:${space()}${value}${space()}`).join(',');
    return `${space()}{${text}}${space()}`;
}

const quote = (key) => (chance(0.03)
    ? `"${key.replace(/^./, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
    : `"${key}"`);

function header(key) {
    const members = new Map([['alg', `"${key.alg}"`]]);
    if (key.kid && chance(0.9)) {
        members.set('kid', `"${key.kid}"`);
    }
    if (chance(0.5)) {
        members.set('typ', '"JWT"');
    }
    if (chance(0.12)) {
        const name = pick(Object.keys(HEADERS));
        members.set(name, pick(HEADERS[name]));
    }
    return disorder(members);
}

function claims(rules) {
    const members = new Map([['community_member_id', '42'], ['exp', '1790003600']]);
    if (rules.audience) {
        members.set('aud', '"chat"').set('iss', `"${rules.issuer}"`);
    }
    const dates = ['exp', 'nbf', 'iat'];
    const texts = ['community_member_id', 'sub', 'jti', 'aud', 'iss', 'more'];
    for (let changes = below(3); changes > 0; changes--) {
        const name = pick(chance(0.5) ? dates : texts);
        if (chance(0.1)) {
            members.delete(name);
        } else {
            members.set(name, pick(dates.includes(name) ? DATES : TEXTS));
        }
    }
    return disorder(members);
}

// In any order, now and then with a key twice or something that is none of ours.
function disorder(members) {
    const list = [...members].map(([key, value]) => [quote(key), value]);
    if (chance(0.04)) {
        list.push([...pick(list)]);
    }
    if (chance(0.08)) {
        list.push([chance(0.1) ? 'x' : '"x"', pick(STRANGE)]);
    }
    return write(prng.shuffle(list));
}

// Bytes changed here and there.
function damage(bytes) {
    const at = below(bytes.length + 1);
    const some = Buffer.from(Array.from({ length: 1 + below(3) }, () => below(256)));
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    return Buffer.concat(pick([
        [before, some, after],
        [before, some, after.subarray(some.length)],
        [before, after.subarray(1 + below(3))],
        [before],
        [bytes, some],
        [Buffer.from([0xef, 0xbb, 0xbf]), bytes],
    ]));
}

// ---- tokens

const url = (bytes) => Buffer.from(bytes).toString('base64url');

function derSignature(key, text) {
    return key.privateKey ? crypto.sign('sha256', text, key.privateKey) : key.sign(text);
}

// The signature that an attacker, or a careless issuer, might put there.
function signature(settings, key, text) {
    switch (chance(0.85) ? 0 : 1 + below(7)) {
        case 1:
            return pick(settings.keys).sign(text);
        case 2:
            return makeKey('HS256').sign(text);
        case 3: { // the public key as a secret
            const pem = settings.keys.find((k) => k.pem)?.pem;
            return crypto.createHmac('sha256', pem).update(text).digest();
        }
        case 4:
            return derSignature(key, text);
        case 5:
            return Buffer.alloc(0);
        case 6:
            return Buffer.alloc(pick([1, 32, 64, 256]));
        case 7:
            return damage(key.sign(text));
        default:
            return key.sign(text);
    }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function mangle(token) {
    const parts = token.split('.');
    const at = below(token.length);
    return pick([
        () => `${token.slice(0, at)}${pick(ALPHABET)}${token.slice(at + 1)}`,
        () => `${token.slice(0, at)}${pick([...'+/=. \n\0é%'])}${token.slice(at + pick([0, 1]))}`,
        () => token.slice(0, at),
        () => token.slice(0, -1) + pick(ALPHABET),
        () => `${token}${pick(['=', '==', '.', ' ', '\n', 'A'])}`,
        () => `${pick([' ', 'Bearer ', '.'])}${token}`,
        () => prng.shuffle(parts).join('.'),
        () => parts.slice(0, 2).join('.'),
        () => `${parts[0]}.${parts[1]}.`,
        () => [...parts, parts[2]].join('.'),
        () => token.replaceAll('-', '+').replaceAll('_', '/'),
        () => '',
    ])();
}

function makeToken(settings) {
    const key = pick(settings.keys);
    let parts = [Buffer.from(header(key)), Buffer.from(claims(settings.rules))];
    if (chance(0.03)) { // around the limit of 8192 bytes
        const filler = 6050 - parts[0].length - parts[1].length - below(400);
        parts[1] = Buffer.from(parts[1].toString().replace('{', `{"f":"${'x'.repeat(filler)}",`));
    }
    if (chance(0.1)) {
        parts = parts.map((bytes) => (chance(0.5) ? damage(bytes) : bytes));
    }
    const signed = parts.map(url).join('.');
    const token = `${signed}.${url(signature(settings, key, Buffer.from(signed)))}`;
    return Buffer.from(chance(0.15) ? mangle(token) : token);
}

// ---- both opinions

function ask(program, settings, tokens) {
    const { now, leeway } = settings.rules;
    const result = spawnSync(
        program, ['--now', String(now), '--leeway_s', String(leeway), ...settings.flags],
        { input: tokens.map((token) => `${token.toString('hex')}\n`).join(''), maxBuffer: 1 << 28 });
    if (result.status !== 0) {
        throw new Error(`${program} ended with ${result.status ?? result.signal}: ${result.stderr}`);
    }
    return result.stdout.toString().split('\n').slice(0, -1);
}

function compare(program, settings, count, tally) {
    const tokens = Array.from({ length: count }, () => makeToken(settings));
    const theirs = ask(program, settings, tokens);
    let differences = theirs.length === count ? 0 : 1;
    tokens.forEach((token, i) => {
        const ours = verdict(settings.rules, settings.keys, token);
        const reason = ours.why || ours.verdict.split(' ')[0];
        tally.set(reason, (tally.get(reason) ?? 0) + 1);
        if (ours.verdict !== theirs[i]) {
            differences++;
            console.log(`different: src/auth says "${theirs[i]}", node "${ours.verdict}" ${ours.why}`);
            console.log(token.toString('latin1').split('.').map((text) =>
                JSON.stringify(Buffer.from(text, 'base64url').toString())).slice(0, 2).join(' '));
            console.log(JSON.stringify(token.toString('latin1')));
        }
    });
    return differences;
}

const { values } = parseArgs({
    options: {
        program: { type: 'string' },
        count: { type: 'string', default: '2000' },
        seed: { type: 'string', default: '1' },
        rounds: { type: 'string', default: '1' },
    },
});
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgcable-tokens-'));
const tally = new Map();
let differences = 0;
try {
    for (let round = 0; round < Number(values.rounds); round++) {
        prng = new Prng(Number(values.seed) + round);
        for (const settings of makeSettings(dir)) {
            differences += compare(values.program, settings, Number(values.count) / 2, tally);
        }
    }
} finally {
    if (differences > 0) {
        console.log(`the public keys are in ${dir}`);
    } else {
        fs.rmSync(dir, { recursive: true });
    }
}
const total = [...tally.values()].reduce((sum, count) => sum + count, 0);
console.log([...tally].sort(([, a], [, b]) => b - a).map(([why, n]) => `${n} ${why}`).join(', '));
console.log(`seed ${values.seed}: ${total} tokens, ${differences} differences`);
// Chance alone must not leave it with nothing to compare.
process.exit(differences === 0 && tally.get('ok') > total / 10 && tally.size > 15 ? 0 : 1);
