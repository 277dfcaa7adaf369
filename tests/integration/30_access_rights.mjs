// SPDX-License-Identifier: PostgreSQL
// Who may connect, who may listen, and that a right that ends ends the delivery.
import assert from 'node:assert/strict';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';

const ROOM = 'Chats::RoomChannel';
const REFUSED = { type: 'disconnect', reason: 'unauthorized', reconnect: false };
const EXPIRED = { type: 'disconnect', reason: 'token_expired', reconnect: false };
const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;

async function refusedWith(t, status, options) {
    const wire = t.open(options);
    await wire.end();
    assert.equal(wire.refused, status);
}

export default {
    async 'a refused Origin gets 404, and the log names the setting'(t) {
        const daemon = await t.start();
        const wire = t.open({ token: mint(42), origin: 'https://evil.example' }, daemon);
        await wire.end();
        assert.equal(wire.refused, 404);
        await daemon.logged(/https:\/\/evil\.example.* hint: .*allowed_origins/);
    },

    async 'an empty list of origins refuses every browser'(t) {
        const daemon = await t.start({ allowed_origins: '' });
        const wire = t.open({ token: mint(42) }, daemon);
        await wire.end();
        assert.equal(wire.refused, 404);
    },

    async 'without Origin a token in a header is let in, one in the sub-protocol is not'(t) {
        await t.connect(42, { origin: null });
        await refusedWith(t, 404, {
            origin: null,
            protocols: ['actioncable-v1-json', `anycable-token.${mint(42)}`],
        });
    },

    async 'tokens are taken from every documented place'(t) {
        const daemon = await t.start({ token_query: 'on' });
        const places = [
            { headers: { Authorization: `Bearer ${mint(42)}` } },
            { headers: { 'x-jid': mint(42) } },
            { protocols: ['actioncable-v1-json', `anycable-token.${mint(42)}`] },
            { query: `?jid=${mint(42)}` },
            { query: `?token=${mint(42)}` },
        ];
        for (const place of places) {
            const wire = await t.open({ member: 42, ...place }, daemon).welcomed();
            await wire.subscribe('NotificationChannel', { community_member_id: 42 });
            assert.equal(wire.ws.protocol, 'actioncable-v1-json', 'the token is not echoed');
        }
    },

    async 'a token in the query is not looked at unless the setting says so'(t) {
        const wire = t.open({ query: `?token=${mint(42)}` });
        assert.deepEqual(await wire.disconnected(), REFUSED);
    },

    async 'no token, a forged one and one of another algorithm are refused after the handshake'(t) {
        const [, claims] = mint(42).split('.');
        const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
        for (const token of [
            undefined,
            'abc',
            mint(42, {}, 'another-secret-another-secret-another'),
            none,
        ]) {
            const wire = t.open({ token });
            assert.deepEqual(await wire.disconnected(), REFUSED);
            assert.equal(wire.closed.code, 1000);
        }
    },

    async 'an expired token is told apart, and the log says what to do'(t) {
        const daemon = await t.start(); // of its own: such lines are few per second
        const wire = t.open({ token: mint(42, { exp: inSeconds(-60) }) }, daemon);
        assert.deepEqual(await wire.disconnected(), EXPIRED);
        await daemon.logged(/refuse the token .* expired \d+ s ago.* hint: .+/);
    },

    async 'a token that expires while connected ends the connection'(t) {
        const daemon = await t.start({ token_leeway_s: 0 });
        // With a token that is good for just so long that the connection comes up.
        const connect = async (options) => {
            for (let life = 3; ; life *= 2) {
                const token = mint(42, { exp: inSeconds(life) });
                const wire = t.open({ member: 42, token, ...options }, daemon);
                await until('an answer', () => wire.frames.length > 0 || wire.closed);
                if (wire.frames[0]?.type === 'welcome') {
                    return wire;
                }
            }
        };
        const rails = await connect({});
        const plain = await connect({ protocols: [] });
        assert.deepEqual(await plain.disconnected(), EXPIRED);
        assert.deepEqual(
            await rails.disconnected(),
            { ...EXPIRED, reconnect: true },
            "Rails' client asks for a new URL only when it may reconnect",
        );
    },

    async "another member's streams are rejected, one's own are not"(t) {
        const wire = await t.connect(42);
        for (const channel of [
            'NotificationChannel',
            'ChatRoomChannel',
            'Chats::CommunityMemberThreadsChannel',
        ]) {
            await wire.subscribe(channel, { community_member_id: 43 }, 'reject_subscription');
            await wire.subscribe(channel, { community_member_id: '43' }, 'reject_subscription');
            await wire.subscribe(channel, { community_member_id: null }, 'reject_subscription');
            await wire.subscribe(channel, { community_member_id: 42 });
            await wire.subscribe(channel, { community_member_id: '42' });
            await wire.subscribe(channel);
        }
    },

    async "a room's stream is for its participants, by id or uuid"(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann]);
        const uuid = await t.app.sql`select uuid from chat_rooms where id = ${room}`;
        const [hers, his] = [await t.connect(ann), await t.connect(bo)];
        for (const params of [
            { chat_room_id: room },
            { chat_room_id: String(room) },
            { id: room },
            { chat_room_uuid: uuid },
            { uuid },
        ]) {
            await hers.subscribe(ROOM, params);
            await his.subscribe(ROOM, params, 'reject_subscription');
        }
    },

    async 'room parameters that make no sense are rejected'(t) {
        const wire = await t.connect(42);
        const params = [
            {},
            { chat_room_id: null },
            { chat_room_id: 'abc' },
            { chat_room_id: [7] },
            { chat_room_id: 7.5 },
            { chat_room_id: -7 },
            { chat_room_id: '9'.repeat(40) },
            { chat_room_uuid: 'no' },
            { chat_room_id: "7' or 1=1" },
        ];
        for (const param of params) {
            await wire.subscribe(ROOM, param, 'reject_subscription');
        }
        await wire.subscribe(ROOM, { chat_room_id: 7 });
    },

    async 'a participant that is removed hears nothing committed after, and is told to come back'(
        t,
    ) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann, bo]);
        const [hers, his] = [await t.listen(ann, room), await t.listen(bo, room)];
        await t.app.message(room, ann, 'before');
        await t.app.sql`update chat_room_participants set deleted_at = now()
            where chat_room_id = ${room} and community_member_id = ${bo}`;
        await t.app.message(room, ann, 'after');

        assert.deepEqual(await his.wire.disconnected(), {
            type: 'disconnect',
            reason: 'remote',
            reconnect: true,
        });
        assert.deepEqual(
            his.room.messages.map(({ body }) => body),
            ['before'],
        );
        assert.ok(his.member.messages.every(({ body }) => body !== 'after'));
        const [got] = await t.settle(hers.room);
        assert.deepEqual(
            got.map(({ body }) => body),
            ['before', 'after'],
        );
        const again = await t.connect(bo);
        await again.subscribe(ROOM, { chat_room_id: room }, 'reject_subscription');
    },

    async 'a member without a room subscription stays connected when it loses the room'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann, bo]);
        const his = await t.listen(bo);
        await t.app
            .sql`delete from chat_room_participants
                where chat_room_id = ${room} and community_member_id = ${bo}`;
        await t.app.message(room, ann, 'after');
        const [got] = await t.settle(his.member);
        assert.deepEqual(
            got.filter(({ body }) => body),
            [],
        );
    },

    async 'a member that is deleted is shown out for good'(t) {
        const ann = await t.app.member('Ann');
        const hers = await t.listen(ann);
        await t.app.sql`delete from community_members where id = ${ann}`;
        const frame = await hers.wire.disconnected();
        assert.deepEqual(frame, { type: 'disconnect', reason: 'remote', reconnect: false });
        const again = await t.connect(ann);
        await again.subscribe('NotificationChannel', {}, 'reject_subscription');
    },

    async 'commands before welcome, unknown commands and junk leave the connection open'(t) {
        const wire = t.open({
            member: 42,
            token: mint(42),
            onopen(ws) {
                ws.send(
                    '{"command":"subscribe","identifier":"{\\"channel\\":\\"ChatRoomChannel\\"}"}',
                );
                ws.send('junk');
                ws.send('{"action":"message","data":"Hello Server!"}');
                ws.send('{"command":"subscribe"}');
                ws.send('[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[');
            },
        });
        await wire.frame('confirmation', ({ type }) => type === 'confirm_subscription');
        assert.deepEqual(
            wire.frames.map(({ type }) => type),
            ['welcome', 'confirm_subscription'],
        );
        await wire.subscribe('NotificationChannel');
    },

    async 'identifiers are echoed as they were sent'(t) {
        const wire = await t.connect(42);
        for (const identifier of [
            '{ "channel": "NotificationChannel" }',
            '{"community_member_id":42,"channel":"NotificationChannel"}',
            '{"channel":"NotificationChannel","x":"é😀\\u00e9\\/<b>"}',
        ]) {
            wire.send({ command: 'subscribe', identifier });
            await until('the echo', () =>
                wire.frames.find((frame) => frame.identifier === identifier),
            );
        }
    },

    async 'a connection may hold only so many subscriptions'(t) {
        const daemon = await t.start({ max_subscriptions: 3 });
        const wire = await t.connect(42, {}, daemon);
        for (let n = 0; n < 3; n++) {
            await wire.subscribe('NotificationChannel', { n });
        }
        await wire.subscribe('NotificationChannel', { n: 3 }, 'reject_subscription');
    },
};
