/* SPDX-License-Identifier: PostgreSQL */
/*
 * Rings: number n lies at n % size until that many newer ones have come.
 */
#include "pgcable/recent.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/utf8.h"

struct pgc_recent {
    pthread_mutex_t lock;
    uint64_t event_count; /* ever; and so the number of the newest */
    uint64_t refusal_count;
    struct pgc_recent_event events[PGC_RECENT_EVENTS]; /* but for their clients */
    struct pgc_recent_refusal refusals[PGC_RECENT_REFUSALS];

    /* The low half of an event's number, and to how many clients it went: in one word, so that a
     * worker that is late counts for nobody else. */
    _Atomic uint64_t clients[PGC_RECENT_EVENTS];
};

struct pgc_recent *
pgc_recent_new(void)
{
    struct pgc_recent *recent = pgc_xcalloc(1, sizeof(*recent));

    pthread_mutex_init(&recent->lock, NULL);
    return recent;
}

void
pgc_recent_free(struct pgc_recent *recent)
{
    if (recent != NULL) {
        pthread_mutex_destroy(&recent->lock);
        free(recent);
    }
}

/* ---- what comes ---- */

static void
recent_cut(char *out, size_t size, const char *text)
{
    size_t length = strnlen(text, size - 1);

    length = pgc_utf8_span(text, length);
    memcpy(out, text, length);
    out[length] = '\0';
}

void
pgc_recent_name(struct pgc_recent_event *event, const char *stream, const struct pgc_msg *msg)
{
    recent_cut(event->stream, sizeof(event->stream), stream);
    pgc_msg_name(msg, event->name, sizeof(event->name));
    event->name[pgc_utf8_span(event->name, strlen(event->name))] = '\0';
}

static void
recent_add(struct pgc_recent *recent, struct pgc_op *op, int64_t now_us)
{
    size_t place = ++recent->event_count % PGC_RECENT_EVENTS;
    struct pgc_recent_event *event = &recent->events[place];

    op->number = recent->event_count;
    event->number = op->number;
    event->at_us = op->msg->committed_us;
    event->noted_us = now_us;
    event->trace = op->msg->trace;
    event->bytes = op->msg->length;
    pgc_recent_name(event, op->topic, op->msg);
    atomic_store_explicit(&recent->clients[place], op->number << 32, memory_order_relaxed);
}

void
pgc_recent_note(struct pgc_recent *recent, struct pgc_batch *batch)
{
    int64_t now_us;

    if (recent == NULL) {
        return;
    }
    now_us = pgc_monotonic_us();
    pthread_mutex_lock(&recent->lock);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i].kind == PGC_OP_PUBLISH) {
            recent_add(recent, &batch->ops[i], now_us);
        }
    }
    pthread_mutex_unlock(&recent->lock);
}

void
pgc_recent_count(struct pgc_recent *recent, const uint64_t *numbers, size_t count, uint32_t clients)
{
    for (size_t i = 0; recent != NULL && i < count; i++) {
        _Atomic uint64_t *kept = &recent->clients[numbers[i] % PGC_RECENT_EVENTS];
        uint64_t known = atomic_load_explicit(kept, memory_order_relaxed);

        while (known >> 32 == (uint32_t)numbers[i] &&
               !atomic_compare_exchange_weak_explicit(
                   kept, &known, known + clients, memory_order_relaxed, memory_order_relaxed)) {
        }
    }
}

void
pgc_recent_refuse(struct pgc_recent *recent, uint64_t conn, const char *who, const char *fmt, ...)
{
    struct pgc_recent_refusal *refusal;
    va_list args;

    if (recent == NULL) {
        return;
    }
    pthread_mutex_lock(&recent->lock);
    refusal = &recent->refusals[++recent->refusal_count % PGC_RECENT_REFUSALS];
    refusal->at_us = pgc_wall_us();
    refusal->conn = conn;
    (void)snprintf(refusal->who, sizeof(refusal->who), "%s", who);
    va_start(args, fmt);
    (void)vsnprintf(refusal->why, sizeof(refusal->why), fmt, args);
    va_end(args);
    pthread_mutex_unlock(&recent->lock);
}

/* ---- what is told ---- */

/* Number of the first of the newest `size`. */
static uint64_t
recent_first(uint64_t count, uint64_t size)
{
    return count > size ? count - size + 1 : 1;
}

static struct pgc_recent_event
recent_event(const struct pgc_recent *recent, uint64_t number)
{
    size_t place = number % PGC_RECENT_EVENTS;
    struct pgc_recent_event event = recent->events[place];

    event.clients = (uint32_t)atomic_load_explicit(&recent->clients[place], memory_order_relaxed);
    return event;
}

size_t
pgc_recent_events(struct pgc_recent *recent, struct pgc_recent_event *out, size_t size)
{
    size_t copied = 0;

    size = size < PGC_RECENT_EVENTS ? size : PGC_RECENT_EVENTS;
    pthread_mutex_lock(&recent->lock);
    for (uint64_t i = recent_first(recent->event_count, size); i <= recent->event_count; i++) {
        out[copied++] = recent_event(recent, i);
    }
    pthread_mutex_unlock(&recent->lock);
    return copied;
}

size_t
pgc_recent_refusals(struct pgc_recent *recent, struct pgc_recent_refusal out[PGC_RECENT_REFUSALS])
{
    size_t copied = 0;
    uint64_t i;

    pthread_mutex_lock(&recent->lock);
    i = recent_first(recent->refusal_count, PGC_RECENT_REFUSALS);
    for (; i <= recent->refusal_count; i++) {
        out[copied++] = recent->refusals[i % PGC_RECENT_REFUSALS];
    }
    pthread_mutex_unlock(&recent->lock);
    return copied;
}

static void
recent_write_event(const struct pgc_recent_event *event, struct pgc_buf *out)
{
    pgc_buf_adds(out, "{\"stream\":");
    pgc_buf_add_json(out, event->stream, strlen(event->stream));
    pgc_buf_adds(out, ",\"event\":");
    pgc_buf_add_json(out, event->name, strlen(event->name));
    pgc_buf_addf(out, ",\"clients\":%" PRIu64 "}", event->clients);
}

void
pgc_recent_write_row(struct pgc_recent *recent, const struct pgc_trace *trace, struct pgc_buf *out)
{
    const char *before = "[\n";
    uint64_t i;

    pthread_mutex_lock(&recent->lock);
    i = recent_first(recent->event_count, PGC_RECENT_EVENTS);
    for (; i <= recent->event_count; i++) {
        const struct pgc_trace *of = &recent->events[i % PGC_RECENT_EVENTS].trace;

        if (of->xid == trace->xid && of->id == trace->id) {
            const struct pgc_recent_event event = recent_event(recent, i);

            pgc_buf_adds(out, before);
            recent_write_event(&event, out);
            before = ",\n";
        }
    }
    pthread_mutex_unlock(&recent->lock);
    pgc_buf_adds(out, before[0] == '[' ? "[]\n" : "\n]\n");
}
