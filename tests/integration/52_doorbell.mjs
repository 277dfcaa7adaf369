// SPDX-License-Identifier: PostgreSQL
// The doorbell: whoever is held up wherever, no committed row waits for a daemon that sleeps.  The
// fallback poll is an hour away, longer than anybody here waits: a lost wake-up fails the test.
import assert from 'node:assert/strict';
import { ownWorld } from './lib/own.mjs';
import { Session } from './lib/session.mjs';
import { PATIENCE_MS, until } from './lib/until.mjs';

const SLEEPY = { poll_ms: 3_600_000, canary_ms: 0 };
const LEASE_MS = 10_000;

const IS_LOUD = `pg_sequence_last_value('pgcable.ctl') >> 2 > extract(epoch from clock_timestamp())`;

function say(room, body) {
    return `insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
        select chat_room_id, id, '${body}' from chat_room_participants
        where chat_room_id = ${room};`;
}

// A room with one member, who listens.
async function scene(t, { settings = {}, conf } = {}) {
    const own = await ownWorld(t, { conf, settings: { ...SLEEPY, ...settings } });
    own.ann = await own.app.member('Ann');
    own.room = await own.app.room([own.ann]);
    own.hers = (await own.listen(own.ann, own.room)).room;
    return own;
}

function session(own) {
    const opened = new Session(own.app.superuser);
    own.later(() => opened.end());
    return opened;
}

const isAsleep = async (daemon) => (await daemon.metric('pgcable_feed_asleep')) === 1;
const asleep = (daemon) => until('the daemon to sleep', () => isAsleep(daemon));
const isLoud = async (own) =>
    (await own.app.superuser.script(`select ${IS_LOUD}`)) === 't';
const loud = (own) => until('writers to be told to ring', () => isLoud(own));
const quiet = (own, ms) =>
    until('writers not to be told to ring', async () => !(await isLoud(own)), ms);

// The message with this body; those before it are of no interest.
async function heard(subscription, body) {
    while ((await subscription.next(`"${body}"`)).body !== body);
}

async function wakesFor(own, body, subscription = own.hers) {
    await own.app.message(own.room, own.ann, body);
    await heard(subscription, body);
}

// Nothing lost, nothing twice.
async function complete(own, subscription = own.hers) {
    const count = Number(await own.app.superuser.sql`select count(*) from chat_room_messages`);
    await until(`all ${count} messages`, () => subscription.messages.length >= count);
    assert.equal(subscription.messages.length, count);
}

// Rows, each committed by itself, until the daemon has told the writers that they need not ring.
function burst(room) {
    return `do $$
        begin
            for n in 1..20000 loop
                ${say(room, 'burst')}
                commit;
                if not ${IS_LOUD} then
                    return;
                end if;
            end loop;
            raise exception 'writers are still told to ring';
        end
        $$;`;
}

// An open transaction that was told not to ring.
async function quietWriter(own, body) {
    const writer = session(own);
    await until('a transaction that need not ring', async () =>
        (await writer.run(`${burst(own.room)} begin; ${say(own.room, body)}
            select not ${IS_LOUD};`)) === 't' || (await writer.run('rollback;')));
    return writer;
}

// It looks for rows again and again, and does not rely on being rung.
async function keepsLooking(daemon) {
    const advances = () => daemon.metric('pgcable_feed_advance_seconds_count');
    const before = await advances();
    await until('the daemon to look for rows', async () => {
        assert.equal(await isAsleep(daemon), false, 'it must not sleep');
        return (await advances()) >= before + 10;
    });
}

// A trigger of the test's own on the outbox, where the writer has the lock and not yet read the
// word, keeps rows that say "held" waiting until the returned function is called.
async function holdInserts(own, when) {
    await own.app.superuser.script(`
        create function hold() returns trigger language plpgsql as $$
            begin perform pg_advisory_xact_lock_shared(42); return new; end $$;
        create trigger hold ${when} insert on pgcable.outbox_0 for each row
            when (new.new ->> 'body' = 'held') execute function hold();`);
    const holder = session(own);
    await holder.run('select pg_advisory_lock(42);');
    return () => holder.run('select pg_advisory_unlock(42);');
}

// What the daemon's steps wait for when somebody else has it; looking does so in this test only.
const STEP_LOCKS = { 'setting the word': 7236357, looking: 43, polling: 7236355 };

async function heldInStep(t, step) {
    const own = await scene(t);
    await own.app.superuser.script(`
        alter function pgcable.writers() rename to writers_now;
        create function pgcable.writers() returns setof text language plpgsql security definer as $$
            begin
                perform pg_advisory_xact_lock_shared(${STEP_LOCKS.looking});
                return query select * from pgcable.writers_now();
            end $$;`);
    await asleep(own.daemon);
    const writer = await quietWriter(own, 'late');
    const holder = session(own);
    await holder.run(`select pg_advisory_lock(${STEP_LOCKS[step]});`);
    await until('the daemon to be held up', async () =>
        Number(await own.app.superuser.sql`select count(*) from pg_locks l
            join pg_stat_activity a using (pid)
            where l.locktype = 'advisory' and not l.granted and a.usename = 'pgcable_daemon'`) > 0);
    await writer.run('commit;');
    await holder.run(`select pg_advisory_unlock(${STEP_LOCKS[step]});`);
    await heard(own.hers, 'late');
    await asleep(own.daemon);
    await wakesFor(own, 'afterwards');
    await complete(own);
}

const isWaiting = (own, kind) =>
    until('the writer to wait', async () =>
        Number(await own.app.superuser.sql`select count(*) from pg_locks
            where locktype = ${kind} and not granted`) === 1);

async function heldInInsert(t, when) {
    const own = await scene(t);
    await asleep(own.daemon);
    const release = await holdInserts(own, when);
    const writer = session(own);
    const inserted = writer.begin(`${burst(own.room)} ${say(own.room, 'held')}`);
    await isWaiting(own, 'advisory');
    await loud(own);
    await keepsLooking(own.daemon);
    await release();
    await inserted.done();
    await heard(own.hers, 'held');
    await asleep(own.daemon);
    await wakesFor(own, 'afterwards');
    await complete(own);
}

const WITH_PREPARED = ['max_prepared_transactions = 10'];

export default {
    async 'auto: a single row wakes it, many make the writers quiet, then it sleeps again'(t) {
        const own = await scene(t);
        for (let n = 0; n < 5; n++) {
            await asleep(own.daemon);
            assert.ok(await isLoud(own));
            await wakesFor(own, `row ${n}`);
        }
        await asleep(own.daemon);
        await own.app.superuser.script(burst(own.room));
        await asleep(own.daemon);
        await wakesFor(own, 'good morning');
        await complete(own);
    },

    async 'a writer that need not ring and commits late is waited for'(t) {
        const own = await scene(t);
        await asleep(own.daemon);
        const writer = await quietWriter(own, 'late');
        await loud(own);
        await keepsLooking(own.daemon);
        await own.app.message(own.room, own.ann, 'meanwhile');
        await heard(own.hers, 'meanwhile');
        await keepsLooking(own.daemon);
        await writer.run('commit;');
        await heard(own.hers, 'late');
        await asleep(own.daemon);
        await wakesFor(own, 'afterwards');
        await complete(own);
    },

    async 'a writer that need not ring and rolls back, or whose connection is cut, is not'(t) {
        const own = await scene(t);
        await asleep(own.daemon);
        const first = await quietWriter(own, 'never');
        await loud(own);
        await first.run('rollback;');
        await asleep(own.daemon);
        const second = await quietWriter(own, 'never');
        await loud(own);
        second.end();
        await asleep(own.daemon);
        await wakesFor(own, 'afterwards');
        await complete(own);
    },

    async 'a writer held up before it has the lock, while the word changes, rings when it goes on'(t) {
        const own = await scene(t);
        const holder = session(own);
        await holder.run(`begin;
            lock table pgcable.outbox_0, pgcable.outbox_1, pgcable.outbox_2 in share mode;`);
        const writer = session(own);
        const inserted = writer.begin(`select pgcable.ring(0); ${say(own.room, 'held')}`);
        await isWaiting(own, 'relation');
        await loud(own);
        await asleep(own.daemon);
        await holder.run('commit;');
        await inserted.done();
        await heard(own.hers, 'held');
        await complete(own);
    },

    'a writer held up before its INSERT, with the lock, is waited for': (t) =>
        heldInInsert(t, 'before'),

    'a writer held up after its INSERT, before it reads the word, is waited for': (t) =>
        heldInInsert(t, 'after'),

    'a row committed while the daemon is held up setting the word is heard': (t) =>
        heldInStep(t, 'setting the word'),

    'a row committed while the daemon is held up looking who writes is heard': (t) =>
        heldInStep(t, 'looking'),

    'a row committed while the daemon is held up polling is heard': (t) =>
        heldInStep(t, 'polling'),

    async 'stopped until its lease has ended: what came meanwhile, and what was begun, is heard'(t) {
        const own = await scene(t);
        await asleep(own.daemon);
        own.daemon.kill('SIGSTOP');
        own.later(() => own.daemon.kill('SIGCONT'));
        await own.app.message(own.room, own.ann, 'rings in vain');
        await quiet(own, LEASE_MS + PATIENCE_MS);
        await own.app.message(own.room, own.ann, 'does not ring');
        const writer = session(own);
        await writer.run(`begin; ${say(own.room, 'begun')}`);
        own.daemon.kill('SIGCONT');
        await heard(own.hers, 'does not ring');
        await loud(own);
        await keepsLooking(own.daemon);
        await writer.run('commit;');
        await heard(own.hers, 'begun');
        await asleep(own.daemon);
        await wakesFor(own, 'afterwards');
        await complete(own);
    },

    async 'killed while writers ring: the next one sleeps and is woken'(t) {
        const own = await scene(t);
        await asleep(own.daemon);
        await own.daemon.crash();
        await own.app.message(own.room, own.ann, 'rings in vain');
        assert.ok(await isLoud(own), 'the lease goes on for a while');
        await own.daemon.start();
        await own.daemon.ready();
        const { room: again } = await own.listen(own.ann, own.room);
        await asleep(own.daemon);
        await wakesFor(own, 'afterwards', again);

        await own.daemon.crash();
        await own.app.superuser.sql`select setval('pgcable.ctl',
            ((extract(epoch from clock_timestamp())::bigint - 60) << 2)
            | (pg_sequence_last_value('pgcable.ctl') & 3))`; // a minute later
        await own.daemon.start();
        await own.daemon.ready();
        const { room: third } = await own.listen(own.ann, own.room);
        await asleep(own.daemon);
        await wakesFor(own, 'a minute later', third);
    },

    async 'two daemons: both sleep and both are woken'(t) {
        const own = await scene(t);
        const other = await own.start(SLEEPY);
        const { room: theirs } = await own.listen(own.ann, own.room, other);
        for (let n = 0; n < 5; n++) {
            await asleep(own.daemon);
            await asleep(other);
            await own.app.message(own.room, own.ann, `row ${n}`);
            await heard(own.hers, `row ${n}`);
            await heard(theirs, `row ${n}`);
        }
        await own.app.superuser.script(burst(own.room));
        await complete(own);
        await complete(own, theirs);
    },

    async 'another daemon makes the writers quiet and is not heard of again: this one looks'(t) {
        const own = await scene(t);
        await asleep(own.daemon);
        await own.app.superuser.script(`select pgcable.ring(0);
            ${say(own.room, 'nobody rings for this one')}`);
        await heard(own.hers, 'nobody rings for this one');
        await asleep(own.daemon);
        await wakesFor(own, 'afterwards');
        await complete(own);
    },

    // The other one is stopped, so that it is this one that makes the writers quiet, then dies.
    async 'two daemons: whoever makes the writers quiet and dies leaves no other one asleep'(t) {
        const own = await scene(t);
        const other = await own.start(SLEEPY);
        const { room: theirs } = await own.listen(own.ann, own.room, other);
        await asleep(other);
        other.kill('SIGSTOP');
        own.later(() => other.running && other.kill('SIGCONT'));
        await until('writers to be quiet and their daemon to stand still', async () => {
            await asleep(own.daemon);
            await own.app.superuser.script(burst(own.room));
            own.daemon.kill('SIGSTOP');
            if (await isLoud(own)) {
                own.daemon.kill('SIGCONT');
                return false;
            }
            return true;
        });
        await own.daemon.crash();
        other.kill('SIGCONT');
        await complete(own, theirs);
        await wakesFor(own, 'nobody rings for this one', theirs);
        await asleep(other);
        await wakesFor(own, 'afterwards', theirs);
        await complete(own, theirs);
    },

    async 'always: writers ring under load, too, and the last of many rows is heard'(t) {
        const own = await scene(t, { settings: { notify: 'always' } });
        for (let n = 0; n < 3; n++) {
            await asleep(own.daemon);
            await own.app.superuser.script(`do $$ begin
                for n in 1..1000 loop
                    ${say(own.room, 'one of many')}
                    commit;
                    assert ${IS_LOUD};
                end loop;
            end $$;`);
            await complete(own);
        }
    },

    async 'off: nobody ever rings, and it looks by itself'(t) {
        const own = await scene(t, { settings: { notify: 'off' } });
        for (let n = 0; n < 3; n++) {
            await wakesFor(own, `row ${n}`);
            await keepsLooking(own.daemon);
            assert.equal(await isLoud(own), false);
        }
    },

    async 'auto where transactions are prepared: nobody ever rings'(t) {
        const own = await scene(t, { conf: WITH_PREPARED });
        const writer = session(own);
        for (let n = 0; n < 3; n++) {
            await keepsLooking(own.daemon);
            await writer.run(`begin; ${say(own.room, `row ${n}`)} prepare transaction 'p';`);
            await keepsLooking(own.daemon);
            assert.equal(await isLoud(own), false);
            await writer.run(`commit prepared 'p';`);
            await heard(own.hers, `row ${n}`);
        }
        await complete(own);
    },

    async 'always where transactions are prepared: one that need not ring is waited for'(t) {
        const own = await scene(t, { conf: WITH_PREPARED, settings: { notify: 'always' } });
        const writer = session(own);
        await asleep(own.daemon);
        own.daemon.kill('SIGSTOP');
        own.later(() => own.daemon.running && own.daemon.kill('SIGCONT'));
        await own.app.superuser.sql`select pgcable.ring(0)`;
        await writer.run(`begin; ${say(own.room, 'prepared')} prepare transaction 'p';`);
        own.daemon.kill('SIGCONT');
        await loud(own);
        await keepsLooking(own.daemon);
        await assert.rejects(
            own.app.superuser.script(`begin; ${say(own.room, 'x')} prepare transaction 'q';`),
            /cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/,
        );
        await wakesFor(own, 'meanwhile');
        await own.pg.stop();
        await own.pg.up(); // it is known by another name now
        await own.daemon.ready();
        await loud(own);
        await keepsLooking(own.daemon);
        await own.app.superuser.script(`commit prepared 'p';`);
        await heard(own.hers, 'prepared');
        await asleep(own.daemon);
        await wakesFor(own, 'afterwards');
        await complete(own);
    },
};
