-- Keys are cast to the column's type, never the column to text.
select t.community();
insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)
    select 7, 21, 'x' from generate_series(1, 20000);
insert into community_members (name, email) select 'x', i from generate_series(1, 20000) i;
insert into chat_room_participants (chat_room_id, community_member_id)
    select 8, id from community_members where name = 'x';
analyze;
select pg_stat_force_next_flush();
create temp table before as select relname, seq_scan from pg_stat_user_tables
    where relname in ('chat_room_messages', 'community_members', 'chat_room_participants');
select from pgcable.facts('{"message":["981","982"],"last_message":["8"],"room":["7"],
    "sender":[{"participant":"22"},{"room":"7","member":"42"}]}');
select from pgcable.access('[{"req":1,"member":"42","channel":"member"},
    {"req":2,"member":"42","channel":"room","room":"7"},
    {"req":3,"member":"42","channel":"room","uuid":"0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10"},
    {"req":4,"member":"42","channel":"threads"}]');
select pg_stat_force_next_flush();
select t.is(string_agg(relname || ' ' || (s.seq_scan - b.seq_scan)::text, ', ' order by relname),
    'chat_room_messages 0, chat_room_participants 0, community_members 0', 'no table is read whole')
    from pg_stat_user_tables s join before b using (relname);
