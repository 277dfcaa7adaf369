# SPDX-License-Identifier: PostgreSQL
"""chat.py - the application: a chat that reads and writes its own tables with plain SQL.

It knows nothing of pgcable and sends no event.  Each statement is one transaction; :'name' is a
value from the request, :'member' who makes it.
"""
import re

# A room as its member sees it: a direct one is called after the other.
ROOM = """
    'id', r.id, 'uuid', r.uuid, 'kind', r.chat_room_kind, 'is_pinned', p.pinned_at is not null,
    'name', coalesce(r.name, (
        select other.name from chat_room_participants op
        join community_members other on other.id = op.community_member_id
        where op.chat_room_id = r.id and op.community_member_id <> p.community_member_id limit 1)),
    'unread', (
        select count(*) from chat_room_messages t
        where t.chat_room_id = r.id and t.deleted_at is null and t.parent_message_id is null
            and t.created_at > coalesce(p.last_read_at, p.created_at)
            and t.chat_room_participant_id is distinct from p.id)
"""

SESSION = f"""
select json_build_object(
    'id', m.id, 'name', m.name,
    'unseen', (select count(*) from notifications n
        where n.community_member_id = m.id and n.seen_at is null),
    'notifications', (select coalesce(json_agg(n order by n.id), '[]') from (
        select id, action, actor_name, notifiable_title from notifications
        where community_member_id = m.id order by id desc limit 8) n),
    'rooms', (select coalesce(json_agg(json_build_object({ROOM}) order by r.id), '[]')
        from chat_rooms r join chat_room_participants p on p.chat_room_id = r.id
        where p.community_member_id = m.id and p.deleted_at is null and r.deleted_at is null))
from community_members m where m.id = :'member'::bigint
"""

HISTORY = """
with visible as (
    select t.id, t.body, t.created_at at time zone 'utc' as created_at, t.edited_at,
        t.parent_message_id, t.chat_thread_id, json_build_object(
            'community_member_id', s.id, 'name', s.name) as sender
    from chat_room_messages t
    join chat_room_participants sp on sp.id = t.chat_room_participant_id
    join community_members s on s.id = sp.community_member_id
    where t.chat_room_id = :'room'::bigint and t.deleted_at is null
        and exists (select from chat_room_participants p where p.chat_room_id = t.chat_room_id
            and p.community_member_id = :'member'::bigint and p.deleted_at is null)),
latest as (select * from visible where parent_message_id is null order by id desc limit 40)
select json_build_object(
    'pinned', (
        select row_to_json(v) from visible v join chat_rooms r on r.pinned_message_id = v.id),
    'messages', (select coalesce(json_agg(m order by m.id), '[]') from (
        select * from latest
        union all
        select v.* from visible v join latest l on l.id = v.parent_message_id) m))
"""

# Who may do something there: the member's own participant.
ME = """
me as (select p.* from chat_room_participants p
    where p.community_member_id = :'member'::bigint and p.deleted_at is null)
"""

SEND = f"""
with {ME}
insert into chat_room_messages (chat_room_id, chat_room_participant_id, body, creation_uuid)
select chat_room_id, id, :'body', :'creation_uuid'::uuid from me
where chat_room_id = :'room'::bigint
returning id
"""

# The first reply makes the thread; whoever writes in it belongs to it, and so does who began it.
REPLY = f"""
with {ME},
parent as (
    select t.*, author.community_member_id as author_id, me.id as me_id, who.name as me_name
    from chat_room_messages t
    join me on me.chat_room_id = t.chat_room_id
    join community_members who on who.id = me.community_member_id
    join chat_room_participants author on author.id = t.chat_room_participant_id
    where t.id = :'parent'::bigint and t.deleted_at is null and t.parent_message_id is null),
made as (
    insert into chat_threads (chat_room_id, parent_message_id)
    select chat_room_id, id from parent
    where not exists (select from chat_threads h where h.parent_message_id = parent.id)
    returning id),
thread as (
    select id from made
    union all
    select h.id from chat_threads h join parent on parent.id = h.parent_message_id),
joined as (
    insert into chat_thread_participants (chat_thread_id, community_member_id)
    select distinct thread.id, m.id
    from thread, parent, lateral (values (parent.author_id), (:'member'::bigint)) m (id)
    on conflict do nothing),
told as (
    insert into notifications
        (community_member_id, action, actor_name, notifiable_type, notifiable_id, notifiable_title)
    select author_id, 'replied', me_name, 'ChatRoomMessage', id, left(body, 60) from parent
    where author_id <> :'member'::bigint)
insert into chat_room_messages (chat_room_id, chat_room_participant_id, body, creation_uuid,
    parent_message_id, chat_thread_id)
select chat_room_id, me_id, :'body', :'creation_uuid'::uuid, parent.id, thread.id
from parent, thread
returning id
"""

EDIT = f"""
with {ME}
update chat_room_messages t set body = :'body', edited_at = now() at time zone 'utc'
from me where t.id = :'id'::bigint and me.id = t.chat_room_participant_id
returning t.id
"""

DELETE = f"""
with {ME}
update chat_room_messages t set deleted_at = now() at time zone 'utc'
from me where t.id = :'id'::bigint and me.id = t.chat_room_participant_id
returning t.id
"""

PIN = f"""
with {ME}
update chat_rooms r
set pinned_message_id = case when r.pinned_message_id is distinct from t.id then t.id end
from me join chat_room_messages t on t.chat_room_id = me.chat_room_id
where t.id = :'id'::bigint and r.id = t.chat_room_id
returning r.id
"""

PIN_ROOM = """
update chat_room_participants
set pinned_at = case when pinned_at is null then now() at time zone 'utc' end
where chat_room_id = :'room'::bigint and community_member_id = :'member'::bigint
    and deleted_at is null
returning id
"""

READ = """
update chat_room_participants set last_read_at = now() at time zone 'utc'
where chat_room_id = :'room'::bigint and community_member_id = :'member'::bigint
    and deleted_at is null
returning id
"""

READ_THREAD = """
update chat_thread_participants set last_read_at = now() at time zone 'utc'
where chat_thread_id = :'thread'::bigint and community_member_id = :'member'::bigint
returning id
"""

NUDGE = f"""
with {ME}
insert into notifications (community_member_id, action, actor_name, notifiable_title)
select distinct p.community_member_id, 'nudged', who.name, coalesce(r.name, 'private')
from me
join community_members who on who.id = me.community_member_id
join chat_rooms r on r.id = me.chat_room_id
join chat_room_participants p on p.chat_room_id = r.id
where r.id = :'room'::bigint and p.id <> me.id and p.deleted_at is null
returning id
"""

SEEN = """
update notifications set seen_at = now() at time zone 'utc'
where community_member_id = :'member'::bigint and seen_at is null
returning id
"""

# What the page may ask for: method and path to SQL, and the fields that it needs.
VERBS = {
    ("GET", "/history"): (HISTORY, ("room",)),
    ("POST", "/send"): (SEND, ("room", "body", "creation_uuid")),
    ("POST", "/reply"): (REPLY, ("parent", "body", "creation_uuid")),
    ("POST", "/edit"): (EDIT, ("id", "body")),
    ("POST", "/delete"): (DELETE, ("id",)),
    ("POST", "/pin"): (PIN, ("id",)),
    ("POST", "/pin-room"): (PIN_ROOM, ("room",)),
    ("POST", "/read"): (READ, ("room",)),
    ("POST", "/read-thread"): (READ_THREAD, ("thread",)),
    ("POST", "/nudge"): (NUDGE, ("room",)),
    ("POST", "/seen"): (SEEN, ()),
}
NUMBER = re.compile(r"[0-9]{1,18}")
FIELDS = {
    "member": NUMBER,
    "room": NUMBER,
    "thread": NUMBER,
    "parent": NUMBER,
    "id": NUMBER,
    "after": re.compile(r"[0-9]{0,18}"),
    "body": re.compile(r"[^\0]{1,4000}", re.DOTALL),
    "creation_uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "sql": re.compile(r"[^\0]{1,20000}", re.DOTALL),
}
