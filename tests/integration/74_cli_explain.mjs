// SPDX-License-Identifier: PostgreSQL
// pgcable explain: which events a row raised, to which streams, when, and to how many clients.
import assert from 'node:assert/strict';
import { pgcable } from './lib/daemon.mjs';
import { Session } from './lib/session.mjs';
import { until } from './lib/until.mjs';

async function explain(t, table, id, ...args) {
    const { code, stdout, stderr } = await pgcable(['explain', table, String(id), '-c', t.daemon.file, ...args]);
    assert.deepEqual([code, stderr], [0, ''], stdout);
    return stdout;
}

async function failsSaying(args, ...patterns) {
    const { code, stdout, stderr } = await pgcable(args);
    assert.deepEqual([code > 0, stdout], [true, ''], stderr);
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    for (const pattern of patterns) {
        assert.match(stderr, pattern);
    }
}

// Which events go where, change by change: times and numbers are of no use here.
const sends = (text) => text.match(/^ {2}\w+ to [^\s,]+|^\S+Z \w+|^ {2}raised no event/gm)
    .map((line) => line.replace(/^\S+Z /, '').trim());

export const isAlone = true;

export default {
    async 'a message raises events for its room and for its members, one change after the other'(t) {
        const member = await t.app.member('Exa');
        const room = await t.app.room([member]);
        const { room: heard } = await t.listen(member, room);
        const id = await t.app.message(room, member, 'explained');
        await t.app.sql`update chat_room_messages set body = 'changed' where id = ${id}`;
        await t.app.sql`delete from chat_room_messages where id = ${id}`;
        await t.app.message(room, member, 'of another row');
        await t.settle(heard);
        const text = await explain(t, 'chat_room_messages', id);
        assert.match(text, new RegExp(`^public.chat_room_messages ${id} \\(there is no such row now\\)$`, 'm'));
        assert.deepEqual(sends(text), [
            'inserted', `newMessage to chat-room-${room}-channel`, `newMessage to room-members:${room}`,
            'updated', `updatedMessage to chat-room-${room}-channel`,
            'deleted', `deletedMessage to chat-room-${room}-channel`,
        ]);
        assert.match(text, /^ {2}tick \d+, made \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/m);
        assert.equal(await explain(t, 'message', id), text);
    },

    async 'rows of one transaction are told apart, and a change without an event is one, too'(t) {
        const member = await t.app.member('Two');
        const [one, two] = JSON.parse(await t.app.sql`
            with n as (insert into notifications (community_member_id)
                select ${member}::bigint from generate_series(1, 2) returning id)
            select json_agg(id) from n`);
        await t.app.sql`update notifications set seen_at = now() where id = ${one}`;
        const { notifications } = await t.listen(member);
        await t.settle(notifications);
        const stream = `notification-channel-${member}`;
        assert.deepEqual(sends(await explain(t, 'notifications', one)).slice(0, 2),
            ['inserted', `newNotification to ${stream}`]);
        assert.deepEqual(sends(await explain(t, 'notifications', two)),
            ['inserted', `newNotification to ${stream}`, `updateNewNotificationCount to ${stream}`]);
        assert.match(await explain(t, 'community_members', 42), /42/);
    },

    async 'a table attached by attach_generic() is explained by the columns that are listed'(t) {
        await t.app.superuser.script(`
            create table explained (id bigint primary key, label text);
            grant all on explained to app;
            select pgcable.attach_generic('explained', stream => 'explained-{label}', columns => '{id,label}');`);
        t.later(() => t.app.superuser.script('drop table explained; select pgcable.detach_generic(relation) from pgcable.generic'));
        t.later(() => t.app.superuser.script("select pgcable.detach_generic('explained')"));
        await t.app.sql`insert into explained values (7, 'a')`;
        await t.app.sql`update explained set label = 'b'`;
        const wire = await t.listen(42);
        await t.settle(wire.notifications);
        assert.deepEqual(sends(await explain(t, 'explained', 7)), [
            'inserted', 'INSERT to explained-a', 'deleted', 'DELETE to explained-a', 'inserted', 'INSERT to explained-b',
        ]);
    },

    async 'what is not known is said plainly'(t) {
        const member = await t.app.member('Old');
        assert.match(await explain(t, 'message', 4242), /nothing is known of it: there is no such row/);
        assert.match(await explain(t, 'community_members', member), /no change of it was captured since/);

        await t.daemon.stop();
        t.later(async () => {
            await t.daemon.start();
            await t.daemon.ready();
        });
        const id = await t.app.message(7, 42, 'nobody reads');
        assert.match(await explain(t, 'message', id), /committed, and in no tick yet: no daemon has read it/);
        await t.app.superuser.sql`select from pgcable.advance()`;
        await t.app.superuser.sql`delete from pgcable.tick where tick < (select max(tick) from pgcable.tick)`;
        assert.match(await explain(t, 'message', id), /what it raised is not known: the tick before is not kept/);
    },

    async 'a change is in the tick that saw its commit, not its beginning'(t) {
        const session = new Session(t.app.role);
        t.later(() => session.end());
        const id = await session.run(`begin; insert into notifications (community_member_id)
            values (42) returning id;`);
        const { notifications } = await t.listen(42);
        await t.app.notification(42);
        await t.settle(notifications);
        await session.run('commit;');
        await t.settle(notifications);
        assert.deepEqual(sends(await explain(t, 'notifications', id)).slice(0, 2),
            ['inserted', 'newNotification to notification-channel-42']);
    },

    async 'TRUNCATE is of every row'(t) {
        await t.app.superuser.sql`truncate chat_thread_participants`;
        await until('a daemon to have read it', async () =>
            /tick \d+/.test(await explain(t, 'thread_participant', 1)));
        assert.match(await explain(t, 'thread_participant', 1),
            /gone with TRUNCATE, trace \d+:\d+\n {2}tick .*\n {2}all clients are told to reload$/m);
    },

    async 'to how many clients an event went is asked of the daemon'(t) {
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const room = await t.app.room([ann, bo]);
        const empty = await t.app.room([ann]); // nobody looks into it
        const { room: hers } = await t.listen(ann, room);
        const { room: his } = await t.listen(bo, room);
        const unheard = await t.app.message(empty, ann, 'into the void');
        const id = await t.app.message(room, ann, 'to both');
        await t.settle(hers, his);
        const text = await explain(t, 'message', id);
        assert.match(text, new RegExp(`newMessage to chat-room-${room}-channel, \\d+ bytes, to 2 clients$`, 'm'));
        assert.match(text, new RegExp(`newMessage to room-members:${room} .*, \\d+ bytes, to 2 clients$`, 'm'));
        assert.doesNotMatch(text, /not know/);
        assert.match(await explain(t, 'message', unheard),
            new RegExp(`newMessage to chat-room-${empty}-channel, \\d+ bytes, to no client$`, 'm'));

        const [, xid, row] = /trace (\d+):(\d+)/.exec(text);
        const { type, body } = await t.daemon.get(`/delivered?xid=${xid}&id=${row}`);
        assert.equal(type, 'application/json');
        assert.deepEqual(JSON.parse(body), [`chat-room-${room}-channel`, `room-members:${room}`].map((stream) =>
            ({ stream, event: 'newMessage', clients: 2 })));
    },

    async 'why it is not known to how many clients an event went'(t) {
        const address = `127\\.0\\.0\\.1:${t.daemon.settings.admin_port}`;
        const member = await t.app.member('Gone');
        const room = await t.app.room([member]);
        const { room: heard } = await t.listen(member, room);
        const id = await t.app.message(room, member, 'before it was stopped');
        await t.settle(heard);
        assert.match(await explain(t, 'message', id, '--admin_port', '-1'),
            /these settings name no admin_port .*, so to how many clients is not known$/m);

        await t.daemon.stop();
        t.later(async () => {
            if (!t.daemon.running) {
                await t.daemon.start();
                await t.daemon.ready();
            }
        });
        const text = await explain(t, 'message', id);
        assert.match(text, new RegExp(`^ {2}newMessage to chat-room-${room}-channel, \\d+ bytes$`, 'm'));
        assert.match(await explain(t, 'message', id, '--admin_port', '0'),
            /^these settings name no admin_port at which to ask a daemon, so to how many/m);
        assert.match(text, new RegExp(
            `^the daemon at ${address} does not answer \\(.+\\), so to how many clients is not known$`, 'm'));

        await t.daemon.start();
        await t.daemon.ready();
        assert.match(await explain(t, 'message', id), new RegExp(
            `the daemon at ${address} does not know it: it has not read that tick yet, or .* latest 8192 messages`));
    },

    async 'a daemon with admin_token is asked with it'(t) {
        const daemon = await t.start({ admin_token: 'a token for the tests' });
        const member = await t.app.member('Tok');
        const room = await t.app.room([member]);
        const { room: heard } = await t.listen(member, room, daemon);
        const id = await t.app.message(room, member, 'by the other daemon');
        await t.settle(heard);
        const sent = `newMessage to chat-room-${room}-channel, \\d+ bytes`;
        assert.match(await explain({ daemon }, 'message', id), new RegExp(`${sent}, to 1 client$`, 'm'));
        const refused = await explain({ daemon }, 'message', id, '--admin_token', 'another than it has');
        assert.match(refused, new RegExp(`${sent}$`, 'm'));
        assert.match(refused, /wants its admin_token in these settings \(HTTP status 401\), so to how many/);
    },

    async 'what cannot be explained says what to do'(t) {
        const { file } = t.daemon;
        await failsSaying(['explain', 'massages', '1', '-c', file],
            /massages is not attached/, /public\.chat_room_messages/, /pgcable attach/);
        await failsSaying(['explain', 'message', '-c', file], /usage: pgcable explain TABLE ID/);
        await failsSaying(['explain', 'message', '1', '-d', t.pg.dsn('app', 'app')], /permission denied/, /pgcable_daemon/);
        await failsSaying(['explain', 'message', '1', '-d', t.pg.dsn('postgres', 'postgres')], /pgcable migrate/);
    },
};
