// SPDX-License-Identifier: PostgreSQL
// keypair.mjs - new keys, for tests that sign tokens.
import crypto from 'node:crypto';

// By way of PEM: node 20 may wait for ever when it exports the JWK of a pair that it has just
// generated, since collecting what generated it wants the lock that the export holds.
export function makePair(type) {
    const pair = crypto.generateKeyPairSync(type, {
        ...(type === 'ec' ? { namedCurve: 'P-256' } : { modulusLength: 2048 }),
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    return {
        publicKey: crypto.createPublicKey(pair.publicKey),
        privateKey: crypto.createPrivateKey(pair.privateKey),
    };
}
