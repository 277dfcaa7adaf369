// SPDX-License-Identifier: PostgreSQL
// What is too large for the daemon, or for the disk of the database, stops neither of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ownWorld } from './lib/own.mjs';
import { Skip } from './lib/test.mjs';
import { SLOWNESS, until } from './lib/until.mjs';

const MB = 1 << 20;
const PATIENCE = 240_000 * SLOWNESS;

function rss({ child }) {
    return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);
}

function asRoot(...command) {
    execFileSync(command[0], command.slice(1), { stdio: 'pipe' });
}

export default {
    async 'a row of 100 MB is announced and not sent, and what follows is delivered'(t) {
        const own = await ownWorld(t);
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const hers = await own.connect(ann);
        const heard = await hers.subscribe('Chats::RoomChannel', { chat_room_id: room });
        const write = (body) => own.app.role.script(`insert into chat_room_messages
            (chat_room_id, chat_room_participant_id, body)
            select ${room}, p.id, ${body} from chat_room_participants p
            where p.chat_room_id = ${room} returning id`, PATIENCE);

        // In JSON a control character takes six bytes: that one is read, and found too large then.
        const plain = Number(await write(`repeat('x', 100 * ${MB})`));
        const control = Number(await write(`repeat(E'\\x01', ${MB})`));
        const last = Number(await write(`'small'`));
        await until('the messages', () => heard.messages.length >= 3, PATIENCE);
        assert.deepEqual(heard.messages.slice(0, 2), [
            { event: 'newMessage', id: plain, truncated: true },
            { event: 'newMessage', id: control, truncated: true },
        ]);
        assert.equal(heard.messages[2].id, last);
        assert.ok(rss(own.daemon) < 1024 * MB, `${rss(own.daemon) / MB} MB`);
        await own.daemon.ready();
    },

    async 'while a row of 100 MB is written and shown others are served, in order, and nobody reads it'(t) {
        const own = await ownWorld(t);
        const [ann, bo] = [await own.app.member('Ann'), await own.app.member('Bo')];
        const [room, other] = [await own.app.room([ann]), await own.app.room([ann])];
        const hers = await (await own.connect(ann)).subscribe('ChatRoomChannel');
        const his = await (await own.connect(bo)).subscribe('ChatRoomChannel');
        const ids = [];
        const exchange = async () => {
            ids.push(await own.app.message(room, ann));
            await until('the message', () => hers.messages.some(({ id }) => id === ids.at(-1)), PATIENCE);
        };
        await exchange();

        // Each is delivered before the next one is written.
        let huge = null;
        const written = own.app.role.script(`insert into chat_room_messages (chat_room_id, body)
            values (${other}, repeat('x', 100 * ${MB})) returning id`, PATIENCE).then((id) => { huge = Number(id); });
        do {
            await exchange();
        } while (huge === null);
        await written;
        await exchange();
        await until('what is announced', () => hers.messages.length === ids.length + 1, PATIENCE);
        const order = hers.messages.map(({ id }) => id);
        assert.deepEqual(order.filter((id) => id !== huge), ids);
        // We hear of its commit later than she does.
        const committed = await own.app.superuser.sql`select string_agg(b.new::json ->> 'id', ',' order by k.tick, b.id)
            from pgcable.tick k, pgcable.batches(k.tick - 1, k.tick) b
            where k.tick > (select min(tick) from pgcable.tick) and b.kind = 'message'`;
        assert.equal(order.join(), committed);
        assert.equal(order.at(-1), ids.at(-1));

        // It is the room's last message, and what a reply belongs to.
        await own.app.participant(other, bo);
        await until('the room', () => his.messages.length === 1, PATIENCE);
        const theirs = await (await own.connect(ann)).subscribe('Chats::RoomChannel', { chat_room_id: other });
        const reply = await own.app.message(other, ann, 'a reply', { parent: huge });
        await own.app.sql`delete from chat_room_messages where id = ${reply}`;
        await exchange();
        await until('all of it', () => theirs.messages.length === 2, PATIENCE);
        assert.deepEqual(his.messages, [{ event: 'chatRoomCreated', id: other, truncated: true }]);
        assert.deepEqual(theirs.messages[1], { event: 'deletedMessage', id: reply, truncated: true });
        const longest = await own.app.superuser.sql`select max(octet_length(new)) from pgcable.tick k,
            pgcable.batches(k.tick - 1, k.tick) where k.tick > (select min(tick) from pgcable.tick)`;
        assert.ok(Number(longest) < 10_000, `a row of ${longest} bytes was read`);
        await own.daemon.ready();
    },

    async 'the disk of the database is full: writes fail, and go on being delivered when it is not'(t) {
        const dir = path.join(t.dir, 'own_disk');
        fs.mkdirSync(dir);
        try {
            asRoot('mount', '-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', dir);
        } catch (error) {
            fs.rmdirSync(dir);
            throw new Skip(`wants root and the right to mount: ${error.message}`);
        }
        t.later(() => asRoot('umount', '--lazy', dir));
        const own = await ownWorld(t, { dir, conf: ['max_wal_size = 48MB', 'min_wal_size = 32MB'] });
        const ann = await own.app.member('Ann');
        const room = await own.app.room([ann]);
        const hers = await own.connect(ann);
        const heard = await hers.subscribe('Chats::RoomChannel', { chat_room_id: room });
        await own.app.message(room, ann, 'before');
        await until('the first', () => heard.messages.length === 1);

        // Until a write fails: the application's own error, with or without us.
        const filler = path.join(dir, 'filler');
        const { bavail, bsize } = fs.statfsSync(dir);
        fs.writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 4 * MB)));
        let written = 1;
        const failed = await until('the disk to be full', async () => {
            try {
                await own.app.message(room, ann, 'x'.repeat(200_000));
                written++;
                return null;
            } catch (error) {
                return error;
            }
        }, PATIENCE);
        assert.match(failed.message, /No space left on device|could not extend|connection|recovery mode/);

        fs.rmSync(filler);
        await own.pg.up().catch(() => {}); // PostgreSQL may have stopped for want of room for its log
        await until('the application to write again', () => own.app.message(room, ann, 'after')
            .then(() => true, () => false), PATIENCE);
        await until('the last to arrive', () => heard.messages.at(-1).body === 'after', PATIENCE);
        assert.equal(heard.messages.length, written + 1, 'each once');
        await own.daemon.ready();
    },
};
