// SPDX-License-Identifier: PostgreSQL
// The command line that looks after a database: attach --detect and doctor.
import assert from 'node:assert/strict';
import { pgcable } from './lib/daemon.mjs';
import { ownWorld } from './lib/own.mjs';
import { Role } from './lib/postgres.mjs';

async function database(t, name, ...files) {
    await t.app.superuser.script(`create database ${name};`);
    t.later(() => t.app.superuser.script(`drop database if exists ${name} with (force);`));
    const role = new Role(t.pg.dsn(name, 'postgres'));
    for (const file of files) {
        await role.file(file);
    }
    return role;
}

async function succeeds(...args) {
    const { code, stdout, stderr } = await pgcable(args);
    assert.deepEqual([code, stderr], [0, ''], stdout);
    return stdout;
}

export default {
    async 'detect prints SQL that psql can run, and does nothing without --yes'(t) {
        const role = await database(t, 'detect_print', 'sql/presets/minimal/schema.sql');
        await succeeds('migrate', '-d', role.dsn);
        const printed = await succeeds('attach', '--detect', '-d', role.dsn);
        assert.match(printed, /^select pgcable\.attach\('message', 'public\.messages', '\{"chat_room_id": "room_id", /m);
        assert.match(printed, /^-- message: public\.messages is named like one; .*foreign key/m);
        assert.match(printed, /^-- thread: no table is named like one$/m);
        assert.equal(await role.sql`select count(*) from pgcable.mapping`, '0');

        await role.script(printed);
        assert.equal(await role.sql`select string_agg(kind, ' ' order by kind) from pgcable.mapping`,
            'member message notification participant room');
    },

    async 'detect --yes attaches what is sure, and then there is nothing left to do'(t) {
        const role = await database(t, 'detect_yes', 'sql/presets/quoted/schema.sql');
        await succeeds('migrate', '-d', role.dsn);
        await role.sql`create schema old; create table old.notifications (id bigint primary key, "PersonId" text)`;
        const printed = await succeeds('attach', '--detect', '--yes', '-d', role.dsn);
        assert.match(printed, /^-- notification: .*unsure: it may be old\.notifications as well$/m);
        assert.match(printed, /^-- select pgcable\.attach\('notification', /m);
        assert.match(printed, /^-- done, in one transaction$/m);
        assert.equal(await role.sql`select string_agg(kind, ' ' order by kind) from pgcable.mapping`,
            'member message participant room thread thread_participant');
        await role.sql`drop table old.notifications`;
        await succeeds('attach', '--detect', '--yes', '-d', role.dsn);
        assert.match(await succeeds('attach', '--detect', '--yes', '-d', role.dsn), /^-- nothing to do/m);
        assert.equal(await role.sql`select count(*) from pgcable.mapping`, '7');

        const columns = await role.sql`select columns from pgcable.mapping where kind = 'thread'`;
        await succeeds('detach', 'thread', '-d', role.dsn);
        assert.equal(await role.sql`select string_agg(kind, ' ' order by kind) from pgcable.mapping`,
            'member message notification participant room thread_participant');
        await succeeds('attach', 'thread', '"Chat"."Threads"', columns, '-d', role.dsn);
        assert.equal(await role.sql`select columns from pgcable.mapping where kind = 'thread'`, columns);
    },

    async 'what cannot be attached as a whole is not attached at all'(t) {
        const role = await database(t, 'detect_fail', 'sql/presets/minimal/schema.sql');
        await succeeds('migrate', '-d', role.dsn);
        await role.script(`
            create function stop() returns event_trigger language plpgsql as $$
                begin raise exception 'no triggers on fridays'; end $$;
            create event trigger stop on ddl_command_start when tag in ('CREATE TRIGGER')
                execute function stop();`);
        const { code, stderr } = await pgcable(['attach', '--detect', '--yes', '-d', role.dsn]);
        assert.equal(code, 1);
        assert.match(stderr, /attach what was detected.*no triggers on fridays/);
        assert.equal(await role.sql`select count(*) from pgcable.mapping`, '0');
    },

    async 'flags that do not go together are refused'() {
        for (const args of [['attach', '--yes'], ['attach', '--detect', 'message'], ['attach']]) {
            const { code, stderr } = await pgcable(args);
            assert.equal(code, 2);
            assert.match(stderr, /--detect \[--yes\]/);
        }
    },

    async 'doctor finds nothing to mend where the daemon works, whoever asks'(t) {
        for (const dsn of [t.app.superuser.dsn, t.daemon.settings.database]) {
            const printed = await succeeds('doctor', '-d', dsn);
            assert.match(printed, /^ok {4}schema: the database has migrations 1 to \d+, this program \d+$/m);
            assert.match(printed, /^ok {4}message: public\.chat_room_messages is attached/m);
            assert.doesNotMatch(printed, /^(FAIL|warn)/m);
        }
    },

    async 'doctor fails where something must be mended, and says how'(t) {
        const role = await database(t, 'doctor_ill', 'sql/presets/minimal/schema.sql');
        let { code, stdout } = await pgcable(['doctor', '-d', role.dsn]);
        assert.equal(code, 1);
        assert.match(stdout, /^FAIL {2}schema: .* - .*pgcable migrate/m);

        await succeeds('migrate', '-d', role.dsn);
        assert.match(await succeeds('doctor', '-d', role.dsn), /^warn {2}message: no table is attached as message - /m);
        await role.file('sql/presets/minimal/attach.sql');
        await role.sql`alter table messages disable trigger all`;
        ({ code, stdout } = await pgcable(['doctor', '-d', role.dsn]));
        assert.equal(code, 1);
        const remedy = /^FAIL {2}message: the trigger pgcable_capture_insert of public\.messages .* - (select .*;)$/m.exec(stdout);
        await role.script(remedy[1]);
        await succeeds('doctor', '-d', role.dsn);
    },

    async 'a trigger whose changes "update_of" misses: told by the daemon and by doctor'(t) {
        const own = await ownWorld(t);
        const role = own.app.superuser;
        await role.sql`select pgcable.attach('message', 'chat_room_messages', '{"update_of": true}')`;
        await role.script(`
            create function mine() returns trigger language plpgsql as 'begin return new; end';
            create trigger mine before update on chat_room_messages for each row execute function mine();`);
        await own.daemon.logged(
            /mapping: message: the trigger mine \(BEFORE UPDATE\) of public\.chat_room_messages may .*: run pgcable\.attach\('message', …\) again without it/);
        const { code, stdout } = await pgcable(['doctor', '-d', role.dsn]);
        assert.equal(code, 1);
        const remedy = /^FAIL {2}message: the trigger mine .* - (select .*;)$/m.exec(stdout);
        await role.script(remedy[1]);
        await succeeds('doctor', '-d', role.dsn);
    },

    async 'doctor names migrations that are missing, or too new'(t) {
        const role = await database(t, 'doctor_old');
        await succeeds('migrate', '-d', role.dsn);
        await role.sql`insert into pgcable.migration (id, name, breaking) values (1000, 'later', false)`;
        assert.match(await succeeds('doctor', '-d', role.dsn), /^ok {4}schema: .*1 to 1000/m);
        await role.sql`update pgcable.migration set breaking = true where id = 1000`;
        let { code, stdout } = await pgcable(['doctor', '-d', role.dsn]);
        assert.equal(code, 1);
        assert.match(stdout, /^FAIL {2}schema: .* - install the newer pgcable/m);
        await role.script(`
            delete from pgcable.migration where id > 7;
            drop function pgcable.doctor();`);
        ({ code, stdout } = await pgcable(['doctor', '-d', role.dsn]));
        assert.equal(code, 1);
        assert.equal(stdout.trim().split('\n').length, 1);
        assert.match(stdout, /^FAIL {2}schema: the database has migrations 1 to 7, .* - run "pgcable migrate"$/m);
    },

    async 'doctor says who cannot be reached'() {
        const { code, stderr } = await pgcable(['doctor', '-d', 'host=/nonexistent dbname=x']);
        assert.equal(code, 1);
        assert.match(stderr, /\/nonexistent.*hint/);
    },
};
