/* SPDX-License-Identifier: PostgreSQL */
/* room_events.c - chatRoomUpdated and chatRoomDeleted; what one member sees is in
 * participant_events.c. */
#include "events.h"
#include "payload.h"

static bool
room_changed(const struct event_change *change, enum event_field field)
{
    return !pgc_slice_equal(change->before->field[field], change->now->field[field]);
}

/* chatRoomUpdated: to the room's stream if one of four columns changes, to its members' own streams
 * if the name does. */
void
pgc_event_room_updated(struct pgc_builder *builder, const struct event_change *change)
{
    const struct event_record *room = change->now;
    bool renamed = room_changed(change, FIELD_CHAT_ROOM_NAME);
    struct pgc_slice key = pgc_builder_key(builder, room, FIELD_ID);
    struct event_payload payload;
    struct pgc_msg *msg;

    if (!renamed && !room_changed(change, FIELD_CHAT_ROOM_DESCRIPTION) &&
        !room_changed(change, FIELD_CHAT_ROOM_SHOW_HISTORY) &&
        !room_changed(change, FIELD_PINNED_MESSAGE_ID)) {
        return;
    }
    if (builder->asking) {
        pgc_facts_message(builder, pgc_builder_key(builder, room, FIELD_PINNED_MESSAGE_ID));
        return;
    }
    pgc_payload_begin(builder, &payload, "chatRoomUpdated", pgc_record_get(room, FIELD_ID));
    pgc_payload_add_room(builder, &payload, room, pgc_record_get(room, FIELD_CHAT_ROOM_NAME));
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_ROOM, key, msg);
    if (renamed && !pgc_record_is_set(room, FIELD_IS_EMBEDDED)) {
        pgc_topic_publish(builder, TOPIC_ROOM_MEMBERS, key, msg);
    }
    pgc_msg_unref(msg);
}

/* chatRoomDeleted: to all who are in the room, and to those whom the same transaction has just
 * taken out of it (a cascade deletes the participants first). */
void
pgc_event_room_deleted(struct pgc_builder *builder, const struct event_change *change)
{
    const struct event_record *room = change->before;
    struct pgc_slice key = pgc_builder_key(builder, room, FIELD_ID);
    struct event_payload payload;
    struct pgc_msg *msg;

    if (builder->asking) {
        return;
    }
    pgc_payload_begin(builder, &payload, "chatRoomDeleted", pgc_record_get(room, FIELD_ID));
    pgc_payload_add_room_uuid(builder, &payload.fields, "chat_room_uuid", room, key);
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_ROOM_MEMBERS, key, msg);
    pgc_xact_tell_leavers(builder, change, key, msg);
    pgc_msg_unref(msg);
}
