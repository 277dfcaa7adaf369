// SPDX-License-Identifier: PostgreSQL
// Rights that end while a client is connected: a token that is revoked, a rule that says no.  Nothing
// that is committed after it is sent, live or replayed, by any daemon; clients are sent away.
import assert from 'node:assert/strict';
import { createCable } from '@anycable/core';
import WebSocket from 'ws';
import { ownWorld } from './lib/own.mjs';
import { Events } from './lib/sse.mjs';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';
import { EXTENDED, ORIGIN } from './lib/wire.mjs';

const ROOM = 'Chats::RoomChannel';
const AWAY = { type: 'disconnect', reason: 'remote', reconnect: true };
const REFUSED = { type: 'disconnect', reason: 'unauthorized', reconnect: false };
const bodies = (messages) => messages.map(({ body }) => body);

let tokens = 0;
const jti = () => `jti-${process.pid}-${++tokens}`;
const revoke = (t, id) =>
    t.app.superuser.sql`select pgcable.revoke_token(${id}, now() + interval '2 hours')`;

// A room whose first message after a token's end is in the transaction that ends it.
async function lastWords(t, room, member, ending) {
    await t.app.superuser.script(`begin;
        ${ending};
        insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select chat_room_id, id, 'with it' from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${member};
        commit;`);
    await t.app.message(room, member, 'after');
}

async function listen(t, member, token, room, daemon, options = {}) {
    const wire = await t.open({ member, token, ...options }, daemon).welcomed();
    return wire.subscribe(ROOM, { chat_room_id: room });
}

// A shop with a rule that reads a table.
async function shop(t) {
    await t.app.superuser.script(`
        create schema shop;
        create table shop.clerks (member text primary key);
        grant usage on schema shop to app;
        grant all on shop.clerks to app;
        create function shop.is_clerk(member text, params jsonb) returns boolean
            language sql stable security definer set search_path = pg_catalog, pg_temp
            as $$ select exists (select from shop.clerks c where c.member = $1) $$;
        select pgcable.channel('TillChannel', stream => 'till-{till}', authorize => 'shop.is_clerk');`);
    t.later(() => t.app.superuser.script(`
        select pgcable.recheck_on('TillChannel', '{}');
        select pgcable.drop_channel('TillChannel');
        drop schema shop cascade;`));
}

async function atTill(t, member, daemon, options) {
    const wire = await t.connect(member, options, daemon);
    const subscription = await wire.subscribe('TillChannel', { till: 1 });
    subscription.stream = 'till-1';
    return subscription;
}

async function hire(t, ...members) {
    for (const member of members) {
        await t.app.sql`insert into shop.clerks values (${String(member)}) on conflict do nothing`;
    }
}

export default {
    async 'a revoked token gets nothing committed with or after it, and is refused'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann, bo]);
        const id = jti();
        const token = mint(bo, { jti: id });
        const hers = await listen(t, ann, mint(ann, { jti: jti() }), room);
        const his = await listen(t, bo, token, room);
        const extended = await listen(t, bo, token, room, t.daemon, { protocols: EXTENDED });
        const idle = await t.open({ member: bo, token }).welcomed(); // without a subscription
        const other = await listen(t, bo, mint(bo), room); // another token of his
        await t.app.message(room, ann, 'before');
        await lastWords(t, room, ann,
            `select pgcable.revoke_token('${id}', now() + interval '2 hours')`);

        for (const wire of [his.wire, extended.wire, idle]) {
            assert.deepEqual(await wire.disconnected(), AWAY);
            assert.equal(wire.closed.code, 1000);
        }
        for (const subscription of [his, extended]) {
            assert.deepEqual(bodies(subscription.messages), ['before']);
        }
        const [got, ofOther] = await t.settle(hers, other);
        assert.deepEqual(bodies(got), ['before', 'with it', 'after']);
        assert.deepEqual(bodies(ofOther), ['before', 'with it', 'after']);
        assert.deepEqual(await t.open({ member: bo, token }).disconnected(), REFUSED);
        const again = new Events(t.daemon, { channel: ROOM, chat_room_id: room },
            { Authorization: `Bearer ${token}` });
        await again.open();
        assert.equal(again.response.status, 401);
    },

    async 'an event stream with a revoked token ends, and cannot be resumed'(t) {
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const id = jti();
        const query = { channel: ROOM, chat_room_id: room };
        const headers = { Authorization: `Bearer ${mint(ann, { jti: id })}` };
        const events = await new Events(t.daemon, query, headers).open();
        t.later(() => events.close());
        await events.count(2);
        await t.app.message(room, ann, 'before');
        await events.count(3);
        await lastWords(t, room, ann,
            `select pgcable.revoke_token('${id}', now() + interval '2 hours')`);
        await events.end();
        const [message, end, ...more] = events.records.slice(2);
        assert.deepEqual(more, []);
        assert.equal(message.data.body, 'before');
        assert.deepEqual([end.event, end.data], ['disconnect', AWAY]);
        const again = new Events(t.daemon, query, { ...headers, 'Last-Event-ID': message.id });
        await again.open();
        assert.equal(again.response.status, 401);
    },

    async "AnyCable's client with a revoked token gets nothing more, and with a better one goes on"(t) {
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        for (const better of [null, mint(ann, { jti: jti() })]) {
            const id = jti();
            const cable = createCable(`ws://127.0.0.1:${t.daemon.port}/cable`, {
                protocol: 'actioncable-v1-ext-json',
                websocketImplementation: WebSocket,
                websocketOptions: { headers: { Origin: ORIGIN } },
                websocketAuthStrategy: 'sub-protocol',
                auth: { token: mint(ann, { jti: id }) },
                reconnectStrategy: () => 100,
                historyTimestamp: false,
                logLevel: 'error',
            });
            t.later(() => cable.disconnect());
            const log = [];
            cable.on('disconnect', ({ reason }) => {
                log.push(reason);
                if (better) {
                    cable.transport.setToken(better);
                }
            });
            cable.on('close', (why) => log.push(`closed: ${why?.reason}`));
            const subscription = cable.subscribeTo(ROOM, { chat_room_id: room });
            subscription.on('connect', () => log.push('connect'));
            subscription.on('message', ({ body }) => log.push(body));
            await until('the confirmation', () => log.includes('connect'));
            await t.app.message(room, ann, 'before');
            await until('the message', () => log.includes('before'));
            await lastWords(t, room, ann,
                `select pgcable.revoke_token('${id}', now() + interval '2 hours')`);
            const last = better ? 'after' : 'closed: unauthorized';
            await until(last, () => log.includes(last));
            assert.deepEqual(log.filter((entry) => entry !== 'connect'), better
                ? ['before', 'remote', 'with it', 'after']
                : ['before', 'remote', 'closed: unauthorized']);
        }
    },

    async 'the tokens of a member that were issued until now end, later ones do not'(t) {
        const own = await ownWorld(t);
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const now = Math.floor(Date.now() / 1000);
        const old = await listen(own, ann, mint(ann, { iat: now - 60 }), room);
        const undated = await listen(own, ann, mint(ann), room);
        const young = await listen(own, ann, mint(ann, { iat: now - 10 }), room);
        await lastWords(own, room, ann,
            `select pgcable.revoke_member('${ann}', to_timestamp(${now - 30}))`);
        for (const gone of [old, undated]) {
            assert.deepEqual(await gone.wire.disconnected(), AWAY);
            assert.deepEqual(bodies(gone.messages), []);
        }
        const [got] = await own.settle(young);
        assert.deepEqual(bodies(got), ['with it', 'after']);
        for (const claims of [{}, { iat: now - 60 }, { iat: now - 30 }]) {
            const wire = own.open({ member: ann, token: mint(ann, claims) });
            assert.deepEqual(await wire.disconnected(), REFUSED);
        }
        await own.open({ member: ann, token: mint(ann, { iat: now - 29 }) }).welcomed();
    },

    async 'a revocation holds on every daemon: there before, started after, killed and back'(t) {
        const own = await ownWorld(t);
        const second = await own.start();
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const [id, better] = [jti(), mint(ann, { jti: jti() })];
        const token = mint(ann, { jti: id });
        const wires = [
            await listen(own, ann, token, room, own.daemon),
            await listen(own, ann, token, room, second, { protocols: EXTENDED }),
        ];
        await own.app.message(room, ann, 'before');
        await until('the message', () => wires.every(({ messages }) => messages.length === 1));
        await lastWords(own, room, ann,
            `select pgcable.revoke_token('${id}', now() + interval '2 hours')`);
        for (const { wire, messages } of wires) {
            assert.deepEqual(await wire.disconnected(), AWAY);
            assert.deepEqual(bodies(messages), ['before']);
        }
        const third = await own.start();
        await second.crash();
        await second.start();
        await second.ready();
        const { stream_id, epoch, offset } = wires[1].frames.find(({ message }) => message);
        const history = { streams: { [stream_id]: { epoch, offset } } };
        for (const daemon of [own.daemon, second, third]) {
            for (const protocols of [undefined, EXTENDED]) {
                const refused = own.open({ member: ann, token, protocols }, daemon);
                refused.ws.on('open', () => refused.send({ command: 'subscribe', history,
                    identifier: JSON.stringify({ channel: ROOM, chat_room_id: room }) }));
                assert.deepEqual(await refused.disconnected(), REFUSED);
                assert.deepEqual(refused.frames, [REFUSED]);
            }
            const wire = await own.open({ member: ann, token: better, protocols: EXTENDED }, daemon)
                .welcomed();
            const replayed = await wire.subscribe(
                ROOM, { chat_room_id: room }, undefined, { history });
            await until('the replay', () => wire.failed(replayed.messages.length === 2));
            assert.deepEqual(bodies(replayed.messages), ['with it', 'after']);
        }
        await third.logged(/refuse the token of .*it was revoked/);
    },

    async 'a token that is revoked while nothing is captured ends all the same'(t) {
        const own = await ownWorld(t, { settings: { reauthorize_s: 1 } });
        const ann = await own.app.member('Ann');
        const id = jti();
        const token = mint(ann, { jti: id });
        const seldom = await own.start({ reauthorize_s: 60 });
        const wire = await own.open({ member: ann, token }).welcomed();
        const later = await own.open({ member: ann, token }, seldom).welcomed();
        await own.app.superuser.sql`select pgcable.pause()`;
        await revoke(own, id);
        assert.deepEqual(await wire.disconnected(), AWAY);
        const starts = await own.start({ reauthorize_s: 60 });
        for (const daemon of [own.daemon, starts]) {
            assert.deepEqual(await own.open({ member: ann, token }, daemon).disconnected(), REFUSED);
        }
        await own.app.superuser.sql`select pgcable.resume()`;
        assert.deepEqual(await later.disconnected(), AWAY);
    },

    async 'a rule that names its tables is asked again in the order of commits'(t) {
        await shop(t);
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        await hire(t, ann, bo);
        await t.app.superuser.sql`select pgcable.recheck_on('TillChannel', '{shop.clerks}')`;
        const second = await t.start();
        const stay = [await atTill(t, ann), await atTill(t, ann, second, { protocols: EXTENDED })];
        const go = [await atTill(t, bo), await atTill(t, bo, second, { protocols: EXTENDED })];
        const events = await new Events(t.daemon, { channel: 'TillChannel', till: 1 },
            { Authorization: `Bearer ${mint(bo)}` }).open();
        t.later(() => events.close());
        await events.count(2);
        await t.app.broadcast('till-1', 'before');
        await t.app.superuser.script(`begin;
            delete from shop.clerks where member = '${bo}';
            select pgcable.broadcast('till-1', '"with it"');
            commit;`);
        await t.app.broadcast('till-1', 'after');

        for (const { wire, messages } of go) {
            assert.deepEqual(await wire.disconnected(), AWAY);
            assert.deepEqual(messages, ['before']);
        }
        await events.end();
        assert.deepEqual(events.records.slice(2).map(({ data }) => data), ['before', AWAY]);
        for (const got of await t.settle(...stay)) {
            assert.deepEqual(got, ['before', 'with it', 'after'], 'who is let in again misses nothing');
        }
        const again = await t.connect(bo);
        await again.subscribe('TillChannel', { till: 1 }, 'reject_subscription');
    },

    async 'who is let in again and again misses nothing and gets nothing twice'(t) {
        await shop(t);
        const ann = await t.app.member('Ann');
        await hire(t, ann);
        await t.app.superuser.sql`select pgcable.recheck_on('TillChannel', '{shop.clerks}')`;
        const hers = [await atTill(t, ann), await atTill(t, ann, t.daemon, { protocols: EXTENDED })];
        const numbers = Array.from({ length: 200 }, (_, n) => n + 1);
        await Promise.all([
            t.app.superuser.script(
                numbers.map((n) => `select pgcable.broadcast('till-1', '${n}');`).join('\n')),
            t.app.role.script(numbers.map((n) => `insert into shop.clerks values ('other ${n}');
                delete from shop.clerks where member = 'other ${n - 1}';`).join('\n')),
        ]);
        for (const got of await t.settle(...hers)) {
            assert.deepEqual(got, numbers);
        }
    },

    async 'all who listen are asked about in a handful of queries'(t) {
        await shop(t);
        const ann = await t.app.member('Ann');
        await hire(t, ann);
        await t.app.superuser.sql`select pgcable.recheck_on('TillChannel', '{shop.clerks}')`;
        const daemon = await t.start({ canary_ms: 0 });
        const wires = [await t.connect(ann, {}, daemon), await t.connect(ann, {}, daemon)];
        const tills = Array.from({ length: 60 }, (_, till) => till);
        const subscriptions = await Promise.all(wires.flatMap((wire) =>
            tills.map((till) => wire.subscribe('TillChannel', { till }))));
        const queries = () => daemon.metric('pgcable_feed_advance_seconds_count');
        const before = await queries();
        await hire(t, 'another');
        await t.app.broadcast(tills.map((till) => `till-${till}`), 'after');
        for (const subscription of subscriptions) {
            assert.equal(await subscription.next(), 'after');
        }
        const spent = (await queries()) - before;
        assert.ok(spent < 30, `${spent} queries for ${subscriptions.length} subscriptions`);
    },

    async 'a right that was lost is not replayed either'(t) {
        await shop(t);
        const bo = await t.app.member('Bo');
        await hire(t, bo);
        await t.app.superuser.sql`select pgcable.recheck_on('TillChannel', '{shop.clerks}')`;
        const his = await atTill(t, bo, t.daemon, { protocols: EXTENDED });
        await t.app.broadcast('till-1', 'one');
        await his.next();
        await t.app.sql`delete from shop.clerks where member = ${String(bo)}`;
        await t.app.broadcast('till-1', 'two');
        assert.deepEqual(await his.wire.disconnected(), AWAY);
        const { stream_id, epoch, offset } = his.frames.find(({ message }) => message);
        const wire = await t.connect(bo, { protocols: EXTENDED });
        const again = await wire.subscribe('TillChannel', { till: 1 }, 'reject_subscription',
            { history: { streams: { [stream_id]: { epoch, offset } } } });
        assert.deepEqual(again.messages, []);
        await hire(t, bo);
        const back = await wire.subscribe('TillChannel', { till: 1 }, 'confirm_subscription',
            { history: { streams: { [stream_id]: { epoch, offset } } } });
        assert.equal(await back.next(), 'two');
    },

    async 'a rule that names no tables is asked again before long'(t) {
        await shop(t);
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        await hire(t, ann, bo);
        const daemon = await t.start({ reauthorize_s: 1 });
        const [hers, his] = [await atTill(t, ann, daemon), await atTill(t, bo, daemon)];
        await t.app.sql`delete from shop.clerks where member = ${String(bo)}`;
        assert.deepEqual(await his.wire.disconnected(), AWAY);
        await t.app.broadcast('till-1', 'after');
        assert.equal(await hers.next(), 'after');
        assert.deepEqual(his.messages, []);
    },

    async 'a channel that is dropped sends away who listens to it'(t) {
        await shop(t);
        const ann = await t.app.member('Ann');
        await hire(t, ann);
        const hers = await atTill(t, ann);
        await t.app.superuser.sql`select pgcable.drop_channel('TillChannel')`;
        assert.deepEqual(await hers.wire.disconnected(), AWAY);
    },

    async 'the rule for rooms is asked again, and participants stay'(t) {
        const own = await ownWorld(t);
        const [ann, guest] = [await own.app.member('Ann'), await own.app.member('Guest')];
        const room = await own.app.room([ann], { embedded: true });
        await own.app.superuser.script(`
            create table guests (id text primary key);
            insert into guests values ('${guest}');
            create function may_listen(member text, room text) returns boolean
                language sql stable security definer set search_path = pg_catalog, pg_temp
                as $$ select exists (select from public.guests where id = member) $$;
            select pgcable.room_rule('may_listen');
            select pgcable.recheck_on('Chats::RoomChannel', '{guests}');`);
        const [hers, his] = [
            await listen(own, ann, mint(ann), room), await listen(own, guest, mint(guest), room)];
        await own.app.message(room, ann, 'before');
        await lastWords(own, room, ann, 'delete from guests');
        assert.deepEqual(await his.wire.disconnected(), AWAY);
        assert.deepEqual(bodies(his.messages), ['before']);
        const [got] = await own.settle(hers);
        assert.deepEqual(bodies(got), ['before', 'with it', 'after']);
    },
};
