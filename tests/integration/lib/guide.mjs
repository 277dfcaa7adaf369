// SPDX-License-Identifier: PostgreSQL
// guide.mjs - what a page of packaging/guides (or README.md) shows, as the reader would have it: its
// files in a folder, its commands to be run there.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { PGCABLE, ROOT, environment } from './daemon.mjs';
import { PATIENCE_MS, within } from './until.mjs';

const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url));

const start = promisify(execFile);

// One program to its end, with nothing to read; what it printed.
export async function execute(command, args, options = {}) {
    const running = start(command, args, options);
    running.child.stdin?.end();
    try {
        return (await within(`${command} ${args.join(' ')}`, running, 2 * PATIENCE_MS)).stdout;
    } finally {
        running.child.kill('SIGKILL');
    }
}

// Every fence: { language, what ('file=NAME', 'run', 'unrun' or ''), text }.
export function fences(page) {
    const folder = page === 'README.md' ? '.' : 'packaging/guides';
    const text = fs.readFileSync(path.join(ROOT, folder, page), 'utf8');
    const found = text.matchAll(/^( *)```(\w*) ?(.*)\n([^]*?)^\1```$/gm);
    return [...found].map(([, indent, language, what, body]) => ({
        language,
        what,
        text: body.replaceAll(`\n${indent}`, '\n'),
    }));
}

export class Guide {
    // `env`: what the page says is in the environment.
    constructor(page, dir, env = {}) {
        this.dir = dir;
        this.env = { ...environment(), ...env };
        this.env.PATH = `${path.dirname(PGCABLE)}:${this.env.PATH}`;
        fs.mkdirSync(dir, { recursive: true });
        fs.symlinkSync(MODULES, path.join(dir, 'node_modules'));
        fs.writeFileSync(path.join(dir, 'package.json'), '{ "type": "module" }');
        this.fences = fences(page);
        for (const { what, text } of this.fences) {
            if (what.startsWith('file=')) {
                const file = this.file(what.slice('file='.length));
                fs.mkdirSync(path.dirname(file), { recursive: true });
                fs.writeFileSync(file, text);
            }
        }
    }

    file(name) {
        return path.join(this.dir, name);
    }

    text(name) {
        return fs.readFileSync(this.file(name), 'utf8');
    }

    module(name) {
        return import(pathToFileURL(this.file(name)));
    }

    // The settings of an ini file, for a daemon of the test.
    settings(name) {
        const lines = this.text(name).matchAll(/^(\w+) = (.*)$/gm);
        return Object.fromEntries([...lines].map(([, setting, value]) => [setting, value]));
    }

    // In the folder.
    run(command, ...args) {
        return execute(command, args, { cwd: this.dir, env: this.env });
    }

    // The page's commands, each fence in a shell of its own.
    async runCommands() {
        for (const { what, text } of this.fences.filter(({ what }) => what === 'run')) {
            await this.run('bash', '-euo', 'pipefail', '-c', text);
        }
    }
}
