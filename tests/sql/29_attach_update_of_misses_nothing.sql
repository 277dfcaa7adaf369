-- "update_of": true where a BEFORE trigger may change a column that the UPDATE does not name: refused,
-- unless that trigger is called for mapped columns alone, so that ours is called with it.
create function t.shout() returns trigger language plpgsql
    as 'begin new.chat_room_name := upper(new.chat_room_description); return new; end';
create table spaces (id bigint primary key, chat_room_name text, chat_room_description text, note text);
create trigger "Shout" before insert or update on spaces for each row execute function t.shout();
select t.throws($$select pgcable.attach('room', 'spaces', '{"update_of": true}')$$,
    'pgcable: cannot attach public.spaces as room with "update_of": the trigger "Shout" (BEFORE UPDATE) of'
    ' public.spaces may change columns % Attach it without "update_of", %');
select t.is(relation::text, 'chat_rooms', 'what was attached stays') from pgcable.mapping
    where kind = 'room';
create or replace trigger "Shout" before update of chat_room_description, note on spaces
    for each row execute function t.shout();
select t.throws($$select pgcable.attach('room', 'spaces', '{"update_of": true}')$$, '%"Shout"%');
create or replace trigger "Shout" before update of chat_room_description on spaces
    for each row execute function t.shout();
create trigger later after update on spaces for each row execute function t.shout();
create trigger at_first before insert on spaces for each row execute function t.shout();
create trigger once before update on spaces execute function t.shout();
select pgcable.attach('room', 'spaces', '{"update_of": true}');
insert into spaces values (1, null, 'quiet');
select from pgcable.advance();
select t.ok(t.seen() <> '', 'attached');
update spaces set chat_room_description = 'loud';
update spaces set note = 'x';
select from pgcable.advance();
select t.is(string_agg(new::json ->> 'chat_room_name', ' '), 'LOUD', 'what such a trigger changes is seen')
    from t.news() as (id bigint, xid text, kind text, op text, stream text, new text, old text,
        at_us bigint);

-- A generated column counts as named with those it is made of.
create table halls (id bigint primary key, given text, note text,
    chat_room_name text generated always as (upper(given)) stored);
select pgcable.attach('room', 'halls', '{"update_of": true}');
insert into halls values (1, 'small');
update halls set note = 'x';
update halls set given = 'large';
select from pgcable.advance();
select t.is(string_agg(concat_ws(' ', op, new::json ->> 'chat_room_name'), ', ')
        filter (where kind = 'room'), 'I SMALL, U LARGE', 'a generated column')
    from t.news() as (id bigint, xid text, kind text, op text, stream text, new text, old text,
        at_us bigint);

-- A trigger that comes later is found, by doctor() and by the daemon.
create procedure t.say_of_room(p_finding text, p_what text)
    language plpgsql
as $$
begin
    perform t.is(string_agg(level || ' ' || finding, '; '), p_finding, p_what)
        from pgcable.doctor() where subject = 'room' and level <> 'warn';
    perform t.is((select missed from pgcable.tend(0)), 'room: ' || substr(p_finding, 6) || ': run'
        ' pgcable.attach(''room'', …) again without it', 'the daemon') where p_finding like 'fail%';
    perform t.is((select missed from pgcable.tend(0)), null, 'no daemon') where p_finding like 'ok%';
end;
$$;
call t.say_of_room('ok public.halls is attached, 2 columns mapped', 'no trigger');
create trigger later before update on halls for each row execute function t.shout();
call t.say_of_room('fail the trigger later (BEFORE UPDATE) of public.halls may change columns that the'
    ' UPDATE does not name, which "update_of" misses', 'a trigger');
alter table halls disable trigger later;
call t.say_of_room('ok public.halls is attached, 2 columns mapped', 'disabled');
alter table halls enable always trigger later;
do $$ begin execute (select remedy from pgcable.doctor() where level = 'fail'); end $$;
call t.say_of_room('ok public.halls is attached, 2 columns mapped', 'attached without it');

-- One on a partition counts.
create table posts (like chat_room_messages including defaults) partition by range (created_at);
create table posts_old partition of posts for values from (minvalue) to ('2020-01-01');
create trigger mine before update on posts_old for each row execute function t.shout();
select t.throws($$select pgcable.attach('message', 'posts', '{"update_of": true}')$$,
    '%the trigger mine (BEFORE UPDATE) of public.posts_old%');
select pgcable.attach('message', 'posts');
