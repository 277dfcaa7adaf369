// SPDX-License-Identifier: PostgreSQL
// turns.mjs - what a writer does in one turn: the kinds of transaction that applications have.
import { setTimeout as delay } from 'node:timers/promises';
import {
    CUSTOMERS, MEMBERS, REVOKED_ROOMS, STABLE_ROOMS, membersOf, roomUuid, threadOf,
} from './stage.mjs';

const text = (value) => `'${value.replaceAll("'", "''")}'`;

const anyRoom = ({ prng }) => prng.pick(prng.chance(0.2) ? REVOKED_ROOMS : STABLE_ROOMS);

function message(writer, room = anyRoom(writer)) {
    const member = writer.prng.pick(membersOf(room));
    return `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
        values (${room}, (select max(id) from chat_room_participants where chat_room_id = ${room}
            and community_member_id = ${member} and deleted_at is null), ${text(writer.body())});`;
}

function reply(writer) {
    const room = writer.prng.pick(STABLE_ROOMS);
    const { thread, root } = threadOf(room);
    return `insert into chat_room_messages (chat_room_id, chat_thread_id, parent_message_id, body)
        values (${room}, ${thread}, ${root}, ${text(writer.body())});`;
}

// A row that everybody updates.
function hotMessage(writer) {
    const id = writer.prng.pick(STABLE_ROOMS) + writer.prng.pick([10, 20]);
    return `update chat_room_messages set body = ${text(writer.body('hot'))} where id = ${id};`;
}

function hotOrder(writer) {
    return `update chaos.orders set version = version + 1, body = ${text(writer.body('hot'))}
        where id = ${writer.prng.pick(CUSTOMERS)};`;
}

function hotRoom(writer) {
    return `update chat_rooms set description = format('d%s %s',
            substring(description from '^d(\\d+) ')::integer + 1, ${text(writer.body())})
        where id = ${writer.prng.pick(STABLE_ROOMS)};`;
}

function order(writer) {
    return `insert into chaos.orders (customer_id, body)
        values (${writer.prng.pick(CUSTOMERS)}, ${text(writer.body())});`;
}

function dropOrder(writer) {
    return `delete from chaos.orders where id = (select id from chaos.orders where id > 1000
        order by id offset ${writer.prng.between(0, 30)} limit 1);`;
}

function broadcast(writer) {
    const stream = writer.prng.pick([
        `chat-room-${writer.prng.pick(STABLE_ROOMS)}-channel`,
        `orders-${writer.prng.pick(CUSTOMERS)}`,
        `notification-channel-${writer.prng.between(1, MEMBERS)}`,
    ]);
    return `select chaos.say('${stream}', ${text(writer.body())});`;
}

function notification(writer) {
    return `insert into notifications (community_member_id)
        values (${writer.prng.between(1, MEMBERS)});`;
}

function remove(writer) {
    const which = `id = (select id from chat_room_messages where chat_room_id = ${anyRoom(writer)}
        and body like 'w%' and deleted_at is null
        order by id desc offset ${writer.prng.between(0, 20)} limit 1)`;
    return writer.prng.chance(0.5)
        ? `delete from chat_room_messages where ${which};`
        : `update chat_room_messages set deleted_at = now() where ${which};`;
}

function edit(writer) {
    return `update chat_room_messages set body = ${text(writer.body())} where id = (
        select id from chat_room_messages where chat_room_id = ${anyRoom(writer)}
        and body like 'w%' and deleted_at is null
        order by id desc offset ${writer.prng.between(0, 20)} limit 1);`;
}

// What raises no event must not disturb either.
const touch = () => 'update chat_room_messages set updated_at = now() where id between 11 and 13;';

const COLD = [message, message, reply, order, broadcast, notification, edit];
const several = (writer, kinds, low, high) =>
    Array.from({ length: writer.prng.between(low, high) }, () => writer.prng.pick(kinds)(writer)).join('\n');

// One statement, autocommitted.
function short(writer) {
    const kind = writer.prng.weighted([
        [40, message], [8, reply], [15, hotMessage], [10, hotOrder], [4, hotRoom], [10, order],
        [6, dropOrder], [8, broadcast], [5, notification], [6, remove], [6, edit], [3, touch],
    ]);
    return writer.run(`${writer.turn()} ${kind(writer)}`);
}

// Several streams in one transaction; hot rows last, so that deadlocks stay rare but occur.
function across(writer) {
    return writer.run(`${writer.turn()} begin; ${several(writer, COLD, 2, 8)}
        ${several(writer, [hotMessage, hotOrder, remove], 0, 2)} commit;`);
}

function rolledBack(writer) {
    return writer.run(`${writer.turn()} begin; ${several(writer, COLD, 1, 6)} rollback;`);
}

function savepoints(writer) {
    return writer.run(`${writer.turn()} begin; ${several(writer, COLD, 1, 2)}
        savepoint a; ${several(writer, COLD, 1, 3)}
        savepoint b; ${several(writer, [...COLD, hotMessage], 1, 2)}
        rollback to a; ${several(writer, COLD, 0, 2)}
        savepoint c; ${several(writer, COLD, 1, 2)} release c; commit;`);
}

// Somebody else ends it, later: see finishPrepared().
function prepared(writer) {
    return writer.run(`${writer.noTurn()} begin; ${several(writer, COLD, 1, 4)}
        prepare transaction 'w${writer.number}-${writer.turns}';`);
}

// The rows look like comments: if COPY fails at once, psql takes them for SQL.
function copy(writer) {
    const room = writer.prng.pick(STABLE_ROOMS);
    const escaped = (body) => body.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
    const turn = writer.turn();
    const lines = Array.from({ length: writer.prng.between(5, 60) }, () => `${escaped(writer.body('-- w'))}\t${room}`);
    return writer.run(`${turn}\ncopy chat_room_messages (body, chat_room_id) from stdin;\n${lines.join('\n')}\n\\.`);
}

const GOINGS = [
    'delete from chat_rooms where id = :brief;',
    'update chat_rooms set deleted_at = now() where id = :brief;',
    'begin; delete from chat_room_participants where chat_room_id = :brief;' +
        ' delete from chat_rooms where id = :brief; commit;',
];

// A room comes, is talked in, and goes with all that hangs on it.
function briefRoom(writer) {
    const say = () => `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
        select id, (select max(id) from chat_room_participants where chat_room_id = :brief),
            ${text(writer.body('brief'))} from chat_rooms where id = :brief;`;
    const members = writer.prng.shuffle(Array.from({ length: MEMBERS }, (_, n) => n + 1))
        .slice(0, writer.prng.between(1, 5));
    const comes = writer.turn();
    const says = Array.from({ length: writer.prng.between(0, 4) }, () => `${writer.turn()} ${say()}`);
    return writer.run(`\\set brief 0
        ${comes} begin;
        insert into chat_rooms (id, uuid, name)
            select n, ${roomUuid('n')}, 'brief' from nextval('chat_rooms_id_seq') n returning id as brief \\gset
        insert into chat_room_participants (chat_room_id, community_member_id)
            select :brief, unnest(array[${members}]) where :brief > 0;
        ${writer.prng.chance(0.5) ? say() : ''} commit;
        ${says.join('\n')}
        ${writer.turn()} ${writer.prng.pick(GOINGS)}`);
}

export const TURNS = [
    [70, short], [12, across], [4, rolledBack], [4, savepoints], [3, prepared], [2, copy], [3, briefRoom],
];

// A transaction that is open for seconds, and writes at its beginning and at its end.
export async function longTurn(writer) {
    const { prng } = writer;
    writer.crew.count('long');
    await writer.run(`${writer.turn()} begin; ${several(writer, COLD, 1, 3)}`);
    for (let n = prng.between(1, 3); n > 0 && !writer.crew.isHushed; n--) {
        await delay(prng.between(100, 2500));
        await writer.run(several(writer, COLD, 1, 2));
    }
    await writer.run(`${several(writer, [hotMessage, order], 0, 2)} ${prng.chance(0.85) ? 'commit' : 'rollback'};`);
}
