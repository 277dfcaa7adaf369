# A prepared transaction is delivered when it commits, in its place, and stalls nobody before.
sql -c 'select t.community()' -c 'select from pgcable.advance()' -c 'select t.seen()' >/dev/null
sql <<'SQL'
begin;
insert into chat_room_messages (id, chat_room_id, body) values (1, 7, 'prepared');
prepare transaction 'p1';
insert into chat_room_messages (id, chat_room_id, body) values (2, 7, 'meanwhile');
SQL
sql -c 'select from pgcable.advance()' >/dev/null
is "$(sql -c 'select t.seen()')" 'message I' 'the other transaction does not wait'
has "$(sql -c 'select pgcable.writers()')" '/' 'a prepared transaction counts as a writer'
sql -c "commit prepared 'p1'"
sql -c 'select from pgcable.advance()' >/dev/null
is "$(sql -c "select new::json ->> 'body' from t.news() as (id bigint, xid text, kind text, op text,
    stream text, new text, old text, at_us bigint)")" 'prepared' 'delivered when committed'
is "$(sql -c 'select pgcable.writers()')" '' 'no writer is left'
