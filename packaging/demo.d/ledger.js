/* SPDX-License-Identifier: PostgreSQL */
/*
 * ledger.js - what each member was told, held against what the database has: is anything missing,
 * is anything out of order or told twice?  Rows and frames meet by their place, tick and row.
 */

const follows = (a, b) => a.tick - b.tick || a.row - b.row || a.part - b.part;

export class Ledger {
    constructor() {
        this.rows = new Map(); // id -> row of a message that appeared
        this.gone = new Set(); // messages that are not sent again
        this.members = new Map(); // member -> its account
    }

    of(member) {
        if (!this.members.has(member)) {
            this.members.set(member, {
                events: 0,
                faults: 0,
                streams: new Map(), // name -> the last frame
                told: new Set(), // places of new messages
                lostAt: 0, // when it had to read anew
                looksToForgive: 0,
            });
        }
        return this.members.get(member);
    }

    frame(member, frame) {
        const account = this.of(member);
        const last = account.streams.get(frame.stream);
        account.events++;
        if (last && follows(frame, last) <= 0) {
            account.faults++;
        }
        account.streams.set(frame.stream, frame);
        if (frame.stream.startsWith('chat-room-') && frame.message.event === 'newMessage') {
            account.told.add(`${frame.tick}.${frame.row}`);
        }
    }

    row(row) {
        if (row.kind === 'message') {
            if (row.op === 'I') {
                this.rows.set(row.id, row);
            } else if (row.op === 'D' || row.new?.deleted_at) {
                this.gone.add(row.old.id);
            }
        }
    }

    // Messages of this member's rooms that it was not told of yet.
    waiting(member) {
        const { told } = this.of(member);
        return [...this.rows.values()].filter((row) => {
            const room = member.rooms.byId.get(row.new.chat_room_id);
            const isSince = !room?.since || row.tick === null || follows(row, room.since) > 0;
            return (
                room && isSince && !this.gone.has(row.new.id) && !told.has(`${row.tick}.${row.row}`)
            );
        }).length;
    }

    // The member was told that it cannot go on, and reads the database anew: nothing from before is
    // waited for.  One look at the database may be under way, the next one has all of that.
    forgive(member) {
        Object.assign(this.of(member), { lostAt: Date.now(), looksToForgive: 2 });
    }

    // After each look.
    show(member) {
        const account = this.of(member);
        const { events, faults } = account;
        if (account.looksToForgive > 0) {
            account.looksToForgive--;
            this.rows.forEach((row) => account.told.add(`${row.tick}.${row.row}`));
        }
        const waiting = this.waiting(member);
        const line = member.find('.ledger');
        const verdict = waiting
            ? `${waiting} ${waiting === 1 ? 'message waits' : 'messages wait'}`
            : 'none missing';
        line.textContent =
            `${events} ${events === 1 ? 'event' : 'events'}: ${verdict}, ` +
            (faults ? `${faults} twice or out of order` : 'in order, none twice');
        line.classList.toggle('bad', faults > 0);
        line.classList.toggle('waits', waiting > 0);
    }
}
