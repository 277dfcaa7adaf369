/* SPDX-License-Identifier: PostgreSQL */
/* rooms.js - the tabs of a member's rooms: names, what is unread, which are pinned. */
import { element } from './dom.js';

export class Rooms {
    constructor(nav, onEnter) {
        this.nav = nav;
        this.onEnter = onEnter;
        this.byId = new Map();
        this.current = null;
    }

    first() {
        return this.byId.get(Number(this.nav.firstElementChild?.dataset.room));
    }

    byUuid(uuid) {
        return [...this.byId.values()].find((room) => room.uuid === uuid);
    }

    // { id, uuid, name, kind, unread, is_pinned }
    add(room) {
        const tab = element('button', 'room');
        tab.type = 'button';
        tab.dataset.room = room.id;
        tab.addEventListener('click', () => this.onEnter(room));
        this.byId.set(room.id, Object.assign(room, { tab }));
        this.nav.append(tab);
        this.show(room);
    }

    remove(room) {
        room.tab.remove();
        this.byId.delete(room.id);
    }

    update(room, changes) {
        this.show(Object.assign(room, changes));
    }

    show(room) {
        const { tab, unread } = room;
        tab.replaceChildren();
        if (room.is_pinned) {
            const pin = element('span', 'pin', '');
            pin.setAttribute('aria-label', 'pinned: ');
            pin.setAttribute('role', 'img');
            tab.append(pin);
        }
        tab.append(element('span', 'label', room.name ?? 'a room'));
        if (unread > 0) {
            tab.append(
                ' ',
                element('span', 'badge', String(unread), element('span', 'unseen', ' unread')),
            );
        }
        this.place(room);
    }

    // Pinned ones first, then by age.  A tab that is where it belongs is not moved: it may have the
    // focus.
    place(room) {
        const others = [...this.nav.children].map(({ dataset }) => this.byId.get(+dataset.room));
        const later = others.find((other) =>
            room.is_pinned === other.is_pinned ? other.id > room.id : room.is_pinned,
        );
        const before = later?.tab ?? null;
        if (room.tab.nextElementSibling !== before) {
            this.nav.insertBefore(room.tab, before);
        }
    }

    select(room) {
        this.current = room;
        for (const { tab } of this.byId.values()) {
            tab.setAttribute('aria-current', String(tab === room?.tab));
        }
    }
}
