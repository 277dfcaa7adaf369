/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "publisher_internal.h"

/*
 * Each packet says which one it has to follow in the stream, by number, and is stored only there:
 * that is the fence between leaders, and what makes a packet that is sent twice be stored once.
 * When one fails nobody knows what became of it.  Then we wait for all that are under way, look
 * what the stream ends with, and go on behind that if it is ours, or stop for good if it is not.
 */
#define SEND_UNDER_WAY 32
#define SEND_AGAIN_MS  250
/* So often a stream may end before what it has stored: its new leader may not have all yet. */
#define SEND_SHORT_MAX 4

static void
send_count(struct pgc_publisher *publisher)
{
    struct publisher_queue *queue = &publisher->queue;

    pgc_metric_set(publisher->metrics.unconfirmed, (int64_t)queue->count);
    if (publisher->port != NULL) {
        pgc_port_owe(publisher->port, queue->count);
    }
}

/* The first packet is in the stream, or not wanted any more. */
static void
send_drop_first(struct publisher_queue *queue)
{
    struct publisher_packet *packet = TAILQ_FIRST(&queue->packets);

    TAILQ_REMOVE(&queue->packets, packet, entry);
    queue->count--;
    pgc_buf_fini(&queue->newest);
    queue->newest = packet->bytes;
    free(packet);
}

static void
send_confirm(struct pgc_publisher *publisher, uint64_t sequence)
{
    struct publisher_queue *queue = &publisher->queue;
    struct publisher_packet *first;

    while ((first = TAILQ_FIRST(&queue->packets)) != NULL && first->sequence <= sequence) {
        pgc_metric_add(publisher->metrics.packets, 1);
        pgc_metric_add(publisher->metrics.bytes, (int64_t)first->bytes.length);
        if (first->sent_us > 0) {
            pgc_metric_observe_us(
                publisher->metrics.confirmed_seconds, pgc_monotonic_us() - first->sent_us);
        }
        if (first->ends.tick > 0) {
            pgc_publisher_set_stored(publisher, &first->ends);
        }
        send_drop_first(queue);
    }
    send_count(publisher);
}

/* ---- out ---- */

static void
send_on(struct pgc_publisher *publisher)
{
    struct publisher_queue *queue = &publisher->queue;
    struct publisher_packet *packet;

    if (publisher->state != PUBLISHER_LEADING || queue->is_troubled ||
        !pgc_nats_is_up(publisher->nats)) {
        return;
    }
    TAILQ_FOREACH(packet, &queue->packets, entry) {
        if (queue->under_way >= SEND_UNDER_WAY) {
            break;
        }
        if (packet->cookie == 0) {
            packet->cookie = ++queue->cookies;
            packet->sent_us = pgc_monotonic_us();
            queue->under_way++;
            pgc_nats_publish(publisher->nats, packet->sequence - 1,
                &(struct pgc_nats_bytes){
                    (const unsigned char *)packet->bytes.data, packet->bytes.length},
                packet->cookie);
        }
    }
}

void
pgc_publisher_send_take(
    struct pgc_publisher *publisher, struct pgc_buf *bytes, const struct codec_place *ends)
{
    struct publisher_queue *queue = &publisher->queue;
    struct publisher_packet *packet = pgc_xcalloc(1, sizeof(*packet));

    packet->sequence = queue->next++;
    packet->ends = *ends;
    packet->bytes = *bytes;
    *bytes = (struct pgc_buf){0};
    TAILQ_INSERT_TAIL(&queue->packets, packet, entry);
    queue->count++;
    send_count(publisher);
    send_on(publisher);
}

/* ---- trouble ---- */

/* Something was stored, or nothing is left to be. */
static void
send_is_well(struct pgc_publisher *publisher)
{
    publisher->queue.is_failing = false;
    pgc_publisher_set_status(publisher, NULL);
}

static void
send_failed(struct pgc_publisher *publisher, const struct pgc_err *why)
{
    struct publisher_queue *queue = &publisher->queue;

    pgc_metric_add(publisher->metrics.again, 1);
    if (!queue->is_failing && pgc_nats_is_up(publisher->nats)) {
        pgc_log_err(PGC_LOG_WARN, 0, why, "publish a packet");
    }
    queue->is_troubled = true;
    queue->is_failing = true;
    pgc_publisher_set_status(publisher, why);
}

static bool
send_is_same(const struct pgc_buf *bytes, const struct pgc_nats_packet *packet)
{
    return packet->bytes.length == bytes->length &&
           (bytes->length == 0 || memcmp(packet->bytes.data, bytes->data, bytes->length) == 0);
}

/* The newest one of which we know that it is stored. */
static uint64_t
send_confirmed(const struct publisher_queue *queue)
{
    const struct publisher_packet *first = TAILQ_FIRST(&queue->packets);

    return (first != NULL ? first->sequence : queue->next) - 1;
}

/* Does the stream end with something of ours?  With what is in it already, or with a packet that
 * waits to be confirmed. */
static bool
send_is_ours(const struct publisher_queue *queue, const struct pgc_nats_last *last)
{
    const struct publisher_packet *packet = TAILQ_FIRST(&queue->packets);

    if (last->last == send_confirmed(queue)) {
        /* All packets of a quiet stream may have passed their time. */
        return last->packet == NULL || send_is_same(&queue->newest, last->packet);
    }
    while (packet != NULL && packet->sequence != last->last) {
        packet = TAILQ_NEXT(packet, entry);
    }
    return packet != NULL && last->packet != NULL && send_is_same(&packet->bytes, last->packet);
}

static void
send_go_on(struct pgc_publisher *publisher, const struct pgc_nats_last *last)
{
    struct publisher_queue *queue = &publisher->queue;
    struct publisher_packet *packet;
    struct pgc_err err = {0};

    if (last->last < send_confirmed(queue) && queue->shorts++ < SEND_SHORT_MAX) {
        pgc_timer_set(queue->again, SEND_AGAIN_MS);
        return;
    }
    queue->shorts = 0;
    if (!send_is_ours(queue, last)) {
        (void)pgc_err_set(&err, PGC_ERR_BUS,
            "the stream ends with packet %llu, which is none of ours: another daemon leads, or "
            "the stream was made anew",
            (unsigned long long)last->last);
        pgc_publisher_fence(publisher, &err);
        return;
    }
    send_confirm(publisher, last->last);
    TAILQ_FOREACH(packet, &queue->packets, entry) {
        packet->cookie = 0;
    }
    queue->is_troubled = false;
    if (TAILQ_EMPTY(&queue->packets)) {
        send_is_well(publisher);
    }
    send_on(publisher);
}

static void
send_found(const struct pgc_err *err, const struct pgc_nats_last *last, void *arg)
{
    struct pgc_publisher *publisher = arg;
    struct publisher_queue *queue = &publisher->queue;

    queue->is_looking = false;
    if (!queue->is_troubled) { /* resting meanwhile */
        return;
    }
    if (err != NULL) {
        pgc_publisher_set_status(publisher, err);
        pgc_timer_set(queue->again, SEND_AGAIN_MS);
    } else if (publisher->state == PUBLISHER_LOOKING) {
        queue->is_troubled = false;
        queue->next = last->last + 1;
        pgc_buf_clear(&queue->newest);
        if (last->packet != NULL) {
            pgc_buf_add(&queue->newest, last->packet->bytes.data, last->packet->bytes.length);
        }
        pgc_publisher_found(publisher, last);
    } else {
        send_go_on(publisher, last);
    }
}

/* Once nothing is under way any more, what the stream ends with stays so unless others publish. */
static void
send_look(struct pgc_publisher *publisher)
{
    struct publisher_queue *queue = &publisher->queue;

    if (queue->is_troubled && !queue->is_looking && queue->under_way == 0 &&
        pgc_nats_is_up(publisher->nats)) {
        queue->is_looking = true;
        pgc_nats_last(publisher->nats, send_found);
    }
}

static void
send_look_again(void *arg)
{
    send_look(arg);
}

void
pgc_publisher_send_done(struct pgc_publisher *publisher, uint64_t cookie,
    enum pgc_nats_outcome outcome, const struct pgc_err *err)
{
    struct publisher_queue *queue = &publisher->queue;
    struct publisher_packet *packet;

    queue->under_way--;
    TAILQ_FOREACH(packet, &queue->packets, entry) {
        if (packet->cookie == cookie) {
            break;
        }
    }
    if (packet != NULL && outcome == PGC_NATS_STORED) {
        send_confirm(publisher, packet->sequence); /* and all it follows */
        if (queue->is_failing) {
            send_is_well(publisher);
        }
    } else if (packet != NULL) {
        send_failed(publisher, err);
    }
    if (queue->is_troubled) {
        /* Not at once: whatever it is may last. */
        pgc_timer_set(queue->again, SEND_AGAIN_MS);
    } else {
        send_on(publisher);
    }
}

void
pgc_publisher_send_up(struct pgc_publisher *publisher)
{
    struct publisher_queue *queue = &publisher->queue;

    /* Also with nothing to send: is it still our stream? */
    queue->is_troubled = queue->is_troubled || publisher->state == PUBLISHER_LEADING;
    send_look(publisher);
}

/* ---- life ---- */

void
pgc_publisher_send_look(struct pgc_publisher *publisher)
{
    pgc_publisher_send_forget(publisher);
    publisher->queue.is_troubled = true;
    send_look(publisher);
}

void
pgc_publisher_send_forget(struct pgc_publisher *publisher)
{
    struct publisher_queue *queue = &publisher->queue;

    while (!TAILQ_EMPTY(&queue->packets)) {
        send_drop_first(queue);
    }
    queue->is_troubled = false;
    pgc_timer_cancel(queue->again);
    send_count(publisher);
}

void
pgc_publisher_send_init(struct pgc_publisher *publisher)
{
    TAILQ_INIT(&publisher->queue.packets);
    publisher->queue.again = pgc_timer_new(publisher->loop, send_look_again, publisher);
}

void
pgc_publisher_send_fini(struct pgc_publisher *publisher)
{
    pgc_publisher_send_forget(publisher);
    pgc_timer_free(publisher->queue.again);
    pgc_buf_fini(&publisher->queue.newest);
}
