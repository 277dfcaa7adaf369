// SPDX-License-Identifier: PostgreSQL
// Feeds that publish to NATS and edges that have no database: to a client they are one daemon.
import assert from 'node:assert/strict';
import { behind, follow, write } from './lib/follow.mjs';
import { Nats, NatsClient } from './lib/nats.mjs';
import { ownWorld } from './lib/own.mjs';
import { Authority } from './lib/pki.mjs';
import { Session } from './lib/session.mjs';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';
import { EXTENDED } from './lib/wire.mjs';

const NOWHERE = { database: 'host=/nowhere dbname=none' };

// A database with a daemon that has role = all, and beside it two feeds and an edge.
async function bus(t) {
    const [own, nats] = await Promise.all([ownWorld(t), Nats.start(t)]);
    const feed = { hs256_secret: '', ...nats.settings('feed') };
    const [edge, ...feeds] = await Promise.all(
        [{ ...NOWHERE, ...nats.settings('edge') }, feed, feed].map((settings) => own.start(settings)));
    return { own, nats, feeds, edge };
}

const leads = async (daemon) => daemon.running && (await daemon.metric('pgcable_bus_leads')) === 1;

// Who leads, once one of them does.
async function leader(feeds) {
    let found;
    await until('one to lead', async () => {
        for (const feed of feeds) {
            found = (await leads(feed)) ? feed : found;
        }
        return found;
    });
    return found;
}

// Live, and resumed half way, at the edge and from it elsewhere.
async function sameRoom(own, edge) {
    const [ann, bo] = [await own.app.member('Ann'), await own.app.member('Bo')];
    const room = await own.app.room([ann]);
    const [there, here] = [await follow(own, edge, ann, room), await follow(own, own.daemon, ann, room)];
    const stranger = await own.connect(bo, {}, edge);
    await stranger.subscribe('Chats::RoomChannel', { chat_room_id: room }, 'reject_subscription');
    await write(own, room, ann, 3, 'x');
    await own.app.message(room, ann, 'end');
    await Promise.all([there.until('end'), here.until('end')]);
    assert.equal(there.got().length, 4 * 3 * 2 + 1);
    assert.deepEqual(there.got(), here.got());

    const half = there.got().slice(0, 10);
    for (const daemon of [edge, own.daemon]) {
        const resumed = await follow(own, daemon, ann, room, behind(room, half));
        await resumed.until('end');
        assert.deepEqual([...half, ...resumed.got()], there.got());
    }
}

// What is built for one member only; then the member loses the room, then all.
async function sameRights(own, edge) {
    const [ann, bo] = [await own.app.member('Ann'), await own.app.member('Bo')];
    const room = await own.app.room([ann, bo]);
    const there = await own.listen(bo, room, edge);
    const here = await own.listen(bo, room, own.daemon);
    const message = await own.app.message(room, ann, 'before');
    const thread = await own.app.thread(room, message, [ann, bo]);
    await own.app.message(room, ann, 'reply', { parent: message, thread });
    await own.app.notification(bo);
    await own.app.sql`update chat_room_participants set pinned_at = now()
        where chat_room_id = ${room} and community_member_id = ${bo}`;
    for (const kind of ['notifications', 'member', 'threads', 'room']) {
        const [got, wanted] = await own.settle(there[kind], here[kind]);
        assert.deepEqual(got, wanted);
        assert.ok(got.length > 0, kind);
    }

    await own.app.sql`delete from chat_room_participants
        where chat_room_id = ${room} and community_member_id = ${bo}`;
    await own.app.message(room, ann, 'behind it');
    for (const { wire, room: subscription } of [there, here]) {
        assert.equal((await wire.disconnected()).reason, 'remote');
        assert.equal(subscription.messages.some((one) => one.body === 'behind it'), false);
    }
    const again = await own.connect(bo, {}, edge);
    await again.subscribe('Chats::RoomChannel', { chat_room_id: room }, 'reject_subscription');
    await own.app.superuser.sql`select pgcable.revoke_member(${String(bo)})`;
    assert.equal((await again.disconnected()).reason, 'remote');
    const late = own.open({ token: mint(bo, { iat: 1 }) }, edge);
    assert.equal((await late.disconnected()).reason, 'unauthorized');
}

// NATS goes away and comes back; then the feed that leads is killed, then the other one stopped.  Two
// clients see it, at the edge and at a daemon without NATS.
async function sameInTrouble(own, nats, feeds, edge) {
    const ann = await own.app.member('Ann');
    const room = await own.app.room([ann]);
    const [there, here] = [await follow(own, edge, ann, room), await follow(own, own.daemon, ann, room)];
    await write(own, room, ann, 1, 'before');
    await nats.stop('SIGKILL');
    await Promise.all([...feeds, edge].map((daemon) => daemon.ready(503)));
    await write(own, room, ann, 1, 'meanwhile');
    await nats.nodes[0].start();
    await Promise.all([...feeds, edge].map((daemon) => daemon.ready()));

    const first = await leader(feeds);
    const second = feeds.find((feed) => feed !== first);
    await until('the other one to stand by', async () =>
        /^ready, standing by, \S+ leads/.test((await second.get('/ready')).body));
    const writing = write(own, room, ann, 5, 'killed');
    await there.until('killed 0 1 a');
    await first.crash();
    await writing;
    assert.equal(await leader(feeds), second);
    await first.start();
    await first.ready();
    await Promise.all([write(own, room, ann, 2, 'stopped'), second.stop()]);
    assert.equal(await leader(feeds), first);

    await own.app.message(room, ann, 'end');
    await Promise.all([there.until('end'), here.until('end')]);
    assert.deepEqual(there.got(), here.got());
    assert.equal(there.got().length, (1 + 1 + 5 + 2) * 4 * 2 + 1);
}

export default {
    async 'to clients an edge is a daemon that reads the database, also when NATS or a feed goes away'(t) {
        const { own, nats, feeds, edge } = await bus(t);
        await sameRoom(own, edge);
        await sameRights(own, edge);
        await sameInTrouble(own, nats, feeds, edge);
    },

    async 'who was away for longer than an edge reads back is told so, and gets no part of it'(t) {
        const { own, nats, edge } = await bus(t);
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const there = await follow(own, edge, ann, room);
        await own.app.message(room, ann, 'first');
        await own.app.message(room, ann, 'second');
        await there.until('second');
        const since = Date.now();
        await until('them to be older than that', () => Date.now() - since > 3000);
        const late = await own.start({ ...NOWHERE, ...nats.settings('edge'), history_s: 1 });

        const history = behind(room, there.got().slice(0, 1));
        const wire = await own.connect(ann, { protocols: EXTENDED }, late);
        const identifier = JSON.stringify({ channel: 'Chats::RoomChannel', chat_room_id: room });
        wire.send({ command: 'subscribe', identifier, history });
        await wire.frame('reject_history', ({ type }) => type === 'reject_history');
        await own.app.message(room, ann, 'third');
        const body = ({ message }) => message?.body;
        await wire.frame('what is new', (frame) => body(frame) === 'third');
        assert.deepEqual(wire.frames.map(body).filter(Boolean), ['third']);

        const exact = await follow(own, edge, ann, room, history);
        await exact.until('third');
        assert.deepEqual(exact.got().map(([, , text]) => text), ['second', 'third']);
    },

    async 'a feed that lost the lease, or cannot ask who has it, stands by until it has it again'(t) {
        const [own, nats] = await Promise.all([ownWorld(t), Nats.start(t)]);
        const [edge, feed] = await Promise.all([{ ...NOWHERE, ...nats.settings('edge') },
            { hs256_secret: '', ...nats.settings('feed') }].map((settings) => own.start(settings)));
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const [there, here] = [await follow(own, edge, ann, room), await follow(own, own.daemon, ann, room)];
        const { superuser } = own.app;
        const standsBy = () => until('it to stand by', async () => !(await leads(feed)));
        await leader([feed]);

        const read = async () => (await superuser.sql`select term, until from pgcable.leader`).split('|');
        let [term, end] = await read();
        await until('it to have renewed the lease', async () => {
            const [found, renewed] = (await superuser.sql`select term, until > ${end}::timestamptz + interval '4 s'
                from pgcable.leader`).split('|');
            [term, end] = found === term ? [term, end] : await read();
            return found === term && renewed === 't';
        });

        await superuser.sql`update pgcable.leader set name = 'another', until = now() + interval '1 hour'`;
        await standsBy();
        await write(own, room, ann, 1, 'of another');
        await superuser.sql`update pgcable.leader set until = clock_timestamp()`;
        await leader([feed]);
        await there.until('of another 0 0 b');

        const session = new Session(superuser);
        t.later(() => session.end());
        await session.run('begin; lock table pgcable.leader;');
        await standsBy();
        await write(own, room, ann, 1, 'unheard');
        await session.run('rollback;');
        await leader([feed]);

        await nats.stop('SIGKILL');
        await standsBy();
        const free = async (since) => (await superuser.sql`select until + ${since}::interval <= clock_timestamp()
            from pgcable.leader`) === 't';
        await until('nobody to lead', () => free('2 s'));
        await write(own, room, ann, 1, 'without NATS');
        await nats.nodes[0].start();
        await leader([feed]);

        await own.app.message(room, ann, 'end');
        await Promise.all([there.until('end'), here.until('end')]);
        assert.deepEqual(there.got(), here.got());
        assert.equal(there.got().length, 3 * 4 * 2 + 1);
        await feed.stop();
        assert.ok(await free('0'), 'it let the lease go');
    },

    async 'the users of the shipped configuration can do what they need and nothing else'(t) {
        const nats = await Nats.start(t);
        const may = {
            edge: {
                publish: ['pgcable.ask', 'pgcable.state', 'pgcable.viewers', '$JS.API.CONSUMER.CREATE.pgcable'],
                subscribe: ['pgcable.lead', 'pgcable.inbox.x'],
            },
            feed: {
                publish: ['pgcable.batch', 'pgcable.lead', 'pgcable.inbox.x', '$JS.API.STREAM.INFO.pgcable'],
                subscribe: ['pgcable.ask', 'pgcable.state', 'pgcable.viewers', 'pgcable.inbox.x'],
            },
        };
        const subjects = [...Object.values(may).flatMap((one) => Object.values(one).flat()),
            '$JS.API.STREAM.DELETE.pgcable', '$JS.API.STREAM.PURGE.pgcable', '$JS.API.STREAM.MSG.DELETE.pgcable',
            '$JS.API.STREAM.NAMES', '$JS.API.INFO', '$JS.API.CONSUMER.CREATE.other', '$SYS.REQ.USER.INFO', 'other'];
        for (const [user, { publish, subscribe }] of Object.entries(may)) {
            const client = await NatsClient.connect(nats, user, `${user}s`);
            t.later(() => client.end());
            for (const subject of new Set(subjects)) {
                assert.equal(await client.mayPublish(subject), publish.includes(subject), `${user} ${subject}`);
                assert.equal(await client.maySubscribe(subject), subscribe.includes(subject), `${user} ${subject}`);
            }
            assert.equal(await client.maySubscribe('>'), false);
        }
    },

    async 'a server that cannot be trusted, or does not know us, is not talked to, and why is said'(t) {
        const nats = await Nats.start(t);
        const edge = { ...NOWHERE, ...nats.settings('edge') };
        const other = new Authority(`${nats.dir}/other`);
        const wrong = [
            [{ nats_tls_ca: other.ca }, /certificate/i],
            [{ nats_url: edge.nats_url.replace('edges', 'guess') }, /authorization/i],
        ];
        for (const [settings, reason] of wrong) {
            const daemon = await t.create({ ...edge, ...settings });
            await daemon.start();
            await until(`${reason} in /ready`, async () => reason.test((await daemon.get('/ready')).body));
            assert.equal((await daemon.get('/ready')).status, 503);
            assert.equal(/edges|guess/.test(daemon.log), false, 'no password in the log');
        }
    },
};
