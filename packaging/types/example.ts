/* SPDX-License-Identifier: PostgreSQL */
/* A client that keeps one room's messages and a badge, with every event typed.
 *
 * `cable` is the consumer of @rails/actioncable or of @anycable/core. */
import type { ChannelEvents, Message, Truncated } from "./pgcable";

interface Cable {
    subscriptions: {
        create(identifier: object, callbacks: { received(data: unknown): void }): { unsubscribe(): void };
    };
}

/* The one place where a type is asserted: what arrives on a channel is what its name says. */
function subscribe<Channel extends keyof ChannelEvents>(
    cable: Cable,
    identifier: { channel: Channel; chat_room_id?: number },
    received: (event: ChannelEvents[Channel]) => void,
    missed: (event: Truncated) => void,
): () => void {
    const subscription = cable.subscriptions.create(identifier, {
        received(data) {
            const event = data as ChannelEvents[Channel] | Truncated;
            if ("truncated" in event) {
                missed(event);
            } else {
                received(event);
            }
        },
    });
    return () => subscription.unsubscribe();
}

function line(message: Message): string {
    const time = new Date(message.sent_at).toLocaleTimeString();
    return `${time} ${message.sender.name ?? "somebody"}: ${message.body}`;
}

export function followRoom(
    cable: Cable, room: number, show: (id: number, text: string | null) => void, title: (text: string) => void,
): () => void {
    return subscribe(cable, { channel: "Chats::RoomChannel", chat_room_id: room }, (event) => {
        switch (event.event) {
            case "newMessage":
            case "updatedMessage":
                show(event.id, line(event));
                break;
            case "deletedMessage":
                show(event.id, null);
                if (event.parent_message !== null) {
                    show(event.parent_message.id, `${event.parent_message.replies_count} replies`);
                }
                break;
            case "chatRoomUpdated":
                title(event.chat_room_name ?? "A room without a name");
                break;
            default:
                throw new Error(`unknown: ${JSON.stringify(event satisfies never)}`);
        }
    }, (event) => show(event.id ?? 0, "too long to show"));
}

export function followBadge(cable: Cable, badge: (count: number) => void): () => void {
    return subscribe(cable, { channel: "NotificationChannel" }, (event) => {
        if (event.event !== "newNotification") {
            badge(event.new_notifications_count);
        }
    }, () => undefined);
}
