// SPDX-License-Identifier: PostgreSQL
// contract.mjs - contract.json as definitions that both outputs are written from.
//
// A definition has fields: [{ name, kind, nullable, … }].  Kinds: id, count, string, time, boolean,
// object (any), constant, list and ref (of a shared definition), inline (with fields of its own).

// What the contract calls "object" and "array", by the name of the field.
const OBJECTS = {
    sender: 'Sender',
    current_participant: 'Participant',
    last_message: 'Message',
    pinned_message: 'Message',
    notification: 'Notification',
};
const LISTS = {
    other_participants_preview: 'Participant',
    thread_participants_preview: 'ThreadParticipant',
};

// Columns that an application lists as "extra" travel in these, beside what is named here.
const SHARED = {
    Sender: {
        about: 'Who wrote a message; `id` is the participant\'s.',
        payload: ['id:number', 'community_member_id:number', 'name:string?', 'avatar_url:string?', 'user_public_uid:string?'],
    },
    Participant: {
        about: 'Somebody in a room, as its lists show him; `id` is the participant\'s.',
        payload: [
            'id:number', 'name:string?', 'user_public_uid:string?', 'headline:string?', 'email:string?',
            'avatar_url:string?', 'community_member_id:number',
            'deleted_at:boolean?=false', // who is deleted is not shown; false where it is a boolean column
            'admin:boolean', 'muted:boolean',
        ],
    },
    ThreadParticipant: {
        about: 'Somebody in a thread; `id` is the thread participant\'s.',
        payload: ['id:number', 'community_member_id:number', 'avatar_url:string?', 'name:string?'],
    },
    Notification: {
        about: 'The notification\'s row as far as it is mapped, and what is listed as "extra".',
        payload: ['id:number', 'community_member_id:number'],
    },
};

function kindOf(name, types, constant) {
    if (constant !== undefined) {
        return { kind: 'constant', value: JSON.parse(constant) };
    }
    if (LISTS[name]) {
        return { kind: 'list', of: LISTS[name] };
    }
    if (types.includes('object')) {
        return OBJECTS[name] ? { kind: 'ref', of: OBJECTS[name] } : { kind: 'object' };
    }
    if (types.includes('number')) {
        return { kind: /(^|_)id$/.test(name) ? 'id' : 'count' };
    }
    return { kind: types === 'string' && name.endsWith('_at') ? 'time' : types };
}

// "edited_at:string?", "new_notifications_count:number=0" or { "parent_message?": [fields] }
function parseField(field, owner, nullables) {
    if (typeof field === 'object') {
        const [[key, fields]] = Object.entries(field);
        return {
            name: key.replace('?', ''),
            nullable: true, // also in the threads channel, where the contract has no "?": roots are deleted, too
            kind: 'inline',
            fields: fields.map((inner) => parseField(inner, key.replace('?', ''), nullables)),
        };
    }
    const [, name, types, mark, constant] = /^(\w+):([\w|]+)(\?)?(?:=(.*))?$/.exec(field);
    const nullable = Boolean(mark) || nullables.includes(name) || nullables.includes(`${owner}.${name}`);
    return { name, nullable, ...kindOf(name, types, constant) };
}

function payloadOf(channels, channel, event) {
    return channels.find((candidate) => candidate.channel === channel)
        .events.find((candidate) => candidate.event === event).payload;
}

// `nullables`: fields that an application leaves empty although the contract has them filled, such
// as "body", or "Sender.id" where only one object's is meant.
export function parseContract({ channels }, nullables = []) {
    const parse = (payload, owner) => payload.map((field) => parseField(field, owner, nullables));
    const shared = Object.entries(SHARED).map(([name, { about, payload }]) => ({ name, about, fields: parse(payload, name) }));
    shared.push({
        name: 'Message',
        about: 'A message inside another event.',
        fields: parse(payloadOf(channels, 'Chats::RoomChannel', 'updatedMessage'), 'Message'),
    });
    return {
        shared,
        channels: channels.map(({ channel, stream, events }) => ({
            channel,
            stream,
            events: events.map(({ event, payload }) => ({
                event,
                // The contract lists nothing here; what was inserted is ours to send.
                fields: parse(event === 'newNotification' ? ['notification:object'] : payload, event),
            })),
        })),
    };
}
