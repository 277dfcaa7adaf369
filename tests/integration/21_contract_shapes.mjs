// SPDX-License-Identifier: PostgreSQL
// The whole contract beside applications of different shapes: each pair of channel and event is
// raised by the application's own SQL and compared with the contract, field by field.
//
// schemas/NAME.mjs says what an application of that shape does (`deeds`), what its keys are, which
// fields are null for want of a column (`nullable`), and which events it cannot raise, by the column
// that they need (`lacks`).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import { parseContract } from '../../packaging/types/contract.mjs';
import { schemaOf } from '../../packaging/types/schema.mjs';
import { App } from './lib/app.mjs';
import { channels, check } from './lib/contract.mjs';
import { pgcable } from './lib/daemon.mjs';
import { Test } from './lib/test.mjs';
import discourse from './schemas/discourse.mjs';
import minimal from './schemas/minimal.mjs';
import quoted from './schemas/quoted.mjs';
import reference from './schemas/reference.mjs';
import uuid from './schemas/uuid.mjs';

// What a channel is called in the answer of Test.listen().
const SUBSCRIPTIONS = {
    NotificationChannel: 'notifications',
    ChatRoomChannel: 'member',
    'Chats::RoomChannel': 'room',
    'Chats::CommunityMemberThreadsChannel': 'threads',
};
const BOTH = ['ann', 'bo'];

const message = (s, id, body) => ({
    id, body, chat_room_uuid: s.uuid, parent_message_id: null,
    sender: { community_member_id: s.ann, name: 'Ann' },
    replies_count: 0,
});
const renamed = (s) => ({ uuid: s.uuid, chat_room_name: 'New', pinned_message: null });

// "channel event" → to: who gets it; change: the deed that raises it; prepare: one before it that is
// not looked at; holds: values of its fields, given the scene and what `change` returned; apart:
// nobody listens to the room itself, since its end may end the connection.
const DRIVERS = {
    'NotificationChannel newNotification': {
        to: ['bo'],
        change: (does, s) => does.notify(s.bo),
        holds: (s, id) => ({ notification: { id, community_member_id: s.bo } }),
    },
    'NotificationChannel updateNewNotificationCount': {
        to: ['bo'],
        prepare: (does, s) => does.notify(s.bo),
        change: (does, s) => does.notify(s.bo),
        holds: () => ({ new_notifications_count: 2 }),
    },
    'NotificationChannel resetNewNotificationCount': {
        to: ['bo'],
        prepare: (does, s) => does.notify(s.bo),
        change: (does, s) => does.see(s.bo),
        holds: () => ({ new_notifications_count: 0 }),
    },
    'ChatRoomChannel chatRoomCreated': {
        to: ['cid'],
        change: (does, s) => does.join(s.room, s.cid),
        holds: (s) => ({
            id: s.room, uuid: s.uuid, chat_room_name: 'Team', unread_messages_count: 0,
            current_participant: { community_member_id: s.cid, name: 'Cid', admin: false },
            last_message: { id: s.reply, body: 'reply' },
        }),
    },
    'ChatRoomChannel chatRoomUpdated': { to: BOTH, change: (does, s) => does.rename(s.room), holds: renamed },
    'ChatRoomChannel chatRoomDeleted': {
        to: BOTH,
        apart: true,
        change: (does, s) => does.removeRoom(s.room),
        holds: (s) => ({ chat_room_uuid: s.uuid }),
    },
    'ChatRoomChannel chatRoomRead': {
        to: ['ann'],
        change: (does, s) => does.read(s.room, s.ann),
        holds: (s) => ({ chat_room_uuid: s.uuid }),
    },
    'ChatRoomChannel chatRoomPinned': {
        to: ['ann'],
        change: (does, s) => does.pin(s.room, s.ann),
        holds: (s) => ({ chat_room_id: s.room, pinned_at: '2026-10-01T09:14:31.001Z' }),
    },
    'ChatRoomChannel chatRoomUnPinned': {
        to: ['ann'],
        prepare: (does, s) => does.pin(s.room, s.ann),
        change: (does, s) => does.unpin(s.room, s.ann),
        holds: (s) => ({ chat_room_id: s.room }),
    },
    'ChatRoomChannel newMessage': {
        to: BOTH,
        change: (does, s) => does.say(s.room, s.ann, 'Hi'),
        holds: (s, id) => message(s, id, 'Hi'),
    },
    'Chats::RoomChannel newMessage': {
        to: BOTH,
        change: (does, s) => does.say(s.room, s.ann, 'Hi'),
        holds: (s, id) => message(s, id, 'Hi'),
    },
    'Chats::RoomChannel updatedMessage': {
        to: BOTH,
        change: (does, s) => does.edit(s.root),
        holds: (s) => ({ ...message(s, s.root, 'edited'), replies_count: s.thread ? 1 : 0 }),
    },
    'Chats::RoomChannel deletedMessage': {
        to: BOTH,
        change: (does, s) => does.remove(s.reply),
        holds: (s) => ({ id: s.reply, parent_message: s.thread ? message(s, s.root, 'root') : null }),
    },
    'Chats::RoomChannel chatRoomUpdated': {
        to: BOTH,
        change: (does, s) => does.redesign(s.room, s.root),
        holds: (s) => ({ uuid: s.uuid }),
    },
    'Chats::CommunityMemberThreadsChannel newMessage': {
        to: BOTH,
        change: (does, s) => does.say(s.room, s.ann, 'more', { parent: s.root, thread: s.thread }),
        holds: (s, id) => ({
            ...message(s, id, 'more'), parent_message_id: s.root, chat_thread_id: s.thread,
            chat_thread_replies_count: 2, total_thread_participants_count: 2,
        }),
    },
    'Chats::CommunityMemberThreadsChannel updatedMessage': {
        to: BOTH,
        change: (does, s) => does.edit(s.reply),
        holds: (s) => ({ id: s.reply, body: 'edited', chat_thread_id: s.thread }),
    },
    'Chats::CommunityMemberThreadsChannel deletedMessage': {
        to: BOTH,
        change: (does, s) => does.remove(s.reply),
        holds: (s) => ({ id: s.reply, parent_message: { id: s.root, replies_count: 0 } }),
    },
    'Chats::CommunityMemberThreadsChannel chatThreadRead': {
        to: ['bo'],
        change: (does, s) => does.readThread(s.thread, s.bo),
        holds: (s) => ({ chat_thread_id: s.thread }),
    },
};

// Deeds return keys as psql prints them.
function key(text) {
    return /^\d+$/.test(text) ? Number(text) : text;
}

// A database with the shape's tables attached, a daemon beside it, and tools for both.
async function applicationOf(t, name, shape) {
    const database = `shape_${name}`;
    await t.app.superuser.script(`create database ${database} owner app;`);
    t.later(() => t.app.superuser.script(`drop database ${database} with (force);`));
    const [role, superuser] = [t.pg.role(database, 'app'), t.pg.role(database, 'postgres')];
    const [schema, attach] = shape.files;
    await role.file(schema);
    const migrated = await pgcable(['migrate', '-d', superuser.dsn]);
    assert.equal(migrated.code, 0, migrated.stderr);
    await superuser.file(attach);
    const daemon = await t.start({ database: t.pg.dsn(database, 'pgcable_daemon') });
    const inner = new Test({ app: new App(role, superuser), pg: t.pg, dir: t.dir, daemon });
    t.later(() => inner.finish());
    const deeds = Object.entries(shape.deeds(role.sql))
        .map(([verb, deed]) => [verb, async (...args) => key(await deed(...args))]);
    return { inner, does: Object.fromEntries(deeds), info: JSON.parse(await superuser.sql`select pgcable.mapping_info()`) };
}

// Ann and Bo are in a room with a message and, where there are threads, a reply below it; Cid is in
// another one.  Each listens to all he may.
async function scene({ inner, does }, { apart = false } = {}) {
    const s = { ann: await does.member('Ann'), bo: await does.member('Bo'), cid: await does.member('Cid') };
    s.room = await does.room([s.ann, s.bo]);
    s.uuid = String(await does.uuid(s.room));
    const other = await does.room([s.cid]);
    s.root = await does.say(s.room, s.ann, 'root');
    if (does.thread) {
        s.thread = await does.thread(s.room, s.root, [s.ann, s.bo]);
    }
    s.reply = await does.say(s.room, s.bo, 'reply', { parent: s.root, thread: s.thread });
    s.listeners = {
        ann: await inner.listen(s.ann, apart ? undefined : s.room),
        bo: await inner.listen(s.bo, apart ? undefined : s.room),
        cid: await inner.listen(s.cid, other),
    };
    return s;
}

// channel → person → the messages that nobody has read yet
async function heard(inner, listeners) {
    const subscriptions = Object.entries(SUBSCRIPTIONS).flatMap(([channel, subscription]) =>
        Object.keys(listeners).map((person) => ({ channel, person, queue: listeners[person][subscription] })))
        .filter(({ queue }) => queue);
    const got = await inner.settle(...subscriptions.map(({ queue }) => queue));
    const result = Object.fromEntries(Object.keys(SUBSCRIPTIONS).map((channel) => [channel, {}]));
    subscriptions.forEach(({ channel, person }, i) => { result[channel][person] = got[i]; });
    return result;
}

// `expected` names some of the fields of `actual`.
function holds(actual, expected, where) {
    for (const [name, value] of Object.entries(expected)) {
        const place = `${where}.${name}`;
        if (value !== null && typeof value === 'object') {
            assert.notEqual(actual[name] ?? null, null, place);
            holds(actual[name], value, place);
        } else {
            assert.equal(actual[name], value, place);
        }
    }
}

async function drive(application, shape, validators, pair) {
    const { inner, does } = application;
    const { to, prepare, change, holds: expected, apart } = DRIVERS[pair];
    const [channel, event] = pair.split(' ');
    const s = await scene(application, { apart });
    if (prepare) {
        await prepare(does, s);
        await heard(inner, s.listeners);
    }

    const result = await change(does, s);
    const got = await heard(inner, s.listeners);

    for (const person of Object.keys(s.listeners)) {
        const found = got[channel][person].filter((candidate) => candidate.event === event);
        assert.equal(found.length, to.includes(person) ? 1 : 0, `${pair}: how often ${person} got it`);
        found.forEach((one) => holds(one, expected(s, result), pair));
    }
    for (const [where, people] of Object.entries(got)) {
        if (!to.includes('cid')) {
            assert.deepEqual(people.cid, [], `${pair}: what a stranger got on ${where}`);
        }
        for (const one of Object.values(people).flat()) {
            check(where, one, shape);
            const valid = validators[where];
            assert.ok(valid(one), `${where} ${one.event}: ${JSON.stringify(valid.errors)}`);
        }
    }
    Object.values(s.listeners).forEach(({ wire }) => wire.close());
}

async function raisesNothing({ inner, does }) {
    const s = await scene({ inner, does });
    await does.touch(s.root);
    const got = await heard(inner, s.listeners);
    assert.deepEqual(Object.values(got).flatMap((people) => Object.values(people).flat()), []);
}

function validatorsOf(schema) {
    const ajv = new Ajv2020({ allErrors: true });
    ajv.addSchema(schema);
    return Object.fromEntries(channels.map(({ channel }) => [channel, ajv.compile({ $ref: `${schema.$id}#/$defs/${channel}` })]));
}

const PAIRS = channels.flatMap(({ channel, events }) => events.map(({ event }) => `${channel} ${event}`));

function shapeTest(name, shape) {
    return async (t) => {
        const application = await applicationOf(t, name, shape);
        const { kinds } = application.info;
        assert.deepEqual(Object.values(kinds).flatMap(({ problems }) => problems), [], 'problems of the mapping');
        const schema = schemaOf(parseContract({ channels }, shape.nullable), shape.ids);
        const validators = validatorsOf(schema);
        for (const pair of PAIRS) {
            const needs = shape.lacks[pair];
            if (needs) { // an excuse must be true
                const [kind, column] = needs.split('.');
                assert.equal(kinds[kind]?.columns[column], undefined, `${pair} lacks ${needs}`);
            } else {
                await drive(application, shape, validators, pair);
            }
        }
        await raisesNothing(application);
    };
}

const SHAPES = { reference, minimal, quoted, uuid, discourse };

export default {
    async 'the contract here is the one that the types are made from, and every pair has a driver'() {
        const types = JSON.parse(fs.readFileSync(new URL('../../packaging/types/contract.json', import.meta.url), 'utf8'));
        assert.deepEqual(types.channels, channels);
        assert.deepEqual(Object.keys(DRIVERS).sort(), [...PAIRS].sort());
        for (const [name, { lacks }] of Object.entries(SHAPES)) {
            assert.deepEqual(Object.keys(lacks).filter((pair) => !PAIRS.includes(pair)), [], name);
        }
    },

    ...Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) =>
        [`what the ${name} application does raises the whole contract`, shapeTest(name, shape)])),
};
