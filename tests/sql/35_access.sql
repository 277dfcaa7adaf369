-- Who may listen to what, by member, participation and their visibility.
select t.community();
create function t.granted(p_request text) returns text language sql as $$
    select coalesce(string_agg(coalesce(stream, topic), ' '), 'no')
    from pgcable.access(('[' || p_request || ']')::json)
    where stream is not null or topic is not null;
$$;
\set room7 '{"req":1,"member":"42","channel":"room","room":"7"}'
\set uuid7 '{"req":1,"member":"42","channel":"room","uuid":"0B6F3C2E-7A51-4c5e-9b1d-2f0c6d1e8a10"}'
\set member42 '{"req":1,"member":"42","channel":"member"}'
select t.is(t.granted(:'room7'), 'chat-room-7-channel', 'a participant');
select t.is(t.granted(:'uuid7'), 'chat-room-7-channel', 'by uuid');
select t.is(t.granted('{"req":1,"member":"44","channel":"room","room":"7"}'), 'no', 'none');
select t.is(t.granted('{"req":1,"member":"42","channel":"room","room":"99"}'), 'no', 'no such room');
select t.is(t.granted('{"req":1,"member":"42","channel":"room"}'), 'no', 'no room named');
select t.is(t.granted('{"req":1,"member":"99","channel":"notifications"}'), 'no', 'no such member');
select t.is(t.granted('{"req":1,"member":"42","channel":"notifications"}'),
    'notification-channel-42', 'notifications');
select t.is(t.granted('{"req":1,"member":"042","channel":"notifications"}'),
    'notification-channel-42', 'by the name the database writes');
select t.is(t.granted(:'member42'), 'chat-room-channel-42 room-members:7 room-members:8', 'member');
select t.is(t.granted('{"req":1,"member":"42","channel":"threads"}'),
    'chat-community-member-42-threads-channel thread-members:5', 'threads');
select t.is(t.granted('{"req":1,"member":"44","channel":"threads"}'),
    'chat-community-member-44-threads-channel', 'without threads');

update chat_room_participants set deleted_at = now() where id = 21;
select t.is(t.granted(:'room7'), 'no', 'who left');
select t.is(t.granted(:'uuid7'), 'no', 'who left, by uuid');
select t.is(t.granted(:'member42'), 'chat-room-channel-42 room-members:8', 'has one room less');
update chat_room_participants set deleted_at = null where id = 21;
update chat_rooms set deleted_at = now() where id = 7;
select t.is(t.granted(:'room7'), 'no', 'a room that is gone');
select t.is(t.granted(:'uuid7'), 'no', 'a room that is gone, by uuid');
select t.is(t.granted(:'member42'), 'chat-room-channel-42 room-members:7 room-members:8',
    'is followed, since it may come back');
update chat_rooms set deleted_at = null where id = 7;

alter table community_members add column deleted_at boolean not null default false;
select pgcable.attach('member', 'community_members');
select t.is(t.granted(:'room7'), 'chat-room-7-channel', 'a boolean deleted_at');
update community_members set deleted_at = true where id = 42;
select t.is(t.granted(:'room7') || t.granted(:'member42'), 'nono', 'a member who is gone');

select t.is(string_agg(req || coalesce(stream, '-') || coalesce(topic, '-'), ' ' order by n),
    '1chat-room-channel-43- 1-room-members:7 2-- 3chat-room-7-channel-', 'many at once, in order')
    from pgcable.access('[{"req":3,"member":"43","channel":"room","room":"7"},
        {"req":2,"member":"43","channel":"room","room":"8"},{"req":1,"member":"43","channel":"member"}]')
        with ordinality a (req, stream, topic, n);
