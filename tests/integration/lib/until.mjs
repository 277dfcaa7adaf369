// SPDX-License-Identifier: PostgreSQL
// until.mjs - waiting for a condition, never for a time.
import { setTimeout as delay } from 'node:timers/promises';

// Under valgrind everything takes its time.
export const SLOWNESS = process.env.PGCABLE_WRAP ? 10 : 1;
export const PATIENCE_MS = 60_000 * SLOWNESS; // a busy machine does nothing at all for seconds

// Calls `probe` until it returns something true, and returns that.
export async function until(what, probe, ms = PATIENCE_MS) {
    const deadline = Date.now() + ms;
    for (;;) {
        const value = await probe();
        if (value) {
            return value;
        }
        if (Date.now() > deadline) {
            throw new Error(`waited ${ms} ms in vain for: ${what}`);
        }
        await delay(10);
    }
}

// A promise with a deadline and a name for what it stands for.
export async function within(what, promise, ms = PATIENCE_MS) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for: ${what}`)), ms);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

// The second that the clock shows, once it is another one than now.
export async function nextSecond() {
    const seconds = () => Math.floor(Date.now() / 1000);
    const now = seconds();
    await until('the next second', () => seconds() > now);
    return seconds();
}
