/* SPDX-License-Identifier: PostgreSQL */
/* topic.c - the names of streams and internal topics, written once. */
#include "builder.h"

static const struct {
    const char *before;
    const char *after;
} topic_names[] = {
    [TOPIC_NOTIFICATIONS] = {"notification-channel-", ""},
    [TOPIC_MEMBER] = {"chat-room-channel-", ""},
    [TOPIC_ROOM] = {"chat-room-", "-channel"},
    [TOPIC_THREADS] = {"chat-community-member-", "-threads-channel"},
    [TOPIC_ROOM_MEMBERS] = {"room-members:", ""},
    [TOPIC_THREAD_MEMBERS] = {"thread-members:", ""},
    [TOPIC_MESSAGE] = {"message:", ""},
    [TOPIC_PLAIN] = {"", ""},
};

const char *
pgc_topic_write(struct pgc_buf *out, enum event_topic topic, struct pgc_slice key)
{
    if (key.data == NULL) {
        return NULL;
    }
    pgc_buf_clear(out);
    pgc_buf_adds(out, topic_names[topic].before);
    pgc_buf_add(out, key.data, key.length);
    pgc_buf_adds(out, topic_names[topic].after);
    return pgc_buf_str(out);
}

void
pgc_topic_publish(
    struct pgc_builder *builder, enum event_topic topic, struct pgc_slice key, struct pgc_msg *msg)
{
    pgc_batch_add(
        builder->batch, PGC_OP_PUBLISH, pgc_topic_write(&builder->topic, topic, key), NULL, msg);
}

void
pgc_topic_move(struct pgc_builder *builder, enum pgc_op_kind op, struct event_address via,
    struct event_address topic)
{
    pgc_batch_add(builder->batch, op, pgc_topic_write(&builder->topic, topic.topic, topic.key),
        pgc_topic_write(&builder->via, via.topic, via.key), NULL);
}

void
pgc_topic_outdate(struct pgc_builder *builder, struct pgc_slice message, struct pgc_msg *msg)
{
    pgc_batch_add(builder->batch, msg == NULL ? PGC_OP_FORGET : PGC_OP_AMEND, NULL,
        pgc_topic_write(&builder->via, TOPIC_MESSAGE, message), msg);
}
