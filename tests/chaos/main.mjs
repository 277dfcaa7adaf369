#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
// main.mjs - one run: everybody writes, everything fails, and then the books are compared.
import { parseArgs } from 'node:util';
import { until } from '../integration/lib/until.mjs';
import { misjudged } from './cases.mjs';
import { sha } from './events.mjs';
import { FAULTS } from './faults/all.mjs';
import { isAllowed } from './lab.mjs';
import { readLedger } from './ledger.mjs';
import { Nemesis } from './nemesis.mjs';
import { Prng } from '../lib/prng.mjs';
import { checkRefusals } from './refusals.mjs';
import { report } from './report.mjs';
import { SAFEGUARDS } from './safeguards.mjs';
import { unnoticed } from './tamper.mjs';
import { Verdict } from './verdict.mjs';
import { World } from './world.mjs';

const SETTLE_MS = 120_000;

function readArguments() {
    const { values } = parseArgs({
        options: {
            seconds: { type: 'string', default: '120' },
            seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
            faults: { type: 'string' },
            clients: { type: 'string', default: '40' },
            daemons: { type: 'string', default: '2' },
            pause: { type: 'string', default: '30' },
            worlds: { type: 'string', default: '1' },
            each: { type: 'string', default: 'Infinity' },
            'at-once': { type: 'string', default: '3' },
            hold: { type: 'string', default: '4000' },
            'base-only': { type: 'boolean', default: false },
            bus: { type: 'boolean', default: false },
            loopback: { type: 'boolean', default: false },
            prepared: { type: 'string', default: 'on' },
            safeguard: { type: 'string' },
        },
    });
    const names = [...FAULTS.values()].filter(({ onBus }) => values.bus || !onBus).map(({ name }) => name);
    const faults = (values.faults?.split(',').filter(Boolean) ?? names).map((name) => {
        if (!names.includes(name)) {
            throw new Error(`there is no fault "${name}"; there are: ${names.join(', ')}`);
        }
        return FAULTS.get(name);
    });
    const off = values.safeguard?.replace(/-off$/, '');
    if (off && !SAFEGUARDS.has(off)) {
        throw new Error(`there is no safeguard "${off}"; there are: ${[...SAFEGUARDS.keys()].join(', ')}`);
    }
    return { ...values, faults, off };
}

// What was committed before this, is delivered before this, to everyone.
async function settle(world) {
    const { clients, events } = world;
    const streams = new Set(clients.flatMap((client) => [...client.subscriptions.values()].map(({ stream }) => stream)));
    await world.asApp([...streams].map((stream) => `select chaos.say('${stream}', 'the end');`).join('\n'));
    const end = Date.now();
    const hasAll = ({ confirmed, run }) =>
        confirmed && (run.start > end || events.list[run.ids.at(-1)]?.sha === sha('the end'));
    const unsettled = () => clients.flatMap((client) => [...client.subscriptions.values()]
        .filter((subscription) => !hasAll(subscription))
        .map(({ stream }) => `${client.name} ${stream}`));
    await until('the end', () => unsettled().length === 0, SETTLE_MS).catch(() => {
        const rest = unsettled();
        world.violation('stuck', `${rest.length} subscriptions did not get the last message: ${rest.slice(0, 5).join(', ')}`);
    });
}

async function play(world, options) {
    const prng = world.prng.fork('play');
    await world.begin();
    await world.allReached('all clients to be subscribed', SETTLE_MS, 1000);
    const begun = Date.now();
    world.startWriting();
    const nemesis = new Nemesis(world, options.faults, prng.fork('nemesis'), {
        each: Math.ceil(Number(options.each) / Number(options.worlds)), atOnce: Number(options['at-once']), hold_ms: Number(options.hold),
    });
    await nemesis.run(begun + options.seconds * 1000);
    while (options.faults.length === 0 && Date.now() < begun + options.seconds * 1000) {
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await world.crew.stop();
    await world.noPrepared();
    await settle(world);
    return { nemesis, seconds: (Date.now() - begun) / 1000 };
}

const hasLab = ({ bus, loopback }) => bus && !loopback && isAllowed;

function worldOf(prng, options) {
    return new World(prng, {
        clients: Number(options.clients),
        daemons: Number(options.daemons),
        bus: options.bus,
        namespaces: hasLab(options),
        extended: !options['base-only'],
        without: options.off,
        prepares: options.prepared === 'on',
        crew: { pause_ms: Number(options.pause) },
        settings: { retention_s: 60, poll_ms: 600_000, canary_ms: 0 }, // what the doorbell misses shall show
    });
}

async function judge(world) {
    const rows = await readLedger(world.cluster.primary);
    const verdict = new Verdict(rows, world.ghosts, world.events, world.violation);
    verdict.judge(world.clients);
    unnoticed(rows, world).forEach((kind) =>
        world.violation('unnoticed', `${kind}: what a client wrote down was falsified, and nobody noticed`));
    misjudged().forEach((what) => world.violation('unnoticed', what));
    await checkRefusals(world, verdict.revocations);
    return verdict;
}

async function main() {
    const options = readArguments();
    console.log(`seed ${options.seed}: ${options.seconds} s, ${options.clients} clients, ` +
        `${options.bus ? `2 feeds, 3 NATS nodes, 3 edges, ${hasLab(options) ? 'each in a network namespace' : 'over loopback'}`
            : `${options.daemons} daemons`}` +
        `${options.worlds > 1 ? `, ${options.worlds} times` : ''}${options.off ? `, without the safeguard ${options.off}` : ''}`);
    const prng = new Prng(options.seed);
    const worlds = Array.from({ length: Number(options.worlds) }, (_, n) => worldOf(prng.fork(`world ${n}`), options));
    const leave = async (code) => {
        for (const world of worlds) {
            await world.end({ hasty: true }).catch((error) => console.error(error));
        }
        process.exit(code);
    };
    process.once('SIGINT', () => leave(130));
    process.once('SIGTERM', () => leave(143));
    try {
        const games = await Promise.all(worlds.map(async (world) => ({ world, ...await play(world, options) })));
        for (const game of games) {
            game.verdict = await judge(game.world);
        }
        for (const world of worlds) {
            (await world.end()).forEach((error) => world.violation('crashed', error.message));
        }
        process.exit(report(games, options.seed) ? 0 : 1);
    } catch (error) {
        console.error(error);
        console.log('0 passed, 1 failed');
        await leave(1);
    }
}

await main();
