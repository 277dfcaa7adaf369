// SPDX-License-Identifier: PostgreSQL
// What systemd is told: ready when clients may come, stopping when they are told to go.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { until } from './lib/until.mjs';

// Node makes no datagram sockets of this family.
const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0), 1) if sys.argv[1][0] == '@' else sys.argv[1])
if sys.argv[1][0] != '@':
    import os; os.chmod(sys.argv[1], 0o777)
print('bound', flush=True)
while True:
    print(s.recv(4096).decode(), flush=True)`;

async function told(t, socket) {
    const child = spawn('python3', ['-c', LISTEN, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.later(() => child.kill('SIGKILL'));
    const got = { text: '' };
    child.stdout.on('data', (data) => {
        got.text += data;
    });
    await until('the socket to be bound', () => got.text.startsWith('bound\n'));

    const daemon = await t.create();
    daemon.env = { NOTIFY_SOCKET: socket };
    await daemon.start();
    await until('the daemon to say that it is ready', () => got.text === 'bound\nREADY=1\n');
    await daemon.stop();
    await until('… and that it stops', () => got.text === 'bound\nREADY=1\nSTOPPING=1\n');
    return daemon.log;
}

export default {
    async 'systemd is told over a socket with a path'(t) {
        assert.doesNotMatch(await told(t, path.join(t.dir, 'notify')), /service manager/);
    },

    async 'systemd is told over an abstract socket'(t) {
        assert.doesNotMatch(await told(t, `@pgcable-test-${process.pid}`), /service manager/);
    },

    async 'a manager that is gone is no reason to fail'(t) {
        const daemon = await t.create();
        daemon.env = { NOTIFY_SOCKET: path.join(t.dir, 'nobody') };
        await daemon.start();
        await daemon.logged(/tell the service manager READY=1 at ".*nobody": No such file/);
        await daemon.ready();
    },
};
