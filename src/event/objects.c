/* SPDX-License-Identifier: PostgreSQL */
/* objects.c - the objects inside events: a message, its sender, a room. */
#include "payload.h"

void
pgc_message_gather(struct pgc_builder *builder, struct event_message *message,
    const struct event_record *row, bool with_stats)
{
    const struct event_map *map = pgc_builder_map(builder, KIND_MESSAGE);
    bool counts_replies = map->has[FIELD_PARENT_MESSAGE_ID] || map->has[FIELD_CHAT_THREAD_ID] ||
                          pgc_builder_map(builder, KIND_THREAD)->attached;

    message->row = row;
    message->room = pgc_facts_room(builder, pgc_builder_key(builder, row, FIELD_CHAT_ROOM_ID));
    message->sender = pgc_facts_sender(builder, row);
    message->stats = with_stats && counts_replies ? pgc_facts_stats(builder, row) : NULL;
}

void
pgc_payload_add_room_uuid(struct pgc_builder *builder, const struct event_object *object,
    const char *name, const struct event_record *room, struct pgc_slice room_key)
{
    struct pgc_slice uuid = pgc_record_get(room, FIELD_UUID);
    bool has_uuids = pgc_builder_map(builder, KIND_ROOM)->has[FIELD_UUID];

    if (!pgc_slice_is_null(uuid) || room_key.data == NULL || (room == NULL && has_uuids)) {
        pgc_payload_add_raw(object, name, uuid);
    } else {
        pgc_payload_add_string(object, name, room_key);
    }
}

/* The participant's id: the message knows it, or else the sender does. */
static struct pgc_slice
message_participant_id(const struct event_message *message)
{
    struct pgc_slice id = pgc_record_get(message->row, FIELD_CHAT_ROOM_PARTICIPANT_ID);

    return pgc_slice_is_null(id) ? pgc_record_get(message->sender, FIELD_ID) : id;
}

static void
message_add_sender(const struct event_object *outer, const struct event_message *message)
{
    const struct event_record *sender = message->sender;
    struct event_object object = pgc_payload_open(outer, "sender");
    struct pgc_slice member = pgc_record_get(sender, FIELD_COMMUNITY_MEMBER_ID);

    if (pgc_slice_is_null(member)) {
        member = pgc_record_get(message->row, FIELD_COMMUNITY_MEMBER_ID);
    }
    pgc_payload_add_raw(&object, "id", message_participant_id(message));
    pgc_payload_add_raw(&object, "community_member_id", member);
    pgc_payload_add_field(&object, sender, FIELD_NAME);
    pgc_payload_add_field(&object, sender, FIELD_AVATAR_URL);
    pgc_payload_add_field(&object, sender, FIELD_USER_PUBLIC_UID);
    pgc_payload_add_extras(&object, sender);
    pgc_payload_close(&object);
}

/* The contract types this one id of this one shape as a string. */
static void
message_add_participant_string(struct pgc_builder *builder, const struct event_object *object,
    const struct event_message *message)
{
    struct event_record holder = {
        .field[FIELD_CHAT_ROOM_PARTICIPANT_ID] = message_participant_id(message)};
    struct pgc_slice key = pgc_builder_key(builder, &holder, FIELD_CHAT_ROOM_PARTICIPANT_ID);

    if (key.data == NULL) {
        pgc_payload_add_null(object, "chat_room_participant_id");
    } else {
        pgc_payload_add_string(object, "chat_room_participant_id", key);
    }
}

static void
message_add_stats(const struct event_object *object, const struct event_record *stats,
    enum event_message_shape shape)
{
    pgc_payload_add_or(object, "replies_count", pgc_record_get(stats, FIELD_REPLIES_COUNT), "0");
    pgc_payload_add_or(object, "total_thread_participants_count",
        pgc_record_get(stats, FIELD_TOTAL_THREAD_PARTICIPANTS_COUNT), "0");
    pgc_payload_add_or(object, "thread_participants_preview",
        pgc_record_get(stats, FIELD_THREAD_PARTICIPANTS_PREVIEW), "[]");
    if (shape == MESSAGE_NEW) {
        pgc_payload_add_or(object, "chat_thread_replies_count",
            pgc_record_get(stats, FIELD_CHAT_THREAD_REPLIES_COUNT), "0");
    }
}

/* What the shape for the threads stream leaves out. */
static void
message_add_room_and_body(struct pgc_builder *builder, const struct event_object *object,
    const struct event_message *message, enum event_message_shape shape)
{
    pgc_payload_add_room_uuid(builder, object, "chat_room_uuid", message->room,
        pgc_builder_key(builder, message->row, FIELD_CHAT_ROOM_ID));
    if (shape == MESSAGE_NEW) {
        pgc_payload_add_field(object, message->room, FIELD_CHAT_ROOM_KIND);
    }
    pgc_payload_add_raw(object, "chat_room_participant_id", message_participant_id(message));
    pgc_payload_add_field(object, message->row, FIELD_BODY);
}

/* The fields of all shapes, in the contract's order. */
void
pgc_payload_add_message(struct pgc_builder *builder, const struct event_object *object,
    const struct event_message *message, enum event_message_shape shape)
{
    const struct event_record *row = message->row;

    pgc_payload_add_field(object, row, FIELD_ID);
    if (shape == MESSAGE_PARENT_IN_THREADS) {
        message_add_participant_string(builder, object, message);
    } else {
        message_add_room_and_body(builder, object, message, shape);
    }
    pgc_payload_add_field(object, row, FIELD_RICH_TEXT_BODY);
    if (shape != MESSAGE_PARENT_IN_THREADS) {
        pgc_payload_add_time(object, "sent_at", pgc_record_get(row, FIELD_SENT_AT));
    }
    pgc_payload_add_time(object, "created_at", pgc_record_get(row, FIELD_CREATED_AT));
    message_add_sender(object, message);
    pgc_payload_add_field(object, row, FIELD_CREATION_UUID);
    pgc_payload_add_field(object, row, FIELD_CHAT_THREAD_ID);
    pgc_payload_add_field(object, row, FIELD_PARENT_MESSAGE_ID);
    pgc_payload_add_field(object, row, FIELD_LESSON_ID);
    pgc_payload_add_time(object, "edited_at", pgc_record_get(row, FIELD_EDITED_AT));
    message_add_stats(object, message->stats, shape);
    pgc_payload_add_extras(object, row);
}

void
pgc_payload_add_fact_message(struct pgc_builder *builder, struct event_payload *payload,
    const char *name, const struct event_record *fact, enum event_message_shape shape)
{
    struct event_message message;
    struct event_object child;

    if (!pgc_record_is_visible(fact)) {
        pgc_payload_add_null(&payload->fields, name);
        return;
    }
    pgc_message_gather(builder, &message, fact, true);
    child = pgc_payload_open(&payload->fields, name);
    pgc_payload_add_message(builder, &child, &message, shape);
    pgc_payload_close(&child);
    payload->embeds = pgc_builder_key(builder, fact, FIELD_ID);
}

void
pgc_payload_add_room(struct pgc_builder *builder, struct event_payload *payload,
    const struct event_record *room, struct pgc_slice name)
{
    const struct event_object *object = &payload->fields;

    pgc_payload_add_room_uuid(
        builder, object, "uuid", room, pgc_builder_key(builder, room, FIELD_ID));
    pgc_payload_add_raw(object, "chat_room_name", name);
    pgc_payload_add_field(object, room, FIELD_CHAT_ROOM_DESCRIPTION);
    pgc_payload_add_or(object, "chat_room_show_history",
        pgc_record_get(room, FIELD_CHAT_ROOM_SHOW_HISTORY), "true");
    pgc_payload_add_fact_message(builder, payload, "pinned_message",
        pgc_facts_message(builder, pgc_builder_key(builder, room, FIELD_PINNED_MESSAGE_ID)),
        MESSAGE_UPDATED);
    pgc_payload_add_extras(object, room);
}
