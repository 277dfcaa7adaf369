// SPDX-License-Identifier: PostgreSQL
// Key files that change while the daemon runs, and clocks that are set: no signal, no restart.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createCable } from '@anycable/core';
import WebSocket from 'ws';
import { makePair } from '../lib/keypair.mjs';
import { Skip } from './lib/test.mjs';
import { mint, minted } from './lib/token.mjs';
import { until } from './lib/until.mjs';
import { ORIGIN } from './lib/wire.mjs';

const REFUSED = { type: 'disconnect', reason: 'unauthorized', reconnect: false };
const EXPIRED = { type: 'disconnect', reason: 'token_expired', reconnect: false };
const seconds = () => Math.floor(Date.now() / 1000);

// A key of its own kind, and tokens signed with it.
function makeKey(kid, type = 'ec') {
    const { publicKey, privateKey } = makePair(type);
    const alg = type === 'ec' ? 'ES256' : 'RS256';
    return {
        pem: publicKey.export({ type: 'spki', format: 'pem' }),
        jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
        mint(member, claims = {}) {
            const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
            const signed = [{ alg, ...(kid ? { kid } : {}) },
                { community_member_id: member, exp: seconds() + 3600, ...claims }].map(part).join('.');
            const signature = crypto.sign('sha256', Buffer.from(signed),
                { key: privateKey, dsaEncoding: 'ieee-p1363' });
            const token = `${signed}.${signature.toString('base64url')}`;
            minted.add(token);
            return token;
        },
    };
}

const setOf = (...keys) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });

let files = 0;
const newFile = (t, text) => {
    const file = path.join(t.dir, `keys-${++files}`);
    fs.writeFileSync(file, text);
    t.later(() => fs.rmSync(file, { force: true }));
    return file;
};

// As an editor or a configuration tool does it: the new file takes the name of the old one.
function renameOver(file, text) {
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
}

async function isAccepted(t, daemon, token, expected) {
    const wire = t.open({ token, protocols: [] }, daemon);
    await until('an answer', () => wire.failed(wire.frames.length > 0));
    assert.equal(wire.frames[0].type, expected ? 'welcome' : 'disconnect');
    if (!expected) {
        assert.deepEqual(await wire.disconnected(), REFUSED);
    }
    return wire;
}

const becomesAccepted = (t, daemon, token) => until('the new key to be known', async () => {
    const wire = t.open({ token, protocols: [] }, daemon);
    await until('an answer', () => wire.failed(wire.frames.length > 0));
    return wire.frames[0].type === 'welcome';
});

export default {
    async 'a key set is read again when it is replaced, and old keys have a time of grace'(t) {
        const [one, two, three] = [makeKey('one'), makeKey('two'), makeKey('three', 'rsa')];
        const file = newFile(t, setOf(one));
        const daemon = await t.start({ hs256_secret: '', jwks_file: file, key_grace_s: 3600 });
        const before = await isAccepted(t, daemon, one.mint(42), true);
        await isAccepted(t, daemon, two.mint(42), false);

        renameOver(file, setOf(two, three));
        await becomesAccepted(t, daemon, two.mint(42));
        await isAccepted(t, daemon, three.mint(42), true);
        await isAccepted(t, daemon, one.mint(42), true);
        assert.equal(await daemon.metric('pgcable_key_reloads_total'), 1);

        // A second change: what is gone twice over keeps what is left of its time.
        renameOver(file, setOf(three));
        await until('it to be read', async () =>
            (await daemon.metric('pgcable_key_reloads_total')) === 2);
        await isAccepted(t, daemon, one.mint(42), true);
        await isAccepted(t, daemon, two.mint(42), true);
        assert.equal(before.closed, null);

        // With SIGHUP the same way, and without any grace left: sessions end as well.
        daemon.configure({ key_grace_s: 0 });
        daemon.kill('SIGHUP');
        assert.deepEqual(await before.disconnected(), EXPIRED);
        await isAccepted(t, daemon, one.mint(42), false);
        await isAccepted(t, daemon, two.mint(42), false);
        const last = await isAccepted(t, daemon, three.mint(42), true);
        await until('a beat', () => last.failed(last.pings.length > 1));
        const ended = await daemon.metric('pgcable_rights_ended_total');
        assert.equal(await daemon.metric('pgcable_rights_ended_total{right="key"}'), ended);
        assert.ok(ended > 0);
    },

    async 'when the time of grace is over the sessions of a key that is gone end'(t) {
        const [one, two] = [makeKey('one'), makeKey('two')];
        const file = newFile(t, setOf(one));
        const daemon = await t.start({ hs256_secret: '', jwks_file: file, key_grace_s: 2 });
        const old = await isAccepted(t, daemon, one.mint(42), true);
        renameOver(file, setOf(one, two));
        await becomesAccepted(t, daemon, two.mint(42));
        const rails = await t.open({ token: one.mint(42) }, daemon).welcomed();
        const young = await isAccepted(t, daemon, two.mint(42), true);
        let refreshed = 0;
        const cable = createCable(`ws://127.0.0.1:${daemon.port}/cable`, {
            websocketImplementation: WebSocket,
            websocketOptions: { headers: { Origin: ORIGIN } },
            websocketAuthStrategy: 'sub-protocol',
            auth: { token: one.mint(42) },
            tokenRefresher: async (transport) => {
                refreshed++;
                transport.setToken(two.mint(42));
            },
            logLevel: 'error',
        });
        t.later(() => cable.disconnect());
        await cable.connect();
        renameOver(file, setOf(two));
        assert.deepEqual(await old.disconnected(), EXPIRED);
        assert.deepEqual(await rails.disconnected(), { ...EXPIRED, reconnect: true });
        await until("AnyCable's client to come back with a new token",
            () => refreshed === 1 && cable.state === 'connected');
        await isAccepted(t, daemon, one.mint(42), false);
        const beats = young.pings.length;
        await until('a beat', () => young.failed(young.pings.length > beats));
    },

    async 'links that are turned, as Kubernetes does it, and PEM files written in place'(t) {
        const [one, two, three] = [makeKey('', 'rsa'), makeKey('', 'rsa'), makeKey('', 'rsa')];
        const volume = fs.mkdtempSync(path.join(t.dir, 'volume-'));
        t.later(() => fs.rmSync(volume, { recursive: true }));
        const turn = (name, key) => {
            fs.mkdirSync(path.join(volume, name));
            fs.writeFileSync(path.join(volume, name, 'key.pem'), key.pem);
            fs.symlinkSync(name, path.join(volume, '..data_tmp'));
            fs.renameSync(path.join(volume, '..data_tmp'), path.join(volume, '..data'));
        };
        turn('..1', one);
        const file = path.join(volume, 'key.pem');
        fs.symlinkSync('..data/key.pem', file);
        const daemon = await t.start({ hs256_secret: '', rs256_public_key: file });
        await isAccepted(t, daemon, one.mint(42), true);
        turn('..2', two);
        await becomesAccepted(t, daemon, two.mint(42));
        await isAccepted(t, daemon, one.mint(42), true); // no kid tells them apart
        fs.writeFileSync(path.join(volume, '..data', 'key.pem'), three.pem);
        await becomesAccepted(t, daemon, three.mint(42));
        await isAccepted(t, daemon, makeKey('', 'rsa').mint(42), false);
    },

    async 'a file that is half written, wrong or gone leaves the keys as they are, and is told once'(t) {
        const [one, two] = [makeKey('one'), makeKey('two')];
        const file = newFile(t, setOf(one));
        const daemon = await t.start({ hs256_secret: '', jwks_file: file });
        const refusals = () => daemon.metric('pgcable_key_reloads_total{result="refused"}');
        const complaints = () => daemon.log.match(/key file has changed and is of no use/g)?.length;
        let expected = 0;
        const isRefused = async () => {
            expected++;
            await until('it to be refused', async () => (await refusals()) === expected);
            assert.equal(await daemon.metric('pgcable_keys_stale'), 1);
            await isAccepted(t, daemon, one.mint(42), true);
        };
        renameOver(file, setOf(two).slice(0, 60));
        await isRefused();
        renameOver(file, '{"keys":[]}');
        await isRefused();
        fs.rmSync(file);
        await isRefused();
        assert.equal(complaints(), 3);
        await isAccepted(t, daemon, two.mint(42), false);

        renameOver(file, setOf(two));
        await becomesAccepted(t, daemon, two.mint(42));
        assert.equal(await daemon.metric('pgcable_keys_stale'), 0);
        assert.deepEqual([await refusals(), complaints()], [3, 3]);
        // And the file of before is as good as any other change.
        renameOver(file, setOf(one));
        await until('it to be read', async () =>
            (await daemon.metric('pgcable_key_reloads_total{result="read"}')) === 2);
        await isAccepted(t, daemon, one.mint(42), true);
    },

    async 'a clock that is set during a connection ends what is over by it, and nothing else'(t) {
        const library = fs.readdirSync('/usr/lib')
            .map((dir) => `/usr/lib/${dir}/faketime/libfaketime.so.1`)
            .find((file) => fs.existsSync(file));
        if (!library || process.env.PGCABLE_WRAP) {
            throw new Skip('libfaketime is not installed (packaging/deps test), or there is a wrapper');
        }
        const clock = newFile(t, '+0\n');
        const daemon = await t.create();
        daemon.env = {
            LD_PRELOAD: library,
            FAKETIME_TIMESTAMP_FILE: clock,
            FAKETIME_NO_CACHE: '1',
            DONT_FAKE_MONOTONIC: '1',
            ASAN_OPTIONS: 'verify_asan_link_order=0:abort_on_error=0:exitcode=99',
        };
        await daemon.start();
        await daemon.ready();
        const open = (claims) => t.open({ token: mint(42, claims), protocols: [] }, daemon);
        const short = await open({ exp: seconds() + 3600 }).welcomed();
        const long = await open({ exp: seconds() + 36_000 }).welcomed();
        renameOver(clock, '+7200\n');
        assert.deepEqual(await short.disconnected(), EXPIRED);
        assert.deepEqual(await open({ exp: seconds() + 3600 }).disconnected(), EXPIRED);
        await until('a ping at that time', () =>
            long.failed(long.pings.at(-1)?.message > seconds() + 3600));
        renameOver(clock, '-7200\n');
        assert.deepEqual(await open({ iat: seconds() }).disconnected(), REFUSED);
        renameOver(clock, '+0\n');
        await open({ iat: seconds() }).welcomed();
        assert.equal(long.closed, null);
    },
};
