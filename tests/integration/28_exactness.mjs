// SPDX-License-Identifier: PostgreSQL
// What a client reads is what PostgreSQL holds: to the digit, to the character, to the byte.
import assert from 'node:assert/strict';
import { ownWorld } from './lib/own.mjs';

// A database whose messages have more columns, which travel along, and zoned times.
const EXTENDED = {
    before: `
        alter table chat_room_messages
            add amount numeric, add ratio double precision, add small real, add doc json, add docb jsonb,
            add tags text[], add span interval, add day date, add raw bytea, add period tstzrange,
            alter sent_at type timestamptz using sent_at at time zone 'utc',
            alter edited_at type timestamptz using edited_at at time zone 'utc',
            alter rich_text_body drop default, alter rich_text_body type json, alter rich_text_body drop not null;`,
    attach: `
        select pgcable.attach('member', 'community_members');
        select pgcable.attach('room', 'chat_rooms');
        select pgcable.attach('participant', 'chat_room_participants');
        select pgcable.attach('thread', 'chat_threads');
        select pgcable.attach('thread_participant', 'chat_thread_participants');
        select pgcable.attach('message', 'chat_room_messages', '{"extra":
            ["amount", "ratio", "small", "doc", "docb", "tags", "span", "day", "raw", "period"]}');
        select pgcable.attach('notification', 'notifications');`,
};

async function oneInARoom(t) {
    const ann = await t.app.member('Ann');
    const room = await t.app.room([ann]);
    return { ann, room, hers: await t.listen(ann, room) };
}

// A text as SQL that no client, no psql and no quoting can touch.
const sqlText = (text) => `convert_from(decode('${Buffer.from(text).toString('hex')}', 'hex'), 'UTF8')`;

// One message per list of SQL expressions for these columns, in one session that begins with `settings`.
function write(t, room, columns, rows, settings = '') {
    return t.app.role.script(`${settings}\n${rows.map((row) => `insert into chat_room_messages
        (chat_room_id, chat_room_participant_id, ${columns.join(', ')})
        select chat_room_id, id, ${row.join(', ')} from chat_room_participants where chat_room_id = ${room};`).join('\n')}`);
}

// What the newest `count` messages hold: the rows of the SELECT, oldest first.
async function held(t, room, expression, count) {
    const rows = await t.app.role.script(`set timezone = 'UTC'; select coalesce((${expression})::text, 'null')
        from (select * from chat_room_messages where chat_room_id = ${room} order by id desc limit ${count}) m order by id;`);
    return rows.split('\n');
}

// The text of a member of the frame, up to the next one's name.
function textOf(frame, name, next) {
    const start = frame.indexOf(`"${name}":`) + name.length + 3;
    const end = next ? frame.indexOf(`,"${next}":`, start) : frame.lastIndexOf('}}');
    return frame.slice(start, end);
}

// Deeper than any editor nests: a TipTap document with a mark, an attribute and text at each depth.
function tiptap(depth) {
    let node = { type: 'text', text: 'deep "down" 😀', marks: [{ type: 'bold' }] };
    for (let n = 0; n < depth; n++) {
        node = { type: n % 2 ? 'bulletList' : 'listItem', attrs: { z: n, a: n / 10 }, content: [{ type: 'text', text: `${n}` }, node] };
    }
    return { type: 'doc', content: [node] };
}

const TEXTS = {
    'astral, combining and joined characters': [
        '😀', '👩‍👩‍👧‍👦 👨🏽‍🚀 🏳️‍🌈 🇩🇪', 'e\u0301 n\u0303 é', 'Z\u0351\u036B\u0343a\u0329l\u031Dg\u0349o', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎𠜱 𐍈',
        'हिन्दी ไทย 한국어 한국어 日本語', 'ﷺ \u202Ertl\u202C עברית العربية', '\u{10FFFF}\u{10000}\u{1F9D1}\u200D\u{1F52C}',
    ],
    'separators, noncharacters and what looks like nothing': [
        'a\u2028b\u2029c', '\uFEFFbom', '\uFFFE \uFFFF \uFDD0 \uFFFD', '\u200B\u200C\u200D\u2060', '\u00A0\u3000 \u0085', '\u{E0001}\u{E0020}', '',
        ' ', '\t', '\n', '\r\n', ' leading and trailing ',
    ],
    'every control character': [
        Array.from({ length: 31 }, (_, n) => String.fromCharCode(n + 1)).join(''),
        Array.from({ length: 33 }, (_, n) => String.fromCharCode(0x7f + n)).join(''), '\b\f\n\r\t\v\x1b[31m\x07',
    ],
    'quotes, backslashes, slashes and HTML': [
        '"', '\\', '\\\\', '\\"', '"\\"', '/', '</script><!--', '<b>&amp;</b> \'x\'', '\\u0041 \\n \\x', '\\u0000 \\ud83d', '{"a":"b"}', 'ends with \\',
        '%s %n $1 ${x} :name', '","event":"forged', "Robert'); drop table students;--",
    ],
};

const textTests = Object.entries(TEXTS).map(([what, texts]) => [`${what} come through unchanged`, async (t) => {
    const { ann, room, hers } = await oneInARoom(t);
    await write(t, room, ['body'], texts.map((text) => [sqlText(text)]));
    const [got] = await t.settle(hers.room);
    assert.deepEqual(got.map(({ body }) => body), texts);
    const hex = await held(t, room, `encode(convert_to(body, 'UTF8'), 'hex')`, texts.length);
    assert.deepEqual(got.map(({ body }) => Buffer.from(body).toString('hex')), hex);

    // The same from facts, as name of a person and of a room, in chatRoomUpdated and as sender.
    for (const text of texts) {
        await t.app.role.script(`update community_members set name = ${sqlText(text)} where id = ${ann};
            update chat_rooms set name = ${sqlText(text)} where id = ${room};`);
        await write(t, room, ['body'], [[`'by'`]]);
        const [message] = (await t.settle(hers.room))[0].slice(-1);
        assert.equal(message.sender.name, text);
    }
    const named = (await t.settle(hers.member))[0].filter(({ event }) => event === 'chatRoomUpdated');
    assert.deepEqual(named.map(({ chat_room_name: name }) => name), texts);
}]);

export default {
    ...Object.fromEntries(textTests),

    async 'ids beyond 2^53 come through digit by digit, and neighbours stay two'(t) {
        const [ann, bo] = ['9007199254740993', '9007199254740992']; // one number to JavaScript
        const [room, participant, other, root, reply, thread] = [
            '9007199254740995', '9007199254740997', '9007199254740996', '9223372036854775807', '9223372036854775805', '9007199254740999'];
        await t.app.role.script(`
            insert into community_members (id, name, email) values (${ann}, 'Ann', 'a'), (${bo}, 'Bo', 'b');
            insert into chat_rooms (id, name) values (${room}, 'Team'), (9007199254740994, 'Other');
            insert into chat_room_participants (id, chat_room_id, community_member_id)
                values (${participant}, ${room}, ${ann}), (${other}, 9007199254740994, ${bo});`);
        const [hers, his] = [await t.listen(ann, room), await t.listen(bo)];
        await t.app.role.script(`
            insert into chat_room_messages (id, chat_room_id, chat_room_participant_id, body) values (${root}, ${room}, ${participant}, 'root');
            insert into chat_threads (id, chat_room_id, parent_message_id) values (${thread}, ${room}, ${root});
            insert into chat_thread_participants (id, chat_thread_id, community_member_id) values (${thread}, ${thread}, ${ann});
            insert into chat_room_messages (id, chat_room_id, chat_room_participant_id, body, parent_message_id, chat_thread_id, lesson_id)
                values (${reply}, ${room}, ${participant}, 'reply', ${root}, ${thread}, -9007199254740993);
            delete from chat_room_messages where id = ${reply};
            update chat_rooms set pinned_message_id = ${root} where id = ${room};
            update chat_thread_participants set last_read_at = now() where id = ${thread};
            update chat_room_participants set pinned_at = now() where id = ${participant};
            insert into notifications (id, community_member_id, notifiable_id) values (${root}, ${ann}, ${reply});`);
        await t.settle(hers.room, hers.member, hers.threads, hers.notifications);

        const [created, replied, deleted, pinned] = hers.room.texts;
        const has = (text, ...parts) => parts.forEach((part) => assert.ok(text.includes(part), `${part} in ${text}`));
        has(created, `"id":${root},`, `"chat_room_participant_id":${participant},`, `"sender":{"id":${participant},"community_member_id":${ann},`);
        has(replied, `"id":${reply},`, `"parent_message_id":${root},`, `"chat_thread_id":${thread},`, '"lesson_id":-9007199254740993,',
            `"thread_participants_preview":[{"id":${thread},"community_member_id":${ann},`);
        has(deleted, `"id":${reply},"parent_message":{`, `"id":${root},`);
        has(pinned, `"pinned_message":{`, `"id":${root},`);
        has(hers.threads.texts.join(), `"event":"chatThreadRead","chat_thread_id":${thread}}`);
        has(hers.member.texts.join(), `"event":"chatRoomPinned","chat_room_id":${room},`);
        has(hers.notifications.texts[0], `"id":${root},"community_member_id":${ann},`, `"notifiable_id":${reply},`);
        const [ofHis, notified] = await t.settle(his.member, his.notifications);
        assert.deepEqual([ofHis, notified], [[], []], 'the neighbour hears nothing');
    },

    async 'numbers come through as PostgreSQL writes them, whatever the writer had set'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        const rows = [
            ['1.10', '0.1::float8 + 0.2', '0.1'], ['0.10000', '1e300', '16777217'], ['-0.00', `'-0'`, `'-0'`],
            ['1234567890123456789012345678901234567890.12345678901234567890', 'pi()', 'pi()'],
            ['1e-40', '2.2250738585072014e-308', '1e-45'], ['1e100', '9007199254740993', '1e38'],
            [`'NaN'`, `'NaN'`, `'NaN'`], [`'Infinity'`, `'-Infinity'`, `'Infinity'`], ['null', 'null', 'null'],
        ];
        for (const digits of [-15, 0, 1, 3]) {
            await write(own, room, ['amount', 'ratio', 'small'], rows, `set extra_float_digits = ${digits};`);
            const got = await own.settle(hers.room);
            const texts = hers.room.texts.filter((text) => text.includes('"event":')).slice(-rows.length);
            assert.equal(got[0].length, rows.length);
            for (const [name, next] of [['amount', 'ratio'], ['ratio', 'small'], ['small', 'doc']]) {
                assert.deepEqual(texts.map((text) => textOf(text, name, next)),
                    await held(own, room, `to_json(${name})`, rows.length), `${name} with extra_float_digits = ${digits}`);
            }
            // A writer's own settings are his still.
            assert.equal(await own.app.role.script(`set extra_float_digits = ${digits}; begin;
                insert into chat_room_messages (chat_room_id) values (${room}); show extra_float_digits; commit;
                show extra_float_digits;`), `${digits}\n${digits}`);
            await own.settle(hers.room);
        }
    },

    async 'a database whose sessions round their floats changes none of them'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        const name = await own.app.superuser.sql`select current_database()`;
        await own.app.superuser.script(`alter database ${name} set extra_float_digits = -5;
            select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'pgcable_daemon' and datname = '${name}';`);
        await write(own, room, ['id', 'ratio'], [['-2', '0.1::float8 + 0.2']]);
        await own.app.role.script(`insert into chat_room_messages (id, chat_room_id, parent_message_id) values (-1, ${room}, -2);
            delete from chat_room_messages where id = -1;`);
        const [[created, , deleted]] = await own.settle(hers.room);
        assert.deepEqual([created.ratio, deleted.parent_message.ratio], [0.1 + 0.2, 0.1 + 0.2]);
    },

    async 'json goes through as it was typed: order, duplicates, spelling, blanks, \\u0000'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        const documents = [
            '{"z":1,"a":2,"m":{"10":1,"9":2}}', '{"a":1,"a":2,"a":{"a":3}}', '[1.0,1.50,1e5,1E+05,-0,-0.0,0.1e-7,12345678901234567890123.450]',
            '{ "spaced" :\n\t[ 1 , 2 ]  }', '{"nul":"a\\u0000b","lone":"\\ud83d","\\u0000":"\\udc00"}', '"\\u00e9é\\/\\b\\ud83d\\ude00"',
            '{"":"","\\"":"}],{[","\\\\":"\\\\"}', 'true', 'null', '1.000', '[]', '{}', '""',
        ];
        await write(own, room, ['rich_text_body', 'doc'], documents.map((text) => [`${sqlText(text)}::json`, `${sqlText(text)}::json`]));
        const [got] = await own.settle(hers.room);
        assert.equal(got.length, documents.length);
        hers.room.texts.slice(0, documents.length).forEach((text, n) => {
            assert.equal(textOf(text, 'rich_text_body', 'sent_at'), documents[n]);
            assert.equal(textOf(text, 'doc', 'docb'), documents[n]);
        });
        got.forEach((message, n) => assert.deepEqual(message.rich_text_body, JSON.parse(documents[n])));

        // And as facts: of the parent of a deleted reply.
        for (const [n, { id }] of got.entries()) {
            await own.app.role.script(`insert into chat_room_messages (id, chat_room_id, parent_message_id) values (-1, ${room}, ${id});
                delete from chat_room_messages where id = -1;`);
            await own.settle(hers.room);
            const text = hers.room.texts.findLast((frame) => frame.includes('"event":"deletedMessage"'));
            assert.equal(textOf(text, 'rich_text_body', 'sent_at'), documents[n]);
            assert.equal(textOf(text, 'doc', 'docb'), documents[n]);
        }
    },

    async 'jsonb goes through as PostgreSQL prints it'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        const documents = ['{"b":1,"aa":2,"a":3,"a":4}', '[1.0,1e5,1E-3,-0,12345678901234567890123456789012345678901234567890.50]',
            '{"text":"\\u00e9\\ud83d\\ude00 <&>\\u2028 \\"\\\\ \\u0001\\u007f"}', '{"deep":{"z":[{"y":null}]}}'];
        await write(own, room, ['docb', 'tags'], documents.map((text) => [`${sqlText(text)}::jsonb`, `array['a"b', null, ${sqlText(text)}]`]));
        const [got] = await own.settle(hers.room);
        const [docs, tags] = [await held(own, room, 'docb', documents.length), await held(own, room, 'to_json(tags)', documents.length)];
        hers.room.texts.slice(0, documents.length).forEach((text, n) => {
            assert.equal(textOf(text, 'docb', 'tags'), docs[n]);
            assert.equal(textOf(text, 'tags', 'span'), tags[n]);
        });
        assert.deepEqual(got.map(({ docb }) => docb), docs.map((text) => JSON.parse(text)));
        await assert.rejects(write(own, room, ['docb'], [[`'{"a":"\\u0000"}'`]]), /unsupported Unicode escape/);
    },

    async 'a jsonb document nested 120 and 1,500 deep, whole'(t) {
        const { room, hers } = await oneInARoom(t);
        for (const depth of [120, 1500]) {
            await write(t, room, ['body', 'rich_text_body'],
                [[`'deep'`, `${sqlText(JSON.stringify(tiptap(depth)))}::jsonb`]]);
            const { id } = await hers.room.next();
            await t.app.sql`update chat_room_messages set body = 'edited' where id = ${id}`;
            await hers.room.next();
            const [expected] = await held(t, room, 'rich_text_body', 1);
            for (const text of hers.room.texts.slice(-2)) { // new and updated
                assert.ok(textOf(text, 'rich_text_body', 'sent_at') === expected);
            }
        }
    },

    async 'bodies of 1 MB: ASCII, multi-byte, all escapes, a document'(t) {
        const daemon = await t.start({ max_payload_bytes: 8_000_000, queue_bytes: 64_000_000 });
        const ann = await t.app.member('Ann');
        const room = await t.app.room([ann]);
        const hers = await t.listen(ann, room, daemon);
        const many = (text) => text.repeat(Math.ceil(1_048_576 / Buffer.byteLength(text)));
        for (const body of ['x', 'é', '語', '😀', '👩‍👩‍👧‍👦', '"\\', '\x01', '\n'].map(many)) {
            await t.app.role.script(`insert into chat_room_messages (chat_room_id, body, rich_text_body)
                values (${room}, ${sqlText(body)}, jsonb_build_object('text', ${sqlText(body.slice(0, 1000))}));`);
            const message = await hers.room.next();
            assert.ok(message.body === body, `${Buffer.byteLength(body)} bytes beginning ${JSON.stringify(body.slice(0, 4))}`);
            assert.ok(await hers.member.next().then((other) => other.body === body));
        }
        const text = many('long "text" 語😀 ');
        await t.app.role.script(`insert into chat_room_messages (chat_room_id, rich_text_body)
            values (${room}, ${sqlText(JSON.stringify({ type: 'doc', content: [{ text }] }))}::jsonb);`);
        assert.ok((await hers.room.next()).rich_text_body.content[0].text === text);
    },

    async 'times are UTC with milliseconds, wherever and however the writer lives'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        const times = ['2026-10-01 09:14:31.001999', '2026-03-29 01:30:00', '2026-03-29 02:30:00.5', '2026-10-25 02:30:00', '2024-02-29 23:59:59.999999',
            '1890-01-01 00:00:00', '1969-12-31 23:59:59.9999', '0001-01-02 00:00:00', '9999-12-30 12:00:00', '2026-01-01 24:00:00', '2026-12-31 23:59:60'];
        const writers = [
            `set timezone = 'UTC'; set datestyle = 'ISO';`, `set timezone = 'America/St_Johns'; set datestyle = 'SQL, DMY'; set intervalstyle = 'iso_8601';`,
            `set timezone = 'Asia/Kathmandu'; set datestyle = 'German'; set intervalstyle = 'sql_standard';`,
            `set timezone = 'Europe/Amsterdam'; set datestyle = 'Postgres, MDY'; set intervalstyle = 'postgres_verbose';`,
            `set timezone = '-14:30'; set datestyle = 'ISO, YMD';`,
        ];
        const utc = (column) => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
        for (const settings of writers) {
            await write(own, room, ['sent_at', 'edited_at', 'created_at', 'day'],
                times.map((time) => [`'${time}'`, `'${time} Europe/Berlin'`, `'${time}'`, `'${time}'`].map((value) => value.replace("'0001", "'0002"))), settings);
            const [got] = await own.settle(hers.room);
            assert.equal(got.length, times.length);
            const mine = (name) => got.map((message) => message[name]);
            assert.deepEqual(mine('sent_at'), await held(own, room, utc(`date_trunc('milliseconds', sent_at) at time zone 'UTC'`), times.length), settings);
            assert.deepEqual(mine('edited_at'), await held(own, room, utc(`date_trunc('milliseconds', edited_at) at time zone 'UTC'`), times.length), settings);
            assert.deepEqual(mine('created_at'), await held(own, room, utc(`date_trunc('milliseconds', created_at)`), times.length), settings);
            assert.deepEqual(mine('day'), await held(own, room, 'day', times.length), settings);
        }
    },

    async 'infinity, and years that ISO 8601 does not know, pass as PostgreSQL writes them'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        const times = ['infinity', '-infinity', '0044-03-15 12:00:00 BC', '12345-06-07 08:09:10.5'];
        await write(own, room, ['sent_at', 'created_at'], times.map((time) => [`'${time}'`, `'${time}'`]), `set timezone = 'UTC';`);
        const [got] = await own.settle(hers.room);
        const expected = ['infinity', '-infinity', '0044-03-15T12:00:00 BC', '12345-06-07T08:09:10.500Z'];
        assert.deepEqual(got.map(({ created_at: at }) => at), expected);
        assert.deepEqual(got.map(({ sent_at: at }) => at.replace('+00:00', '')), expected);
    },

    async 'other types pass as row_to_json writes them'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        const columns = ['tags', 'span', 'day', 'raw', 'period'];
        await write(own, room, columns, [
            [`array['', 'ü', 'a,b', '"', null]`, `'1 year 2 days -03:04:05.678901'`, `'2026-02-03'`, `'\\x00ff5c22'`, `'[2026-01-01,2026-02-01)'`],
            [`'{}'`, `'0'`, `'infinity'`, `''`, `'empty'`], [`'{{a,b},{c,d}}'`, 'null', 'null', 'null', `'(,)'`],
        ], `set timezone = 'UTC';`);
        const [got] = await own.settle(hers.room);
        const rows = await held(own, room, `json_build_array(${columns.join(', ')})`, 3);
        assert.deepEqual(got.map((message) => columns.map((column) => message[column])), rows.map((row) => JSON.parse(row)));
    },

    async 'every field of a message equals its column, when new, updated and as a parent'(t) {
        const own = await ownWorld(t, EXTENDED);
        const { room, hers } = await oneInARoom(own);
        await write(own, room, ['body', 'rich_text_body', 'creation_uuid', 'lesson_id', 'amount', 'ratio', 'docb'],
            [[`E'a "b"\\n\\\\c'`, `'{"type":"doc","content":[]}'`, 'gen_random_uuid()', '77', '10.50', '0.1', `'{"k":[1.0]}'`]]);
        await own.app.role.script(`update chat_room_messages set body = body || ' edited', edited_at = now() where chat_room_id = ${room};
            insert into chat_room_messages (id, chat_room_id, parent_message_id) select -1, chat_room_id, id from chat_room_messages;
            delete from chat_room_messages where id = -1;`);
        const [[created, updated, , { parent_message: parent }]] = await own.settle(hers.room);
        const names = ['id', 'chat_room_participant_id', 'body', 'rich_text_body', 'creation_uuid', 'lesson_id', 'amount', 'ratio', 'docb',
            'chat_thread_id', 'parent_message_id'];
        const row = JSON.parse((await held(own, room, 'row_to_json(m)', 1))[0]);
        const pick = (object) => Object.fromEntries(names.map((name) => [name, object[name]]));
        assert.deepEqual(pick(updated), pick(row));
        assert.deepEqual(pick({ ...created, body: row.body }), pick(row));
        assert.equal(`${created.body} edited`, row.body);
        for (const [name, value] of Object.entries(parent)) {
            if (names.includes(name)) {
                assert.deepEqual(value, row[name], `parent_message.${name}`);
            }
        }
        assert.equal(parent.edited_at, updated.edited_at);
        assert.deepEqual(parent.sender, updated.sender);
    },
};
