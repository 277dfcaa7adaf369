/* SPDX-License-Identifier: PostgreSQL */
/* participant_events.c - who is in a room, and what a room is to one member. */
#include "events.h"
#include "payload.h"

/* A participant's room and member. */
struct participant {
    struct pgc_slice room;
    struct pgc_slice member;
};

static struct participant
participant_of(struct pgc_builder *builder, const struct event_record *row)
{
    return (struct participant){
        .room = pgc_builder_key(builder, row, FIELD_CHAT_ROOM_ID),
        .member = pgc_builder_key(builder, row, FIELD_COMMUNITY_MEMBER_ID),
    };
}

static void
participant_move(
    struct pgc_builder *builder, enum pgc_op_kind op, const struct participant *participant)
{
    pgc_topic_move(builder, op,
        (struct event_address){.topic = TOPIC_MEMBER, .key = participant->member},
        (struct event_address){.topic = TOPIC_ROOM_MEMBERS, .key = participant->room});
}

/* To the room's stream. */
static void
participant_may_listen(
    struct pgc_builder *builder, enum pgc_op_kind op, const struct participant *participant)
{
    pgc_topic_move(builder, op,
        (struct event_address){.topic = TOPIC_PLAIN, .key = participant->member},
        (struct event_address){.topic = TOPIC_ROOM, .key = participant->room});
}

/* From here on the member's own stream carries what goes to all members of the room. */
void
pgc_event_participant_joins(struct pgc_builder *builder, const struct event_change *change)
{
    struct participant participant = participant_of(builder, change->now);

    if (builder->asking) {
        return;
    }
    participant_move(builder, PGC_OP_JOIN, &participant);
    participant_may_listen(builder, PGC_OP_ADMIT, &participant);
    pgc_xact_returns(change, participant.room, participant.member);
}

/* Nothing more of the room on the member's own stream, and no more listening to the room's. */
void
pgc_event_participant_leaves(struct pgc_builder *builder, const struct event_change *change)
{
    struct participant participant = participant_of(builder, change->before);

    if (builder->asking) {
        return;
    }
    participant_move(builder, PGC_OP_LEAVE, &participant);
    participant_may_listen(builder, PGC_OP_REVOKE, &participant);
    pgc_xact_leaves(change, participant.room, participant.member);
}

/* A direct room is called after the other member. */
static struct pgc_slice
room_name_for(const struct event_record *room, const struct event_record *viewer)
{
    static const char direct[] = "\"direct\"";
    struct pgc_slice kind = {.data = direct, .length = sizeof(direct) - 1};
    struct pgc_slice name = pgc_record_get(viewer, FIELD_DIRECT_NAME);

    if (!pgc_slice_equal(pgc_record_get(room, FIELD_CHAT_ROOM_KIND), kind) ||
        pgc_slice_is_null(name)) {
        return pgc_record_get(room, FIELD_CHAT_ROOM_NAME);
    }
    return name;
}

/* The viewer's own participant, from the row alone where the database no longer has it. */
static void
room_add_current_participant(const struct event_object *object, const struct event_record *viewer,
    const struct event_record *row)
{
    static const enum event_field fields[] = {
        FIELD_ID,
        FIELD_NAME,
        FIELD_USER_PUBLIC_UID,
        FIELD_HEADLINE,
        FIELD_EMAIL,
        FIELD_AVATAR_URL,
        FIELD_COMMUNITY_MEMBER_ID,
        FIELD_DELETED_AT,
    };
    struct pgc_slice known = pgc_record_get(viewer, FIELD_CURRENT_PARTICIPANT);
    struct event_object child;
    size_t i;

    if (!pgc_slice_is_null(known)) {
        pgc_payload_add_raw(object, "current_participant", known);
        return;
    }
    child = pgc_payload_open(object, "current_participant");
    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        pgc_payload_add_field(&child, row, fields[i]);
    }
    pgc_payload_add_or(&child, "admin", pgc_record_get(row, FIELD_ADMIN), "false");
    pgc_payload_add_or(&child, "muted", pgc_record_get(row, FIELD_MUTED), "false");
    pgc_payload_close(&child);
}

/* Then a new member sees nothing that was said before. */
static bool
room_hides_history(const struct event_record *room)
{
    static const char no[] = "false";

    return pgc_slice_equal(pgc_record_get(room, FIELD_CHAT_ROOM_SHOW_HISTORY),
        (struct pgc_slice){.data = no, .length = sizeof(no) - 1});
}

static void
room_add_as_seen(struct pgc_builder *builder, struct event_payload *payload,
    const struct event_record *room, const struct event_record *viewer,
    const struct event_change *change)
{
    struct pgc_slice key = pgc_builder_key(builder, change->now, FIELD_CHAT_ROOM_ID);
    const struct event_object *object = &payload->fields;

    pgc_payload_add_field(object, room, FIELD_ID);
    pgc_payload_add_room_uuid(builder, object, "uuid", room, key);
    pgc_payload_add_field(object, room, FIELD_IDENTIFIER);
    pgc_payload_add_or(
        object, "unread_messages_count", pgc_record_get(viewer, FIELD_UNREAD_MESSAGES_COUNT), "0");
    pgc_payload_add_field(object, room, FIELD_CHAT_ROOM_KIND);
    pgc_payload_add_raw(object, "chat_room_name", room_name_for(room, viewer));
    pgc_payload_add_field(object, room, FIELD_CHAT_ROOM_DESCRIPTION);
    pgc_payload_add_or(object, "chat_room_show_history",
        pgc_record_get(room, FIELD_CHAT_ROOM_SHOW_HISTORY), "true");
    pgc_payload_add_or(object, "other_participants_preview",
        pgc_record_get(viewer, FIELD_OTHER_PARTICIPANTS_PREVIEW), "[]");
    room_add_current_participant(object, viewer, change->now);
    pgc_payload_add_fact_message(builder, payload, "last_message",
        room_hides_history(room) ? NULL : pgc_facts_last_message(builder, key), MESSAGE_UPDATED);
    pgc_payload_add_extras(object, room);
}

/* chatRoomCreated: a member becomes a participant of a room that is not embedded.  Built for those
 * who are listening, since everyone sees another room. */
void
pgc_event_room_created(struct pgc_builder *builder, const struct event_change *change)
{
    struct participant participant = participant_of(builder, change->now);
    const struct event_record *room;
    const struct event_record *viewer;
    struct event_payload payload;
    struct pgc_msg *msg;

    if (!pgc_builder_has_viewer(builder, participant.member)) {
        if (!builder->asking) {
            pgc_payload_hole(builder, TOPIC_MEMBER, participant.member);
        }
        return;
    }
    room = pgc_facts_room(builder, participant.room);
    viewer = pgc_facts_viewer(builder, participant.room, participant.member);
    if (builder->asking) {
        pgc_facts_last_message(builder, participant.room);
        return;
    }
    if (room == NULL || pgc_record_is_set(room, FIELD_IS_EMBEDDED)) {
        pgc_payload_skip(builder, 1);
        return;
    }
    pgc_payload_begin(builder, &payload, "chatRoomCreated", pgc_record_get(room, FIELD_ID));
    room_add_as_seen(builder, &payload, room, viewer, change);
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_MEMBER, participant.member, msg);
    pgc_msg_unref(msg);
}

/* chatRoomRead: last_read_at moves. */
void
pgc_event_room_read(struct pgc_builder *builder, const struct event_change *change)
{
    struct participant participant = participant_of(builder, change->now);
    struct pgc_slice read_at = pgc_record_get(change->now, FIELD_LAST_READ_AT);
    const struct event_record *room;
    struct event_payload payload;
    struct pgc_msg *msg;

    if (pgc_slice_is_null(read_at) ||
        pgc_slice_equal(read_at, pgc_record_get(change->before, FIELD_LAST_READ_AT))) {
        return;
    }
    room = pgc_facts_room(builder, participant.room);
    if (builder->asking) {
        return;
    }
    pgc_payload_begin(
        builder, &payload, "chatRoomRead", pgc_record_get(change->now, FIELD_CHAT_ROOM_ID));
    pgc_payload_add_room_uuid(builder, &payload.fields, "chat_room_uuid", room, participant.room);
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_MEMBER, participant.member, msg);
    pgc_msg_unref(msg);
}

static void
room_publish_pinned(
    struct pgc_builder *builder, const struct event_record *row, struct pgc_slice member)
{
    struct pgc_slice room_id = pgc_record_get(row, FIELD_CHAT_ROOM_ID);
    struct event_payload payload;
    struct pgc_msg *msg;

    pgc_payload_begin(builder, &payload, "chatRoomPinned", room_id);
    pgc_payload_add_raw(&payload.fields, "chat_room_id", room_id);
    pgc_payload_add_time(&payload.fields, "pinned_at", pgc_record_get(row, FIELD_PINNED_AT));
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_MEMBER, member, msg);
    pgc_msg_unref(msg);
}

static void
room_publish_updated(struct pgc_builder *builder, const struct event_record *room,
    const struct event_record *viewer, struct pgc_slice member)
{
    struct event_payload payload;
    struct pgc_msg *msg;

    pgc_payload_begin(builder, &payload, "chatRoomUpdated", pgc_record_get(room, FIELD_ID));
    pgc_payload_add_room(builder, &payload, room, room_name_for(room, viewer));
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_MEMBER, member, msg);
    pgc_msg_unref(msg);
}

/* chatRoomPinned, then chatRoomUpdated: the member pins a room that is not embedded. */
void
pgc_event_room_pinned(struct pgc_builder *builder, const struct event_change *change)
{
    struct participant participant = participant_of(builder, change->now);
    const struct event_record *viewer = NULL;
    const struct event_record *room;
    bool watched;

    if (!pgc_slice_is_null(pgc_record_get(change->before, FIELD_PINNED_AT)) ||
        pgc_slice_is_null(pgc_record_get(change->now, FIELD_PINNED_AT))) {
        return;
    }
    watched = pgc_builder_has_viewer(builder, participant.member);
    room = pgc_facts_room(builder, participant.room);
    if (watched) {
        viewer = pgc_facts_viewer(builder, participant.room, participant.member);
        pgc_facts_message(builder, pgc_builder_key(builder, room, FIELD_PINNED_MESSAGE_ID));
    }
    if (builder->asking) {
        return;
    }
    if (pgc_record_is_set(room, FIELD_IS_EMBEDDED)) {
        pgc_payload_skip(builder, 2);
        return;
    }
    room_publish_pinned(builder, change->now, participant.member);
    if (!watched) {
        pgc_payload_hole(builder, TOPIC_MEMBER, participant.member);
    } else if (room != NULL) {
        room_publish_updated(builder, room, viewer, participant.member);
    } else {
        pgc_payload_skip(builder, 1);
    }
}

/* chatRoomUnPinned: the member no longer pins a room that is not embedded. */
void
pgc_event_room_unpinned(struct pgc_builder *builder, const struct event_change *change)
{
    struct participant participant = participant_of(builder, change->now);
    struct pgc_slice room_id = pgc_record_get(change->now, FIELD_CHAT_ROOM_ID);
    const struct event_record *room;
    struct event_payload payload;
    struct pgc_msg *msg;

    if (pgc_slice_is_null(pgc_record_get(change->before, FIELD_PINNED_AT)) ||
        !pgc_slice_is_null(pgc_record_get(change->now, FIELD_PINNED_AT))) {
        return;
    }
    room = pgc_facts_room(builder, participant.room);
    if (builder->asking) {
        return;
    }
    if (pgc_record_is_set(room, FIELD_IS_EMBEDDED)) {
        pgc_payload_skip(builder, 1);
        return;
    }
    pgc_payload_begin(builder, &payload, "chatRoomUnPinned", room_id);
    pgc_payload_add_raw(&payload.fields, "chat_room_id", room_id);
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_MEMBER, participant.member, msg);
    pgc_msg_unref(msg);
}
