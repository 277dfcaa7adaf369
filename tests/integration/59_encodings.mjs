// SPDX-License-Identifier: PostgreSQL
// Databases that hold text of another encoding: no bytes of theirs reach a client.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, pgcable } from './lib/daemon.mjs';

const ADVICE = 'move the data to a database made with encoding UTF8';

async function database(t, encoding) {
    const name = `in_${encoding.toLowerCase()}`;
    const superuser = t.pg.role('postgres', 'postgres');
    await superuser.script(
        `create database ${name} encoding '${encoding}' locale 'C' template template0;`,
    );
    t.later(() => superuser.script(`drop database ${name} with (force);`));
    return t.pg.role(name, 'postgres');
}

async function isNotMigrated(t, encoding) {
    const role = await database(t, encoding);
    const { code, stderr } = await pgcable(['migrate', '-d', role.dsn]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`encoding is ${encoding}, not UTF8`));
    assert.ok(stderr.includes(ADVICE), stderr);
    assert.equal(await role.sql`select count(*) from pg_namespace where nspname = 'pgcable'`, '0');
    return role;
}

export default {
    async 'migrate refuses a database in LATIN1, and says what to do'(t) {
        await isNotMigrated(t, 'LATIN1');
    },

    async 'a database in SQL_ASCII is refused by migrate, doctor and the daemon'(t) {
        const role = await isNotMigrated(t, 'SQL_ASCII');
        const folder = path.join(ROOT, 'sql/migrations');
        for (const file of fs.readdirSync(folder).sort()) {
            await role.file(path.join('sql/migrations', file));
        }
        const doctor = await pgcable(['doctor', '-d', role.dsn]);
        assert.notEqual(doctor.code, 0);
        assert.match(doctor.stdout, /the encoding is SQL_ASCII/);

        const daemon = await t.create({ database: role.dsn.replace(/user=\S+/, 'user=pgcable_daemon') });
        await daemon.start();
        await daemon.logged(new RegExp(`not ready: .*encoding is not UTF8.* hint: ${ADVICE}`));
        assert.equal((await daemon.get('/ready')).status, 503);
    },
};
