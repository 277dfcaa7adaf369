// SPDX-License-Identifier: PostgreSQL
// pgcable tail: what an operator sees is what clients are sent.
import assert from 'node:assert/strict';
import { PGCABLE, pgcable } from './lib/daemon.mjs';
import { Running } from './lib/running.mjs';

// Follows, and misses nothing from here on.
async function tail(t, ...args) {
    const running = new Running(['tail', ...args, '-c', t.daemon.file]);
    t.later(() => running.interrupt());
    await running.until('it to follow', () => /^pgcable: following /m.test(running.stderr));
    return running;
}

const parsed = (running) => running.lines.map((line) => JSON.parse(line));

// Behind all that was committed before: { settled } on that stream.
async function settled(t, running, stream) {
    const settled = `${Date.now()}-${Math.random()}`;
    await t.app.broadcast(stream, { settled });
    await running.until('the marker', () => running.stdout.includes(settled));
    return parsed(running).filter(({ message }) => !message?.settled);
}

async function failsSaying(args, ...patterns) {
    const { code, stdout, stderr } = await pgcable(args);
    assert.ok(code > 0, `exit status ${code}`);
    assert.equal(stdout, '');
    for (const pattern of patterns) {
        assert.match(stderr.trimEnd().split('\n').at(-1), pattern);
    }
}

export const isAlone = true;

export default {
    async 'the stream of a room is what its subscribers get'(t) {
        const { room: heard } = await t.listen(42, 7);
        const running = await tail(t, 'chat-room-7-channel', '--json');
        const sent = [];
        // One by one: who reads looks up for itself what other rows bring into an event.
        const seen = async () => {
            sent.push(await heard.next());
            await running.until('the event', () => running.lines.length === sent.length);
        };
        const id = await t.app.message(7, 42, 'tailed "\u0007\u009b');
        await seen();
        await t.app.sql`update chat_room_messages set body = 'changed' where id = ${id}`;
        await seen();
        await t.app.sql`delete from chat_room_messages where id = ${id}`;
        await seen();
        await t.app.message(8, 42, 'in another room');
        const shown = await settled(t, running, 'chat-room-7-channel');
        assert.deepEqual(shown.map(({ message }) => message), sent);
        assert.deepEqual(sent.map(({ event }) => event), ['newMessage', 'updatedMessage', 'deletedMessage']);
        assert.ok(shown.every(({ stream }) => stream === 'chat-room-7-channel'));
        const { code, signal } = await running.interrupt();
        assert.deepEqual([code, signal], [0, null]);
    },

    async "a member's own stream has the events of the member's rooms, as they come and go"(t) {
        const member = await t.app.member('Tess');
        const before = await t.app.room([member, 43]);
        const stream = `chat-room-channel-${member}`;
        const running = await tail(t, stream, '--json');
        const { member: heard } = await t.listen(member);
        await t.app.message(before, 43, 'of a room of old');
        const room = await t.app.room([member, 43]);
        await t.app.message(room, 43, 'of a new room');
        const sent = await heard.take(3);
        await t.app.sql`delete from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${member}`;
        await t.app.message(room, 43, 'of a room of others');
        assert.deepEqual(await t.settle(heard), [[]]);
        const shown = await settled(t, running, stream);
        const which = ({ event, id }) => `${event} ${id}`;
        assert.deepEqual(shown.map(({ message }) => which(message)), sent.map(which));
        assert.deepEqual(sent.map(({ event }) => event), ['newMessage', 'chatRoomCreated', 'newMessage']);
    },

    async 'after a pause the rooms are those that there are then, until the member is gone'(t) {
        const member = await t.app.member('Pat');
        const running = await tail(t, `chat-room-channel-${member}`, '--json');
        await t.app.superuser.sql`select pgcable.pause()`;
        const room = await t.app.room([member, 43]);
        await t.app.superuser.sql`select pgcable.resume()`;
        await running.until('it to follow again', () =>
            /told to reload: a pause has ended[^]*^pgcable: following /m.test(running.stderr));
        await t.app.message(room, 43, 'of a room of the pause');
        await running.until('the message', () => running.lines.length > 0);
        assert.equal(parsed(running)[0].message.body, 'of a room of the pause');
        await t.app.superuser.sql`delete from community_members where id = ${member}`;
        await running.until('the end', () => running.stderr.includes(`member ${member} is gone`));
    },

    async 'without a stream it shows all of them, internal topics included'(t) {
        const running = await tail(t, '--json');
        await t.app.message(7, 42, 'to all');
        const id = await t.app.notification(42);
        const shown = (await settled(t, running, 'elsewhere')).map(
            ({ stream, message }) => `${stream} ${message.event ?? ''}`,
        );
        for (const line of [
            'chat-room-7-channel newMessage',
            'room-members:7 newMessage',
            'notification-channel-42 newNotification',
        ]) {
            assert.ok(shown.includes(line), `${line} in ${shown}`);
        }
        assert.ok(id > 0);
    },

    async '--json is one line an event, whatever stored JSON looks like'(t) {
        await t.app.superuser.script(`
            create table tailed (id bigint primary key, doc json);
            select pgcable.attach_generic('tailed', stream => 'tailed-{id}', columns => '{id,doc}');`);
        t.later(() => t.app.superuser.script("select pgcable.detach_generic('tailed'); drop table tailed"));
        const running = await tail(t, 'tailed-7', '--json');
        await t.app.superuser.script(`insert into tailed values (7, E'{"a":\n[1.0,\r\n"b\\\\nc"]}')`);
        await running.until('the line', () => running.lines.length > 0);
        assert.match(running.lines[0], /"doc" ?: ?\{"a": \[1\.0, {2}"b\\nc"\]\}/);
        assert.equal(JSON.parse(running.lines[0]).message.record.doc.a[1], 'b\nc');
    },

    async '--since shows what is kept, by time or behind a tick'(t) {
        const member = await t.app.member('Sim');
        const room = await t.app.room([member]);
        const id = await t.app.message(room, member, 'first');
        await t.app.sql`update chat_room_messages set body = 'second' where id = ${id}`;
        const events = async (...args) => {
            const running = await tail(t, ...args, '--json');
            const shown = await settled(t, running, args[0]);
            await running.interrupt();
            return shown;
        };
        const stream = `chat-room-${room}-channel`;
        const shown = await events(stream, '--since', '10m');
        assert.deepEqual(shown.map(({ message }) => [message.event, message.body]), [
            ['newMessage', 'first'],
            ['updatedMessage', 'second'],
        ]);
        const later = await events(stream, '--since', String(shown[0].tick));
        assert.deepEqual(later.map(({ message }) => message.event), ['updatedMessage']);
        assert.deepEqual(await events(stream), []);
        const age = (ticks) => t.app.superuser.script(
            `update pgcable.tick set at = at - interval '150 seconds' where ${ticks}`);
        await age(`tick <= ${shown[0].tick}`);
        assert.deepEqual((await events(stream, '--since', '2m')).map(({ tick }) => tick), [later[0].tick]);
        const all = await tail(t, stream, '--since', '3d', '--json');
        assert.match(all.stderr, /what was before \S+Z is not kept any more \(retention_s\)/);
        assert.equal((await settled(t, all, stream)).length, 2);
        await all.interrupt();
        assert.deepEqual(
            (await events(stream, '--since', '0')).map(({ tick }) => tick),
            shown.map(({ tick }) => tick),
        );
        // A room that the member left again.
        const left = await t.app.room([member, 43]);
        await t.app.message(left, 43, 'seen');
        await t.app.sql`delete from chat_room_participants
            where chat_room_id = ${left} and community_member_id = ${member}`;
        await t.app.message(left, 43, 'not seen');
        const own = await events(`chat-room-channel-${member}`, '--since', '10m');
        assert.deepEqual(own.map(({ message }) => `${message.event} ${message.body ?? ''}`), [
            'chatRoomCreated ', 'newMessage first', 'chatRoomCreated ', 'newMessage seen',
        ]);
        await age('true');
        assert.deepEqual(await events(stream, '--since', '2m'), []);
    },

    async 'what only one member is sent is shown of each, however many they are'(t) {
        const members = JSON.parse(await t.app.sql`
            with n as (insert into community_members (name, email)
                select 'Many', i || '@many' from generate_series(1, 300) i returning id)
            select json_agg(id) from n`);
        const running = await tail(t, '--json');
        await t.app.room(members);
        const shown = await settled(t, running, 'elsewhere');
        assert.equal(shown.filter(({ message }) => message.event === 'chatRoomCreated').length, 300);
    },

    async 'for people it is one line an event, coloured on a terminal only'(t) {
        const running = await tail(t, 'chat-room-7-channel');
        await t.app.message(7, 42, 'to people \u009b31m');
        await running.until('the line', () => running.lines.length > 0);
        assert.match(
            running.lines[0],
            /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z chat-room-7-channel newMessage \{"event":"newMessage",.*\\xc2\\x9b31m/,
        );
        assert.ok(!running.stdout.includes('\u001b'));

        for (const [env, coloured] of [
            [{ TERM: 'xterm' }, true],
            [{ TERM: 'xterm', NO_COLOR: '1' }, false],
        ]) {
            // Ctrl-C goes to all on the terminal: a shell that stayed would die of it.
            const command = `exec ${process.env.PGCABLE_WRAP ?? ''} ${PGCABLE}`;
            const onTerminal = new Running(
                ['-qec', `${command} tail chat-room-7-channel --since 10m -c ${t.daemon.file}`, '/dev/null'],
                { env, program: 'script' },
            );
            t.later(() => onTerminal.child.kill());
            await onTerminal.until('the line', () => /newMessage/.test(onTerminal.stdout));
            assert.equal(onTerminal.stdout.includes('\u001b[0;1mnewMessage'), coloured);
            assert.equal((await onTerminal.interrupt()).code, 0);
        }
    },

    async 'it goes on where it was when its connections are lost'(t) {
        const readers = () => t.app.superuser.sql`select coalesce(string_agg(pid::text, ','), '')
            from pg_stat_activity where application_name = 'pgcable/reader'`;
        const before = (await readers()).split(',');
        const running = await tail(t, 'chat-room-7-channel', '--json');
        const own = (await readers()).split(',').find((pid) => !before.includes(pid));
        await t.app.message(7, 42, 'before');
        await running.until('the first', () => running.lines.length === 1);
        await t.app.superuser.sql`select pg_terminate_backend(${own}::integer)`;
        await t.app.message(7, 42, 'meanwhile');
        const shown = await settled(t, running, 'chat-room-7-channel');
        assert.deepEqual(shown.map(({ message }) => message.body), ['before', 'meanwhile']);
    },

    async 'it changes nothing that daemons keep'(t) {
        const kept = () => t.app.superuser.sql`select m.outbox_max_bytes || ' '
                || (select min(tick) from pgcable.tick) || ' ' || pg_sequence_last_value('pgcable.ctl') / 4
            from pgcable.meta m`;
        await t.daemon.stop();
        t.later(async () => {
            await t.daemon.start();
            await t.daemon.ready();
        });
        const before = await kept();
        const running = new Running([
            'tail', '--json', '--outbox_max_bytes', '1000000', '--retention_s', '10', '-d', t.world.dsn,
        ]);
        t.later(() => running.interrupt());
        await running.until('it to follow', () => /following/.test(running.stderr));
        // A daemon tends and prunes as soon as it begins, and before it builds a message.
        await t.app.message(7, 42, 'without a daemon');
        assert.equal((await settled(t, running, 'elsewhere')).length, 2);
        assert.equal(await kept(), before);
    },

    async 'what cannot be followed is said in one line, with what to do'(t) {
        const { file } = t.daemon;
        await failsSaying(['tail', 'chat-room-channel-4242', '-c', file], /no member 4242/, /hint/);
        await failsSaying(['tail', '--since', '999999999', '-c', file], /tick 999999999 is not kept/);
        await failsSaying(['tail', '--since', 'yesterday', '-c', file], /"yesterday"/, /10m/);
        await failsSaying(['tail', '-d', t.pg.dsn('app', 'app')], /permission denied/, /pgcable_daemon/);
        await failsSaying(['tail', '-d', 'host=/nonexistent dbname=x'], /\/nonexistent/, /hint/);
        await failsSaying(['tail', '-d', t.pg.dsn('postgres', 'postgres')], /pgcable migrate/);
        const odd = await tail(t, 'orders-7');
        assert.match(odd.stderr, /"orders-7" is none of notification-channel-MEMBER/);
        await t.app.broadcast('orders-7', 'hello');
        await odd.until('it', () => /orders-7 - "hello"$/m.test(odd.stdout));
    },
};
