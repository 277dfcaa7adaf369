// SPDX-License-Identifier: PostgreSQL
// packaging/types: what is committed is what contract.json says, tsc takes the sample client and
// finds the mistakes of a wrong one, ajv takes one message of each kind and finds what is wrong.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import { channels } from './lib/contract.mjs';

const TYPES = fileURLToPath(new URL('../../packaging/types', import.meta.url));
const TSC = fileURLToPath(new URL('node_modules/typescript/bin/tsc', import.meta.url));
const EXAMPLES = JSON.parse(fs.readFileSync(path.join(TYPES, 'examples.json'), 'utf8'));

function generate(...args) {
    return spawnSync(process.execPath, [path.join(TYPES, 'generate.mjs'), ...args], { encoding: 'utf8' });
}

function tsc(file) {
    return spawnSync(process.execPath, [TSC, '--noEmit', '--strict', '--noUnusedLocals', '--target', 'es2022',
        '--module', 'es2022', '--moduleResolution', 'bundler', file], { encoding: 'utf8' });
}

// A folder of the test's own.
function folder(t) {
    const dir = fs.mkdtempSync(path.join(t.dir, 'types-'));
    t.later(() => fs.rmSync(dir, { recursive: true }));
    return dir;
}

function validatorOf(channel, file = path.join(TYPES, 'events.schema.json')) {
    const ajv = new Ajv2020();
    ajv.addSchema(JSON.parse(fs.readFileSync(file, 'utf8')));
    return ajv.compile({ $ref: `urn:pgcable:events#/$defs/${channel}` });
}

function exampleOf(channel, event) {
    return structuredClone(EXAMPLES[channel].find((candidate) => candidate.event === event));
}

// Lines of a client that are wrong, and what the compiler says about each.
const MISTAKES = [
    ['if (received.event === "deletedMessage") { received.parent_message.id }', /possibly 'null'/],
    ['if (received.event === "newMesage") {}', /no overlap/],
    ['if (received.event === "updatedMessage") { received.chat_room_kind }', /'chat_room_kind' does not exist/],
    ['if (received.event === "newMessage") { received.edited_at.length }', /possibly 'null'/],
    ['if (received.event === "newMessage") { const id: string = received.id; }', /'number' is not assignable to type 'string'/],
];

// What makes a message another one than the contract's.
const DAMAGES = {
    'a key is missing': (message) => { delete message.creation_uuid; },
    'an id is text': (message) => { message.id = '981'; },
    'an id has a fraction': (message) => { message.id = 981.5; },
    'null where there must be a value': (message) => { message.body = null; },
    'a time without milliseconds': (message) => { message.created_at = '2026-10-01T09:14:31Z'; },
    'a time with an offset': (message) => { message.sent_at = '2026-10-01T11:14:31.001+02:00'; },
    'a list that is none': (message) => { message.thread_participants_preview = {}; },
    'a sender without a name': (message) => { delete message.sender.name; },
    'a negative count': (message) => { message.replies_count = -1; },
    'an event of another channel': (message) => { message.event = 'chatThreadRead'; },
    'a truncated one without its id': (message) => { delete message.id; message.truncated = true; },
};

export default {
    async 'the committed types are what the contract says, and a change of it is noticed'(t) {
        const fresh = generate('--check');
        assert.equal(fresh.status, 0, fresh.stderr);

        const dir = folder(t);
        fs.cpSync(TYPES, dir, { recursive: true });
        const contract = path.join(dir, 'contract.json');
        fs.writeFileSync(contract, fs.readFileSync(contract, 'utf8').replace('"lesson_id:number?"', '"lesson_id:number"'));
        const stale = spawnSync(process.execPath, [path.join(dir, 'generate.mjs'), '--check'], { encoding: 'utf8' });
        assert.equal(stale.status, 1);
        assert.match(stale.stderr, /events\.schema\.json is not what contract\.json says/);
        assert.match(stale.stderr, /pgcable\.d\.ts is not what contract\.json says/);
    },

    async 'tsc takes the sample client'() {
        const result = tsc(path.join(TYPES, 'example.ts'));
        assert.equal(result.status, 0, result.stdout);
    },

    async 'tsc finds the mistakes of a wrong client, each of them'(t) {
        const dir = folder(t);
        fs.copyFileSync(path.join(TYPES, 'pgcable.d.ts'), path.join(dir, 'pgcable.d.ts'));
        const file = path.join(dir, 'wrong.ts');
        fs.writeFileSync(file, ['import type { RoomChannelEvent } from "./pgcable";', 'declare const received: RoomChannelEvent;',
            ...MISTAKES.map(([code]) => code)].join('\n'));
        const { status, stdout } = tsc(file);
        assert.notEqual(status, 0);
        MISTAKES.forEach(([code, complaint], i) => {
            const said = stdout.split('\n').filter((line) => line.includes(`wrong.ts(${i + 3},`)).join('\n');
            assert.match(said, complaint, code);
        });
    },

    async 'there is an example of each event, and the schema takes it'() {
        for (const { channel, events } of channels) {
            const valid = validatorOf(channel);
            assert.deepEqual(EXAMPLES[channel].map(({ event }) => event), events.map(({ event }) => event));
            for (const example of EXAMPLES[channel]) {
                assert.ok(valid(example), `${channel} ${example.event}: ${JSON.stringify(valid.errors)}`);
            }
        }
    },

    async 'the schema refuses what is not the contract\'s, and takes extra columns and truncated events'() {
        const valid = validatorOf('Chats::RoomChannel');
        for (const [what, damage] of Object.entries(DAMAGES)) {
            const message = exampleOf('Chats::RoomChannel', 'newMessage');
            damage(message);
            assert.ok(!valid(message), what);
        }
        assert.ok(valid({ ...exampleOf('Chats::RoomChannel', 'newMessage'), color: 'red' }));
        assert.ok(valid({ event: 'newMessage', id: 981, truncated: true }));
        assert.ok(!validatorOf('NotificationChannel')({ event: 'resetNewNotificationCount', new_notifications_count: 1 }));
    },

    async 'an application with other keys and fewer columns gets types of its own'(t) {
        const dir = folder(t);
        const made = generate('--ids', 'string', '--nullable', 'creation_uuid,Sender.id', '--out', dir);
        assert.equal(made.status, 0, made.stderr);
        const valid = validatorOf('Chats::CommunityMemberThreadsChannel', path.join(dir, 'events.schema.json'));
        assert.ok(valid({ event: 'chatThreadRead', chat_thread_id: '0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10' }));
        assert.ok(!valid({ event: 'chatThreadRead', chat_thread_id: 7 }));
        const text = fs.readFileSync(path.join(dir, 'pgcable.d.ts'), 'utf8');
        assert.match(text, /export type DefaultId = string;/);
        assert.match(text, /creation_uuid: string \| null;/);
        assert.match(text, /interface Sender<Id = DefaultId> \{\n {4}id: Id \| null;/);
        assert.match(text, /interface Message<Id = DefaultId> \{\n {4}id: Id;/);
    },
};
