/* SPDX-License-Identifier: PostgreSQL */
/* message_events.c - newMessage, updatedMessage, deletedMessage. */
#include "events.h"
#include "payload.h"

/* A message under another one.  Where messages know no parent, one in a thread is a reply. */
static bool
message_is_reply(const struct event_record *row)
{
    enum event_field field =
        row->map->has[FIELD_PARENT_MESSAGE_ID] ? FIELD_PARENT_MESSAGE_ID : FIELD_CHAT_THREAD_ID;

    return !pgc_slice_is_null(pgc_record_get(row, field));
}

/* To the room's stream and, if it belongs to a thread, to the streams of the thread's members. */
static void
message_publish(struct pgc_builder *builder, const struct event_record *row, struct pgc_msg *msg)
{
    struct pgc_slice thread = pgc_builder_key(builder, row, FIELD_CHAT_THREAD_ID);

    pgc_topic_publish(builder, TOPIC_ROOM, pgc_builder_key(builder, row, FIELD_CHAT_ROOM_ID), msg);
    if (thread.data != NULL) {
        pgc_topic_publish(builder, TOPIC_THREAD_MEMBERS, thread, msg);
    }
}

static void
message_publish_new(struct pgc_builder *builder, const struct event_change *change,
    const struct event_message *message, struct pgc_msg *msg)
{
    const struct event_record *row = message->row;
    struct pgc_slice room = pgc_builder_key(builder, row, FIELD_CHAT_ROOM_ID);
    struct pgc_slice thread = pgc_builder_key(builder, row, FIELD_CHAT_THREAD_ID);

    message_publish(builder, row, msg);
    if (thread.data != NULL) {
        pgc_xact_tell_joiners(builder, change, TOPIC_THREADS, thread, msg);
    }
    if (!message_is_reply(row) && !pgc_record_is_set(message->room, FIELD_IS_EMBEDDED)) {
        pgc_topic_publish(builder, TOPIC_ROOM_MEMBERS, room, msg);
        pgc_xact_tell_joiners(builder, change, TOPIC_MEMBER, room, msg);
    }
}

static struct pgc_msg *
message_build(struct pgc_builder *builder, const struct event_message *message, const char *event,
    enum event_message_shape shape)
{
    struct event_payload payload;

    pgc_payload_begin(builder, &payload, event, pgc_record_get(message->row, FIELD_ID));
    payload.about = pgc_builder_key(builder, message->row, FIELD_ID);
    payload.is_update = shape == MESSAGE_UPDATED;
    pgc_payload_add_message(builder, &payload.fields, message, shape);
    return pgc_payload_finish(builder, &payload);
}

/* newMessage: a message is inserted or comes back. */
void
pgc_event_message_new(struct pgc_builder *builder, const struct event_change *change)
{
    /* Nobody can have replied to what was not there, so a fresh root message has no statistics. */
    bool with_stats =
        change->op != 'I' || !pgc_slice_is_null(pgc_record_get(change->now, FIELD_CHAT_THREAD_ID));
    struct event_message message;
    struct pgc_msg *msg;

    pgc_message_gather(builder, &message, change->now, with_stats);
    if (builder->asking) {
        return;
    }
    msg = message_build(builder, &message, "newMessage", MESSAGE_NEW);
    message_publish_new(builder, change, &message, msg);
    pgc_msg_unref(msg);
}

static bool
message_shows_change(const struct event_record *before, const struct event_record *now)
{
    static const enum event_field shown[] = {
        FIELD_BODY,
        FIELD_RICH_TEXT_BODY,
        FIELD_EDITED_AT,
        FIELD_CHAT_ROOM_PARTICIPANT_ID,
        FIELD_COMMUNITY_MEMBER_ID,
        FIELD_SENT_AT,
        FIELD_CREATED_AT,
        FIELD_CREATION_UUID,
        FIELD_CHAT_THREAD_ID,
        FIELD_PARENT_MESSAGE_ID,
        FIELD_LESSON_ID,
    };
    size_t i;

    for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        if (!pgc_slice_equal(before->field[shown[i]], now->field[shown[i]])) {
            return true;
        }
    }
    for (i = 0; i < now->map->extra_count; i++) {
        if (!pgc_slice_equal(before->extra[i], now->extra[i])) {
            return true;
        }
    }
    return false;
}

/* Who missed the message gets its newest text. */
static void
message_amend(struct pgc_builder *builder, const struct event_message *message)
{
    struct pgc_msg *msg = message_build(builder, message, "newMessage", MESSAGE_NEW);

    pgc_topic_outdate(builder, pgc_builder_key(builder, message->row, FIELD_ID), msg);
    pgc_msg_unref(msg);
}

/* updatedMessage: a visible message changes in what the payload shows. */
void
pgc_event_message_updated(struct pgc_builder *builder, const struct event_change *change)
{
    struct event_message message;
    struct pgc_msg *msg;

    if (!message_shows_change(change->before, change->now)) {
        return;
    }
    pgc_message_gather(builder, &message, change->now, true);
    if (builder->asking) {
        return;
    }
    message_amend(builder, &message);
    msg = message_build(builder, &message, "updatedMessage", MESSAGE_UPDATED);
    message_publish(builder, change->now, msg);
    pgc_msg_unref(msg);
}

static struct pgc_msg *
message_deleted(struct pgc_builder *builder, const struct event_record *row,
    const struct event_record *parent, enum event_message_shape shape)
{
    struct event_payload payload;

    pgc_payload_begin(builder, &payload, "deletedMessage", pgc_record_get(row, FIELD_ID));
    pgc_payload_add_field(&payload.fields, row, FIELD_ID);
    pgc_payload_add_fact_message(builder, &payload, "parent_message", parent, shape);
    return pgc_payload_finish(builder, &payload);
}

/* deletedMessage: a message is deleted, softly or for good.  The contract has the parent of a reply
 * in one shape for the room's stream and in another for the threads'. */
void
pgc_event_message_deleted(struct pgc_builder *builder, const struct event_change *change)
{
    const struct event_record *row = change->before;
    struct pgc_slice thread = pgc_builder_key(builder, row, FIELD_CHAT_THREAD_ID);
    const struct event_record *parent =
        pgc_facts_message(builder, pgc_builder_key(builder, row, FIELD_PARENT_MESSAGE_ID));
    struct pgc_msg *msg;

    if (builder->asking) {
        return;
    }
    pgc_topic_outdate(builder, pgc_builder_key(builder, row, FIELD_ID), NULL);
    msg = message_deleted(builder, row, parent, MESSAGE_UPDATED);
    pgc_topic_publish(builder, TOPIC_ROOM, pgc_builder_key(builder, row, FIELD_CHAT_ROOM_ID), msg);
    if (thread.data != NULL) {
        pgc_msg_unref(msg);
        msg = message_deleted(builder, row, parent, MESSAGE_PARENT_IN_THREADS);
        pgc_topic_publish(builder, TOPIC_THREAD_MEMBERS, thread, msg);
    }
    pgc_msg_unref(msg);
}
