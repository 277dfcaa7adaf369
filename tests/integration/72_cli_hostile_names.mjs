// SPDX-License-Identifier: PostgreSQL
// Names that the application chose reach the terminal and psql as text, whatever they hold.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { pgcable } from './lib/daemon.mjs';
import { Role } from './lib/postgres.mjs';

const EVIL = 'x\n\\! touch pwned\r\ndrop table notes;\n\u001b[2J\u009b--';

async function database(t, name) {
    await t.app.superuser.script(`create database ${name};`);
    t.later(() => t.app.superuser.script(`drop database if exists ${name} with (force);`));
    const role = new Role(t.pg.dsn(name, 'postgres'));
    const { code, stderr } = await pgcable(['migrate', '-d', role.dsn]);
    assert.equal(code, 0, stderr);
    await role.script(`
        create table notes ();
        create table "Chat\nRooms" (id bigint primary key);
        create schema old;
        create table old."Chat\rRooms" (id bigint primary key);
        create table users (id bigint primary key);
        create table room_members (id bigint primary key, user_id bigint references users,
            "${EVIL}" bigint references "Chat\nRooms");`);
    return role;
}

export default {
    async 'what detect prints does what its statements say and nothing else'(t) {
        const role = await database(t, 'hostile_detect');
        const { stdout } = await pgcable(['attach', '--detect', '-d', role.dsn]);
        assert.match(stdout, /^-- participant: .*x\\x0a\\! touch pwned\\x0d\\x0adrop table notes;\\x0a\\x1b\[2J\\xc2\\x9b--/m);
        assert.match(stdout, /^-- select pgcable\.attach\('room', .*\\x0.Rooms/m, 'unsure, hence a comment');
        for (const line of stdout.trimEnd().split(/[\r\n]/)) {
            assert.match(line, /^(-- |select pgcable\.attach\()/);
        }
        await role.script(stdout);
        assert.equal(await role.sql`select count(*) from pg_class where relname = 'notes'`, '1');
        assert.ok(!fs.existsSync('pwned'));
    },

    async 'doctor prints one line for each finding'(t) {
        const role = await database(t, 'hostile_doctor');
        await role.script(`select pgcable.attach('room', '"Chat\nRooms"');
            alter table "Chat\nRooms" rename to "${EVIL}";`);
        const { stdout } = await pgcable(['doctor', '-d', role.dsn]);
        assert.match(stdout, /^ok {4}room: .*x\\x0a\\! touch pwned.* is attached/m);
        for (const line of stdout.trimEnd().split('\n')) {
            assert.match(line, /^(ok {2}|warn|FAIL) {2}\S/);
        }
    },
};
