-- SPDX-License-Identifier: PostgreSQL
-- community.sql - the demo's people, rooms and first messages; plain rows of the application.

insert into community_members (name, email, headline, user_public_uid) values
    ('Ann Lee', 'ann@garden.example', 'Tomatoes, mostly', 'a1a1a1a1'),
    ('Bo Ray', 'bo@garden.example', 'Keeper of the greenhouse', 'b2b2b2b2'),
    ('Cleo Sand', 'cleo@garden.example', 'New here', 'c3c3c3c3');

insert into chat_rooms (chat_room_kind, name, description) values
    ('group_chat', 'Garden club', 'Who waters what, and when'),
    ('direct', null, null);

-- Participants 1 to 3 are the club, 4 and 5 the two who talk in private.
insert into chat_room_participants (chat_room_id, community_member_id) values
    (1, 1), (1, 2), (1, 3), (2, 1), (2, 2);

insert into chat_room_messages (chat_room_id, chat_room_participant_id, body, sent_at, created_at)
select first.room, first.participant, first.body, at, at
from (values
    (1, 1, 'Has anybody seen the big watering can?', interval '50 minutes'),
    (1, 2, 'By the greenhouse, I think. I used it yesterday.', interval '48 minutes'),
    (1, 3, 'I have it. Sorry! Back on Saturday.', interval '20 minutes'),
    (2, 5, 'Shall we get Cleo one of her own?', interval '15 minutes')
) first(room, participant, body, ago), lateral (select now() at time zone 'utc' - ago) t(at);
