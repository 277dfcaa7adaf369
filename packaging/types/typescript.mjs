// SPDX-License-Identifier: PostgreSQL
// typescript.mjs - the definitions as TypeScript: one discriminated union per channel.

const HEAD = `/* SPDX-License-Identifier: PostgreSQL */
/* Events of pgcable.  Written by packaging/types/generate.mjs; do not edit. */

/** ISO 8601 in UTC with milliseconds: 2026-10-01T09:14:31.001Z */
export type Time = string;

/** What keys are, unless a type is told otherwise: NewMessage<string>. */
`;

const INDENT = '    ';

function valueType(field, indent) {
    switch (field.kind) {
    case 'id': return 'Id';
    case 'time': return 'Time';
    case 'count': return 'number';
    case 'constant': return JSON.stringify(field.value);
    case 'list': return `${field.of}<Id>[]`;
    case 'ref': return `${field.of}<Id>`;
    case 'object': return 'Record<string, unknown>';
    case 'inline': return `{\n${fieldLines(field.fields, indent + INDENT)}${indent}}`;
    default: return field.kind;
    }
}

function fieldLines(fields, indent = INDENT) {
    return fields.map((field) => `${indent}${field.name}: ${valueType(field, indent)}` +
        `${field.nullable ? ' | null' : ''};\n`).join('');
}

// A type has a parameter if there is an id somewhere in it.
function parameter(fields) {
    return fields.some(({ kind }) => ['id', 'list', 'ref', 'inline'].includes(kind));
}

function interfaceText(name, about, fields, first = '') {
    const generic = parameter(fields) ? '<Id = DefaultId>' : '';
    return `\n/** ${about} */\nexport interface ${name}${generic} {\n${first}${fieldLines(fields)}}\n`;
}

// "Chats::RoomChannel" → "RoomChannel"
function shortName(channel) {
    return channel.split('::').at(-1);
}

// An event has one interface, or one for each channel that shows it differently.
function nameEvents(channels) {
    const shapes = new Map();
    for (const { events } of channels) {
        for (const { event, fields } of events) {
            shapes.set(event, (shapes.get(event) ?? new Set()).add(JSON.stringify(fields)));
        }
    }
    return (channel, event) => {
        const name = event[0].toUpperCase() + event.slice(1);
        return shapes.get(event).size === 1 ? name : shortName(channel).replace(/Channel$/, '') + name;
    };
}

function eventInterfaces(channels, nameOf) {
    const found = new Map();
    for (const { channel, events } of channels) {
        for (const { event, fields } of events) {
            const name = nameOf(channel, event);
            const where = [...found.get(name)?.where ?? [], channel];
            found.set(name, { where, event, fields });
        }
    }
    return [...found].map(([name, { where, event, fields }]) =>
        interfaceText(name, `${event}, on ${where.join(', ')}.`, fields, `${INDENT}event: "${event}";\n`)).join('');
}

function channelUnion({ channel, stream, events }, nameOf) {
    const members = events.map(({ event, fields }) =>
        `\n${INDENT}| ${nameOf(channel, event)}${parameter(fields) ? '<Id>' : ''}`).join('');
    return `\n/** What arrives from ${stream}. */\nexport type ${shortName(channel)}Event<Id = DefaultId> =${members};\n`;
}

function channelMap(channels) {
    const lines = channels.map(({ channel }) => `${INDENT}"${channel}": ${shortName(channel)}Event<Id>;\n`).join('');
    return `\n/** The events of a channel by its name. */\nexport interface ChannelEvents<Id = DefaultId> {\n${lines}}\n`;
}

const TRUNCATED = [
    { name: 'event', kind: 'string' },
    { name: 'id', kind: 'id', nullable: true },
    { name: 'truncated', kind: 'constant', value: true },
];

export function typesOf({ shared, channels }, ids) {
    const nameOf = nameEvents(channels);
    return [
        HEAD,
        `export type DefaultId = ${ids.join(' | ')};\n`,
        ...shared.map(({ name, about, fields }) => interfaceText(name, about, fields)),
        eventInterfaces(channels, nameOf),
        interfaceText('Truncated', 'In place of an event that is larger than max_payload_bytes: fetch it by its id.', TRUNCATED),
        ...channels.map((channel) => channelUnion(channel, nameOf)),
        channelMap(channels),
    ].join('');
}
