// SPDX-License-Identifier: PostgreSQL
// running.mjs - a verb that goes on until it is told to end.
import { spawn } from 'node:child_process';
import { PGCABLE, WRAP, environment } from './daemon.mjs';
import { until, within } from './until.mjs';

export class Running {
    // `program`: another one than pgcable, such as script(1), which is a terminal.
    constructor(args, { env = {}, program } = {}) {
        const [command, ...rest] = program ? [program, ...args] : [...WRAP, PGCABLE, ...args];
        this.stdout = '';
        this.stderr = '';
        this.isTerminal = program !== undefined;
        this.child = spawn(command, rest, {
            env: { ...environment(), ...env },
            stdio: [this.isTerminal ? 'pipe' : 'ignore', 'pipe', 'pipe'],
        });
        this.child.stdin?.on('error', () => {}); // it may have ended
        this.child.stdout.on('data', (data) => {
            this.stdout += data;
        });
        this.child.stderr.on('data', (data) => {
            this.stderr += data;
        });
        this.ended = new Promise((resolve) => {
            this.child.once('error', (error) => resolve({ error }));
            this.child.once('close', (code, signal) => {
                this.end = { code, signal };
                resolve(this.end);
            });
        });
    }

    // Whole lines only.
    get lines() {
        return this.stdout.split('\n').slice(0, -1);
    }

    async until(what, probe) {
        return until(what, () => {
            const found = probe();
            if (!found && this.end) {
                throw new Error(
                    `it has ended ${JSON.stringify(this.end)} before ${what}\n${this.stdout}${this.stderr}`,
                );
            }
            return found;
        });
    }

    // Ctrl-C: { code, signal }.
    async interrupt() {
        if (this.isTerminal) {
            this.child.stdin.write('\u0003');
        } else {
            this.child.kill('SIGINT');
        }
        return within('it to end after Ctrl-C', this.ended);
    }
}
