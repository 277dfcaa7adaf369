-- attach.sql - let the tables of schema.sql play their kinds.
--
-- Tables are written as in SQL, with quotes; columns as they are, without.

select pgcable.attach('member', '"Chat"."People"', '{
    "id": "Id", "name": "DisplayName", "avatar_url": "PictureUrl", "email": "EMail",
    "headline": "JobTitle", "user_public_uid": "PublicId",
    "new_notifications_count": "UnseenNotifications", "deleted_at": "IsDeleted"}');
select pgcable.attach('room', '"Chat"."Rooms"', '{
    "id": "Id", "uuid": "Uuid", "identifier": "Slug", "chat_room_kind": "Kind",
    "chat_room_name": "Title", "chat_room_description": "About Room",
    "chat_room_show_history": "ShowHistory", "is_embedded": "IsEmbedded",
    "pinned_message_id": "PinnedMessageId", "deleted_at": "IsDeleted"}');
select pgcable.attach('participant', '"Chat"."RoomMemberships"', '{
    "id": "Id", "chat_room_id": "RoomId", "community_member_id": "PersonId",
    "admin": "IsAdmin", "muted": "IsMuted", "last_read_at": "ReadUpTo",
    "unread_messages_count": "Unread", "pinned_at": "PinnedAt", "deleted_at": "IsDeleted"}');
select pgcable.attach('message', '"Chat"."RoomMessages"', '{
    "id": "Id", "chat_room_id": "RoomId", "chat_room_participant_id": "SenderMembershipId",
    "body": "Body", "rich_text_body": "RichText", "sent_at": "SentAt", "created_at": "CreatedAt",
    "creation_uuid": "ClientKey", "chat_thread_id": "ThreadId", "parent_message_id": "ReplyToId",
    "edited_at": "EditedAt", "deleted_at": "IsDeleted"}');
select pgcable.attach('thread', '"Chat"."Threads"', '{
    "id": "Id", "chat_room_id": "RoomId", "parent_message_id": "RootMessageId"}');
select pgcable.attach('thread_participant', '"Chat"."ThreadMemberships"', '{
    "id": "Id", "chat_thread_id": "ThreadId", "community_member_id": "PersonId",
    "last_read_at": "ReadUpTo"}');
select pgcable.attach('notification', '"Chat"."Notifications"', '{
    "id": "Id", "community_member_id": "PersonId", "seen_at": "SeenAt",
    "created_at": "CreatedAt", "extra": ["What"]}');
