-- attach.sql - let the tables of schema.sql play their kinds.
--
-- A column may be mapped more than once: here a message is sent when it is created.

select pgcable.attach('member', 'users', '{"name": "full_name"}');
select pgcable.attach('room', 'rooms');
select pgcable.attach('participant', 'memberships', '{
    "chat_room_id": "room_id", "community_member_id": "user_id"}');
select pgcable.attach('message', 'messages', '{
    "chat_room_id": "room_id", "community_member_id": "user_id", "sent_at": "created_at"}');
select pgcable.attach('notification', 'notifications', '{
    "community_member_id": "user_id", "extra": ["body"]}');
