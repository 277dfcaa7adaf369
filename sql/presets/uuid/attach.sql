-- attach.sql - let the tables of schema.sql play their kinds.

select pgcable.attach('member', 'accounts', '{"user_public_uid": "public_uid"}');
select pgcable.attach('room', 'conversations', '{
    "identifier": "slug", "chat_room_kind": "kind", "chat_room_name": "title"}');
select pgcable.attach('participant', 'conversation_members', '{
    "chat_room_id": "conversation_id", "community_member_id": "account_id",
    "unread_messages_count": "unread_count", "deleted_at": "left_at"}');
select pgcable.attach('message', 'messages', '{
    "chat_room_id": "conversation_id", "community_member_id": "author_id",
    "rich_text_body": "document", "creation_uuid": "client_id", "chat_thread_id": "thread_id",
    "parent_message_id": "reply_to_id"}');
select pgcable.attach('thread', 'threads', '{
    "chat_room_id": "conversation_id", "parent_message_id": "root_message_id"}');
select pgcable.attach('thread_participant', 'thread_members', '{
    "chat_thread_id": "thread_id", "community_member_id": "account_id"}');
select pgcable.attach('notification', 'notices', '{
    "community_member_id": "account_id", "extra": ["text"]}');
