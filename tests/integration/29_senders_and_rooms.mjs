// SPDX-License-Identifier: PostgreSQL
// What a daemon keeps of senders and rooms: a message shows them as its transaction saw them, or newer,
// whatever was read of them for another one.
import assert from 'node:assert/strict';
import { ownWorld } from './lib/own.mjs';
import { until } from './lib/until.mjs';

const FORGOTTEN_MS = 10_000; // what no trigger saw counts after so long at the latest
const GRACE_MS = 5_000; // for the machine

// The two ways in which a message names who wrote it.
const SHAPES = {
    'by participant': {},
    'by member': {
        before: `alter table chat_room_messages add community_member_id bigint references community_members;`,
        attach: `
            select pgcable.attach('member', 'community_members');
            select pgcable.attach('room', 'chat_rooms');
            select pgcable.attach('participant', 'chat_room_participants');
            select pgcable.attach('message', 'chat_room_messages', '{"chat_room_participant_id": null}');`,
    },
};

// Members in a table or view of a test's own, or attached in a way of its own, beside the other tables.
const withMembers = (before, table, mapping = {}) => ({ before, attach: `
    select pgcable.attach('member', '${table}', '${JSON.stringify(mapping)}');
    select pgcable.attach('room', 'chat_rooms');
    select pgcable.attach('participant', 'chat_room_participants');
    select pgcable.attach('message', 'chat_room_messages');` });

// Two rooms and two members whose names, one behind the other with a colon between, are the same.
const COLONS = {
    before: `
        create table users (id text primary key, name text);
        create table rooms (id text primary key, name text);
        create table seats (id serial primary key, chat_room_id text, community_member_id text);
        create table posts (id serial primary key, chat_room_id text, community_member_id text, created_at timestamptz default now());
        insert into users values ('b:c', 'Mallory'), ('c', 'Cid');
        insert into rooms values ('a', 'A'), ('a:b', 'AB');
        insert into seats (chat_room_id, community_member_id) values ('a', 'b:c'), ('a:b', 'c');`,
    attach: `
        select pgcable.attach('member', 'users');
        select pgcable.attach('room', 'rooms');
        select pgcable.attach('participant', 'seats');
        select pgcable.attach('message', 'posts');`,
};

// Ann in a room that Wim watches, who says nothing and stays.
async function scene(t) {
    const [ann, wim] = [await t.app.member('Ann'), await t.app.member('Wim')];
    const room = await t.app.room([ann, wim]);
    return { ann, room, his: await t.listen(wim, room) };
}

async function sceneOfShape(t, shape) {
    const own = await ownWorld(t, SHAPES[shape]);
    const { ann, room, his } = await scene(own);
    const say = shape === 'by member'
        ? () => own.app.sql`insert into chat_room_messages (chat_room_id, community_member_id, body) values (${room}, ${ann}, 'Hi')`
        : () => own.app.message(room, ann);
    return { own, ann, room, heard: () => heard(say, his.room) };
}

// The next new message in the room, behind whatever else is told there.
async function heard(say, room) {
    await say();
    for (;;) {
        const message = await room.next();
        if (message.event === 'newMessage') {
            return message;
        }
    }
}

const facts = (daemon) => daemon.metric('pgcable_feed_facts_queries_total');

// Whatever the writers do, in one transaction or in several: versions only grow, and a message's body
// holds those that its transaction saw.  A writer does not wait for another one for long, so that two
// who wait for each other come apart.
const writers = (column, value) => `
    create procedure act(p_room bigint, p_members bigint[], p_rounds int) language plpgsql as $$
    declare
        v_who bigint;
    begin
        for v_round in 1 .. p_rounds loop
            begin
                for v_deed in 1 .. 1 + floor(random() * 4) loop
                    v_who := p_members[1 + floor(random() * cardinality(p_members))];
                    case floor(random() * 20)
                    when 0, 1, 2 then
                        update community_members set name = 'name ' || split_part(name, ' ', 2)::int + 1
                        where id = v_who;
                    when 3, 4 then
                        update community_members
                        set avatar_url = '/' || split_part(avatar_url, '/', 2)::int + 1 where id = v_who;
                    when 5 then
                        delete from chat_room_participants
                        where chat_room_id = p_room and community_member_id = v_who;
                        insert into chat_room_participants (chat_room_id, community_member_id)
                        values (p_room, v_who);
                    when 6 then
                        delete from chat_room_participants
                        where chat_room_id = p_room and community_member_id = v_who;
                    when 7, 8, 9 then
                        insert into chat_room_participants (chat_room_id, community_member_id)
                        values (p_room, v_who) on conflict do nothing;
                    when 10, 11 then
                        update chat_rooms set name = 'room ' || v_round,
                            chat_room_kind = 'kind ' || split_part(chat_room_kind, ' ', 2)::int + 1
                        where id = p_room;
                    else
                        insert into chat_room_messages (chat_room_id, ${column}, body)
                        select p_room, ${value}, json_build_object('name', m.name, 'avatar', m.avatar_url,
                            'kind', r.chat_room_kind, 'seat', p.id, 'who', m.id)
                        from chat_room_participants p
                        join community_members m on m.id = p.community_member_id
                        join chat_rooms r on r.id = p.chat_room_id
                        where p.chat_room_id = p_room and m.id = v_who;
                    end case;
                end loop;
            exception when lock_not_available or unique_violation or foreign_key_violation then null;
            end;
            commit;
            perform pg_sleep(random() * 0.01); -- or participants leave before anybody reads of them
        end loop;
    end;
    $$;`;
const WRITERS = { 'by participant': writers('chat_room_participant_id', 'p.id'), 'by member': writers('community_member_id', 'm.id') };

const version = (text) => Number(/\d+$/.exec(text)[0]);

// A message of Chats::RoomChannel beside what its transaction saw; left(id): is that participant gone?
function compare(message, shape, left) {
    const { sender } = message;
    const seen = JSON.parse(message.body);
    const what = JSON.stringify({ seen, sender, kind: message.chat_room_kind });
    assert.ok(version(message.chat_room_kind) >= version(seen.kind), `an old room: ${what}`);
    if (!sender?.name) {
        assert.ok(shape === 'by participant' && left(seen.seat), `nobody, but nobody has left: ${what}`);
        return false;
    }
    assert.equal(sender.community_member_id, seen.who, what);
    assert.ok(version(sender.name) >= version(seen.name), `an old name: ${what}`);
    assert.ok(version(sender.avatar_url) >= version(seen.avatar), `an old picture: ${what}`);
    if (shape === 'by participant') {
        assert.equal(sender.id, seen.seat, what);
    } else {
        assert.ok(sender.id === null ? left(seen.seat) : sender.id >= seen.seat, `an old participant: ${what}`);
    }
    return true;
}

async function writersAtOnce(t, shape) {
    const own = await ownWorld(t, { ...SHAPES[shape], before: (SHAPES[shape].before ?? '') + WRITERS[shape] });
    const members = await Promise.all(Array.from({ length: 6 }, () => own.app.member('name 1')));
    const wim = await own.app.member('Wim');
    const room = await own.app.room([...members, wim], { kind: 'kind 1' });
    await own.app.sql`update community_members set avatar_url = '/1'`;
    const his = await own.listen(wim, room);
    const seed = Math.random();
    console.log(`  seed ${seed}`);
    const act = (rounds, writer) => own.app.role.script(`set lock_timeout = '50ms'; select setseed(${(seed + writer / 10) % 1});
        call act(${room}, array[${members}], ${rounds});`);
    await Promise.all([0, 1, 2, 3].map((writer) => act(250, writer)));

    // Each says a last word; what it shows is what is there.
    await own.app.sql`insert into chat_room_participants (chat_room_id, community_member_id)
        select ${room}, m::bigint from json_array_elements_text(${members}) m on conflict do nothing`;
    const column = shape === 'by member' ? 'community_member_id' : 'chat_room_participant_id';
    const last = (await own.app.role.script(`
        insert into chat_room_messages (chat_room_id, ${column}, body)
        select chat_room_id, ${shape === 'by member' ? 'community_member_id' : 'id'}, 'last'
        from chat_room_participants where chat_room_id = ${room} and community_member_id <> ${wim} order by community_member_id;
        select json_build_array(p.id, m.name, m.avatar_url, r.chat_room_kind) from chat_room_participants p
        join community_members m on m.id = p.community_member_id join chat_rooms r on r.id = p.chat_room_id
        where r.id = ${room} and m.id <> ${wim} order by m.id;`)).split('\n').map((row) => JSON.parse(row));
    const told = (await own.settle(his.room))[0].filter(({ event }) => event === 'newMessage');

    const ids = await own.app.sql`select id from chat_room_messages order by id`;
    assert.deepEqual(told.map(({ id }) => id).sort((a, b) => a - b), ids.split('\n').map(Number));
    const there = (await own.app.sql`select id from chat_room_participants`).split('\n').map(Number);
    const named = told.slice(0, -last.length).filter((message) => compare(message, shape, (seat) => !there.includes(seat)));
    assert.ok(named.length > 200, `only ${named.length} of ${told.length} messages were compared`);
    assert.deepEqual(told.slice(-last.length).map(({ sender, chat_room_kind: kind }) => [sender.id, sender.name, sender.avatar_url, kind]), last);
    assert.ok(last.every(([, name]) => version(name) > 5), 'names changed');
}

const randomTests = Object.keys(SHAPES).map((shape) => [
    `a sender, named ${shape}, is shown as its message's transaction saw it, or newer`, (t) => writersAtOnce(t, shape)]);

const shapeTests = Object.keys(SHAPES).flatMap((shape) => [
    [`a sender, named ${shape}, who was renamed is shown with the new name, picture and id`, async (t) => {
        const { own, ann, heard: hear } = await sceneOfShape(t, shape);
        assert.equal((await hear()).sender.name, 'Ann');
        await own.app.sql`update community_members set name = 'Anna' where id = ${ann}`;
        assert.equal((await hear()).sender.name, 'Anna');
        await own.app.sql`update community_members set avatar_url = '/a.png' where id = ${ann}`;
        assert.equal((await hear()).sender.avatar_url, '/a.png');
        await own.app.sql`update community_members set user_public_uid = 'anna' where id = ${ann}`;
        assert.equal((await hear()).sender.user_public_uid, 'anna');
    }],

    [`a participant, named ${shape}, who left and came back is shown as the new one`, async (t) => {
        const { own, ann, room, heard: hear } = await sceneOfShape(t, shape);
        const first = (await hear()).sender;
        await own.app.sql`delete from chat_room_participants where chat_room_id = ${room} and community_member_id = ${ann}`;
        const again = await own.app.participant(room, ann);
        const { sender } = await hear();
        assert.ok(again > first.id);
        assert.deepEqual(sender, { ...first, id: again });
        // One who left softly, and one whose id was changed.
        await own.app.sql`update chat_room_participants set deleted_at = now() where id = ${again}`;
        const third = await own.app.participant(room, ann);
        await own.app.sql`update chat_room_participants set id = ${third + 1000} where id = ${third}`;
        await own.app.sql`delete from chat_room_participants where id = ${again}`;
        assert.equal((await hear()).sender.id, third + 1000);
    }],

    [`what is asked of a sender, named ${shape}, and its room is asked once`, async (t) => {
        const { own, ann, heard: hear } = await sceneOfShape(t, shape);
        const first = await hear();
        const asked = await facts(own.daemon);
        assert.ok(asked > 0);
        for (let n = 0; n < 5; n++) {
            const { sender, chat_room_kind: kind } = await hear();
            assert.deepEqual([sender, kind], [first.sender, first.chat_room_kind]);
        }
        assert.equal(await facts(own.daemon), asked);
        await own.app.sql`update community_members set email = 'new@example.test' where id = ${ann}`; // no sender shows it
        await hear();
        assert.equal(await facts(own.daemon), asked);
        await own.app.sql`update community_members set name = 'Anna' where id = ${ann}`;
        await hear();
        assert.equal(await facts(own.daemon), asked + 1);
    }],
]);

export default {
    ...Object.fromEntries(randomTests),
    ...Object.fromEntries(shapeTests),

    async 'a room whose kind was changed is shown so with the next message'(t) {
        const { ann, room, his } = await scene(t);
        const hear = () => heard(() => t.app.message(room, ann), his.room);
        assert.equal((await hear()).chat_room_kind, 'group_chat');
        await t.app.sql`update chat_rooms set chat_room_kind = 'direct' where id = ${room}`;
        assert.equal((await hear()).chat_room_kind, 'direct');
        const uuid = '0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10';
        await t.app.sql`update chat_rooms set uuid = ${uuid} where id = ${room}`;
        assert.equal((await hear()).chat_room_uuid, uuid);
    },

    async 'a participant who is another member from now on is shown as that one'(t) {
        const { ann, room, his } = await scene(t);
        const bo = await t.app.member('Bo');
        const { sender: { id } } = await heard(() => t.app.message(room, ann), his.room);
        // Softly gone, for else Bo would be told of the room, for which this sender is read anew.
        await t.app.sql`update chat_room_participants set community_member_id = ${bo}, deleted_at = now() where id = ${id}`;
        const { sender } = await heard(() => t.app.message(room, bo), his.room);
        assert.deepEqual([sender.id, sender.community_member_id, sender.name], [id, bo, 'Bo']);
    },

    async 'a message in the transaction that renames shows the new name, before and after it'(t) {
        const { ann, room, his } = await scene(t);
        await heard(() => t.app.message(room, ann), his.room);
        const say = `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
            select chat_room_id, id, 'Hi' from chat_room_participants
            where chat_room_id = ${room} and community_member_id = ${ann};`;
        await t.app.role.script(`begin; ${say} update community_members set name = 'Anna' where id = ${ann}; ${say}
            update chat_rooms set chat_room_kind = 'direct' where id = ${room}; ${say} commit;`);
        const told = (await t.settle(his.room))[0].filter(({ event }) => event === 'newMessage');
        assert.deepEqual(told.map(({ sender, chat_room_kind: kind }) => [sender.name, kind]),
            Array(3).fill(['Anna', 'direct']));
    },

    async 'a rename that no trigger saw shows within 10 seconds of messages'(t) {
        const { ann, room, his } = await scene(t);
        const hear = () => heard(() => t.app.message(room, ann), his.room);
        await hear();
        await t.app.superuser.script(`set session_replication_role = replica;
            update community_members set name = 'Anna' where id = ${ann};`);
        await until('the new name', async () => (await hear()).sender.name === 'Anna', FORGOTTEN_MS + GRACE_MS);
    },

    async 'a rename that no trigger saw shows with the first message after 10 seconds of silence'(t) {
        const own = await ownWorld(t);
        const { ann, room, his } = await scene(own);
        const hear = () => heard(() => own.app.message(room, ann), his.room);
        await hear();
        await own.app.superuser.script(`set session_replication_role = replica;
            update community_members set name = 'Anna' where id = ${ann};`);
        const end = Date.now() + FORGOTTEN_MS + 500;
        await until('10 seconds', () => Date.now() > end);
        assert.equal((await hear()).sender.name, 'Anna');
    },

    async 'extra columns of members, which are not watched, are read for each message'(t) {
        const own = await ownWorld(t, withMembers(`alter table community_members add mood text default 'fine';`,
            'community_members', { extra: ['mood'] }));
        const { ann, room, his } = await scene(own);
        const hear = () => heard(() => own.app.message(room, ann), his.room);
        assert.equal((await hear()).sender.mood, 'fine');
        for (const mood of ['merry', 'sad']) {
            await own.app.sql`update community_members set mood = ${mood} where id = ${ann}`;
            assert.equal((await hear()).sender.mood, mood);
        }
    },

    async 'an extra column that is attached later is there with the next message, and fresh'(t) {
        const own = await ownWorld(t, { before: `alter table community_members add mood text default 'fine';` });
        const { ann, room, his } = await scene(own);
        const hear = () => heard(() => own.app.message(room, ann), his.room);
        assert.equal('mood' in (await hear()).sender, false);
        await own.app.superuser.sql`select pgcable.attach('member', 'community_members', '{"extra": ["mood"]}')`;
        assert.equal((await hear()).sender.mood, 'fine');
        await own.app.sql`update community_members set mood = 'merry' where id = ${ann}`;
        assert.equal((await hear()).sender.mood, 'merry');
    },

    async 'a member who was deleted and comes back under the same id is shown again'(t) {
        const own = await ownWorld(t, {
            before: `alter table chat_room_participants drop constraint chat_room_participants_community_member_id_fkey;` });
        const { ann, room, his } = await scene(own);
        const hear = () => heard(() => own.app.message(room, ann), his.room);
        await hear();
        await own.app.sql`delete from community_members where id = ${ann}`;
        assert.equal((await hear()).sender.name, null);
        await own.app.sql`insert into community_members (id, name, email) values (${ann}, 'Anna', 'a')`;
        assert.equal((await hear()).sender.name, 'Anna');
    },

    async 'members in a view, whose changes nobody tells, are read for each message'(t) {
        const own = await ownWorld(t, withMembers('create view people as select id, name from community_members;', 'people'));
        const { ann, room, his } = await scene(own);
        const hear = () => heard(() => own.app.message(room, ann), his.room);
        assert.equal((await hear()).sender.name, 'Ann');
        await own.app.sql`update community_members set name = 'Anna' where id = ${ann}`;
        assert.equal((await hear()).sender.name, 'Anna');
    },

    async 'rooms and members whose names hold colons are not taken for others'(t) {
        const own = await ownWorld(t, COLONS);
        const mallory = await (await own.connect('b:c')).subscribe('Chats::RoomChannel', { chat_room_id: 'a' });
        const cid = await (await own.connect('c')).subscribe('Chats::RoomChannel', { chat_room_id: 'a:b' });
        for (const statement of [1, 2]) { // one after the other, and both at once
            await own.app.role.script(`insert into posts (chat_room_id, community_member_id) values ('a', 'b:c')
                ${statement === 1 ? '; insert into posts (chat_room_id, community_member_id) values' : ','} ('a:b', 'c');`);
            assert.equal((await mallory.next()).sender.name, 'Mallory');
            assert.equal((await cid.next()).sender.name, 'Cid');
        }
        await own.app.sql`update users set name = 'Cyd' where id = 'c'`;
        await own.app.sql`insert into posts (chat_room_id, community_member_id) values ('a:b', 'c')`;
        assert.equal((await cid.next()).sender.name, 'Cyd');
    },

    async 'a change of a name is told to nobody by itself'(t) {
        const { ann, his } = await scene(t);
        const hers = await t.listen(ann);
        await t.app.sql`update community_members set name = 'Anna', avatar_url = '/a.png' where id = ${ann}`;
        assert.deepEqual(await t.settle(his.room, his.member, hers.member, hers.notifications), [[], [], [], []]);
    },
};
