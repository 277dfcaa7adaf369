/* SPDX-License-Identifier: PostgreSQL */
/* bell.js - a member's notifications: how many are new, and the latest ones. */
import { element } from './dom.js';

const KEPT = 8;

export class Bell {
    constructor(pane, onOpen) {
        this.button = pane.querySelector('.bell');
        this.list = pane.querySelector('.notifications');
        this.button.addEventListener('click', () => {
            this.toggle(this.list.hidden);
            if (!this.list.hidden) {
                onOpen();
            }
        });
        pane.addEventListener('keydown', (event) => event.key === 'Escape' && this.toggle(false));
    }

    toggle(isOpen) {
        this.list.hidden = !isOpen;
        this.button.setAttribute('aria-expanded', String(isOpen));
    }

    setCount(count) {
        this.button.querySelector('.count').textContent = count;
        this.button.classList.toggle('new', count > 0);
    }

    setAll(notifications) {
        if (notifications.length > 0) {
            this.list.replaceChildren();
        }
        notifications.forEach((one) => this.add(one));
    }

    add({ action, actor_name: actor, notifiable_title: title }) {
        const text = `${actor ?? 'Somebody'} ${action ?? 'did something'}: ${title ?? ''}`;
        this.list.querySelector('.none')?.remove();
        this.list.prepend(element('li', '', text));
        while (this.list.children.length > KEPT) {
            this.list.lastElementChild.remove();
        }
    }
}
