-- Each mistake in a mapping is named, with what there is instead.
create table m (id bigint, room_id bigint, user_id bigint, body text, created_at timestamptz,
    point point);
select t.throws($$select pgcable.attach('massage', 'm')$$, '%no kind ''massage''%Kinds: member,%');
select t.throws($$select pgcable.attach('message', 'm')$$,
    '%attach public.m as message: no column is mapped as chat_room_id%Columns of public.m: id, room_id,%');
select t.throws($$select pgcable.attach('message', 'm', '{"chat_room_id": "rum_id"}')$$,
    '%public.m as message: it has no column rum_id (mapped as chat_room_id)%Columns of public.m: id,%');
select t.throws($$select pgcable.attach('message', 'm', '{"chat_room_id": "room_id"}')$$,
    '%no column says who wrote it%');
select t.throws($$select pgcable.attach('message', 'm', '{"chat_room": "room_id"}')$$,
    '%kind message has no column chat_room%Canonical names of message: id, chat_room_id,%');
select t.throws($$select pgcable.attach('message', 'm', '{"chat_room_id": "room_id",
    "community_member_id": "user_id", "extra": ["nope"]}')$$, '%public.m has no column ''nope''%');
select t.throws($$select pgcable.attach('message', 'm', '{"chat_room_id": "room_id",
    "community_member_id": "user_id", "extra": "body"}')$$, '%"extra" must be a list%');
select t.throws($$select pgcable.attach('message', 'm', '{"chat_room_id": 5}')$$,
    '%the mapping of chat_room_id must be the name of a column or null, not 5%');
select t.throws($$select pgcable.attach('message', 'm', '[]')$$, '%mapping must be an object%');
select t.throws($$select pgcable.attach('message', 'm', null)$$, '%mapping must be an object%');
select t.throws($$select pgcable.attach('message', 'm', '{"chat_room_id": "point",
    "community_member_id": "user_id"}')$$, '%column point is a key of type point%Keys may be%');
select t.throws($$select pgcable.attach('message', 'm', '{"id": null}')$$,
    '%no column is mapped as id%');
select t.throws($$select pgcable.attach('message', 'notifications', '{"chat_room_id": "id"}')$$,
    '%it is attached as notification already%view%');
select t.throws($$select pgcable.attach('message', 'm_id_seq1')$$, '%does not exist%');
select t.throws($$select pgcable.attach('message', 'chat_rooms_id_seq')$$, '%no table and no view%');
select t.is(count(*)::text, '0', 'nothing was attached')
    from pgcable.mapping where relation = 'm'::regclass;
select t.is(count(*)::text, '0', 'nothing was put on it') from pg_trigger where tgrelid = 'm'::regclass;
