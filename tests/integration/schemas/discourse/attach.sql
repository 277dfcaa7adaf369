-- attach.sql - the mapping, written from the manual alone.
--
-- Discourse marks what was read by the last message rather than by a time: that it moves is what
-- counts.  Whether a notification was read it keeps as a boolean, for which there is no mapping: all
-- count as new until they are deleted.

select pgcable.attach('member', 'users', '{"name": "username", "extra": ["uploaded_avatar_id"]}');
select pgcable.attach('room', 'chat_channels', '{
    "identifier": "slug", "chat_room_kind": "type", "chat_room_name": "name",
    "extra": ["status", "threading_enabled"]}');
select pgcable.attach('participant', 'user_chat_channel_memberships', '{
    "chat_room_id": "chat_channel_id", "community_member_id": "user_id",
    "last_read_at": "last_read_message_id"}');
select pgcable.attach('message', 'chat_messages', '{
    "chat_room_id": "chat_channel_id", "community_member_id": "user_id", "body": "message",
    "sent_at": "created_at", "chat_thread_id": "thread_id", "parent_message_id": "in_reply_to_id",
    "extra": ["cooked"]}');
select pgcable.attach('thread', 'chat_threads', '{
    "chat_room_id": "channel_id", "parent_message_id": "original_message_id"}');
select pgcable.attach('thread_participant', 'user_chat_thread_memberships', '{
    "chat_thread_id": "thread_id", "community_member_id": "user_id",
    "last_read_at": "last_read_message_id"}');
select pgcable.attach('notification', 'notifications', '{
    "community_member_id": "user_id", "extra": ["notification_type", "data"]}');
