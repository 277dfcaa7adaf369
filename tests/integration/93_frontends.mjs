// SPDX-License-Identifier: PostgreSQL
// Behind nginx, as packaging/frontends/nginx.conf has it: only ports and paths are the test's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import * as ActionCable from '@rails/actioncable';
import WebSocket from 'ws';
import { ROOT, freePort } from './lib/daemon.mjs';
import { Authority } from './lib/pki.mjs';
import { mint } from './lib/token.mjs';
import { until } from './lib/until.mjs';

const EXAMPLE = path.join(ROOT, 'packaging/frontends/nginx.conf');
const NGINX = '/usr/sbin/nginx';
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
const ROOM = 'Chats::RoomChannel';

let count = 0;

// The example, with each of `changes` made once.
function example(changes) {
    return Object.entries(changes).reduce((text, [from, to]) => {
        assert.equal(text.split(from).length, 2, `the example has "${from}" once`);
        return text.replace(from, () => to);
    }, fs.readFileSync(EXAMPLE, 'utf8'));
}

// What the application answers: what it was told about who asks.
async function application(t) {
    const server = http.createServer(({ headers }, response) => {
        response.end(`${headers['x-forwarded-proto']} ${headers['x-forwarded-for']}`);
    });
    t.later(() => server.close());
    await new Promise((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
    });
    return server.address().port;
}

// Runs nginx with what `http(port)` says inside of http { }; returns the port.
async function startNginx(t, dir, http) {
    for (;;) {
        const port = await freePort();
        const file = path.join(dir, 'nginx.conf');
        fs.writeFileSync(
            file,
            `${process.getuid() === 0 ? 'user root;' : ''} daemon off; pid ${dir}/pid;
            error_log stderr info; events {} http { access_log off;
            ${TEMPORARY.map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')}
            ${http(port)} }`,
        );
        const nginx = spawn(NGINX, ['-e', 'stderr', '-c', file], {
            stdio: ['ignore', 'ignore', 'pipe'],
        });
        let log = '';
        let ended = false;
        nginx.stderr.on('data', (data) => {
            log += data;
        });
        nginx.once('error', (error) => {
            log += `${error} (packaging/deps test installs it)`;
            ended = true;
        });
        nginx.once('close', () => {
            ended = true;
        });
        t.later(async () => {
            nginx.kill('SIGTERM');
            await until('nginx to end', () => ended);
        });
        await until('nginx to listen', () => ended || /start worker process \d+/.test(log));
        if (!ended) {
            return port;
        }
        // Somebody took the port since it was found to be free.
        assert.match(log, /Address already in use/, 'nginx listens');
    }
}

// nginx before a daemon of this test's own: { port, daemon, pki, dir, from(address) }.
async function behindNginx(t, settings = {}) {
    const daemon = await t.start({
        allowed_origins: '',
        allow_same_origin: 'on',
        trusted_proxies: '127.0.0.1, ::1',
        ...settings,
    });
    const dir = path.join(t.dir, `nginx-${++count}`);
    const pki = new Authority(dir);
    const { certificate, key } = pki.issue('app');
    const behind = await application(t);
    const port = await startNginx(t, dir, (ownPort) =>
        example({
            'listen 443 ssl': `listen 127.0.0.1:${ownPort} ssl`,
            '/etc/ssl/certs/app.example.org.pem': certificate,
            '/etc/ssl/private/app.example.org.key': key,
            '127.0.0.1:8080': `127.0.0.1:${daemon.port}`,
            '127.0.0.1:3000': `127.0.0.1:${behind}`,
            '/var/log/nginx/pgcable.log': path.join(dir, 'access.log'),
        }),
    );
    const ca = fs.readFileSync(pki.ca);
    return { port, daemon, dir, pki, from: (localAddress) => ({ ca, localAddress }) };
}

// Rails' client as in a browser that shows a page of this host.
function consume(t, front, member) {
    const usual = ActionCable.adapters.WebSocket;
    ActionCable.adapters.WebSocket = class extends WebSocket {
        constructor(url, protocols) {
            const headers = { Origin: `https://127.0.0.1:${front.port}` };
            super(url, protocols, { headers, ...front.from('127.0.0.2') });
            this.on('error', () => {});
        }
    };
    globalThis.addEventListener ??= () => {};
    globalThis.removeEventListener ??= () => {};
    const consumer = ActionCable.createConsumer(`wss://127.0.0.1:${front.port}/cable`);
    consumer.addSubProtocol(`anycable-token.${mint(member)}`);
    t.later(() => {
        consumer.disconnect();
        ActionCable.adapters.WebSocket = usual;
    });
    return consumer;
}

// curl with the rest of the command line; its output as it comes.
function curl(t, front, target, ...more) {
    const run = { out: '' };
    const url = `https://127.0.0.1:${front.port}${target}`;
    const child = spawn('curl', ['-sSN', '--cacert', front.pki.ca, ...more, url]);
    for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data) => {
            run.out += data;
        });
    }
    t.later(() => child.kill());
    return run;
}

async function scene(t) {
    const ann = await t.app.member('Ann');
    return { ann, room: await t.app.room([ann]) };
}

export default {
    async "Rails' client comes through nginx, and is known by its own address"(t) {
        const front = await behindNginx(t);
        const { ann, room } = await scene(t);
        const received = [];
        let confirmed = false;
        consume(t, front, ann).subscriptions.create(
            { channel: ROOM, chat_room_id: room },
            {
                connected: () => {
                    confirmed = true;
                },
                received: (message) => received.push(message),
            },
        );
        await until('a confirmation', () => confirmed);
        await front.daemon.logged(/ opened member=\d+ address=127\.0\.0\.2 /);
        await t.app.message(room, ann, 'through nginx');
        await until('the message', () => received.length > 0);
        assert.equal(received[0].body, 'through nginx');
    },

    async 'a stream of events comes through nginx one by one'(t) {
        const front = await behindNginx(t);
        const { ann, room } = await scene(t);
        const stream = curl(
            t, front, `/events?channel=${ROOM}&chat_room_id=${room}`,
            '-H', `Authorization: Bearer ${mint(ann)}`, '--interface', '127.0.0.2',
        );
        await until('the confirmation', () => stream.out.includes('event: confirm_subscription\n'));
        for (const body of ['one', 'two']) {
            await t.app.message(room, ann, body);
            await until(`"${body}"`, () => stream.out.includes(`"body":"${body}"`));
        }
        await front.daemon.logged(/ opened member=\d+ address=127\.0\.0\.2 /);
    },

    async 'limits count the clients of nginx, and not what they say about themselves'(t) {
        const front = await behindNginx(t, { max_connections_per_address: 1 });
        const open = (address, headers = {}) =>
            t.open(
                { token: mint(42), headers, origin: null, tls: front.from(address) },
                { port: front.port },
            );
        await open('127.0.0.2').welcomed();
        const liar = open('127.0.0.2', { 'X-Forwarded-For': '203.0.113.7' });
        await liar.end();
        assert.equal(liar.refused, 429);
        await open('127.0.0.3').welcomed();
    },

    async 'all else is for the application, and no token gets into the log of nginx'(t) {
        const front = await behindNginx(t, { token_query: 'on' });
        const page = curl(t, front, '/page', '--interface', '127.0.0.2');
        await until('the page', () => page.out === 'https 127.0.0.2');
        const token = mint(42);
        const refused = curl(t, front, `/cable?token=${token}`);
        await until('an answer', () => refused.out !== '');
        const log = path.join(front.dir, 'access.log');
        await until('a line in the log', () => fs.readFileSync(log, 'utf8').includes(' GET /cable '));
        assert.ok(!fs.readFileSync(log, 'utf8').includes(token));
    },
};
