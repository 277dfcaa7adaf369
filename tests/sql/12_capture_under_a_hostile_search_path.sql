-- Functions and operators planted in front of PostgreSQL's own are not called with our rights.
create schema evil;
create table evil.log (who text);
grant usage on schema evil to public;
grant insert on evil.log to public;
create function evil.row_to_json(record) returns json language plpgsql as $$
begin insert into evil.log values ('row_to_json'); return '{}'; end $$;
create function evil.clock_timestamp() returns timestamptz language plpgsql as $$
begin insert into evil.log values ('clock_timestamp'); return now(); end $$;
create function evil.bit(bigint, bigint) returns bigint language plpgsql as $$
begin insert into evil.log values ('&'); return 1; end $$;
create function evil.bit(bigint, integer) returns bigint language plpgsql as $$
begin insert into evil.log values ('&'); return 1; end $$;
create operator evil.& (leftarg = bigint, rightarg = bigint, function = evil.bit);
create operator evil.& (leftarg = bigint, rightarg = integer, function = evil.bit);
create function evil.left(text, integer) returns text language plpgsql as $$
begin insert into evil.log values ('left'); return 'I'; end $$;
select t.community();
set search_path = evil, pg_catalog, public;
insert into chat_room_messages (id, chat_room_id, body) values (1, 7, 'x');
update chat_room_messages set body = 'y' where id = 1;
update community_members set avatar_url = 'x';
select pgcable.broadcast('a', '1');
select from pgcable.advance('[{"req":1,"member":"42","channel":"member"}]');
select from pgcable.facts('{"message":["981"],"viewers":[{"room":"7","members":["42"]}]}');
select from pgcable.prune('1 s', 0);
reset search_path;
select t.is(count(*)::text, '0', 'nothing of theirs was called') from evil.log;
