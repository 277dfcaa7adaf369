/* SPDX-License-Identifier: PostgreSQL */
/* conversation.js - a member's open room: messages, the pinned one, a thread, the field below. */
import { Messages } from './messages.js';

export class Conversation {
    // `ask(method, path, fields)` speaks for the member; `attempt(promise)` shows what goes wrong.
    constructor(pane, member, { ask, attempt }) {
        this.find = (selector) => pane.querySelector(selector);
        this.ask = ask;
        this.attempt = attempt;
        this.member = member;
        this.room = null;
        this.messages = new Map(); // all of the room that are known, replies too
        this.thread = null; // the message whose thread is open
        this.editing = null;
        this.news = new Map(); // message -> its thread, which has something new
        const actions = {
            reply: (message) => this.openThread(message.id),
            thread: (message) => this.openThread(message.id),
            pin: (message) => attempt(ask('POST', '/pin', { id: message.id })),
            edit: (message) => this.startEditing(message),
            delete: (message) => attempt(ask('POST', '/delete', { id: message.id })),
        };
        this.main = new Messages(this.find('.messages'), member.id, actions);
        this.replies = new Messages(this.find('.replies'), member.id, actions);
        this.listen();
    }

    listen() {
        this.find('.composer').addEventListener('submit', (event) => {
            event.preventDefault();
            this.attempt(this.submit());
        });
        this.find('.composer').addEventListener('keydown', (event) => {
            if (event.key === 'Escape') {
                this.leave();
            }
        });
        this.find('.cancel').addEventListener('click', () => this.leave());
        this.find('.back').addEventListener('click', () => this.leave());
        this.find('.unpin').addEventListener('click', () =>
            this.attempt(this.ask('POST', '/pin', { id: this.pinned.id })),
        );
        this.showMode();
    }

    async enter(room) {
        this.room = room;
        this.thread = this.editing = null;
        this.messages.clear();
        this.main.clear();
        this.showPinned(null);
        this.showMode();
        if (!room) {
            return;
        }
        const history = await this.ask('GET', '/history', { room: room.id });
        if (this.room !== room) {
            return;
        }
        // Events may have been faster, and are newer.
        for (const message of history.messages.filter(({ id }) => !this.messages.has(id))) {
            this.keep(message);
        }
        this.showPinned(history.pinned ?? this.pinned);
        this.main.scrollToEnd();
    }

    // An event of the open room's channel.
    received(event, tick) {
        if (event.event === 'newMessage' || event.event === 'updatedMessage') {
            this.keep(event, tick);
        } else if (event.event === 'deletedMessage') {
            this.drop(event.id);
        } else if (event.event === 'chatRoomUpdated') {
            this.showPinned(event.pinned_message);
        }
    }

    keep(message, tick) {
        this.messages.set(message.id, message);
        if (message.parent_message_id === null) {
            this.main.show(message, tick);
            this.showReplies(message.id);
        } else {
            this.showReplies(message.parent_message_id);
        }
        if (this.thread !== null && [message.id, message.parent_message_id].includes(this.thread)) {
            this.replies.show(message, tick);
        }
    }

    drop(id) {
        const parent = this.messages.get(id)?.parent_message_id;
        this.messages.delete(id);
        this.main.remove(id);
        this.replies.remove(id);
        if (parent) {
            this.showReplies(parent);
        }
        if (id === this.thread || id === this.editing?.id) {
            this.leave();
        }
    }

    repliesTo(id) {
        return [...this.messages.values()].filter((reply) => reply.parent_message_id === id);
    }

    showReplies(id) {
        this.main.setReplies(id, this.repliesTo(id).length, this.news.has(id));
    }

    // ---- threads ----

    openThread(id) {
        const parent = this.messages.get(this.messages.get(id).parent_message_id ?? id);
        this.thread = parent.id;
        this.editing = null;
        this.replies.clear();
        [parent, ...this.repliesTo(parent.id)].forEach((message) => this.replies.show(message));
        this.replies.scrollToEnd();
        this.showMode();
        this.find('[name=body]').focus();
        const thread = this.news.get(parent.id);
        if (thread) {
            this.attempt(this.ask('POST', '/read-thread', { thread }));
        }
    }

    // From the member's threads channel: somebody wrote in a thread of this member's.
    threadEvent(event) {
        const { parent_message_id: parent, chat_thread_id: thread } = event;
        if (event.event === 'chatThreadRead') {
            const read = [...this.news].filter(([, one]) => one === thread);
            read.forEach(([id]) => this.news.delete(id));
            read.forEach(([id]) => this.showReplies(id));
        } else if (event.event === 'newMessage' && parent !== this.thread) {
            if (event.sender.community_member_id !== this.member.id) {
                this.news.set(parent, thread);
                this.showReplies(parent);
            }
        }
    }

    // ---- the pinned message ----

    showPinned(message) {
        this.pinned = message;
        this.find('.pinned').hidden = !message;
        this.find('.pinned .text').textContent = message
            ? `${message.sender.name}: ${message.body}`
            : '';
    }

    // ---- the field ----

    startEditing(message) {
        this.editing = message;
        this.showMode();
        this.find('[name=body]').value = message.body;
        this.find('[name=body]').focus();
    }

    // One step back: from editing, else from the thread.
    leave() {
        if (this.editing) {
            this.find('[name=body]').value = '';
            this.editing = null;
        } else {
            this.thread = null;
        }
        this.showMode();
    }

    showMode() {
        const field = this.find('[name=body]');
        this.find('.main').hidden = this.thread !== null;
        this.find('.side').hidden = this.thread === null;
        this.find('.cancel').hidden = !this.editing;
        this.find('.send').textContent = this.editing ? 'Change' : 'Send';
        field.placeholder = this.editing
            ? 'The new text'
            : this.thread
              ? `Reply as ${this.member.firstName}`
              : `Write as ${this.member.firstName}`;
        field.disabled = !this.room;
    }

    async submit() {
        const field = this.find('[name=body]');
        const body = field.value.trim();
        const creation_uuid = crypto.randomUUID();
        if (body === '') {
            return;
        }
        if (this.editing) {
            await this.ask('POST', '/edit', { id: this.editing.id, body });
            this.leave();
        } else if (this.thread) {
            await this.ask('POST', '/reply', { parent: this.thread, body, creation_uuid });
        } else {
            await this.ask('POST', '/send', { room: this.room.id, body, creation_uuid });
        }
        field.value = '';
    }
}
