-- Canonical names need no entry, nor do the reference names of a room's columns.
select t.is(columns ->> 'chat_room_name', 'name', 'room') from pgcable.mapping where kind = 'room';
create table rooms (id int, name text, chat_room_name text, show_history bool);
select pgcable.attach('room', 'rooms');
select t.is(columns::text, '{"id": "id", "chat_room_name": "chat_room_name",'
    ' "chat_room_show_history": "show_history"}', 'the canonical name comes first')
    from pgcable.mapping where kind = 'room';
select pgcable.attach('room', 'rooms', '{"chat_room_name": "name", "chat_room_show_history": null}');
select t.is(columns::text, '{"id": "id", "chat_room_name": "name"}', 'the mapping before all')
    from pgcable.mapping where kind = 'room';
