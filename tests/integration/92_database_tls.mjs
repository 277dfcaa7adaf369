// SPDX-License-Identifier: PostgreSQL
// TLS on the way to PostgreSQL: sslmode=verify-full believes the right CA and the right name, says
// what is wrong with any other, and nothing ever goes in plain text instead.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, pgcable } from './lib/daemon.mjs';
import { ownWorld } from './lib/own.mjs';
import { Authority } from './lib/pki.mjs';
import { until } from './lib/until.mjs';

const NAME = 'db.example.test';

// A server that speaks TLS, and would take plain text, too, if somebody came with it.
async function scene(t) {
    const pki = new Authority(path.join(t.dir, 'pki-database'));
    const stranger = new Authority(path.join(t.dir, 'pki-stranger'));
    const { certificate, key } = pki.issue('database', `DNS:${NAME}`);
    if (process.getuid() === 0) {
        fs.chownSync(key, Number(execFileSync('id', ['-u', 'postgres'])), 0);
    }
    const hba = path.join(pki.dir, 'pg_hba.conf');
    fs.writeFileSync(hba, 'local all all trust\nhost all all 127.0.0.0/8 trust\n');
    const port = await freePort();
    const own = await ownWorld(t, {
        port,
        conf: ["listen_addresses = '127.0.0.1'", `port = ${port}`, `hba_file = '${hba}'`, 'ssl = on',
            `ssl_cert_file = '${certificate}'`, `ssl_key_file = '${key}'`],
    });
    await own.daemon.stop();
    const [database] = /dbname=\S+/.exec(own.world.dsn);
    const dsn = (host, ca) => `host=${host} hostaddr=127.0.0.1 port=${port} ` +
        `${database} user=pgcable_daemon sslmode=verify-full sslrootcert=${ca}`;
    return { own, dsn, good: dsn(NAME, pki.ca), stranger, boss: own.pg.role('postgres', 'postgres') };
}

const encrypted = (boss) => boss.sql`select coalesce(string_agg(distinct ssl::text, ' '), 'nobody')
    from pg_stat_activity join pg_stat_ssl using (pid) where application_name like 'pgcable/%'`;

export default {
    async 'with verify-full the right server is believed and no other, and nothing goes in plain text'(t) {
        const { own, dsn, good, stranger, boss } = await scene(t);
        const wrong = [
            [dsn(NAME, stranger.ca), /certificate verify failed.*hint: sslrootcert .* must name/],
            [dsn('elsewhere.test', good.split('=').at(-1)),
                /does not match host name.*hint: name the server .* by a name on its certificate/],
            [dsn(NAME, path.join(t.dir, 'no-such.crt')),
                /root certificate file .* does not exist.*hint: .*sslrootcert=FILE/],
        ];
        for (const [database, complaint] of wrong) {
            const daemon = await own.create({ database });
            await daemon.start();
            await daemon.logged(complaint);
            assert.equal((await daemon.get('/ready')).status, 503);
            assert.equal(await encrypted(boss), 'nobody');
            await daemon.stop();
            const { code, stderr } = await pgcable(['doctor', '-d', database]);
            assert.equal(code, 1);
            assert.match(stderr, complaint);
        }

        const daemon = await own.start({ database: good });
        assert.equal(await encrypted(boss), 'true');
        const ann = await own.app.member('Ann');
        const hers = await own.connect(ann, {}, daemon);
        const rooms = await hers.subscribe('ChatRoomChannel');
        await own.app.room([ann]);
        assert.equal((await rooms.next()).event, 'chatRoomCreated');

        // The server gives TLS up, and would speak plain text.
        await boss.script('alter system set ssl = off; select pg_reload_conf();');
        await until('TLS to be off', async () => (await boss.sql`show ssl`) === 'off');
        const drop = () => boss.sql`select count(pg_terminate_backend(pid)) from pg_stat_activity
            where application_name like 'pgcable/%'`;
        await drop();
        await daemon.logged(/server does not support SSL.*hint: give the server a certificate/);
        await daemon.ready(503);
        assert.equal(await encrypted(boss), 'nobody');
        await boss.script('alter system reset ssl; select pg_reload_conf();');
        await daemon.ready();
        assert.equal(await encrypted(boss), 'true');
        await own.app.room([ann]);
        assert.equal((await rooms.next()).event, 'chatRoomCreated');
    },
};
