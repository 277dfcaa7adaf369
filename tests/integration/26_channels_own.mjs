// SPDX-License-Identifier: PostgreSQL
// Channels, tables and rules of the application's own, declared in SQL: no code of ours knows them.
import assert from 'node:assert/strict';

// A shop beside the chat: orders, and a channel for the customer they belong to.
async function shop(t) {
    await t.app.superuser.script(`
        create schema shop;
        create table shop.orders (id bigint primary key, customer_id bigint not null, status text,
            price numeric, details json, card_number text);
        create function shop.may_see_orders(member text, params jsonb) returns boolean
            language sql stable as $$ select params ->> 'customer_id' = member $$;
        select pgcable.channel('OrdersChannel', stream => 'orders-{customer_id}',
            authorize => 'shop.may_see_orders');
        select pgcable.attach_generic('shop.orders', stream => 'orders-{customer_id}',
            columns => '{id,status,price,details}');
        grant usage on schema shop to app;
        grant all on shop.orders to app;`);
    t.later(() => t.app.superuser.script(`
        select pgcable.drop_channel('OrdersChannel');
        select pgcable.detach_generic('shop.orders');
        drop schema shop cascade;`));
}

async function listen(t, wire, channel, params, stream) {
    const subscription = await wire.subscribe(channel, params);
    subscription.stream = stream;
    return subscription;
}

const eventsOf = (messages) => messages.map(({ event }) => event);

export default {
    async 'who passes the rule of a channel gets the rows of its stream, listed columns only'(t) {
        await shop(t);
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const wires = [await t.connect(ann), await t.connect(bo)];
        const hers = await listen(t, wires[0], 'OrdersChannel', { customer_id: ann }, `orders-${ann}`);
        const his = await listen(t, wires[1], 'OrdersChannel', { customer_id: String(bo) }, `orders-${bo}`);

        await t.app.sql`insert into shop.orders values (1, ${ann}, 'new', 10.50, '{"b":1,"a":[]}', '4111')`;
        await t.app.sql`update shop.orders set card_number = '4222' where id = 1`;
        await t.app.sql`update shop.orders set status = 'paid' where id = 1`;
        await t.app.sql`delete from shop.orders where id = 1`;
        const [got, other] = await t.settle(hers, his);
        const row = { id: 1, status: 'new', price: 10.5, details: { b: 1, a: [] } };
        const paid = { ...row, status: 'paid' };
        assert.deepEqual(got, [
            { event: 'INSERT', record: row, old_record: null },
            { event: 'UPDATE', record: paid, old_record: row },
            { event: 'DELETE', record: null, old_record: paid },
        ]);
        assert.deepEqual(Object.keys(got[0].record), ['id', 'status', 'price', 'details']);
        assert.deepEqual(other, []);
        assert.doesNotMatch(hers.texts.join('\n'), /4111|4222|card_number/);
    },

    async 'a row that changes hands leaves the one stream and appears on the other'(t) {
        await shop(t);
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        await t.app.sql`insert into shop.orders values (2, ${ann}, 'new')`;
        const wires = [await t.connect(ann), await t.connect(bo)];
        const hers = await listen(t, wires[0], 'OrdersChannel', { customer_id: ann }, `orders-${ann}`);
        const his = await listen(t, wires[1], 'OrdersChannel', { customer_id: bo }, `orders-${bo}`);
        await t.app.sql`update shop.orders set customer_id = ${bo} where id = 2`;
        const [ofHers, ofHis] = await t.settle(hers, his);
        assert.deepEqual([eventsOf(ofHers), eventsOf(ofHis)], [['DELETE'], ['INSERT']]);
    },

    async 'numbers and stored JSON of a row arrive as PostgreSQL holds them'(t) {
        await shop(t);
        const ann = await t.app.member('Ann');
        const wire = await t.connect(ann);
        const hers = await listen(t, wire, 'OrdersChannel', { customer_id: ann }, `orders-${ann}`);
        await t.app.sql`insert into shop.orders
            values (9007199254740993, ${ann}, 'ünï 😀', 12345678901234567890.12, '{"z":1.0,"a":2e3}')`;
        await hers.next();
        for (const part of ['"id":9007199254740993', '12345678901234567890.12', '"z":1.0,"a":2e3', 'ünï 😀']) {
            assert.ok(hers.texts[0].replaceAll('": ', '":').replaceAll('" : ', '":').includes(part), `${part} in ${hers.texts[0]}`);
        }
    },

    async 'without a rule, with a no, or by an unknown name nobody gets in'(t) {
        await shop(t);
        await t.app.superuser.script(`
            select pgcable.channel('LonelyChannel', stream => 'lonely');
            create function shop.broken(member text, params jsonb) returns boolean
                language plpgsql stable as $$ begin raise exception 'ouch'; end $$;
            select pgcable.channel('BrokenChannel', stream => 'broken', authorize => 'shop.broken');`);
        t.later(() => t.app.superuser.script(`
            select pgcable.drop_channel('LonelyChannel'), pgcable.drop_channel('BrokenChannel');`));
        const [ann, bo] = [await t.app.member('Ann'), await t.app.member('Bo')];
        const wire = await t.connect(ann);
        for (const [channel, params] of [
            ['OrdersChannel', { customer_id: bo }],
            ['OrdersChannel', { customer_id: null }],
            ['OrdersChannel', {}],
            ['LonelyChannel', {}],
            ['BrokenChannel', {}],
            ['UnheardOfChannel', {}],
            ['Orders Channel', { customer_id: ann }],
            ['ordersChannel', { customer_id: ann }],
        ]) {
            await wire.subscribe(channel, params, 'reject_subscription');
        }
        const hers = await listen(t, wire, 'OrdersChannel', { customer_id: ann }, `orders-${ann}`);
        await t.app.broadcast(hers.stream, 'still there');
        assert.equal(await hers.next(), 'still there');

        await t.app.superuser.sql`select pgcable.drop_channel('OrdersChannel')`;
        const again = await t.connect(ann);
        await again.subscribe('OrdersChannel', { customer_id: ann }, 'reject_subscription');
    },

    async 'a broadcast event has the envelope of the daemon that sends it'(t) {
        await shop(t);
        const ann = await t.app.member('Ann');
        const nested = await t.start({ envelope: 'nested' });
        const wires = [await t.connect(ann), await t.connect(ann, {}, nested)];
        const stream = `orders-${ann}`;
        const [flat, deep] = await Promise.all(
            wires.map((wire) => listen(t, wire, 'OrdersChannel', { customer_id: ann }, stream)));
        await t.app.superuser.script(`
            begin;
            select pgcable.broadcast('${stream}', 'orderPaid', '{"id": 7, "sum": 1.50}');
            select pgcable.broadcast('${stream}', 'ping', null);
            select pgcable.broadcast('${stream}', 'list', '[1, 2]');
            commit;
            begin;
            select pgcable.broadcast('${stream}', 'never', '{}');
            rollback;`);
        const [ofFlat, ofDeep] = await t.settle(flat, deep);
        assert.deepEqual(ofFlat, [
            { event: 'orderPaid', id: 7, sum: 1.5 },
            { event: 'ping', data: null },
            { event: 'list', data: [1, 2] },
        ]);
        assert.deepEqual(ofDeep, [
            { event: 'orderPaid', data: { id: 7, sum: 1.5 } },
            { event: 'ping', data: null },
            { event: 'list', data: [1, 2] },
        ]);
        assert.match(flat.texts[0], /"sum": ?1\.50/);
    },

    async 'a rule for rooms lets in who is no participant, and only where it says so'(t) {
        const [ann, guest] = [await t.app.member('Ann'), await t.app.member('Guest')];
        const lesson = await t.app.room([ann], { embedded: true });
        const team = await t.app.room([ann]);
        const wire = await t.connect(guest);
        await wire.subscribe('Chats::RoomChannel', { chat_room_id: lesson }, 'reject_subscription');

        await t.app.superuser.script(`
            create function public.may_listen(member text, room text) returns boolean
                language sql stable security definer set search_path = pg_catalog, pg_temp
                as $$ select is_embedded from public.chat_rooms where id::text = room $$;
            select pgcable.room_rule('public.may_listen');`);
        t.later(() => t.app.superuser.script(`
            select pgcable.room_rule(null);
            drop function public.may_listen;`));
        const again = await t.connect(guest);
        const heard = await again.subscribe('Chats::RoomChannel', { chat_room_id: lesson });
        await again.subscribe('Chats::RoomChannel', { chat_room_id: team }, 'reject_subscription');
        await again.subscribe('Chats::RoomChannel', { chat_room_id: 999_999 }, 'reject_subscription');
        await t.app.message(lesson, ann, 'welcome');
        await t.app.message(team, ann, 'secret');
        const [got] = await t.settle(heard);
        assert.deepEqual(got.map(({ event, body }) => [event, body]), [['newMessage', 'welcome']]);
    },
};
