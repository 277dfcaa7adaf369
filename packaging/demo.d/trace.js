/* SPDX-License-Identifier: PostgreSQL */
/*
 * trace.js - the list of transactions: each row that changed, and below it the events that it
 * caused, with who got them.  A frame of the extended protocol names its row: the tick (one look
 * of the daemon at the database) and the number of the row in it.
 */
import { clone, element } from './dom.js';
import { describeEvent, describeRow } from './words.js';

const KEPT = 60; // transactions
const SHOWN = 12; // rows of each

export class Trace {
    constructor(list, ledger) {
        this.list = list;
        this.ledger = ledger;
        this.rows = new Map(); // id -> { row, card, item, groups }
        this.places = new Map(); // "tick.row" -> the same
        this.early = new Map(); // frames whose row is not known yet
        this.onFrame = () => {};
    }

    frame(member, frame) {
        const place = `${frame.tick}.${frame.row}`;
        const heard = { member, frame, at: Date.now() };
        this.ledger.frame(member, frame);
        if (this.places.has(place)) {
            this.showFrame(this.places.get(place), heard);
        } else {
            this.early.set(place, [...(this.early.get(place) ?? []), heard]);
        }
        this.onFrame();
    }

    // A row is seen once or twice: while the daemon has not read it it is in no tick.
    row(row) {
        const known = this.rows.get(row.id) ?? this.insert(row);
        known.row = row;
        this.ledger.row(row);
        known.item.classList.toggle('waiting', row.tick === null);
        if (row.tick === null) {
            return;
        }
        const place = `${row.tick}.${row.row}`;
        const { card } = known;
        card.style.setProperty('--tick', row.tick);
        card.dataset.tick = row.tick;
        card.querySelector('.tick').textContent = `tick ${row.tick}`;
        this.places.set(place, known);
        (this.early.get(place) ?? []).forEach((heard) => this.showFrame(known, heard));
        this.early.delete(place);
    }

    insert(row) {
        const card = this.list.querySelector(`[data-xid="${row.xid}"]`) ?? this.insertCard(row);
        const item = clone('row');
        const { verb, table, key, detail } = describeRow(row);
        item.querySelector('.verb').textContent = verb;
        item.querySelector('.table').textContent = table;
        item.querySelector('.key').textContent = key;
        item.querySelector('.detail').textContent = detail;
        const known = { row, card, item, groups: new Map() };
        this.rows.set(row.id, known);
        this.append(card, item);
        return known;
    }

    append(card, item) {
        const shown = card.querySelector('.rows');
        if (shown.children.length < SHOWN) {
            shown.append(item);
        } else {
            card.dataset.more = Number(card.dataset.more ?? 0) + 1;
            card.querySelector('.more').textContent = `and ${card.dataset.more} more rows`;
        }
    }

    insertCard({ xid, at_us: at }) {
        const card = clone('transaction');
        card.dataset.xid = xid;
        card.querySelector('.xid').textContent = `Transaction ${xid}`;
        card.querySelector('time').textContent = new Date(at / 1000).toLocaleTimeString();
        for (const [type, isOn] of [['mouseenter', true], ['mouseleave', false]]) {
            card.addEventListener(type, () => this.link(card.dataset.tick, isOn));
        }
        this.list.prepend(card);
        if (this.list.children.length > KEPT) {
            this.drop(this.list.lastElementChild);
        }
        return card;
    }

    drop(card) {
        card.remove();
        for (const [id, { row, card: its }] of this.rows) {
            if (its === card) {
                this.rows.delete(id);
                this.places.delete(`${row.tick}.${row.row}`);
            }
        }
    }

    // The messages on the page that came of this transaction.
    link(tick, isOn) {
        for (const message of document.querySelectorAll(`.message[data-tick="${tick}"]`)) {
            message.classList.toggle('linked', isOn);
        }
    }

    // The same event for two members is one line with two names.
    showFrame({ row, item, groups }, { member, frame, at }) {
        const { channel } = JSON.parse(frame.identifier);
        const text = JSON.stringify(frame.message, null, 2);
        const key = channel + text;
        if (!groups.has(key)) {
            const line = clone('frame');
            line.querySelector('.event').textContent = frame.message.event ?? 'broadcast';
            line.querySelector('.words').textContent = describeEvent(channel, frame.message);
            line.querySelector('.channel').textContent = channel;
            line.querySelector('pre').textContent = text;
            line.querySelector('.after').textContent = duration(at - row.at_us / 1000);
            item.querySelector('.frames').append(line);
            groups.set(key, line);
        }
        const avatar = element('span', 'avatar small', member.name[0]);
        avatar.dataset.member = member.id;
        avatar.title = `${member.name} got this`;
        groups.get(key).querySelector('.receivers').append(avatar);
    }

    // The rows that the daemon has not read.
    waiting() {
        return [...this.rows.values()].map(({ row }) => row).filter(({ tick }) => tick === null);
    }
}

function duration(ms) {
    return ms < 950 ? `${Math.max(0, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}
