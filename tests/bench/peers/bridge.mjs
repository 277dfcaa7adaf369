// SPDX-License-Identifier: PostgreSQL
// What many begin with: npm pg listens, npm ws sends each notification to all clients.  Says
// "listening on PORT".
import pg from 'pg';
import { WebSocketServer } from 'ws';

const database = new pg.Client();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });

database.on('notification', ({ payload }) => {
    server.clients.forEach((client) => client.send(payload));
});
await database.connect();
await database.query('listen bridge');
console.log(`listening on ${server.address().port}`);
