-- attach.sql - let the tables of schema.sql play their kinds.
--
-- Every canonical column has its own name here, so that no mapping is needed; what a notification
-- shows beyond its keys is the application's choice.

select pgcable.attach('member', 'community_members');
select pgcable.attach('room', 'chat_rooms');
select pgcable.attach('participant', 'chat_room_participants');
select pgcable.attach('thread', 'chat_threads');
select pgcable.attach('thread_participant', 'chat_thread_participants');
select pgcable.attach('message', 'chat_room_messages');
select pgcable.attach('notification', 'notifications', '{"extra": [
    "action", "actor_name", "notifiable_type", "notifiable_id", "notifiable_title"]}');
