# What advance() answers is as of its tick: a membership in it is granted, one not yet committed not.
ask='[{"req":1,"member":"44","channel":"room","room":"7"}]'
sql -c 'select t.community()' -c 'select from pgcable.advance()' -c 'select t.seen()' >/dev/null
open_session other
say other 'begin; insert into chat_room_participants (chat_room_id, community_member_id) values (7, 44);'
until_true "select count(*) > 0 from pgcable.writers()"
is "$(sql -c "select made, stream from pgcable.advance('$ask')")" 'f|' 'not before it is committed'
say other 'commit;'
until_true "select count(*) = 0 from pgcable.writers()"
is "$(sql -c "select made, stream from pgcable.advance('$ask')")" 't|chat-room-7-channel' \
    'granted with the tick that holds it'
is "$(sql -c 'select t.seen()')" 'participant I' 'which it does'
close_session other
