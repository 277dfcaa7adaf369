/* SPDX-License-Identifier: PostgreSQL */
/* story.js - tells of an outage: what is gone, what waits, and what became of it. */

const FEED_LIMIT = 1000; // rows that the application shows at once

const FIRST = {
    daemon: 'The daemon is dead. Write on: the rows wait in the database.',
    database: 'PostgreSQL has crashed. The members stay connected; nothing can be written.',
};

export class Story {
    constructor({ trace, ledger, members, tell }) {
        Object.assign(this, { trace, ledger, members, tell });
        this.outage = null;
    }

    // With each answer of the application.
    see({ daemon, database }) {
        for (const [name, { state }] of Object.entries({ daemon, database })) {
            if (state === 'down' && !this.outage) {
                this.begin(name);
            }
        }
        if (this.outage) {
            this.trace.waiting().forEach(({ id }) => this.outage.rows.add(id));
            if (daemon.state === 'ready' && database.state === 'ready' && this.isSettled()) {
                this.end();
            }
        }
    }

    begin(name) {
        this.outage = { name, start: Date.now(), rows: new Set() };
        this.tell(FIRST[name]);
    }

    isSettled() {
        return (
            this.trace.waiting().length === 0 &&
            this.members.every((one) => one.isConnected && this.ledger.waiting(one) === 0)
        );
    }

    end() {
        const { name, start } = this.outage;
        const seconds = ((Date.now() - start) / 1000).toFixed(1);
        const called = name === 'daemon' ? 'The daemon' : 'PostgreSQL';
        this.tell(`${called} was away for ${seconds} s. ${this.verdict()}`);
        this.outage = null;
    }

    verdict() {
        const { rows, start } = this.outage;
        const account = (member) => this.ledger.of(member);
        const name = (some) => some.map(({ firstName }) => firstName).join(' and ');
        const anew = this.members.filter((one) => account(one).lostAt > start);
        const isFaulty = this.members.some((one) => account(one).faults > 0);
        const many = `${rows.size}${rows.size < FEED_LIMIT ? '' : ' or more'} rows`;
        const waited = rows.size === 1 ? '1 row' : many;
        if (anew.length > 0) {
            return `${waited} had waited; ${name(anew)} could not go on exactly and read anew.`;
        }
        if (rows.size === 0) {
            return 'Nothing was written meanwhile, nothing is missing.';
        }
        return (
            `${waited} had waited: ${name(this.members)} have every message, ` +
            (isFaulty ? 'but some twice or out of order.' : 'in order, none twice.')
        );
    }
}
