/* SPDX-License-Identifier: PostgreSQL */
/*
 * page.js - a chat for two members.  Whatever is done goes to the application as a request;
 * whatever is shown came from the daemon as an event, also to the one who did it.
 */
'use strict';

const HUES = ['#2f6793', '#a1562c', '#43763f'];

function clone(id) {
    return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

class Pane {
    constructor(memberId, hue) {
        this.memberId = memberId;
        this.room = null;
        this.element = clone('pane');
        this.element.dataset.member = memberId;
        this.element.style.setProperty('--hue', hue);
        document.getElementById('panes').append(this.element);
    }

    find(selector) {
        return this.element.querySelector(selector);
    }

    async ask(method, path, fields = {}) {
        const url = new URL(path, SETTINGS.application);
        const options = { method, headers: {} };
        if (this.token) {
            options.headers.Authorization = `Bearer ${this.token}`;
        }
        if (method === 'GET') {
            url.search = new URLSearchParams(fields);
        } else {
            options.headers['Content-Type'] = 'application/json';
            options.body = JSON.stringify(fields);
        }
        const response = await fetch(url, options);
        const answer = await response.json();
        if (!response.ok) {
            throw new Error(answer.error);
        }
        return answer;
    }

    async start() {
        const session = await this.ask('GET', '/session', { member: this.memberId });
        this.token = session.token;
        this.find('.name').textContent = session.name;
        this.find('.avatar').textContent = session.name[0];
        this.find('[name=body]').placeholder = `Write as ${session.name}`;
        this.showCount(session.unseen);
        this.listen();
        this.connect(session);
        await this.enter(session.rooms[0].id);
    }

    listen() {
        const attempt = (action) => (event) => {
            event.preventDefault();
            action().catch((error) => this.setState(error.message, 'gone'));
        };
        this.find('form').addEventListener(
            'submit',
            attempt(() => this.send()),
        );
        this.find('.nudge').addEventListener(
            'click',
            attempt(() => this.ask('POST', '/nudge', { room: this.room })),
        );
        this.find('.bell').addEventListener(
            'click',
            attempt(() => this.ask('POST', '/seen')),
        );
    }

    // Four subscriptions on one connection, as in any Rails application.
    connect(session) {
        const state = {
            connected: () => this.setState('connected', 'connected'),
            disconnected: () => this.setState('connection lost, trying again', 'gone'),
        };
        this.consumer = ActionCable.createConsumer(
            () => `${session.cable}?token=${encodeURIComponent(this.token)}`,
        );
        this.subscribe({ channel: 'NotificationChannel' }, (event) => this.notified(event), state);
        this.subscribe({ channel: 'ChatRoomChannel' }); // only for the list of events
        this.subscribe({ channel: 'Chats::CommunityMemberThreadsChannel' });
        for (const room of session.rooms) {
            const tab = document.createElement('button');
            tab.type = 'button';
            tab.dataset.room = room.id;
            tab.textContent = room.name;
            tab.addEventListener('click', () => this.enter(room.id));
            this.find('.rooms').append(tab);
            this.subscribe({ channel: 'Chats::RoomChannel', chat_room_id: room.id }, (event) =>
                this.inRoom(room.id, event),
            );
        }
    }

    subscribe(identifier, received = () => {}, callbacks = {}) {
        this.consumer.subscriptions.create(identifier, {
            ...callbacks,
            received: (event) => {
                this.record(identifier.channel, event);
                received(event);
            },
            rejected: () => this.setState(`${identifier.channel}: rejected`, 'gone'),
        });
    }

    setState(text, kind) {
        const state = this.find('.state');
        state.textContent = text;
        state.className = `state ${kind}`;
    }

    record(channel, event) {
        const item = document.createElement('li');
        const name = document.createElement('b');
        const where = document.createElement('i');
        const { event: kind, ...rest } = event;
        name.textContent = kind;
        where.textContent = ` ${channel} `;
        item.append(name, where, JSON.stringify(rest));
        item.addEventListener('click', () => item.classList.toggle('whole'));
        const list = this.find('.events');
        list.append(item);
        while (list.children.length > 200) {
            list.firstElementChild.remove();
        }
        list.scrollTop = list.scrollHeight;
    }

    async enter(room) {
        this.room = room;
        for (const tab of this.find('.rooms').children) {
            const isCurrent = tab.dataset.room === String(room);
            tab.toggleAttribute('aria-current', isCurrent);
            if (isCurrent) {
                tab.querySelector('.dot')?.remove();
            }
        }
        this.find('.messages').replaceChildren();
        for (const message of await this.ask('GET', '/history', { room })) {
            // Events may have been faster, and are newer.
            if (this.room === room && !this.messageElement(message.id)) {
                this.show({ ...message, sender: message });
            }
        }
    }

    async send() {
        const input = this.find('[name=body]');
        const body = input.value.trim();
        if (body === '') {
            return;
        }
        input.value = '';
        await this.ask('POST', '/send', {
            room: this.room,
            body,
            creation_uuid: crypto.randomUUID(),
        });
    }

    inRoom(room, event) {
        if (room !== this.room) {
            this.mark(room, event);
        } else if (event.event === 'newMessage' || event.event === 'updatedMessage') {
            this.show(event);
        } else if (event.event === 'deletedMessage') {
            this.messageElement(event.id)?.remove();
        }
    }

    mark(room, event) {
        const tab = this.find(`.rooms [data-room="${room}"]`);
        if (event.event === 'newMessage' && !tab.querySelector('.dot')) {
            tab.insertAdjacentHTML('beforeend', ' <span class="dot">&bull;</span>');
        }
    }

    notified(event) {
        if (event.new_notifications_count !== undefined) {
            this.showCount(event.new_notifications_count);
        }
    }

    showCount(count) {
        this.find('.count').textContent = count;
        this.find('.bell').classList.toggle('new', count > 0);
    }

    messageElement(id) {
        return this.find(`.message[data-id="${id}"]`);
    }

    // New or changed, at its place in the order.
    show(message) {
        const list = this.find('.messages');
        let item = this.messageElement(message.id);
        if (!item) {
            item = clone('message');
            item.dataset.id = message.id;
            item.classList.toggle('mine', message.sender.community_member_id === this.memberId);
            item.querySelector('.delete').addEventListener('click', () =>
                this.ask('POST', '/delete', { id: message.id }),
            );
            item.querySelector('.edit').addEventListener('click', () =>
                this.edit(item, message.id),
            );
            const later = [...list.children].find((other) => other.dataset.id > message.id);
            list.insertBefore(item, later ?? null);
        }
        item.querySelector('.who').textContent = message.sender.name;
        item.querySelector('.body').textContent = message.body;
        const time = new Date(message.created_at);
        item.querySelector('time').textContent =
            time.toLocaleTimeString([], { timeStyle: 'short' }) +
            (message.edited_at ? ', edited' : '');
        list.scrollTop = list.scrollHeight;
    }

    edit(item, id) {
        const body = prompt('New text', item.querySelector('.body').textContent);
        if (body) {
            this.ask('POST', '/edit', { id, body });
        }
    }
}

SETTINGS.members.forEach((member, index) => {
    const pane = new Pane(member, HUES[index % HUES.length]);
    pane.start().catch((error) => pane.setState(error.message, 'gone'));
});
