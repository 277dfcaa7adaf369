/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_queue.h - the frames that wait for one connection.  Knows no socket.
 */
#ifndef PGCABLE_WS_QUEUE_H
#define PGCABLE_WS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/frame.h"
#include "pgcable/metrics.h"

/*
 * The memory that all queues of a worker take.  A frame counts once, in however many queues it
 * waits, for it is there once.  Others see it in the total when it is told.
 */
struct ws_memory {
    size_t own;
    size_t told;              /* of it, in `total` */
    struct pgc_metric *total; /* of all workers */
};
void ws_memory_tell(struct ws_memory *memory);
size_t ws_memory_total(const struct ws_memory *memory);

struct ws_waiting {
    struct pgc_frame *frame;
    int64_t since_ms;
};

/* Frames that wait, in order.  A zeroed one is empty. */
struct ws_queue {
    struct ws_waiting only;  /* one alone, as most do, needs no memory */
    struct ws_waiting *ring; /* as soon as there are two, until there is none */
    unsigned size;           /* a power of two, or 0 */
    unsigned head;
    unsigned count;
    unsigned messages; /* of which one frame may hold several */
    size_t bytes;
    struct pgc_frame *ahead;  /* goes before the others; a newer one takes its place */
    size_t held;              /* of the last write: the kernel has not taken it in full */
    struct ws_memory *memory; /* all this counts there; NULL = nowhere */
};

void ws_queue_push(struct ws_queue *queue, struct pgc_frame *frame, int64_t now_ms); /* refs */
void ws_queue_put_ahead(struct ws_queue *queue, struct pgc_frame *frame);            /* refs */
/* The first one, with the queue's reference, or NULL. */
struct pgc_frame *ws_queue_pop(struct ws_queue *queue);
size_t ws_queue_first_length(const struct ws_queue *queue); /* 0 if empty */
int64_t ws_queue_oldest_ms(const struct ws_queue *queue);   /* INT64_MAX if empty */
/* May that wait, too?  What is behind the first frame counts, so that one large message can always
 * be sent. */
bool ws_queue_has_room(const struct ws_queue *queue, const struct pgc_frame *frame,
    size_t max_bytes, unsigned max_messages);
void ws_queue_hold(struct ws_queue *queue, size_t bytes); /* 0 = the kernel has it all */
size_t ws_queue_weight(const struct ws_queue *queue);     /* its memory, with all frames in full */
void ws_queue_clear(struct ws_queue *queue); /* empty again, memory freed, nothing held */
struct pgc_frame *ws_close_frame_new(int code, const char *reason, size_t length);

#endif
