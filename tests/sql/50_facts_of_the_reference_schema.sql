-- Every kind of fact, to the byte.
select t.community();
update community_members set user_public_uid = 'u' || id, headline = 'H', avatar_url = 'http://a/' || id;
update chat_room_participants set admin = true, unread_messages_count = 3 where id = 23;
update chat_room_messages set sent_at = created_at, creation_uuid = '7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77',
    rich_text_body = '{"body": "ü"}';
create function t.fact(p_needs text) returns text language sql as $$
    select string_agg(what || ' ' || key || ' ' || data::text, E'\n' order by what, key)
    from pgcable.facts(p_needs::json);
$$;
\set room 'room 7 {"id":7,"uuid":"0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10","identifier":"team","chat_room_kind":"group_chat","chat_room_name":"Team","chat_room_description":"All","chat_room_show_history":true,"is_embedded":false,"pinned_message_id":null,"deleted_at":null,"extra":{}}'
\set sender22 'sender p:22 {"id":22,"community_member_id":43,"name":"Bo","avatar_url":"http://a/43","user_public_uid":"u43","extra":{}}'
\set message981 ' {"id":981,"chat_room_id":7,"chat_room_participant_id":22,"body":"Hi","rich_text_body":{"body": "ü"},"sent_at":"2026-10-01T09:14:31.001","created_at":"2026-10-01T09:14:31.001","creation_uuid":"7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77","chat_thread_id":null,"parent_message_id":null,"lesson_id":null,"edited_at":null,"deleted_at":null,"extra":{}}'
\set stats981 'stats 981 {"replies_count":1,"total_thread_participants_count":2,"thread_participants_preview":[{"id":4,"community_member_id":43,"avatar_url":"http://a/43","name":"Bo"},{"id":6,"community_member_id":42,"avatar_url":"http://a/42","name":"Ann"}],"chat_thread_replies_count":1}'
select t.is(t.fact('{"room":["7","99"]}'), :'room', 'room');
select t.is(t.fact('{"sender":[{"participant":"22"},{"participant":"99"}]}'), :'sender22', 'sender');
select t.is(t.fact('{"sender":[{"room":"7","member":"43"}]}'),
    replace(:'sender22', 'p:22', 'm:7:43'), 'sender by room and member');
select t.is(t.fact('{"sender":[{"room":"8","member":"43"}]}'),
    replace(replace(:'sender22', 'p:22', 'm:8:43'), '"id":22', '"id":null'),
    'who is no participant has no participant''s id');
select t.is(t.fact('{"stats":[{"message":"981","thread":null}]}'), :'stats981', 'stats');
select t.is(t.fact('{"stats":[{"message":"99","thread":"5"}]}'),
    replace(replace(:'stats981', '981', '99'), '"replies_count":1,"t', '"replies_count":0,"t'),
    'stats of a message that is gone, in a thread that is named');
select t.is(t.fact('{"stats":[{"message":"99","thread":null}]}'), 'stats 99 {"replies_count":0,'
    '"total_thread_participants_count":0,"thread_participants_preview":[],'
    '"chat_thread_replies_count":0}', 'stats of nothing');
select t.is(t.fact('{"message":["981","99"]}'), concat_ws(E'\n', 'message 981' || :'message981',
    :'room', :'sender22', :'stats981'), 'a message, and what it needs');
select t.is(t.fact('{"count":["42","43","44"]}'), E'count 42 2\ncount 43 1\ncount 44 0', 'count');
update notifications set seen_at = now() where id = 1;
select t.is(t.fact('{"count":["42"]}'), 'count 42 1', 'seen ones are not new');

\set ann '{"id":23,"name":"Ann","user_public_uid":"u42","headline":"H","email":"ann@example.org","avatar_url":"http://a/42","community_member_id":42,"deleted_at":null,"admin":true,"muted":false}'
\set cy '{"id":24,"name":"Cy","user_public_uid":"u44","headline":"H","email":"cy@example.org","avatar_url":"http://a/44","community_member_id":44,"deleted_at":null,"admin":false,"muted":false}'
select t.is(t.fact('{"viewers":[{"room":"8","members":["42","44","43"]}]}'),
    'viewer 8:42 {"unread_messages_count":3,"current_participant":' || :'ann' ||
    ',"other_participants_preview":[' || :'cy' || '],"direct_name":"Cy"}' || E'\n' ||
    'viewer 8:44 {"unread_messages_count":0,"current_participant":' || :'cy' ||
    ',"other_participants_preview":[' || :'ann' || '],"direct_name":"Ann"}',
    'a direct room goes by the name of the other one');
select t.ok(t.fact('{"viewers":[{"room":"7","members":["42"]}]}') like '%"direct_name":null}',
    'a group does not');

select t.ok(t.fact('{"last_message":["7","8"]}') like 'last_message 7 {"id":982,%', 'last message');
update chat_room_messages set deleted_at = now() where id = 982;
select t.is(t.fact('{"last_message":["7","8"]}'), concat_ws(E'\n', 'last_message 7' || :'message981',
    :'room', :'sender22', replace(:'stats981', 'replies_count":1', 'replies_count":0')),
    'the last visible one, and what it needs');
select t.is(t.fact('{}'), null, 'nothing asked, nothing told');

alter table community_members add column new_notifications_count int;
update community_members set new_notifications_count = 17 where id = 42;
select pgcable.attach('member', 'community_members');
select t.is(t.fact('{"count":["42"]}'), 'count 42 17', 'the application''s own counter comes first');
