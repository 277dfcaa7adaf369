-- Whoever asks for facts reads nothing that is too large to be sent, wherever it stands.
alter table chat_room_messages alter column body set storage external;
alter table community_members add column about jsonb;
select t.community();
select pgcable.attach('message', 'chat_room_messages', '{"extra": ["body"]}');
select pgcable.attach('member', 'community_members', '{"extra": ["about"]}');
select install_id as name from pgcable.meta \gset
create function t.facts() returns setof record
    language sql
as $$
    select what, data from pgcable.facts('{"room": ["7"], "message": ["981"], "last_message": ["7"],'
        ' "sender": [{"participant": "22"}], "stats": [{"message": "981", "thread": "5"}],'
        ' "viewers": [{"room": "7", "members": ["42"]}]}');
$$;
create function t.blocks() returns bigint
    language plpgsql
as $$
declare
    v_plan json;
begin
    for i in 1..2 loop -- what is looked up in catalogues counts once
        execute 'explain (analyze, buffers, format json)'
            ' select * from t.facts() as (what text, data json)' into v_plan;
    end loop;
    return (v_plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint
        + (v_plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
end;
$$;
update chat_rooms set chat_room_kind = 'direct' where id = 7;
select t.ok(bool_and(position(:'name' in data::text) = 0), 'all of it is shown')
    from t.facts() as (what text, data json);
select t.blocks() as before \gset

update chat_room_messages set body = repeat('x', 16 << 20) where id = 981;
update community_members set name = repeat('é', 1 << 20) || 'x', avatar_url = repeat('x', 3 << 20),
    about = to_jsonb(repeat('x', 3 << 20)) where id = 43;
update chat_rooms set description = repeat('x', 3 << 20) where id = 7;
create temp table got as select * from t.facts() as (what text, data json);
select t.ok(bool_and(octet_length(data::text) < 2000), 'little comes back') from got;
select t.is(data ->> 'chat_room_description', :'name', 'of a room') from got where what = 'room';
select t.is(concat_ws(' ', data ->> 'id', data ->> 'body', data #>> '{extra,body}'),
    replace('981 X X', 'X', :'name'), 'of a message') from got where what = 'message' and data ->> 'id' = '981';
select t.is(concat_ws(' ', data ->> 'id', data ->> 'name', data ->> 'avatar_url', data #>> '{extra,about}'),
    replace('22 X X X', 'X', :'name'), 'of who sent it') from got where what = 'sender' and data ->> 'id' = '22';
select t.is(data #>> '{thread_participants_preview,0,name}', :'name', 'of who answered')
    from got where what = 'stats' and data ->> 'total_thread_participants_count' <> '0' limit 1;
select t.is(concat_ws(' ', data ->> 'direct_name', data #>> '{other_participants_preview,0,name}',
    data #>> '{other_participants_preview,0,about}'), replace('X X X', 'X', :'name'), 'of who is there')
    from got where what = 'viewer';
select t.ok(t.blocks() < :before + 500, format('16 MB are 2048 blocks; read: %s, before: %s',
    t.blocks(), :before));
