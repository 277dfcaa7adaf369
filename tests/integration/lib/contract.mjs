// SPDX-License-Identifier: PostgreSQL
// contract.mjs - contract.json as a check: keys, their order, types, what may be null, times.
import assert from 'node:assert/strict';
import fs from 'node:fs';

export const { channels } = JSON.parse(
    fs.readFileSync(new URL('../contract.json', import.meta.url), 'utf8'),
);

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const SENDER = ['id', 'community_member_id', 'name', 'avatar_url', 'user_public_uid'];

function typeOf(value) {
    return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}

// "edited_at:string?", "new_notifications_count:number=0" or { "parent_message?": [fields] }
function parseField(field) {
    if (typeof field === 'object') {
        const [[name, fields]] = Object.entries(field);
        return {
            name: name.replace('?', ''),
            types: ['object'],
            nullable: name.endsWith('?'),
            fields,
        };
    }
    const [, name, types, nullable, constant] = /^(\w+):([\w|]+)(\?)?(?:=(.*))?$/.exec(field);
    return { name, types: types.split('|'), nullable: Boolean(nullable), constant };
}

// What another application's tables change: fields that are null for want of a column, types of its
// keys, columns that it sends along.
const REFERENCE = { nullable: [], ids: ['number'], extra: [] };

function keysOf(object, { extra = [] }) {
    return Object.keys(object).filter((key) => !extra.includes(key));
}

function checkValue({ name, types, nullable, constant, fields }, value, place, shape) {
    const isKey = types.includes('number') && /^id$|_id$/.test(name);
    const allowed = [
        ...(isKey ? shape.ids : types),
        ...(nullable || shape.nullable.includes(name) ? ['null'] : []),
    ];
    const type = typeOf(value);
    assert.ok(
        allowed.includes(type),
        `${place} is ${JSON.stringify(value)}, not of type ${allowed.join(' or ')}`,
    );
    if (constant !== undefined) {
        assert.equal(JSON.stringify(value), constant, place);
    }
    if (type === 'string' && name.endsWith('_at')) {
        assert.match(value, TIME, place);
    }
    if (type === 'object' && name === 'sender') {
        assert.deepEqual(keysOf(value, shape), SENDER, `the keys of ${place}`);
    }
    if (type === 'object' && fields) {
        checkFields(value, fields, place, shape);
    }
}

function checkFields(object, fields, where, shape) {
    const parsed = fields.map(parseField);
    assert.deepEqual(
        keysOf(object, shape),
        parsed.map(({ name }) => name),
        `the keys of ${where}`,
    );
    for (const field of parsed) {
        checkValue(field, object[field.name], `${where}.${field.name}`, shape);
    }
}

// `message` is what a subscription of `channel` got; throws where it is not what the contract says.
export function check(channel, message, shape = REFERENCE) {
    const events = channels.find((candidate) => candidate.channel === channel).events;
    const { event, ...rest } = message;
    const found = events.find((candidate) => candidate.event === event);
    assert.ok(found, `${channel} has no event ${event}`);
    assert.equal(Object.keys(message)[0], 'event');
    if (event === 'newNotification') {
        // its data is ours: the notification's row
        assert.deepEqual(Object.keys(rest), ['notification']);
        assert.ok(shape.ids.includes(typeof rest.notification.id));
        assert.match(rest.notification.created_at, TIME);
        return;
    }
    checkFields(rest, found.payload, `${channel} ${event}`, shape);
}
