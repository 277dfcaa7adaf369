/* SPDX-License-Identifier: PostgreSQL */
/*
 * A ring: message number n lies at n % PGC_TALLY_MESSAGES until that many newer ones have come.
 */
#include "pgcable/tally.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "pgcable/mem.h"
#include "pgcable/utf8.h"

struct pgc_tally {
    pthread_mutex_t lock;
    uint64_t last; /* number of the newest; the first one is 1 */
    struct pgc_tally_event events[PGC_TALLY_MESSAGES];
};

struct pgc_tally *
pgc_tally_new(void)
{
    struct pgc_tally *tally = pgc_xcalloc(1, sizeof(*tally));

    pthread_mutex_init(&tally->lock, NULL);
    return tally;
}

void
pgc_tally_free(struct pgc_tally *tally)
{
    if (tally != NULL) {
        pthread_mutex_destroy(&tally->lock);
        free(tally);
    }
}

static struct pgc_tally_event *
tally_at(struct pgc_tally *tally, uint64_t number)
{
    return &tally->events[number % PGC_TALLY_MESSAGES];
}

static uint64_t
tally_first(const struct pgc_tally *tally)
{
    return tally->last > PGC_TALLY_MESSAGES ? tally->last - PGC_TALLY_MESSAGES + 1 : 1;
}

void
pgc_tally_name(struct pgc_tally_event *event, const char *stream, const struct pgc_msg *msg)
{
    (void)snprintf(event->stream, sizeof(event->stream), "%s", stream);
    event->stream[pgc_utf8_span(event->stream, strlen(event->stream))] = '\0';
    pgc_msg_name(msg, event->name, sizeof(event->name));
    event->name[pgc_utf8_span(event->name, strlen(event->name))] = '\0';
}

void
pgc_tally_enter(struct pgc_tally *tally, struct pgc_batch *batch)
{
    if (tally == NULL) {
        return;
    }
    pthread_mutex_lock(&tally->lock);
    for (size_t i = 0; i < batch->count; i++) {
        struct pgc_op *op = &batch->ops[i];
        struct pgc_tally_event *event;

        if (op->kind == PGC_OP_PUBLISH) {
            op->number = ++tally->last;
            event = tally_at(tally, op->number);
            event->trace = op->msg->trace;
            event->clients = 0;
            pgc_tally_name(event, op->topic, op->msg);
        }
    }
    pthread_mutex_unlock(&tally->lock);
}

void
pgc_tally_add(struct pgc_tally *tally, const uint64_t *numbers, size_t count, uint64_t clients)
{
    if (tally == NULL || clients == 0) {
        return;
    }
    pthread_mutex_lock(&tally->lock);
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] >= tally_first(tally)) {
            tally_at(tally, numbers[i])->clients += clients;
        }
    }
    pthread_mutex_unlock(&tally->lock);
}

static void
tally_write_event(const struct pgc_tally_event *event, struct pgc_buf *out)
{
    pgc_buf_adds(out, "{\"stream\":");
    pgc_buf_add_json(out, event->stream, strlen(event->stream));
    pgc_buf_adds(out, ",\"event\":");
    pgc_buf_add_json(out, event->name, strlen(event->name));
    pgc_buf_addf(out, ",\"clients\":%" PRIu64 "}", event->clients);
}

void
pgc_tally_write(struct pgc_tally *tally, const struct pgc_trace *trace, struct pgc_buf *out)
{
    const char *before = "[\n";

    pthread_mutex_lock(&tally->lock);
    for (uint64_t number = tally_first(tally); number <= tally->last; number++) {
        const struct pgc_tally_event *event = tally_at(tally, number);

        if (event->trace.xid == trace->xid && event->trace.id == trace->id) {
            pgc_buf_adds(out, before);
            tally_write_event(event, out);
            before = ",\n";
        }
    }
    pthread_mutex_unlock(&tally->lock);
    pgc_buf_adds(out, before[0] == '[' ? "[]\n" : "\n]\n");
}
