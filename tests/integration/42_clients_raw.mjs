// SPDX-License-Identifier: PostgreSQL
// The documented sample of the contract's author: raw ws, no sub-protocol, Bearer and Origin
// headers, subscribes in `open`, and sends a frame that is no command.
import assert from 'node:assert/strict';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';

export default {
    async 'the documented sample works as it stands'(t) {
        const start = Math.floor(Date.now() / 1000);
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const identifier = JSON.stringify({ channel: 'ChatRoomChannel', community_member_id: ann });
        const wire = t.open({
            member: ann,
            token: mint(ann),
            protocols: [],
            onopen(ws) {
                ws.send(JSON.stringify({ command: 'subscribe', identifier }));
                ws.send(JSON.stringify({ action: 'message', data: 'Hello Server!' }));
            },
        });
        await wire.frame('confirmation', ({ type }) => type === 'confirm_subscription');
        assert.equal(wire.ws.protocol, '');
        assert.equal(wire.ws.extensions, '');
        assert.deepEqual(wire.frames, [
            { type: 'welcome' },
            { identifier, type: 'confirm_subscription' },
        ]);

        await t.app.message(room, ann, 'Hi');
        const frame = await wire.frame('the message', ({ message }) => message);
        assert.deepEqual(Object.keys(frame), ['identifier', 'message']);
        assert.equal(frame.message.body, 'Hi');
        await until('two pings', () => wire.pings.length >= 2);
        for (const ping of wire.pings) {
            assert.deepEqual(Object.keys(ping), ['type', 'message']);
            assert.ok(Number.isInteger(ping.message));
            assert.ok(ping.message >= start && ping.message <= Date.now() / 1000);
        }
    },

    async 'welcome_sid = on adds a sid for those who want one'(t) {
        const daemon = await t.start({ welcome_sid: 'on' });
        const wire = await t.connect(42, {}, daemon);
        assert.match(wire.frames[0].sid, /^[\w-]{10,}$/);
    },

    async 'a client that closes gets its own code back'(t) {
        const wire = await t.connect(42);
        wire.ws.close(3001, 'custom');
        assert.deepEqual(await wire.end(), { code: 3001, reason: 'custom' });
    },

    async 'a message over the limit closes with 1009, one in many fragments below it is read'(t) {
        const wire = await t.connect(42);
        const command = JSON.stringify({
            command: 'subscribe',
            identifier: '{"channel":"NotificationChannel"}',
        });
        for (let i = 0; i < command.length; i += 10) {
            const last = i + 10 >= command.length;
            wire.ws.send(command.slice(i, i + 10), { fin: last });
        }
        await wire.frame('confirmation', ({ type }) => type === 'confirm_subscription');
        wire.ws.send('x'.repeat(20_000));
        assert.equal((await wire.end()).code, 1009);
    },
};
