/* SPDX-License-Identifier: PostgreSQL */
/* thread_events.c - who is in a thread, and chatThreadRead. */
#include "events.h"
#include "payload.h"

static void
thread_move(struct pgc_builder *builder, enum pgc_op_kind op, const struct event_record *row)
{
    pgc_topic_move(builder, op,
        (struct event_address){.topic = TOPIC_THREADS,
            .key = pgc_builder_key(builder, row, FIELD_COMMUNITY_MEMBER_ID)},
        (struct event_address){.topic = TOPIC_THREAD_MEMBERS,
            .key = pgc_builder_key(builder, row, FIELD_CHAT_THREAD_ID)});
}

/* From here on the member's threads stream carries this thread. */
void
pgc_event_thread_joins(struct pgc_builder *builder, const struct event_change *change)
{
    if (!builder->asking) {
        thread_move(builder, PGC_OP_JOIN, change->now);
    }
}

/* From here on it does not. */
void
pgc_event_thread_leaves(struct pgc_builder *builder, const struct event_change *change)
{
    if (!builder->asking) {
        thread_move(builder, PGC_OP_LEAVE, change->before);
    }
}

/* chatThreadRead: last_read_at moves. */
void
pgc_event_thread_read(struct pgc_builder *builder, const struct event_change *change)
{
    struct pgc_slice read_at = pgc_record_get(change->now, FIELD_LAST_READ_AT);
    struct pgc_slice thread_id = pgc_record_get(change->now, FIELD_CHAT_THREAD_ID);
    struct event_payload payload;
    struct pgc_msg *msg;

    if (builder->asking || pgc_slice_is_null(read_at) ||
        pgc_slice_equal(read_at, pgc_record_get(change->before, FIELD_LAST_READ_AT))) {
        return;
    }
    pgc_payload_begin(builder, &payload, "chatThreadRead", thread_id);
    pgc_payload_add_raw(&payload.fields, "chat_thread_id", thread_id);
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_THREADS,
        pgc_builder_key(builder, change->now, FIELD_COMMUNITY_MEMBER_ID), msg);
    pgc_msg_unref(msg);
}
