// SPDX-License-Identifier: PostgreSQL
// A transaction that stays open, wherever it is, delays nobody but itself; one that is very large
// does not fill the daemon's memory.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { ownWorld } from './lib/own.mjs';
import { Session } from './lib/session.mjs';
import { SLOWNESS, until } from './lib/until.mjs';

const MB = 1024; // kB

function rss(daemon) {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${daemon.child.pid}/status`))[1]);
}

// Median and worst of some messages, from before the INSERT to the client, in ms.
async function latency(t, room, member, hers) {
    const times = [];
    for (let n = 0; n < 20; n++) {
        const start = performance.now();
        await t.app.message(room, member, `${n}`);
        assert.equal((await hers.room.next()).body, `${n}`);
        times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    return { median: Math.round(times[10]), worst: Math.round(times[19]) };
}

export default {
    async 'open writers in this table and in another database, a row lock, a prepared one: nobody waits'(t) {
        const own = await ownWorld(t, { conf: ['max_prepared_transactions = 2'] });
        const ann = await own.app.member('Ann');
        const bo = await own.app.member('Bo');
        const room = await own.app.room([ann, bo]);
        const hers = await own.listen(ann, room);
        const before = await latency(own, room, ann, hers);

        const other = own.pg.role('postgres', 'postgres');
        await other.script('create table t (n integer)');
        const holders = [
            [own.app.role, `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
                select ${room}, id, 'late' from chat_room_participants
                where community_member_id = ${ann};`],
            [own.app.role, `select from community_members where id = ${bo} for update;`],
            [other, 'insert into t values (1);'],
            [own.app.role, `declare c cursor with hold for select generate_series(1, 1000000);
                fetch 10 from c;`],
        ].map(([role, sql]) => {
            const session = new Session(role);
            own.later(() => session.end());
            return { session, begun: session.run(`begin; ${sql}`) };
        });
        await Promise.all(holders.map(({ begun }) => begun));
        await own.app.role.script(`begin; insert into notifications (community_member_id) values (${ann});
            prepare transaction 'stays';`);
        assert.equal(await own.app.superuser.sql`select count(*) from pg_stat_activity
            where state = 'idle in transaction'`, '4');

        const meanwhile = await latency(own, room, ann, hers);
        console.log('  ms from INSERT to client, median and worst of 20, psql included:'
            + ` ${before.median}, ${before.worst}; with five transactions open`
            + ` ${meanwhile.median}, ${meanwhile.worst}`);
        assert.ok(meanwhile.median < 1000 * SLOWNESS + 5 * before.median, 'as if they were not there');
        assert.equal(hers.room.messages.some(({ body }) => body === 'late'), false);

        await holders[0].session.run('commit;');
        assert.equal((await hers.room.next()).body, 'late');
        await own.app.role.script(`commit prepared 'stays';`);
        assert.equal((await hers.notifications.next()).event, 'newNotification');
    },

    async '100,000 rows in one COPY: the daemon does not grow with them'(t) {
        const own = await ownWorld(t);
        await own.daemon.stop();
        const daemon = await own.create({ history_bytes: 4 << 20, canary_ms: 0 });
        daemon.env = { ASAN_OPTIONS: 'abort_on_error=0:exitcode=99:quarantine_size_mb=8' };
        await daemon.start();
        await daemon.ready();
        const ann = await own.app.member('Ann');
        const [room, quiet] = [await own.app.room([ann]), await own.app.room([ann])];
        const hers = await own.connect(ann, {}, daemon);
        const after = await hers.subscribe('Chats::RoomChannel', { chat_room_id: quiet });
        await own.app.message(room, ann, 'so that all is warm');
        await own.app.message(quiet, ann, 'first');
        assert.equal((await after.next()).body, 'first');

        const before = rss(daemon);
        let highest = before;
        const watch = setInterval(() => { highest = Math.max(highest, rss(daemon)); }, 20);
        own.later(() => clearInterval(watch));
        const participant = await own.app.sql`select id from chat_room_participants
            where chat_room_id = ${room}`;
        const lines = Array.from({ length: 100_000 }, (_, n) =>
            `${room}\t${participant}\t${n} ${'x'.repeat(400)}\n`);
        await own.app.role.script(`copy chat_room_messages
            (chat_room_id, chat_room_participant_id, body) from stdin;\n${lines.join('')}\\.\n`, 300_000 * SLOWNESS);
        const start = performance.now();
        await own.app.message(quiet, ann, 'last');
        await until('what came after it', () => after.messages.length > 1, 240_000 * SLOWNESS);
        clearInterval(watch);
        const seconds = Math.round((performance.now() - start) / 1000);
        assert.ok((await daemon.metric('pgcable_feed_rows_total')) >= 100_000);
        const bytes = Number(await own.app.superuser.sql`select pgcable.outbox_bytes() / 1024`);
        console.log(`  ${Math.round(bytes / MB)} MB read in ${seconds} s; ${Math.round(before / MB)} MB before,`
            + ` ${Math.round(highest / MB)} MB at most`);
        assert.ok(bytes > 70 * MB, `${bytes} kB are enough to see it`);
        assert.ok(highest - before < 45 * MB, `grew by ${highest - before} kB`);
    },
};
