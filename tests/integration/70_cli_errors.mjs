// SPDX-License-Identifier: PostgreSQL
// The command line: what goes wrong is said in one line, with what to do about it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { PGCABLE, freePort, pgcable } from './lib/daemon.mjs';
import { Running } from './lib/running.mjs';
import { Session } from './lib/session.mjs';
import { SECRET, minted } from './lib/token.mjs';
import { until } from './lib/until.mjs';

// It fails, and says so in exactly one line that holds all of these.
async function failsSaying(args, patterns, options) {
    const { code, stderr } = await pgcable(args, options);
    assert.ok(code > 0, `exit status ${code}`);
    const lines = stderr.trimEnd().split('\n');
    const line = lines.at(-1);
    assert.equal(lines.length, 1, stderr);
    for (const pattern of patterns) {
        assert.match(line, pattern);
    }
}

function confFile(t, name, text) {
    const file = path.join(t.dir, name);
    fs.writeFileSync(file, text, { mode: 0o600 });
    return file;
}

async function database(t, name) {
    await t.app.superuser.script(`create database ${name};`);
    t.later(() => t.app.superuser.script(`drop database if exists ${name} with (force);`));
    return t.pg.dsn(name, 'postgres');
}

// It tries again and again: what it says changes meanwhile.
async function notReady(daemon) {
    const { status, body } = await daemon.get('/ready');
    assert.equal(status, 503);
    return body;
}

export default {
    async 'a bad line of the settings file is named, with what would be right'(t) {
        const file = confFile(t, 'bad.conf', 'log_level = info\nlisten_port = many\n');
        await failsSaying(
            ['serve', '-c', file],
            [/bad\.conf:2/, /listen_port/, /many/, /0.*65535/],
        );
    },

    async 'a setting that does not exist is refused, in the file and as a flag'(t) {
        const file = confFile(t, 'unknown.conf', 'listen_prot = 1\n');
        await failsSaying(['serve', '-c', file], [/unknown\.conf:1/, /listen_prot/]);
        await failsSaying(['serve', '--listen_prot', '1'], [/listen_prot/]);
    },

    async 'a settings file that is not there is named'() {
        await failsSaying(
            ['serve', '-c', '/nonexistent/pgcable.conf'],
            [/\/nonexistent\/pgcable\.conf/],
        );
    },

    async 'serve without any key says which settings to set'(t) {
        const file = confFile(
            t,
            'keyless.conf',
            `listen_port = ${await freePort()}\nadmin_port = ${await freePort()}\n`,
        );
        await failsSaying(['serve', '-c', file], [/hs256_secret/, /hint/]);
    },

    async 'a secret that is too short is refused without showing it'(t) {
        const file = confFile(t, 'short.conf', 'hs256_secret = tooshort\n');
        const { stderr } = await pgcable(['serve', '-c', file]);
        assert.match(stderr, /hs256_secret.*32/);
        assert.doesNotMatch(stderr, /tooshort/);
    },

    async 'migrate on a database that is not there says what to check, and no password'() {
        await failsSaying(
            ['migrate', '-d', 'host=/nonexistent dbname=x password=geheim'],
            [/\/nonexistent/, /hint/],
        );
        const { stderr } = await pgcable([
            'migrate',
            '-d',
            'host=/nonexistent dbname=x password=geheim',
        ]);
        assert.doesNotMatch(stderr, /geheim/);
    },

    async 'serve waits for a database that is not there, and says why it is not ready'(t) {
        const daemon = await t.create({ database: 'host=/nonexistent dbname=x' });
        await daemon.start();
        await daemon.logged(/\/nonexistent/);
        await until('/ready to say so', async () => /\/nonexistent/.test(await notReady(daemon)));
    },

    async 'serve on a database without the schema says: run pgcable migrate'(t) {
        await database(t, 'empty');
        const daemon = await t.create({ database: t.pg.dsn('empty', 'postgres') });
        await daemon.start();
        await daemon.logged(/pgcable migrate/);
        await until('/ready to say so', async () => /pgcable migrate/.test(await notReady(daemon)));

        await pgcable(['migrate', '-d', t.pg.dsn('empty', 'postgres')]);
        await daemon.ready(200);
        await daemon.stop();
    },

    async 'migrating twice, and by two at once, is harmless'(t) {
        const dsn = await database(t, 'twice');
        const both = await Promise.all([
            pgcable(['migrate', '-d', dsn]),
            pgcable(['migrate', '-d', dsn]),
        ]);
        const again = await pgcable(['migrate', '-d', dsn]);
        assert.deepEqual(
            [...both, again].map(({ code, stderr }) => [code, stderr]),
            [
                [0, ''],
                [0, ''],
                [0, ''],
            ],
        );
    },

    async 'migrate says what it would do, goes as far as it is told, and says what is there'(t) {
        const dsn = await database(t, 'steps');
        const migrate = async (...args) => {
            const { code, stdout, stderr } = await pgcable(['migrate', ...args, '-d', dsn]);
            assert.deepEqual([code, stderr], [0, '']);
            return stdout;
        };
        const sql = await migrate('--dry-run');
        assert.match(sql, /^-- 0001_schema\.sql - [^]*^-- 0002_outbox\.sql - [^]*^-- \d+ migrations would be run; nothing was changed$/m);
        assert.match(await migrate('--status'), /^(\d{4}_\w+: missing\n)+$/);
        const role = t.pg.role('steps', 'postgres');
        assert.equal(await role.sql`select to_regnamespace('pgcable') is null`, 't');

        assert.equal(await migrate('--to', '2'), '0001_schema: done\n0002_outbox: done\n');
        assert.match(await migrate('--to', '2'), /nothing to do, all 2 migrations/);
        assert.match(await migrate('--status'),
            /^0002_outbox: installed \d{4}-\d\d-\d\d .*\n0003_mapping: missing\n/m);
        assert.doesNotMatch(await migrate('--dry-run', '--to', '3'), /0002_outbox|0004_facts\.sql/);
        // What was printed is what psql can run.
        await role.script(await migrate('--dry-run'));
        assert.doesNotMatch(await migrate('--status'), /missing/);
        assert.match(await migrate(), /nothing to do/);
        await role.sql`insert into pgcable.migration (id, name, breaking) values (1000, 'later', true)`;
        assert.match(await migrate('--status'), /^1000_later: installed .*, of a newer pgcable, which this one cannot work with$/m);

        await failsSaying(['migrate', '--to', '1000', '-d', dsn], [/"1000"/, /1 to \d+/]);
        await failsSaying(['migrate', '--status', '--dry-run', '-d', dsn], [/--status goes alone/]);
        await failsSaying(['migrate', '--dry-run', '-d', 'host=/nonexistent dbname=x'], [/\/nonexistent/]);
    },

    async 'who waits at a terminal is told for how long'(t) {
        const dsn = await database(t, 'waiting');
        const session = new Session({ dsn });
        t.later(() => session.end());
        await session.run('begin; select pg_advisory_xact_lock(7236350);'); // as one who migrates
        const running = new Running(['-qec', `${PGCABLE} migrate -d '${dsn}'`, '/dev/null'], {
            program: 'script',
        });
        t.later(() => running.child.kill());
        await running.until('the second second', () => /^2 s \.\.\.\r/.test(running.stdout));
        await session.run('rollback;');
        await running.until('the end', () => /0001_schema: done/.test(running.stdout));
        assert.equal((await running.ended).code, 0);
        assert.match(running.stdout, /0001_schema: done/);
        const piped = await pgcable(['migrate', '-d', dsn]);
        assert.equal(piped.stderr, '');
    },

    async 'attaching with a column that does not exist names it, and those that do'(t) {
        const { dsn } = t.app.superuser;
        await failsSaying(
            ['attach', 'message', 'chat_room_messages', '{"body":"bodie"}', '-d', dsn],
            [/bodie/, /chat_room_messages/, /creation_uuid/],
        );
        await failsSaying(
            ['attach', 'massage', 'chat_room_messages', '-d', dsn],
            [/massage/, /message/],
        );
        await failsSaying(['attach', 'message', 'no_such_table', '-d', dsn], [/no_such_table/]);
        await t.app.sql`create table plain (id bigint)`;
        t.later(() => t.app.sql`drop table plain`);
        await failsSaying(['attach', 'message', 'plain', '-d', dsn], [/chat_room_id/]);
    },

    async 'a port in use is named with the setting to change'(t) {
        const server = net.createServer();
        const port = await freePort();
        await new Promise((resolve) => {
            server.listen(port, '127.0.0.1', resolve);
        });
        t.later(() => server.close());
        for (const [name, other] of [
            ['listen_port', 'admin_port'],
            ['admin_port', 'listen_port'],
        ]) {
            const file = confFile(
                t,
                'taken.conf',
                `${name} = ${port}\n${other} = ${await freePort()}\n` +
                    `hs256_secret = ${SECRET}\nlog_level = error\n`,
            );
            await failsSaying(
                ['serve', '-c', file],
                [new RegExp(String(port)), new RegExp(name), /in use/i],
            );
        }
    },

    async "another daemon's port is in use too, although its workers share it"(t) {
        const file = confFile(
            t,
            'shared.conf',
            `listen_port = ${t.daemon.port}\nadmin_port = ${await freePort()}\n` +
                `hs256_secret = ${SECRET}\nlog_level = error\n`,
        );
        await failsSaying(['serve', '-c', file], [new RegExp(String(t.daemon.port)), /in use/i]);
    },

    async 'a token made on the command line opens a connection'(t) {
        const { code, stdout } = await pgcable([
            'token',
            '--member',
            '42',
            '-c',
            t.daemon.file,
            '--ttl',
            '60',
        ]);
        assert.equal(code, 0);
        const token = stdout.trim();
        minted.add(token);
        const wire = await t.connect(42, { token });
        await wire.subscribe('NotificationChannel', { community_member_id: 42 });
        await failsSaying(['token', '-c', t.daemon.file], [/--member/]);
    },

    async 'unknown verbs and missing words are refused with the usage'() {
        await failsSaying(['sreve'], [/sreve/, /--help/]);
        await failsSaying(['attach', 'message'], [/usage/]);
    },

    async 'a slip is answered with what was probably meant'() {
        for (const [args, meant] of [
            [['tial'], /there is no verb "tial" \(hint: did you mean "tail"\?/],
            [['tail', '--jsno'], /there is no option "--jsno" \(hint: did you mean "--json"\?/],
            [['--hepl'], /did you mean "--help"\?/],
            [['serve', '--listen_prot', '1'], /did you mean "--listen_port"\?/],
            [['serve', '--zzzzzzzz'], /see pgcable serve --help/],
            [['migrate', '--json'], /migrate has no option "--json" \(hint: usage: pgcable migrate /],
            [['--json', 'migrate'], /migrate has no option "--json"/],
            [['--json', 'tail', '--since', 'x'], /--since "x" is neither a time nor a tick/],
            [['--member', '42', 'token', '--ttl', 'x'], /--ttl "x" is no number of seconds/],
            [['-x'], /there is no option "-x" \(hint: see pgcable --help\)/],
            [['token', '--member'], /"--member" needs a value \(hint: write --member VALUE/],
            [['tail', '--json=yes'], /"--json" takes no value/],
            [['detach', 'a', 'b'], /detach takes 1 word, not 2 \(hint: usage: pgcable detach KIND\)/],
            [['explain', 'a'], /explain takes 2 words, not 1/],
            [['tail', 'a', 'b'], /tail takes 0 to 1 words, not 2/],
            [['serve', 'a'], /serve takes no words, not 1 \(hint: usage: pgcable serve\)/],
        ]) {
            await failsSaying(args, [meant]);
        }
    },

    async 'help fits a screen, and each verb has its own with an example'() {
        const { stdout } = await pgcable(['--help']);
        const verbs = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, verb]) => verb);
        assert.ok(verbs.includes('serve') && verbs.includes('tail'), stdout);
        for (const args of [['--help'], ...verbs.map((verb) => [verb, '--help']), ['-h', 'tail']]) {
            const { code, stdout: help } = await pgcable(args);
            assert.equal(code, 0);
            const lines = help.trimEnd().split('\n');
            assert.ok(lines.length <= 24, `${args}: ${lines.length} lines`);
            assert.deepEqual(lines.filter((line) => line.length > 80 && !/^(usage|example): /.test(line)), []);
            if (args[0] !== '--help') {
                assert.match(help, /^usage: pgcable \w+.*\n\n[^]*\nexample: pgcable \w/);
            }
        }
    },

    async 'help, version and settings are printed, without secrets and to be read back'(t) {
        for (const [flag, pattern] of [
            ['--help', /serve/],
            ['--version', /^pgcable \d/],
            ['--help-settings', /listen_port/],
        ]) {
            const { code, stdout } = await pgcable([flag]);
            assert.equal(code, 0);
            assert.match(stdout, pattern);
        }
        const printed = await pgcable(['--print-config', '-c', t.daemon.file]);
        assert.equal(printed.code, 0);
        assert.ok(!printed.stdout.includes(SECRET));
        assert.match(printed.stdout, new RegExp(`^listen_port = ${t.daemon.port}$`, 'm'));
        const file = confFile(t, 'printed.conf', printed.stdout);
        assert.equal((await pgcable(['--print-config', '-c', file])).code, 0);
    },

    async 'the environment overrides the file, a flag overrides both'(t) {
        const file = confFile(t, 'layers.conf', 'poll_ms = 100\nretention_s = 100\nworkers = 1\n');
        const { stdout } = await pgcable(['--print-config', '-c', file, '--workers', '3'], {
            env: { PGCABLE_RETENTION_S: '200', PGCABLE_WORKERS: '2' },
        });
        for (const line of [/^poll_ms = 100$/m, /^retention_s = 200$/m, /^workers = 3$/m]) {
            assert.match(stdout, line);
        }
    },

    async 'uninstall takes everything away and loses no application data'(t) {
        const dsn = await database(t, 'leaving');
        const role = t.pg.role('leaving', 'postgres');
        await role.file('sql/reference/schema.sql');
        await pgcable(['migrate', '-d', dsn]);
        await role.file('sql/reference/attach.sql');
        await role.sql`insert into community_members (name, email)
            values ('Ann', 'x@example.test')`;
        const { code, stderr } = await pgcable(['uninstall', '-d', dsn]);
        assert.deepEqual([code, stderr], [0, '']);
        assert.equal(await role.sql`select count(*) from community_members`, '1');
        assert.equal(
            await role.sql`select count(*) from pg_namespace where nspname = 'pgcable'`,
            '0',
        );
        assert.equal(
            await role.sql`select count(*) from pg_trigger where tgname like 'pgcable%'`,
            '0',
        );
        await role.sql`insert into community_members (name, email) values ('Bo', 'x@example.test')`;
    },
};
