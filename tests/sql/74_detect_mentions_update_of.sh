# Of a table that is mostly updated detect() says how updates that no event shows are made free.
advised="select string_agg(kind, ' ') from pgcable.detect() where reason like '%\"update_of\"%'"
sql <<'SQL' >/dev/null
select pgcable.detach(kind) from pgcable.mapping;
insert into chat_rooms (id) values (7);
insert into chat_room_messages (id, chat_room_id, body) values (1, 7, 'x');
update chat_rooms set name = i from generate_series(1, 5) i;
do $$ begin for i in 1..20 loop update chat_room_messages set updated_at = now(); end loop; end $$;
SQL
until_true "select ($advised) is not null"
is "$(sql -c "$advised")" message 'the one that is'
has "$(sql -c "select reason from pgcable.detect() where kind = 'message'")" \
    'public.chat_room_messages is named like one; ' 'beside the rest'
sql -c "create function t.mine() returns trigger language plpgsql as 'begin return new; end'" \
    -c 'create trigger mine before update on chat_room_messages for each row execute function t.mine()'
is "$(sql -c "$advised")" '' 'not where attach() refuses it'
