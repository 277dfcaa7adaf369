/* SPDX-License-Identifier: PostgreSQL */
#include <assert.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "ws_queue.h"

enum { QUEUE_SMALLEST = 8, CLOSE_REASON_BYTES = 123, CLOSE_OPCODE = 0x88 };

struct ws_waiting {
    struct pgc_frame *frame;
    int64_t since_ms;
};

static struct ws_waiting *
queue_at(const struct ws_queue *queue, unsigned index)
{
    return &queue->ring[(queue->head + index) & (queue->size - 1)];
}

static void
queue_grow(struct ws_queue *queue)
{
    unsigned size = queue->size == 0 ? QUEUE_SMALLEST : 2 * queue->size;
    struct ws_waiting *ring = pgc_xcalloc(size, sizeof(*ring));

    for (unsigned i = 0; i < queue->count; i++) {
        ring[i] = *queue_at(queue, i);
    }
    free(queue->ring);
    queue->ring = ring;
    queue->size = size;
    queue->head = 0;
}

void
ws_queue_push(struct ws_queue *queue, struct pgc_frame *frame, int64_t now_ms)
{
    if (queue->count == queue->size) {
        queue_grow(queue);
    }
    queue->count++;
    queue->bytes += frame->length;
    *queue_at(queue, queue->count - 1) = (struct ws_waiting){
        .frame = pgc_frame_ref(frame),
        .since_ms = now_ms,
    };
}

void
ws_queue_put_ahead(struct ws_queue *queue, struct pgc_frame *frame)
{
    pgc_frame_unref(queue->ahead);
    queue->ahead = pgc_frame_ref(frame);
}

struct pgc_frame *
ws_queue_pop(struct ws_queue *queue)
{
    struct pgc_frame *frame = queue->ahead;

    if (frame != NULL) {
        queue->ahead = NULL;
        return frame;
    }
    if (queue->count == 0) {
        return NULL;
    }
    frame = queue_at(queue, 0)->frame;
    queue->head = (queue->head + 1) & (queue->size - 1);
    queue->count--;
    queue->bytes -= frame->length;
    if (queue->count == 0) { /* most connections are idle most of the time */
        free(queue->ring);
        queue->ring = NULL;
        queue->size = 0;
    }
    return frame;
}

size_t
ws_queue_first_length(const struct ws_queue *queue)
{
    if (queue->ahead != NULL) {
        return queue->ahead->length;
    }
    return queue->count > 0 ? queue_at(queue, 0)->frame->length : 0;
}

int64_t
ws_queue_oldest_ms(const struct ws_queue *queue)
{
    return queue->count > 0 ? queue_at(queue, 0)->since_ms : INT64_MAX;
}

bool
ws_queue_has_room(const struct ws_queue *queue, size_t length, size_t max_bytes, unsigned max_count)
{
    size_t behind;

    if (queue->count == 0) {
        return true;
    }
    behind = queue->bytes - queue_at(queue, 0)->frame->length;
    return queue->count < max_count && length <= max_bytes && behind <= max_bytes - length;
}

void
ws_queue_clear(struct ws_queue *queue)
{
    struct pgc_frame *frame;

    while ((frame = ws_queue_pop(queue)) != NULL) {
        pgc_frame_unref(frame);
    }
    assert(queue->bytes == 0 && queue->ring == NULL);
}

/* A control frame as the frames of data: built as it stands on the wire. */
struct pgc_frame *
ws_close_frame_new(int code, const char *reason, size_t length)
{
    size_t taken = length < CLOSE_REASON_BYTES ? length : CLOSE_REASON_BYTES;
    struct pgc_frame *frame = pgc_xmalloc(sizeof(*frame) + 4 + taken);

    frame->refs = 1;
    frame->length = 4 + taken;
    frame->header_bytes = 2;
    frame->bytes[0] = (char)CLOSE_OPCODE;
    frame->bytes[1] = (char)(2 + taken);
    frame->bytes[2] = (char)(code >> 8);
    frame->bytes[3] = (char)(code & 0xff);
    if (taken > 0) {
        memcpy(frame->bytes + 4, reason, taken);
    }
    return frame;
}
