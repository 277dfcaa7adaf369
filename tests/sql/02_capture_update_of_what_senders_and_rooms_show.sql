-- What events about something else show of a member or a room is captured, too, though no event is about
-- it: daemons keep it.
select t.community();

create function t.raises(p_change text, p_rows text) returns void
    language plpgsql
as $$
declare
    v_id bigint := nextval('pgcable.outbox_id');
begin
    execute p_change;
    perform t.is((select string_agg(concat_ws(' ', kind, op), ', ' order by id) from pgcable.outbox_0
        where id > v_id), p_rows, p_change);
end;
$$;
select t.raises('update community_members set name = ''Anna'' where id = 42', 'member U');
select t.raises('update community_members set avatar_url = ''/a.png'' where id = 42', 'member U');
select t.raises('update community_members set avatar_url = null where id = 42', 'member U');
select t.raises('update community_members set user_public_uid = ''u'' where id = 42', 'member U');
select t.raises('update chat_rooms set identifier = ''crew'' where id = 7', 'room U');
select t.raises('update chat_rooms set chat_room_kind = ''direct'' where id = 7', 'room U');

select t.raises('update community_members set name = name, avatar_url = avatar_url', null);
select t.raises('update community_members set email = ''a@b'', headline = ''Boss'' where id = 42', null);
select t.raises('update community_members set updated_at = now() + interval ''1 hour''', null);
select t.raises('update chat_rooms set identifier = identifier, updated_at = now() + interval ''1 hour''',
    null);
select t.raises('insert into community_members (id, name, email) values (45, ''Di'', ''d'')', null);

-- By whatever statement, and one that names no column of theirs.
select t.raises('insert into community_members (id, name, email) values (42, ''Ann'', ''x'')'
    ' on conflict (id) do update set name = excluded.name', 'member U');
create function t.rename() returns trigger language plpgsql
    as 'begin new.name := new.headline; return new; end';
create trigger rename before update of headline on community_members
    for each row execute function t.rename();
select t.raises('update community_members set headline = ''Annie'' where id = 42', 'member U');

update community_members set name = 'An', email = 'secret' where id = 42;
select t.is((old ->> 'name') || ' -> ' || (new ->> 'name'), 'Annie -> An', 'the row as it was and as it is')
    from pgcable.outbox_0 order by id desc limit 1;

-- "update_of" goes by the same columns.
drop trigger rename on community_members;
select pgcable.attach('member', 'community_members', '{"update_of": true}');
select t.raises('update community_members set avatar_url = ''/b.png'' where id = 42', 'member U');
select t.raises('update community_members set email = ''c@d'' where id = 42', null);
