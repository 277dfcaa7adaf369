/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/recent.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

enum { RECENT_LOOK_MS = 60000 };

struct pgc_recent {
    _Atomic int64_t watched_until_ms;
    pthread_mutex_t lock;
    uint64_t event_count; /* ever; and so the number of the newest */
    uint64_t refusal_count;
    struct pgc_recent_event events[PGC_RECENT_EVENTS];
    struct pgc_recent_refusal refusals[PGC_RECENT_REFUSALS];
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

void
pgc_recent_look(struct pgc_recent *recent)
{
    atomic_store_explicit(
        &recent->watched_until_ms, pgc_monotonic_ms() + RECENT_LOOK_MS, memory_order_relaxed);
}

static bool
recent_is_watched(const struct pgc_recent *recent)
{
    int64_t until_ms = atomic_load_explicit(&recent->watched_until_ms, memory_order_relaxed);

    return until_ms != 0 && pgc_monotonic_ms() < until_ms;
}

static void
recent_add(struct pgc_recent *recent, const char *stream, const struct pgc_msg *msg, int64_t now_us)
{
    struct pgc_recent_event *event = &recent->events[recent->event_count % PGC_RECENT_EVENTS];

    recent->event_count++;
    event->number = recent->event_count;
    event->at_us = msg->committed_us;
    event->noted_us = now_us;
    event->trace = msg->trace;
    event->bytes = msg->length;
    pgc_msg_name(msg, event->name, sizeof(event->name));
    (void)snprintf(event->stream, sizeof(event->stream), "%s", stream);
}

void
pgc_recent_note(struct pgc_recent *recent, const struct pgc_batch *batch)
{
    int64_t now_us;

    if (recent == NULL || !recent_is_watched(recent)) {
        return;
    }
    now_us = pgc_monotonic_us();
    pthread_mutex_lock(&recent->lock);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i].kind == PGC_OP_PUBLISH) {
            recent_add(recent, batch->ops[i].topic, batch->ops[i].msg, now_us);
        }
    }
    pthread_mutex_unlock(&recent->lock);
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
    refusal = &recent->refusals[recent->refusal_count % PGC_RECENT_REFUSALS];
    recent->refusal_count++;
    refusal->at_us = pgc_wall_us();
    refusal->conn = conn;
    (void)snprintf(refusal->who, sizeof(refusal->who), "%s", who);
    va_start(args, fmt);
    (void)vsnprintf(refusal->why, sizeof(refusal->why), fmt, args);
    va_end(args);
    pthread_mutex_unlock(&recent->lock);
}

size_t
pgc_recent_events(struct pgc_recent *recent, struct pgc_recent_event out[PGC_RECENT_EVENTS])
{
    size_t copied = 0;
    uint64_t i;

    pthread_mutex_lock(&recent->lock);
    i = recent->event_count > PGC_RECENT_EVENTS ? recent->event_count - PGC_RECENT_EVENTS : 0;
    for (; i < recent->event_count; i++) {
        out[copied++] = recent->events[i % PGC_RECENT_EVENTS];
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
    i = recent->refusal_count > PGC_RECENT_REFUSALS ? recent->refusal_count - PGC_RECENT_REFUSALS
                                                    : 0;
    for (; i < recent->refusal_count; i++) {
        out[copied++] = recent->refusals[i % PGC_RECENT_REFUSALS];
    }
    pthread_mutex_unlock(&recent->lock);
    return copied;
}
