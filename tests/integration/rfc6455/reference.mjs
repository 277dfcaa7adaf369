// SPDX-License-Identifier: PostgreSQL
// reference.mjs - npm ws with the daemon's limits and just enough of its protocol to be compared.
import http from 'node:http';
import { WebSocketServer } from 'ws';

function answer(socket, data) {
    let command;
    try {
        command = JSON.parse(data);
    } catch {
        return; // as the daemon: what is no command is not answered
    }
    if (command?.command === 'subscribe' && typeof command.identifier === 'string') {
        const { identifier } = command;
        socket.send(JSON.stringify({ identifier, type: 'reject_subscription' }));
    }
}

export async function startReference({ maxPayload, handshakeMs }) {
    const server = http.createServer(
        { headersTimeout: handshakeMs, connectionsCheckingInterval: 100, maxHeaderSize: 16_384 },
        (request, response) => response.writeHead(426).end(),
    );
    const sockets = new WebSocketServer({
        server,
        path: '/cable',
        maxPayload,
        maxFragments: 64,
        perMessageDeflate: false,
        closeTimeout: 2000,
        handleProtocols: (offered) =>
            [...offered].find((name) => name === 'actioncable-v1-json') ?? false,
    });
    sockets.on('connection', (socket) => {
        socket.on('error', () => {}); // it closes by itself, with the code that is looked at
        socket.on('message', (data) => answer(socket, data));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
        port: server.address().port,
        stop() {
            sockets.clients.forEach((socket) => socket.terminate());
            server.closeAllConnections();
            server.close();
        },
    };
}
