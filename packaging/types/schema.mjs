// SPDX-License-Identifier: PostgreSQL
// schema.mjs - the definitions as a JSON Schema (2020-12).
//
// Every channel is a definition, to be used by name: { "$ref": "urn:pgcable:events#/$defs/ChatRoomChannel" }.
// Further properties are allowed: extra columns travel along.

const TIME = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$';

function ref(name) {
    return { $ref: `#/$defs/${name}` };
}

function objectOf(fields) {
    return {
        type: 'object',
        properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field)])),
        required: fields.map(({ name }) => name),
    };
}

function valueSchema(field) {
    switch (field.kind) {
    case 'id': return ref('id');
    case 'time': return ref('time');
    case 'count': return { type: 'integer', minimum: 0 };
    case 'constant': return { const: field.value };
    case 'list': return { type: 'array', items: ref(field.of) };
    case 'ref': return ref(field.of);
    case 'inline': return objectOf(field.fields);
    default: return { type: field.kind };
    }
}

function fieldSchema(field) {
    const schema = valueSchema(field);
    if (!field.nullable) {
        return schema;
    }
    return typeof schema.type === 'string' && !schema.properties
        ? { ...schema, type: [schema.type, 'null'] }
        : { anyOf: [schema, { type: 'null' }] };
}

function eventSchema({ event, fields }) {
    const { properties, required } = objectOf(fields);
    return {
        type: 'object',
        properties: { event: { const: event }, ...properties },
        required: ['event', ...required],
    };
}

// In place of an event that is larger than max_payload_bytes; it can be told by its lack of fields.
function truncatedSchema(events) {
    return {
        type: 'object',
        properties: {
            event: { enum: events.map(({ event }) => event) },
            id: { anyOf: [ref('id'), { type: 'null' }] },
            truncated: { const: true },
        },
        required: ['event', 'id', 'truncated'],
    };
}

export function schemaOf({ shared, channels }, ids) {
    const $defs = {
        id: { anyOf: ids.map((id) => ({ type: id === 'number' ? 'integer' : id })) },
        time: { type: 'string', pattern: TIME },
    };
    for (const { name, about, fields } of shared) {
        $defs[name] = { description: about, ...objectOf(fields) };
    }
    for (const { channel, stream, events } of channels) {
        for (const event of events) {
            $defs[`${channel}.${event.event}`] = eventSchema(event);
        }
        $defs[`${channel}.truncated`] = truncatedSchema(events);
        $defs[channel] = {
            description: `What arrives from ${stream}.`,
            oneOf: [...events.map(({ event }) => event), 'truncated'].map((name) => ref(`${channel}.${name}`)),
        };
    }
    return {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $id: 'urn:pgcable:events',
        title: 'Events of pgcable',
        $comment: 'Written by packaging/types/generate.mjs; do not edit.',
        anyOf: channels.map(({ channel }) => ref(channel)),
        $defs,
    };
}
