// SPDX-License-Identifier: PostgreSQL
// safeguards.mjs - what the product's SQL guards against, and how to take the guard out, in the
// test's database only.  The ledger must notice each of them: `caught` names a promise that breaks.
//
// `edits`: [function, text, what stands there instead]; `sql(dsn)`: statements; `faults`, `seconds`,
// `flags`: a run in which it matters.

const ADVANCE = 'pgcable.advance(json,bigint)';
const BATCHES = 'pgcable.batches(bigint,bigint)';
const ROWS_BETWEEN = 'pgcable.rows_between(pg_snapshot,pg_snapshot)';

export const SAFEGUARDS = new Map(Object.entries({
    // "greater than the last one" is not "new": who drew a number earlier may commit later.
    'late-commits': {
        caught: 'lost',
        edits: [[ROWS_BETWEEN, 'array(select pg_catalog.pg_snapshot_xip(p_before))', "'{}'"]],
    },
    // By transaction instead of by row: what comes after a larger number looks as if it were known.
    'order-of-rows': {
        caught: 'lost',
        edits: [ADVANCE, BATCHES].map((reader) => [reader, 'order by o.id', 'order by o.xid, o.id']),
    },
    // Sessions that take fifty numbers at once do not number in order.
    'one-number-at-a-time': {
        caught: 'misordered',
        sql: () => 'alter sequence pgcable.outbox_id cache 50;',
    },
    // A tick of the same number in another history looks the same.
    nonces: {
        caught: 'lost',
        faults: 'lose-tail-unseen',
        seconds: 30,
        sql: () => `alter table pgcable.tick alter nonce set default '00000000-0000-4000-8000-000000000000';
            update pgcable.tick set nonce = default;`,
    },
    // Rows go though a daemon has not read them, and their ticks stay.
    'read-before-pruned': {
        caught: 'lost',
        faults: 'prune',
        seconds: 30,
        edits: [
            ['pgcable.prune(interval,bigint,bigint)',
                'continue when v_behind is null or not v_too_much and v_behind > v_base;', ''],
            ['pgcable.prune(interval,bigint,bigint)', 'v_base := greatest(v_base, v_behind);', ''],
            ['pgcable.prune(interval,bigint,bigint)', 'delete from pgcable.tick where tick < v_base;', 'perform;'],
        ],
    },
    // Writers who do not ring: a daemon that sleeps goes on sleeping.
    doorbell: {
        caught: 'stranded',
        faults: 'lull',
        flags: ['--prepared', 'off'],
        edits: [['pgcable.knock()', "perform pg_notify('pgcable', '');", 'null;']],
    },
    // The event outside the application's transaction: told before, and though, it is rolled back.
    'one-transaction': {
        caught: 'invented',
        sql: (dsn) => `create extension dblink;
            alter function pgcable.put(text, text, json, "char", json) rename to put_here;
            create function pgcable.put(p_kind text, p_stream text, p_new json, p_op "char" default 'B',
                p_old json default null) returns void language plpgsql security definer
            as $$
            begin
                perform from public.dblink('${dsn}', format('select pgcable.put_here(%L, %L, %L, %L, %L)::text',
                    p_kind, p_stream, p_new, p_op, p_old)) t (void text);
            end;
            $$;`,
    },
    // Those who are removed go on listening.
    removals: {
        caught: 'leaked',
        faults: 'revoke',
        sql: () => `alter table chat_room_participants disable trigger pgcable_capture_update,
            disable trigger pgcable_capture_delete;`,
    },
    // Who has a token that was revoked goes on listening.
    'revocations-told': {
        caught: 'leaked',
        faults: 'revoke-token',
        edits: [['pgcable.revoke(text,text,timestamptz,timestamptz)', 'perform pgcable.put(', 'perform concat(']],
    },
    // A daemon that comes when the row is gone does not know.
    'revocations-kept': {
        caught: 'leaked',
        faults: 'revoke-token',
        edits: [['pgcable.rights(boolean)', 'where p_all or', 'where false and p_all or']],
    },
    // What a restarted daemon reads again, several ticks at a time, lacks rows.
    'all-rows-again': {
        caught: 'lost',
        faults: 'kill',
        seconds: 20,
        edits: [[BATCHES, 'v_snap) o', 'v_snap) o where p_to - p_after < 8 or o.id % 3 <> 0']],
    },
}));

export async function takeOut(name, server) {
    const { edits = [], sql } = SAFEGUARDS.get(name);
    for (const [signature, text, instead] of edits) {
        const lines = await server.query(`select pg_get_functiondef('${signature}'::regprocedure);`);
        const source = lines.join('\n');
        if (!source.includes(text)) {
            throw new Error(`safeguard ${name}: ${signature} has no "${text}": say in safeguards.mjs how to take it out now`);
        }
        await server.query(`${source.replaceAll(text, instead)};`);
    }
    if (sql) {
        await server.query(sql(server.dsn('postgres')));
    }
}
