/* SPDX-License-Identifier: PostgreSQL */
/* messages.js - one list of messages on the page, in their order. */
import { clone } from './dom.js';

const KEPT = 200;

export class Messages {
    // `actions`: by the class of their button; each gets the message.
    constructor(list, memberId, actions) {
        this.list = list;
        this.memberId = memberId;
        this.actions = actions;
        this.shown = new Map(); // id -> { message, item }
    }

    clear() {
        this.list.replaceChildren();
        this.shown.clear();
    }

    // New or changed, at its place in the order.
    show(message, tick) {
        const item = this.shown.get(message.id)?.item ?? this.insert(message);
        this.shown.set(message.id, { message, item });
        item.querySelector('.who').textContent = message.sender.name;
        item.querySelector('.body').textContent = message.body;
        const time = new Date(message.created_at).toLocaleTimeString([], { timeStyle: 'short' });
        item.querySelector('time').textContent = time + (message.edited_at ? ', edited' : '');
        if (tick !== undefined) {
            item.dataset.tick = tick;
            item.style.setProperty('--tick', tick);
        }
    }

    insert(message) {
        const item = clone('message');
        item.dataset.id = message.id;
        item.classList.toggle('mine', message.sender.community_member_id === this.memberId);
        for (const [name, act] of Object.entries(this.actions)) {
            const button = item.querySelector(`.${name}`);
            button.addEventListener('click', () => act(this.shown.get(message.id).message));
        }
        const { list } = this;
        const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
        const later = [...list.children].find(({ dataset }) => Number(dataset.id) > message.id);
        list.insertBefore(item, later ?? null);
        if (list.children.length > KEPT) {
            this.remove(Number(list.firstElementChild.dataset.id));
        }
        if (atEnd || item.classList.contains('mine')) {
            this.scrollToEnd();
        }
        return item;
    }

    scrollToEnd() {
        requestAnimationFrame(() => {
            this.list.scrollTop = this.list.scrollHeight;
        });
    }

    remove(id) {
        this.shown.get(id)?.item.remove();
        this.shown.delete(id);
    }

    // The button below a message that leads to its thread.
    setReplies(id, count, hasNews) {
        const button = this.shown.get(id)?.item.querySelector('.thread');
        if (button) {
            button.hidden = count === 0;
            button.textContent = count === 1 ? '1 reply' : `${count} replies`;
            button.classList.toggle('news', hasNews);
            if (hasNews) {
                button.append(', new');
            }
        }
    }
}
