-- room_rule(): who may listen to a room without being a participant.
select t.community();
create schema app;
create function app.may_listen(member text, room text) returns boolean
    language sql stable as $$ select member = '43' and room = '8' $$;

create function pg_temp.ask(p_member text, p_room text) returns text
    language sql
as $$
    select string_agg(coalesce(stream, 'refused'), ', ')
    from pgcable.advance(json_build_array(json_build_object('req', 1, 'member', p_member,
        'channel', 'room', 'room', p_room)));
$$;

select t.is(pg_temp.ask('43', '8'), 'refused', 'no participant, no rule');
select pgcable.room_rule('app.may_listen');
select t.is(pg_temp.ask('43', '8'), 'chat-room-8-channel', 'the rule says yes');
select t.is(pg_temp.ask('43', '7'), 'chat-room-7-channel', 'a participant needs no rule');
select t.is(pg_temp.ask('43', '99'), 'refused', 'no such room');
select t.is(pg_temp.ask('43', 'garbage'), 'refused', 'no key of a room');
select t.is(pg_temp.ask('99', '8'), 'refused', 'no such member');
select pgcable.room_rule(null);
select t.is(pg_temp.ask('43', '8'), 'refused', 'the rule is gone');
