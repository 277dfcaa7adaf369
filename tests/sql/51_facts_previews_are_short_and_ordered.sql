-- Previews hold the first five others by id, visible ones only.
select t.community();
insert into community_members (id, name, email)
    select i, 'M' || i, i || '@example.org' from generate_series(101, 120) i;
insert into chat_room_participants (id, chat_room_id, community_member_id)
    select i, 7, i from generate_series(120, 101, -1) i;
update chat_room_participants set deleted_at = now() where id = 102;
insert into chat_thread_participants (id, chat_thread_id, community_member_id)
    select i, 5, i from generate_series(120, 101, -1) i;
select t.is((select string_agg(p ->> 'id', ' ') from pgcable.facts(
    '{"viewers":[{"room":"7","members":["42"]}]}') f,
    json_array_elements(f.data -> 'other_participants_preview') p), '22 101 103 104 105', 'others');
select t.is((select string_agg(p ->> 'id', ' ') from pgcable.facts(
    '{"stats":[{"message":"981","thread":"5"}]}') f,
    json_array_elements(f.data -> 'thread_participants_preview') p), '4 6 101 102 103', 'thread');
select t.is((select data ->> 'total_thread_participants_count' from pgcable.facts(
    '{"stats":[{"message":"981","thread":"5"}]}')), '22', 'all of them counted');
