// SPDX-License-Identifier: PostgreSQL
// daemon.mjs - one running pgcable: its configuration, log, ports and end.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS, until, within } from './until.mjs';
import { SECRET } from './token.mjs';
import { ORIGIN } from './wire.mjs';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const PGCABLE = process.env.PGCABLE_BIN ?? path.join(ROOT, 'build/asan/src/app/pgcable');
export const WRAP = (process.env.PGCABLE_WRAP ?? '').split(/\s+/).filter(Boolean);

// What a sanitizer or valgrind says when it found something.
const FINDINGS = /(AddressSanitizer|LeakSanitizer|runtime error:|ERROR SUMMARY: [1-9]).*/;

// Below 32768: the ports above are handed out to outgoing connections.  None twice: what one was
// found free for may not have taken it yet.
const portsGiven = new Set();

export async function freePort() {
    for (;;) {
        const port = 20_000 + Math.floor(Math.random() * 12_000);
        if (portsGiven.has(port)) {
            continue;
        }
        portsGiven.add(port);
        const free = await new Promise((resolve) => {
            const server = net.createServer();
            server.once('error', () => resolve(false));
            server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
        });
        if (free) {
            return port;
        }
    }
}

export function environment() {
    return {
        ...process.env,
        ASAN_OPTIONS: 'abort_on_error=0:exitcode=99',
        LSAN_OPTIONS: `suppressions=${path.join(ROOT, 'tests/lsan.suppressions')}:print_suppressions=0`,
        TSAN_OPTIONS: `suppressions=${path.join(ROOT, 'tests/tsan.suppressions')}:print_suppressions=0`,
        UBSAN_OPTIONS: 'print_stacktrace=1',
    };
}

// Runs one verb to its end: { code, stdout, stderr }.
export async function pgcable(args, options = {}) {
    const [command, ...rest] = [...WRAP, options.program ?? PGCABLE, ...args];
    const child = spawn(command, rest, {
        env: { ...environment(), ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const result = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
        result.stdout += data;
    });
    child.stderr.on('data', (data) => {
        result.stderr += data;
    });
    const ended = new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code) => resolve(code));
    });
    try {
        result.code = await within(
            `pgcable ${args.join(' ')} to end`,
            ended,
            options.patience ?? PATIENCE_MS,
        );
    } finally {
        child.kill('SIGKILL');
    }
    const finding = FINDINGS.exec(result.stderr);
    if (finding) {
        throw new Error(`pgcable ${args.join(' ')}: ${finding[0]}\n${result.stderr}`);
    }
    return result;
}

export class Daemon {
    static all = [];

    constructor(dir, settings) {
        this.file = path.join(dir, `pgcable-${Daemon.all.length}.conf`);
        this.settings = settings;
        this.program = PGCABLE;
        this.env = {}; // on top of the usual
        this.host = '127.0.0.1'; // where it listens
        this.wrap = []; // before the command, as WRAP, but for this one alone
        this.log = '';
        this.running = false;
        this.hasListened = false;
        Daemon.all.push(this);
    }

    static async create(dir, settings = {}) {
        const daemon = new Daemon(dir, {
            listen_port: await freePort(),
            admin_port: await freePort(),
            hs256_secret: SECRET,
            allowed_origins: ORIGIN,
            ...settings,
        });
        daemon.configure({});
        return daemon;
    }

    configure(changes) {
        Object.assign(this.settings, changes);
        const lines = Object.entries(this.settings).map(([name, value]) => `${name} = ${value}\n`);
        fs.writeFileSync(this.file, lines.join(''), { mode: 0o600 });
    }

    get port() {
        return this.settings.listen_port;
    }

    // Returns when it listens; `ready()` waits for the database too.
    async start() {
        while (!(await this.#begin())) {
            // Somebody took a port since it was found to be free, and nobody has been told of it.
            this.configure({ listen_port: await freePort(), admin_port: await freePort() });
        }
        this.hasListened = true;
        return this;
    }

    // False if it may be tried with other ports.
    async #begin() {
        const [command, ...rest] = [...this.wrap, ...WRAP, this.program, 'serve', '-c', this.file];
        const from = this.log.length;
        this.child = spawn(command, rest, {
            env: { ...environment(), ...this.env },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.running = true;
        this.child.stdout.on('data', (data) => {
            this.log += data;
        });
        this.child.stderr.on('data', (data) => {
            this.log += data;
        });
        this.ended = new Promise((resolve) => {
            this.child.once('error', (error) => resolve({ error }));
            this.child.once('close', (code, signal) => {
                this.running = false;
                resolve({ code, signal });
            });
        });
        const listens = this.settings.role === 'feed' ? /admin on \S+:\d+/ : /listening on \S+:\d+/;
        await until(
            'the daemon to listen',
            () => !this.running || listens.test(this.log.slice(from)),
        );
        if (this.running) {
            return true;
        }
        const log = this.log.slice(from);
        if (this.hasListened || !/address already in use/i.test(log)) {
            throw new Error(`the daemon did not start:\n${log}`);
        }
        return false;
    }

    async get(target) {
        const url = `http://${this.host}:${this.settings.admin_port}${target}`;
        const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
        return {
            status: response.status,
            type: response.headers.get('content-type'),
            body: await response.text(),
        };
    }

    async ready(status = 200) {
        await until(`/ready to say ${status}`, async () => {
            if (!this.running) {
                throw new Error(`the daemon has ended:\n${this.log.slice(-3000)}`);
            }
            const answer = await this.get('/ready').catch(() => null);
            return answer?.status === status;
        });
        return this;
    }

    async logged(pattern, from = 0) {
        return until(`${pattern} in the log`, () => pattern.exec(this.log.slice(from)));
    }

    async metric(name) {
        const { body } = await this.get('/metrics');
        const values = body
            .split('\n')
            .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)));
        return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    }

    kill(signal) {
        process.kill(this.child.pid, signal);
    }

    // The end that a service manager asks for; it must be clean.
    async stop() {
        if (!this.running) {
            return;
        }
        this.kill('SIGTERM');
        let end;
        try {
            end = await within('the daemon to end after SIGTERM', this.ended);
        } catch (error) {
            this.kill('SIGKILL');
            throw new Error(`${error.message}\n${this.log.slice(-3000)}`);
        }
        this.check(end);
    }

    check(end) {
        const finding = FINDINGS.exec(this.log);
        if (end.code !== 0 || finding) {
            throw new Error(
                `the daemon ended with ${JSON.stringify(end)} ${finding?.[0] ?? ''}:\n` +
                    this.log.slice(-6000),
            );
        }
    }

    async crash() {
        this.kill('SIGKILL');
        await this.ended;
    }
}
