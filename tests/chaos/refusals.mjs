// SPDX-License-Identifier: PostgreSQL
// refusals.mjs - at the end: who comes with a token that was revoked is refused, by every daemon.
import { until } from '../integration/lib/until.mjs';
import { Wire } from '../integration/lib/wire.mjs';
import { PATIENCE_MS } from './cluster.mjs';

async function isRefused(node, token) {
    const wire = new Wire(node.daemon, { token });
    const answer = await until('an answer', () => wire.failed(wire.frames[0]), PATIENCE_MS).catch(() => null);
    wire.close();
    return answer?.reason === 'unauthorized';
}

// Also by one that has never been there, and finds no row that tells of it.
export async function checkRefusals(world, revocations) {
    const tokens = world.clients.flatMap((client) => client.tokens.filter((token) =>
        revocations.of(client, token).some(({ ghost }) => ghost === null)));
    if (tokens.length === 0) {
        return;
    }
    world.count('tokens that ended', tokens.length);
    await world.cluster.primary.query("select pgcable.prune('0 ms', (select max(tick) from pgcable.tick));");
    const late = await world.addDaemon('late');
    await late.ready();
    for (const node of world.serving) {
        for (const { number, text } of tokens) {
            // What it has read may not be where it is asked yet: with the next attempt, then.
            if (!await until('a refusal', () => isRefused(node, text), PATIENCE_MS).catch(() => false)) {
                world.violation('leaked', `daemon ${node.name} lets in token ${number}, ${PATIENCE_MS} ms after all was told`);
                return;
            }
        }
    }
}
