// SPDX-License-Identifier: PostgreSQL
// token.mjs - tokens as an application makes them: HS256, by the book, with node's own crypto.
import crypto from 'node:crypto';

export const SECRET = 'integration-secret-integration-secret';

// Every token made here; none of them may ever stand in a daemon's log.
export const minted = new Set();

export function mint(member, claims = {}, secret = SECRET) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const given = { community_member_id: member, exp, ...claims };
    const body = `${part({ alg: 'HS256' })}.${part(given)}`;
    const signature = crypto.createHmac('sha256', secret).update(body).digest('base64url');
    const token = `${body}.${signature}`;
    minted.add(token);
    return token;
}
