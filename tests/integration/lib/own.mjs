// SPDX-License-Identifier: PostgreSQL
// own.mjs - a database, or a whole cluster, of a test's own: what it does there disturbs nobody.
import path from 'node:path';
import { App } from './app.mjs';
import { pgcable } from './daemon.mjs';
import { Postgres } from './postgres.mjs';
import { Test } from './test.mjs';

let count = 0;

// The reference schema, `before` (SQL of the application) on top of it, migrated, then `attach`;
// returns a test whose application and daemon are those.  With `conf`, lines for postgresql.conf,
// it is in a cluster of its own, at `dir` and `port` if they matter.  `settings` are the daemon's.
export async function ownWorld(
    t,
    { conf, dir, port, before = '', attach = 'sql/reference/attach.sql', settings = {} } = {},
) {
    const name = `own_${++count}`;
    let { pg } = t;
    if (conf) {
        pg = new Postgres(dir ?? path.join(t.dir, name), port);
        t.later(() => pg.stop());
        await pg.start(...conf);
        await pg.role('postgres', 'postgres').script('create role app login;');
    }
    const boss = pg.role('postgres', 'postgres');
    await boss.script(`create database ${name} owner app;`);
    if (!conf) {
        t.later(() => boss.script(`drop database if exists ${name} with (force);`));
    }
    const superuser = pg.role(name, 'postgres');
    const app = new App(pg.role(name, 'app'), superuser);
    await app.role.file('sql/reference/schema.sql');
    await app.role.script(before);
    const migrated = await pgcable(['migrate', '-d', superuser.dsn]);
    if (migrated.code !== 0) {
        throw new Error(`pgcable migrate: ${migrated.stderr}`);
    }
    await (attach.endsWith('.sql') ? superuser.file(attach) : superuser.script(attach));
    const own = new Test({ app, pg, dir: t.dir, dsn: pg.dsn(name, 'pgcable_daemon') });
    t.later(() => own.finish());
    own.daemon = await own.start(settings);
    return own;
}
