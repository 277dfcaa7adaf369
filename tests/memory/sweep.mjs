// SPDX-License-Identifier: PostgreSQL
// sweep.mjs - one allocation of the daemon fails, at a different place each time.
//
// A client listens, reconnects and resumes as long as it takes; three messages are written, the
// settings are read again, the metrics asked for, the daemon ended.  Whatever fails: the client gets
// each message once and in order, and the daemon goes on, or ends and says that memory is out.
import assert from 'node:assert/strict';
import { Daemon } from '../integration/lib/daemon.mjs';
import { mint } from '../integration/lib/token.mjs';
import { until, within } from '../integration/lib/until.mjs';
import { EXTENDED, Wire } from '../integration/lib/wire.mjs';
import { World } from '../integration/lib/world.mjs';
import { Prng } from '../lib/prng.mjs';

const [MEMBER, ROOM] = [42, 7];
const CHANNEL = 'Chats::RoomChannel';

const TOLD = /out of memory|no memory|Cannot allocate memory|Resource temporarily unavailable/i;
// It copies the names of members without looking whether it could.
const JSON_C = /fail_nth: this allocation fails:\n.*\n.*\n.*strdup.*\n.*libjson-c/;

// How a daemon may end that finds no memory: what the service manager sees is never a success.
function assertEndIsTold({ code, signal }, log) {
    const how = `ended with ${code ?? signal}`;
    if (signal === 'SIGSEGV') {
        assert.match(log, JSON_C, how);
        return;
    }
    assert.ok(signal ? signal === 'SIGABRT' : code === 1, how);
    assert.match(log, TOLD, how);
}

// A client that comes back until it has what it waits for.
class Listener {
    bodies = [];
    place = null;

    constructor(daemon, keepAlive) {
        this.daemon = daemon;
        this.keepAlive = keepAlive;
    }

    async #listen() {
        const history = this.place && { streams: { [this.place.stream_id]: this.place } };
        this.wire = new Wire(this.daemon, {
            member: MEMBER,
            token: mint(MEMBER),
            protocols: EXTENDED,
        });
        await this.wire.welcomed();
        this.subscription = await this.wire.subscribe(
            CHANNEL,
            { chat_room_id: ROOM },
            'confirm_subscription',
            history ? { history } : {},
        );
    }

    #collect() {
        for (const frame of this.subscription?.frames.splice(0) ?? []) {
            assert.notEqual(frame.type, 'reject_history', 'what was missed is sent again');
            assert.notEqual(frame.type, 'reject_subscription');
            if (frame.message?.event === 'newMessage') {
                this.bodies.push(Number(frame.message.body));
            }
            if (frame.offset) {
                const { stream_id, epoch, offset } = frame;
                this.place = { stream_id, epoch, offset };
            }
        }
        const bye = this.wire?.frames.find(({ type }) => type === 'disconnect');
        assert.ok(!bye || bye.reconnect, `sent away: ${JSON.stringify(bye)}`);
    }

    async until(what, probe) {
        await until(what, async () => {
            await this.keepAlive();
            if (!this.wire || this.wire.closed) {
                this.subscription = null;
                await this.#listen().catch((error) => {
                    this.error = error;
                    this.#collect();
                    this.wire.close();
                });
            }
            this.#collect();
            return probe();
        }).catch((error) => {
            throw new Error(`${error.message}; last: ${this.error?.message}`, { cause: error });
        });
    }
}

let written = 0;

// One daemon's life with that environment.  Returns its log.
async function live(world, environment) {
    const daemon = await Daemon.create(world.dir, { database: world.dsn, shutdown_ms: 1000 });
    let log = '';
    const begin = async (env) => {
        daemon.env = env;
        await daemon.start().catch((error) => {
            if (daemon.running || !env.PGC_FAIL_AT) {
                throw error;
            }
        });
    };
    const keepAlive = async () => {
        if (!daemon.running) {
            assertEndIsTold(await daemon.ended, daemon.log);
            log += daemon.log;
            daemon.log = '';
            await begin({});
        }
    };
    const signal = (name) => {
        try {
            daemon.kill(name);
        } catch {
            // it has ended by itself
        }
    };
    const listener = new Listener(daemon, keepAlive);
    const first = written;
    const say = () => world.app.message(ROOM, MEMBER, String(++written));
    const heard = () => listener.bodies.length >= written - first;
    try {
        await begin(environment);
        await listener.until('a subscription', () => listener.subscription);
        await say();
        await listener.until('the first message', heard);
        signal('SIGHUP');
        await daemon.get('/metrics').catch(() => {});
        await say();
        await say();
        await listener.until('all messages', heard);
        assert.deepEqual(
            listener.bodies,
            Array.from({ length: written - first }, (_, i) => first + 1 + i),
        );
        signal('SIGTERM');
        const end = await within('the daemon to end', daemon.ended);
        if (end.code !== 0) {
            assertEndIsTold(end, daemon.log);
        }
    } catch (error) {
        throw new Error(`${error.stack}\n${log}${daemon.log}`, { cause: error });
    } finally {
        listener.wire?.close();
        if (daemon.running) {
            await daemon.crash();
        }
    }
    return log + daemon.log;
}

const [library, ...numbers] = process.argv.slice(2);
const [samples, seed, ...wanted] = numbers.map(Number); // `wanted`: these places instead
const preload = { LD_PRELOAD: library, MALLOC_PERTURB_: '165' };

// The same places for the same seed.
function places(count, total) {
    const prng = new Prng(seed);
    return Array.from({ length: count }, () => prng.between(1, total));
}

let failed = 0;
let passed = 0;
const world = await World.create();
process.once('SIGTERM', async () => {
    Daemon.all.filter(({ running }) => running).forEach((daemon) => daemon.kill('SIGKILL'));
    await world.end().catch(() => {});
    process.exit(143);
});
try {
    await world.daemon.stop();
    const total = Number(/fail_nth: (\d+) allocations/.exec(await live(world, preload))?.[1]);
    assert.ok(total > 1000, 'the library is not there');
    console.log(`${total} allocations in one life`);
    const chosen = wanted.length > 0 ? wanted : places(Math.min(samples, total), total);
    for (const place of chosen) {
        const environment = { ...preload, PGC_FAIL_AT: String(place) };
        // By the place alone, so that it fails the same way when it is asked for by its number.
        if (place % 4 === 3) {
            environment.PGC_FAIL_ON = '1';
        }
        try {
            await live(world, environment);
            passed++;
        } catch (error) {
            failed++;
            console.log(`FAIL PGC_FAIL_AT=${place} ${environment.PGC_FAIL_ON ?? ''}\n${error.message}`);
        }
    }
} finally {
    await world.end();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
