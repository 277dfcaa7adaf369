// SPDX-License-Identifier: PostgreSQL
// follow.mjs - what a client of the extended protocol gets of one room, with its positions; and
// writers who fill it.
import { EXTENDED } from './wire.mjs';
import { until } from './until.mjs';

// All that is got, as [epoch, offset, body]; from `history` on, if it is given.
export async function follow(t, daemon, member, room, history) {
    const wire = await t.connect(member, { protocols: EXTENDED }, daemon);
    const identifier = JSON.stringify({ channel: 'Chats::RoomChannel', chat_room_id: room });
    wire.send({ command: 'subscribe', identifier, ...(history ? { history } : {}) });
    const wanted = history ? 'confirm_history' : 'confirm_subscription';
    await wire.frame(wanted, ({ type }) => type === wanted);
    const got = () => wire.frames.filter(({ message }) => message?.body)
        .map(({ epoch, offset, message }) => [epoch, offset, message.body]);
    return {
        wire,
        got,
        until: (body) => until(`"${body}"`, () => wire.failed(got().some(([, , text]) => text === body))),
    };
}

// Where it stopped, as `history` of the one that goes on.
export function behind(room, messages) {
    const [epoch, offset] = messages.at(-1);
    return { streams: { [`chat-room-${room}-channel`]: { epoch, offset } } };
}

// Several writers at once, 2 messages in each of `count` transactions, and some that are rolled back.
export async function write(t, room, member, count, name) {
    const insert = (body) => `insert into chat_room_messages
        (chat_room_id, chat_room_participant_id, body)
        select ${room}, id, '${body}' from chat_room_participants
        where chat_room_id = ${room} and community_member_id = ${member};`;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < count; n++) {
            const body = `${name} ${writer} ${n}`;
            await t.app.role.script(`begin; ${insert(`${body} a`)} ${insert(`${body} b`)} commit;
                begin; ${insert('never')} rollback;`);
        }
    });
    await Promise.all(writers);
}
