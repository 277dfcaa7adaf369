// SPDX-License-Identifier: PostgreSQL
// What is committed arrives once, in order, whoever wrote it; what is not committed never does.
import assert from 'node:assert/strict';
import { check } from './lib/contract.mjs';

const ROOM = 'Chats::RoomChannel';

async function roomOfTwo(t) {
    const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
    const room = await t.app.room([ann, bo]);
    return { ann, bo, room, hers: await t.listen(ann, room), his: await t.listen(bo, room) };
}

export default {
    async 'a row inserted by psql reaches each subscriber once, with all fields'(t) {
        const { ann, room, hers, his } = await roomOfTwo(t);
        const id = await t.app.message(room, ann, 'Hi, "Bö" <b>&</b> 😀');
        const row = JSON.parse(
            await t.app.sql`select row_to_json(m) from (select m.*, r.uuid, to_char(
            date_trunc('milliseconds', m.created_at), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as utc from chat_room_messages m join chat_rooms r on r.id = m.chat_room_id
            where m.id = ${id}) m`,
        );

        const [ofHers, ofHis, hersMember] = await t.settle(hers.room, his.room, hers.member);
        const [message] = ofHers;
        assert.equal(ofHers.length, 1);
        assert.deepEqual(ofHis, ofHers);
        assert.deepEqual(hersMember, ofHers, "the sender's own member stream is included");
        check(ROOM, message);
        assert.deepEqual(message, {
            event: 'newMessage',
            id,
            chat_room_uuid: row.uuid,
            chat_room_kind: 'group_chat',
            chat_room_participant_id: row.chat_room_participant_id,
            body: 'Hi, "Bö" <b>&</b> 😀',
            rich_text_body: row.rich_text_body,
            sent_at: message.sent_at,
            created_at: message.created_at,
            sender: {
                id: row.chat_room_participant_id,
                community_member_id: ann,
                name: 'Ann',
                avatar_url: null,
                user_public_uid: '50cbbccb',
            },
            creation_uuid: row.creation_uuid,
            chat_thread_id: null,
            parent_message_id: null,
            lesson_id: null,
            edited_at: null,
            replies_count: 0,
            total_thread_participants_count: 0,
            thread_participants_preview: [],
            chat_thread_replies_count: 0,
        });
        assert.equal(message.created_at, row.utc);
    },

    async 'rows copied in reach each subscriber once, in order'(t) {
        const { ann, room, hers, his } = await roomOfTwo(t);
        const participant = await t.app.sql`select id from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${ann}`;
        const bodies = Array.from({ length: 100 }, (_, i) => `copied ${i}`);
        await t.app.role.script(`
            copy chat_room_messages (chat_room_id, chat_room_participant_id, body)
            from stdin;\n${bodies
                .map((body) => `${room}\t${participant}\t${body}\n`)
                .join('')}\\.\n`);

        for (const got of await t.settle(hers.room, his.room)) {
            assert.deepEqual(
                got.map(({ body }) => body),
                bodies,
            );
        }
    },

    async '10,000 rows of one INSERT … SELECT reach each subscriber once, in order'(t) {
        const { ann, room, hers, his } = await roomOfTwo(t);
        await t.app
            .sql`insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select ${room}, p.id, 'row ' || n
            from generate_series(1, 10000) n, chat_room_participants p
            where p.chat_room_id = ${room} and p.community_member_id = ${ann} order by n`;
        const expected = Array.from({ length: 10_000 }, (_, i) => `row ${i + 1}`);

        for (const got of await t.settle(hers.room, his.room, his.member)) {
            assert.deepEqual(
                got.map(({ body }) => body),
                expected,
            );
            got.forEach((message) => assert.equal(message.sender.name, 'Ann'));
        }
    },

    async 'a transaction that is rolled back is never heard of'(t) {
        const { ann, room, hers } = await roomOfTwo(t);
        await t.app.sql`begin;
            insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select chat_room_id, id, 'never' from chat_room_participants
            where chat_room_id = ${room};
            rollback;`;
        await t.app.message(room, ann, 'after');

        const [got] = await t.settle(hers.room);
        assert.deepEqual(
            got.map(({ body }) => body),
            ['after'],
        );
    },

    async 'of a savepoint that is rolled back only the rest is heard'(t) {
        const { ann, room, hers } = await roomOfTwo(t);
        const insert = (
            body,
        ) => `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select chat_room_id, id, '${body}' from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${ann};`;
        await t.app.role.script(`begin; ${insert('one')} savepoint s; ${insert('never')}
            rollback to s; ${insert('two')} release s; ${insert('three')} commit;`);

        const [got] = await t.settle(hers.room);
        assert.deepEqual(
            got.map(({ body }) => body),
            ['one', 'two', 'three'],
        );
    },

    async 'writers that commit in another order than they wrote lose nothing'(t) {
        const { ann, room, hers, his } = await roomOfTwo(t);
        const writers = Array.from({ length: 6 }, (_, writer) =>
            t.app.role.script(
                Array.from(
                    { length: 20 },
                    (_unused, n) => `begin;
                insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
                select chat_room_id, id, '${writer}/${n}' from chat_room_participants
                where chat_room_id = ${room} and community_member_id = ${ann};
                select pg_sleep(random() * 0.01);
                commit;`,
                ).join('\n'),
            ),
        );
        await Promise.all(writers);

        const [ofHers, ofHis] = await t.settle(hers.room, his.room);
        assert.deepEqual(
            ofHis.map(({ id }) => id),
            ofHers.map(({ id }) => id),
            'everybody sees one order',
        );
        for (let writer = 0; writer < 6; writer++) {
            assert.deepEqual(
                ofHers.map(({ body }) => body).filter((body) => body.startsWith(`${writer}/`)),
                Array.from({ length: 20 }, (_, n) => `${writer}/${n}`),
            );
        }
        assert.equal(ofHers.length, 120);
    },

    async 'an update that no payload shows raises nothing'(t) {
        const { ann, room, hers } = await roomOfTwo(t);
        const id = await t.app.message(room, ann);
        await t.settle(hers.room);
        await t.app
            .sql`update chat_room_messages 
                set updated_at = now() + interval '1 second' where id = ${id}`;
        await t.app.sql`update chat_room_messages set body = body where id = ${id}`;

        const [got] = await t.settle(hers.room);
        assert.deepEqual(got, []);
    },

    async 'numbers beyond what JavaScript can hold come through digit by digit'(t) {
        const { ann, room, hers } = await roomOfTwo(t);
        const big = '9007199254740993';
        await t.app.sql`insert into chat_room_messages
                (id, chat_room_id, chat_room_participant_id, body, rich_text_body)
            select ${BigInt(big)}, chat_room_id, id, 'big',
                '{"n": 12345678901234567890.125, "u": "é😀"}'
            from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${ann}`;

        await hers.room.next();
        const [text] = hers.room.texts;
        assert.ok(text.includes(`"id":${big},`), text);
        assert.ok(text.includes('12345678901234567890.125'), text);
        assert.ok(text.includes('"é😀"'), text);
    },

    async 'payloads of 8,000 bytes and of 1 MB arrive whole'(t) {
        const { ann, room, hers, his } = await roomOfTwo(t);
        for (const size of [8_000, 1_000_000]) {
            await t.app
                .sql`insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
                select chat_room_id, id, repeat('0123456789', ${size / 10})
                from chat_room_participants
                where chat_room_id = ${room} and community_member_id = ${ann}`;
            for (const got of await t.settle(hers.room, his.member)) {
                assert.equal(got.length, 1);
                assert.equal(got[0].body, '0123456789'.repeat(size / 10));
            }
        }
    },

    async 'a payload over the limit is never sent in part'(t) {
        const daemon = await t.start({ max_payload_bytes: 20_000 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const hers = await t.listen(ann, room, daemon);
        const id = await t.app.message(room, ann, 'x'.repeat(30_000));

        const [got] = await t.settle(hers.room);
        assert.deepEqual(got, [{ event: 'newMessage', id, truncated: true }]);
    },

    async 'two daemons on one database give the same order'(t) {
        const { ann, bo, room, hers } = await roomOfTwo(t);
        const other = await t.start();
        const his = await t.listen(bo, room, other);
        await Promise.all(
            Array.from({ length: 4 }, (_, writer) =>
                t.app.role.script(
                    Array.from(
                        { length: 50 },
                        (_unused, n) => `
                insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
                select chat_room_id, id, '${writer}/${n}' from chat_room_participants
                where chat_room_id = ${room} and community_member_id = ${ann};`,
                    ).join(''),
                ),
            ),
        );

        const [ofHers, ofHis] = await t.settle(hers.room, his.room);
        assert.equal(ofHers.length, 200);
        assert.deepEqual(ofHis, ofHers);
    },
};
