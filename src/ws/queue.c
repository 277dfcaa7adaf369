/* SPDX-License-Identifier: PostgreSQL */
#include <assert.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "ws_queue.h"

enum { QUEUE_SMALLEST = 8, CLOSE_REASON_BYTES = 123, CLOSE_OPCODE = 0x88 };

void
ws_memory_tell(struct ws_memory *memory)
{
    if (memory->own != memory->told) {
        pgc_metric_add(memory->total, (int64_t)memory->own - (int64_t)memory->told);
        memory->told = memory->own;
    }
}

size_t
ws_memory_total(const struct ws_memory *memory)
{
    /* What others tell meanwhile is a moment old, and the sum may be, too; but never below 0. */
    int64_t others = pgc_metric_get(memory->total) - (int64_t)memory->told;

    return memory->own + (others > 0 ? (size_t)others : 0);
}

static void
queue_charge(const struct ws_queue *queue, size_t bytes)
{
    if (queue->memory != NULL) {
        queue->memory->own += bytes;
    }
}

static void
queue_discharge(const struct ws_queue *queue, size_t bytes)
{
    if (queue->memory != NULL) {
        assert(queue->memory->own >= bytes);
        queue->memory->own -= bytes;
    }
}

/* With a reference for the queue. */
static struct pgc_frame *
queue_take_in(const struct ws_queue *queue, struct pgc_frame *frame)
{
    if (frame->queues++ == 0) {
        queue_charge(queue, sizeof(*frame) + frame->length);
    }
    return pgc_frame_ref(frame);
}

/* The reference is the caller's now. */
static struct pgc_frame *
queue_let_go(const struct ws_queue *queue, struct pgc_frame *frame)
{
    if (--frame->queues == 0) {
        queue_discharge(queue, sizeof(*frame) + frame->length);
    }
    return frame;
}

static const struct ws_waiting *
queue_first(const struct ws_queue *queue)
{
    return queue->size == 0 ? &queue->only : &queue->ring[queue->head];
}

static struct ws_waiting *
queue_place(struct ws_queue *queue, unsigned index)
{
    return queue->size == 0 ? &queue->only
                            : &queue->ring[(queue->head + index) & (queue->size - 1)];
}

static bool
queue_is_full(const struct ws_queue *queue)
{
    return queue->count == (queue->size == 0 ? 1 : queue->size);
}

static void
queue_grow(struct ws_queue *queue)
{
    unsigned size = queue->size == 0 ? QUEUE_SMALLEST : 2 * queue->size;
    struct ws_waiting *ring = pgc_xcalloc(size, sizeof(*ring));

    for (unsigned i = 0; i < queue->count; i++) {
        ring[i] = *queue_place(queue, i);
    }
    queue_charge(queue, (size - queue->size) * sizeof(*ring));
    free(queue->ring);
    queue->ring = ring;
    queue->size = size;
    queue->head = 0;
}

void
ws_queue_push(struct ws_queue *queue, struct pgc_frame *frame, int64_t now_ms)
{
    if (queue_is_full(queue)) {
        queue_grow(queue);
    }
    queue->count++;
    queue->messages += frame->count;
    queue->bytes += frame->length;
    *queue_place(queue, queue->count - 1) = (struct ws_waiting){
        .frame = queue_take_in(queue, frame),
        .since_ms = now_ms,
    };
}

void
ws_queue_put_ahead(struct ws_queue *queue, struct pgc_frame *frame)
{
    if (queue->ahead != NULL) {
        pgc_frame_unref(queue_let_go(queue, queue->ahead));
    }
    queue->ahead = queue_take_in(queue, frame);
}

struct pgc_frame *
ws_queue_pop(struct ws_queue *queue)
{
    struct pgc_frame *frame = queue->ahead;

    if (frame != NULL) {
        queue->ahead = NULL;
        return queue_let_go(queue, frame);
    }
    if (queue->count == 0) {
        return NULL;
    }
    frame = queue_first(queue)->frame;
    queue->count--;
    queue->messages -= frame->count;
    queue->bytes -= frame->length;
    if (queue->count > 0) {
        queue->head = (queue->head + 1) & (queue->size - 1);
    } else { /* most connections are idle most of the time */
        queue_discharge(queue, queue->size * sizeof(*queue->ring));
        free(queue->ring);
        queue->ring = NULL;
        queue->size = 0;
        queue->head = 0;
    }
    return queue_let_go(queue, frame);
}

size_t
ws_queue_first_length(const struct ws_queue *queue)
{
    if (queue->ahead != NULL) {
        return queue->ahead->length;
    }
    return queue->count > 0 ? queue_first(queue)->frame->length : 0;
}

int64_t
ws_queue_oldest_ms(const struct ws_queue *queue)
{
    return queue->count > 0 ? queue_first(queue)->since_ms : INT64_MAX;
}

bool
ws_queue_has_room(const struct ws_queue *queue, const struct pgc_frame *frame, size_t max_bytes,
    unsigned max_messages)
{
    size_t behind;

    if (queue->count == 0) {
        return true;
    }
    behind = queue->bytes - queue_first(queue)->frame->length;
    return queue->messages < max_messages && frame->count <= max_messages - queue->messages &&
           frame->length <= max_bytes && behind <= max_bytes - frame->length;
}

void
ws_queue_hold(struct ws_queue *queue, size_t bytes)
{
    queue_discharge(queue, queue->held);
    queue_charge(queue, bytes);
    queue->held = bytes;
}

size_t
ws_queue_weight(const struct ws_queue *queue)
{
    return queue->bytes + queue->size * sizeof(*queue->ring) + queue->held;
}

void
ws_queue_clear(struct ws_queue *queue)
{
    struct pgc_frame *frame;

    while ((frame = ws_queue_pop(queue)) != NULL) {
        pgc_frame_unref(frame);
    }
    ws_queue_hold(queue, 0); /* what the library has will go with the socket */
    assert(queue->bytes == 0 && queue->ring == NULL);
}

/* A control frame as the frames of data: built as it stands on the wire. */
struct pgc_frame *
ws_close_frame_new(int code, const char *reason, size_t length)
{
    size_t taken = length < CLOSE_REASON_BYTES ? length : CLOSE_REASON_BYTES;
    struct pgc_frame *frame = pgc_xmalloc(sizeof(*frame) + 4 + taken);

    frame->refs = 1;
    frame->queues = 0;
    frame->count = 1;
    frame->committed_us = 0;
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
