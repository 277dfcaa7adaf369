/* SPDX-License-Identifier: PostgreSQL */
/* Events of pgcable.  Written by packaging/types/generate.mjs; do not edit. */

/** ISO 8601 in UTC with milliseconds: 2026-10-01T09:14:31.001Z */
export type Time = string;

/** What keys are, unless a type is told otherwise: NewMessage<string>. */
export type DefaultId = number;

/** Who wrote a message; `id` is the participant's. */
export interface Sender<Id = DefaultId> {
    id: Id;
    community_member_id: Id;
    name: string | null;
    avatar_url: string | null;
    user_public_uid: string | null;
}

/** Somebody in a room, as its lists show him; `id` is the participant's. */
export interface Participant<Id = DefaultId> {
    id: Id;
    name: string | null;
    user_public_uid: string | null;
    headline: string | null;
    email: string | null;
    avatar_url: string | null;
    community_member_id: Id;
    deleted_at: false | null;
    admin: boolean;
    muted: boolean;
}

/** Somebody in a thread; `id` is the thread participant's. */
export interface ThreadParticipant<Id = DefaultId> {
    id: Id;
    community_member_id: Id;
    avatar_url: string | null;
    name: string | null;
}

/** The notification's row as far as it is mapped, and what is listed as "extra". */
export interface Notification<Id = DefaultId> {
    id: Id;
    community_member_id: Id;
}

/** A message inside another event. */
export interface Message<Id = DefaultId> {
    id: Id;
    chat_room_uuid: string;
    chat_room_participant_id: Id;
    body: string;
    rich_text_body: Record<string, unknown>;
    sent_at: Time;
    created_at: Time;
    sender: Sender<Id>;
    creation_uuid: string;
    chat_thread_id: Id | null;
    parent_message_id: Id | null;
    lesson_id: Id | null;
    edited_at: Time | null;
    replies_count: number;
    total_thread_participants_count: number;
    thread_participants_preview: ThreadParticipant<Id>[];
}

/** newNotification, on NotificationChannel. */
export interface NewNotification<Id = DefaultId> {
    event: "newNotification";
    notification: Notification<Id>;
}

/** updateNewNotificationCount, on NotificationChannel. */
export interface UpdateNewNotificationCount {
    event: "updateNewNotificationCount";
    new_notifications_count: number;
}

/** resetNewNotificationCount, on NotificationChannel. */
export interface ResetNewNotificationCount {
    event: "resetNewNotificationCount";
    new_notifications_count: 0;
}

/** chatRoomCreated, on ChatRoomChannel. */
export interface ChatRoomCreated<Id = DefaultId> {
    event: "chatRoomCreated";
    id: Id;
    uuid: string;
    identifier: string;
    unread_messages_count: number;
    chat_room_kind: string;
    chat_room_name: string | null;
    chat_room_description: string | null;
    chat_room_show_history: boolean;
    other_participants_preview: Participant<Id>[];
    current_participant: Participant<Id>;
    last_message: Message<Id> | null;
}

/** chatRoomUpdated, on ChatRoomChannel, Chats::RoomChannel. */
export interface ChatRoomUpdated<Id = DefaultId> {
    event: "chatRoomUpdated";
    uuid: string;
    chat_room_name: string | null;
    chat_room_description: string | null;
    chat_room_show_history: boolean;
    pinned_message: Message<Id> | null;
}

/** chatRoomDeleted, on ChatRoomChannel. */
export interface ChatRoomDeleted {
    event: "chatRoomDeleted";
    chat_room_uuid: string;
}

/** chatRoomRead, on ChatRoomChannel. */
export interface ChatRoomRead {
    event: "chatRoomRead";
    chat_room_uuid: string;
}

/** chatRoomPinned, on ChatRoomChannel. */
export interface ChatRoomPinned<Id = DefaultId> {
    event: "chatRoomPinned";
    chat_room_id: Id;
    pinned_at: Time;
}

/** chatRoomUnPinned, on ChatRoomChannel. */
export interface ChatRoomUnPinned<Id = DefaultId> {
    event: "chatRoomUnPinned";
    chat_room_id: Id;
}

/** newMessage, on ChatRoomChannel, Chats::RoomChannel, Chats::CommunityMemberThreadsChannel. */
export interface NewMessage<Id = DefaultId> {
    event: "newMessage";
    id: Id;
    chat_room_uuid: string;
    chat_room_kind: string;
    chat_room_participant_id: Id;
    body: string;
    rich_text_body: Record<string, unknown>;
    sent_at: Time;
    created_at: Time;
    sender: Sender<Id>;
    creation_uuid: string;
    chat_thread_id: Id | null;
    parent_message_id: Id | null;
    lesson_id: Id | null;
    edited_at: Time | null;
    replies_count: number;
    total_thread_participants_count: number;
    thread_participants_preview: ThreadParticipant<Id>[];
    chat_thread_replies_count: number;
}

/** updatedMessage, on Chats::RoomChannel, Chats::CommunityMemberThreadsChannel. */
export interface UpdatedMessage<Id = DefaultId> {
    event: "updatedMessage";
    id: Id;
    chat_room_uuid: string;
    chat_room_participant_id: Id;
    body: string;
    rich_text_body: Record<string, unknown>;
    sent_at: Time;
    created_at: Time;
    sender: Sender<Id>;
    creation_uuid: string;
    chat_thread_id: Id | null;
    parent_message_id: Id | null;
    lesson_id: Id | null;
    edited_at: Time | null;
    replies_count: number;
    total_thread_participants_count: number;
    thread_participants_preview: ThreadParticipant<Id>[];
}

/** deletedMessage, on Chats::RoomChannel. */
export interface RoomDeletedMessage<Id = DefaultId> {
    event: "deletedMessage";
    id: Id;
    parent_message: {
        id: Id;
        chat_room_uuid: string;
        chat_room_participant_id: Id;
        body: string;
        rich_text_body: Record<string, unknown>;
        sent_at: Time;
        created_at: Time;
        sender: Sender<Id>;
        creation_uuid: string;
        chat_thread_id: Id | null;
        parent_message_id: Id | null;
        lesson_id: Id | null;
        edited_at: Time | null;
        replies_count: number;
        total_thread_participants_count: number;
        thread_participants_preview: ThreadParticipant<Id>[];
    } | null;
}

/** deletedMessage, on Chats::CommunityMemberThreadsChannel. */
export interface CommunityMemberThreadsDeletedMessage<Id = DefaultId> {
    event: "deletedMessage";
    id: Id;
    parent_message: {
        id: Id;
        chat_room_participant_id: string;
        rich_text_body: Record<string, unknown>;
        created_at: Time;
        sender: Sender<Id>;
        creation_uuid: string;
        chat_thread_id: Id | null;
        parent_message_id: Id | null;
        lesson_id: Id | null;
        edited_at: Time | null;
        replies_count: number;
        total_thread_participants_count: number;
        thread_participants_preview: ThreadParticipant<Id>[];
    } | null;
}

/** chatThreadRead, on Chats::CommunityMemberThreadsChannel. */
export interface ChatThreadRead<Id = DefaultId> {
    event: "chatThreadRead";
    chat_thread_id: Id;
}

/** In place of an event that is larger than max_payload_bytes: fetch it by its id. */
export interface Truncated<Id = DefaultId> {
    event: string;
    id: Id | null;
    truncated: true;
}

/** What arrives from notification-channel-{community_member_id}. */
export type NotificationChannelEvent<Id = DefaultId> =
    | NewNotification<Id>
    | UpdateNewNotificationCount
    | ResetNewNotificationCount;

/** What arrives from chat-room-channel-{community_member_id}. */
export type ChatRoomChannelEvent<Id = DefaultId> =
    | ChatRoomCreated<Id>
    | ChatRoomUpdated<Id>
    | ChatRoomDeleted
    | ChatRoomRead
    | ChatRoomPinned<Id>
    | ChatRoomUnPinned<Id>
    | NewMessage<Id>;

/** What arrives from chat-room-{chat_room_id}-channel. */
export type RoomChannelEvent<Id = DefaultId> =
    | NewMessage<Id>
    | UpdatedMessage<Id>
    | RoomDeletedMessage<Id>
    | ChatRoomUpdated<Id>;

/** What arrives from chat-community-member-{community_member_id}-threads-channel. */
export type CommunityMemberThreadsChannelEvent<Id = DefaultId> =
    | NewMessage<Id>
    | UpdatedMessage<Id>
    | CommunityMemberThreadsDeletedMessage<Id>
    | ChatThreadRead<Id>;

/** The events of a channel by its name. */
export interface ChannelEvents<Id = DefaultId> {
    "NotificationChannel": NotificationChannelEvent<Id>;
    "ChatRoomChannel": ChatRoomChannelEvent<Id>;
    "Chats::RoomChannel": RoomChannelEvent<Id>;
    "Chats::CommunityMemberThreadsChannel": CommunityMemberThreadsChannelEvent<Id>;
}
