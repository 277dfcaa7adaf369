// SPDX-License-Identifier: PostgreSQL
// npm ws, to be used as pgcable-bare is: says "listening on PORT"; lines of its input are messages,
// "each" sends them.
import { createInterface } from 'node:readline';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
let messages = [];

server.on('listening', () => console.log(`listening on ${server.address().port}`));
createInterface({ input: process.stdin }).on('line', (line) => {
    if (line !== 'each') {
        messages.push(line);
        return;
    }
    for (const message of messages) {
        server.clients.forEach((client) => client.send(message));
    }
    messages = [];
});
