/* SPDX-License-Identifier: PostgreSQL */
/*
 * member.js - one member's side of the page: a session with the application, a connection to the
 * daemon with its subscriptions.  Whatever is done goes to the application as a request; whatever
 * is shown came from the daemon as an event, also to the one who did it.
 */
import { ask } from './api.js';
import { Bell } from './bell.js';
import { Conversation } from './conversation.js';
import { clone } from './dom.js';
import { createConsumer } from './resume.js';
import { Rooms } from './rooms.js';
import { nameRoom } from './words.js';

const ROOM = 'Chats::RoomChannel';

export class Member {
    // trace.frame(member, frame) hears of all that comes.
    constructor(id, trace) {
        this.id = id;
        this.trace = trace;
        this.subscriptions = new Map(); // by room
        this.isConnected = false;
        this.pane = clone('pane');
        this.pane.dataset.member = id;
        document.getElementById('panes').append(this.pane);
        this.find = (selector) => this.pane.querySelector(selector);
        this.bell = new Bell(this.pane, () => this.attempt(this.ask('POST', '/seen')));
        this.rooms = new Rooms(this.find('.rooms'), (room) => this.attempt(this.enter(room)));
        this.ask = (method, path, fields) =>
            ask(method, path, { member: this.id, ...fields });
        this.find('.nudge').addEventListener('click', () =>
            this.attempt(this.ask('POST', '/nudge', { room: this.rooms.current.id })),
        );
        this.find('.pin-room').addEventListener('click', () =>
            this.attempt(this.ask('POST', '/pin-room', { room: this.rooms.current.id })),
        );
    }

    get firstName() {
        return this.name.split(' ')[0];
    }

    async attempt(promise) {
        this.showTrouble('');
        try {
            await promise;
        } catch (error) {
            this.showTrouble(error.message);
        }
    }

    showTrouble(text) {
        this.find('.trouble').textContent = text;
    }

    // Fails before anything has begun, or not at all.
    async start() {
        const session = await this.signIn();
        this.pane.setAttribute('aria-label', session.name);
        this.find('.name').textContent = session.name;
        this.find('.avatar').textContent = session.name[0];
        this.conversation = new Conversation(this.pane, this, {
            ask: this.ask,
            attempt: (promise) => this.attempt(promise),
        });
        this.connect(session);
        session.rooms.forEach((room) => this.join(room));
        await this.attempt(this.enter(this.rooms.first()));
    }

    async signIn() {
        const session = await this.ask('GET', '/session');
        this.name = session.name;
        this.token = session.token;
        this.bell.setCount(session.unseen);
        this.bell.setAll(session.notifications);
        return session;
    }

    // The daemon cannot tell exactly what came while this member was away, because it was too much,
    // or the member was let in just then: everything is read anew.
    async reload() {
        this.showTrouble('Could not go on exactly: read anew.');
        this.trace.ledger.forgive(this);
        const { rooms } = await this.signIn();
        for (const room of rooms) {
            const known = this.rooms.byId.get(room.id);
            if (known) {
                this.rooms.update(known, room);
            } else {
                this.join(room);
            }
        }
        await this.enter(this.rooms.current);
    }

    async enter(room) {
        this.rooms.select(room);
        this.find('.room-tools').hidden = !room;
        this.find('.pin-room').setAttribute('aria-pressed', String(room?.is_pinned ?? false));
        await this.conversation.enter(room ?? null);
        if (room?.unread > 0) {
            await this.ask('POST', '/read', { room: room.id });
        }
    }

    // ---- the connection ----

    // Subscriptions on one connection, as in any Rails application.
    connect({ cable }) {
        this.consumer = createConsumer(
            String(this.id),
            () => `${cable}?token=${encodeURIComponent(this.token)}`,
            {
                onFrame: (frame) => this.heard(frame),
                onLost: () => this.reload().catch((error) => this.showTrouble(error.message)),
            },
        );
        this.subscribe(
            { channel: 'NotificationChannel' },
            {
                received: (event) => this.notified(event),
                connected: () => this.showState(true),
                disconnected: () => this.showState(false),
            },
        );
        this.subscribe(
            { channel: 'ChatRoomChannel' },
            { received: (event) => this.inSomeRoom(event) },
        );
        this.subscribe(
            { channel: 'Chats::CommunityMemberThreadsChannel' },
            { received: (event) => this.conversation.threadEvent(event) },
        );
    }

    subscribe(identifier, callbacks) {
        return this.consumer.subscriptions.create(identifier, callbacks);
    }

    // The library waits some seconds before it tries again; the page may know better.
    reconnect() {
        if (this.consumer && !this.isConnected) {
            this.consumer.connect();
        }
    }

    showState(isConnected) {
        const state = this.find('.state');
        this.isConnected = isConnected;
        state.textContent = isConnected ? 'connected' : 'connection lost';
        state.className = `state ${isConnected ? 'connected' : 'gone'}`;
    }

    heard(frame) {
        this.frame = frame;
        this.trace.frame(this, frame);
    }

    // ---- rooms ----

    // `place`: that of the event which told of the room, if one did.
    join(room, place = null) {
        nameRoom(room);
        this.rooms.add({ ...room, since: place });
        const { id } = room;
        this.subscriptions.set(
            id,
            this.subscribe(
                { channel: ROOM, chat_room_id: id },
                {
                    received: (event) => this.inRoom(id, event),
                    rejected: () => {
                        this.showTrouble(`${this.name} may no longer listen to ${room.name}.`);
                        this.quit(id);
                    },
                },
            ),
        );
    }

    quit(id) {
        const room = this.rooms.byId.get(id);
        this.subscriptions.get(id)?.unsubscribe();
        this.subscriptions.delete(id);
        if (room) {
            this.rooms.remove(room);
            if (this.rooms.current === room) {
                this.enter(this.rooms.first()).catch((error) => this.showTrouble(error.message));
            }
        }
    }

    inRoom(id, event) {
        if (id === this.rooms.current?.id) {
            this.conversation.received(event, this.frame.tick);
        }
    }

    // ---- the member's own channels ----

    inSomeRoom(event) {
        const room =
            this.rooms.byUuid(event.chat_room_uuid ?? event.uuid) ??
            this.rooms.byId.get(event.chat_room_id);
        const react = {
            newMessage: () => this.count(room, event),
            chatRoomRead: () => this.rooms.update(room, { unread: 0 }),
            chatRoomUpdated: () => this.rename(room, event),
            chatRoomPinned: () => this.rooms.update(room, { is_pinned: true }),
            chatRoomUnPinned: () => this.rooms.update(room, { is_pinned: false }),
            chatRoomDeleted: () => this.quit(room.id),
        };
        if (event.event === 'chatRoomCreated') {
            this.created(event);
        } else if (room) {
            react[event.event]?.();
            this.find('.pin-room').setAttribute('aria-pressed', this.rooms.current?.is_pinned);
        }
    }

    count(room, { sender }) {
        if (room !== this.rooms.current && sender.community_member_id !== this.id) {
            this.rooms.update(room, { unread: room.unread + 1 });
        }
    }

    // A direct room is called after the other member, whatever its name.
    rename(room, event) {
        if (room.kind !== 'direct') {
            this.rooms.update(room, { name: event.chat_room_name });
            nameRoom(room);
        }
    }

    created(event) {
        if (!this.rooms.byId.has(event.id)) {
            const { id, uuid, chat_room_kind: kind, chat_room_name: name } = event;
            this.showTrouble('');
            this.join({ id, uuid, kind, name, unread: 0, is_pinned: false }, this.frame);
        }
        if (!this.rooms.current) {
            this.attempt(this.enter(this.rooms.byId.get(event.id)));
        }
    }

    notified(event) {
        if (event.event === 'newNotification') {
            this.bell.add(event.notification);
        } else {
            this.bell.setCount(event.new_notifications_count);
        }
    }
}
