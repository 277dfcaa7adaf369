/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "nats_internal.h"

/*
 * The server sends by a consumer of our own, without acknowledgements: it numbers what it sends, so
 * that we see what is missing, and speaks up when it has had nothing to send for a while.  When
 * either fails we ask for a new consumer from the packet on that we did not get.
 */
#define FOLLOW_WATCH_MS     500 /* as long as the server may be silent */
#define FOLLOW_SILENCES_MAX 4

struct follow_place {
    uint64_t sequence; /* in the stream */
    uint64_t sent;     /* how many this consumer has sent, this one too */
};

/*
 * $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.SENT.TIME.BEHIND, and from newer servers
 * $JS.ACK.DOMAIN.ACCOUNT.STREAM.CONSUMER.DELIVERED.SEQUENCE.SENT.TIME.BEHIND.RANDOM
 */
static bool
follow_parse(const char *reply, struct follow_place *place)
{
    const char *tokens[12] = {reply};
    size_t count = 1;
    size_t first;

    if (reply == NULL || strncmp(reply, "$JS.ACK.", 8) != 0) {
        return false;
    }
    for (const char *dot = strchr(reply, '.'); dot != NULL && count < 12;
         dot = strchr(dot + 1, '.')) {
        tokens[count++] = dot + 1;
    }
    if (count != 9 && count < 11) {
        return false;
    }
    first = count == 9 ? 5 : 7;
    place->sequence = strtoull(tokens[first], NULL, 10);
    place->sent = strtoull(tokens[first + 1], NULL, 10);
    return place->sequence > 0 && place->sent > 0;
}

/* ---- begin, and begin again ---- */

static void
follow_drop(struct pgc_nats *nats, struct nats_event *event)
{
    pgc_nats_tap_taken(&nats->wire, (size_t)natsMsg_GetDataLength(event->msg));
}

static void
follow_forget(struct pgc_nats *nats)
{
    struct nats_event *event;

    while ((event = TAILQ_FIRST(&nats->follow.waiting)) != NULL) {
        TAILQ_REMOVE(&nats->follow.waiting, event, entry);
        follow_drop(nats, event);
        pgc_nats_event_free(event);
    }
}

static void
follow_begin(struct pgc_nats *nats)
{
    struct nats_follow *follow = &nats->follow;

    follow_forget(nats);
    follow->number++;
    follow->begun = false;
    follow->received = 0;
    follow->silences = 0;
    if (nats->up && follow->active) {
        pgc_nats_order(nats, &(struct nats_job_order){.kind = NATS_JOB_FOLLOW,
                                 .number = follow->number,
                                 .sequence = follow->next,
                                 .since_us = follow->since_us});
        pgc_timer_set(follow->watch, FOLLOW_WATCH_MS);
    }
}

static void
follow_again(struct pgc_nats *nats, const char *why)
{
    pgc_log(PGC_LOG_WARN, 0, "%s: asking again for what follows packet %llu", why,
        (unsigned long long)(nats->follow.next > 0 ? nats->follow.next - 1 : 0));
    follow_begin(nats);
}

void
pgc_nats_follow(struct pgc_nats *nats, const struct pgc_nats_since *since)
{
    nats->follow.active = true;
    nats->follow.next = since->sequence;
    nats->follow.since_us = pgc_monotonic_us() - (pgc_wall_us() - since->time_us);
    follow_begin(nats);
}

void
pgc_nats_follow_up(struct pgc_nats *nats)
{
    follow_begin(nats);
}

void
pgc_nats_follow_down(struct pgc_nats *nats)
{
    pgc_timer_cancel(nats->follow.watch);
    nats->follow.begun = false;
    follow_forget(nats);
}

bool
pgc_nats_follows(const struct pgc_nats *nats)
{
    return nats->follow.begun;
}

/* The server is there, or the connection would be lost; but what sent to us may be gone. */
void
pgc_nats_follow_watch(void *arg)
{
    struct pgc_nats *nats = arg;

    if (!nats->follow.active) {
        return;
    }
    pgc_timer_set(nats->follow.watch, FOLLOW_WATCH_MS);
    if (nats->follow.held) {
        nats->follow.silences = 0;
    } else if (++nats->follow.silences > FOLLOW_SILENCES_MAX) {
        follow_again(nats, "nothing is heard of the stream any more");
    }
}

/* ---- what comes ---- */

static void
follow_lost(struct pgc_nats *nats, uint64_t sequence)
{
    struct pgc_err err = {0};

    (void)pgc_err_set(&err, PGC_ERR_BUS,
        "the stream \"%s\" does not have packet %llu, it goes on with packet %llu",
        nats->wire.prefix, (unsigned long long)nats->follow.next, (unsigned long long)sequence);
    nats->follow.active = false;
    follow_begin(nats);
    nats->ops->lost(&err, nats->arg);
}

/* The consumer is there; packets may have come already. */
void
pgc_nats_follow_started(struct pgc_nats *nats, const struct nats_event *event)
{
    struct nats_follow *follow = &nats->follow;

    if (!follow->active || event->number != follow->number) {
        return;
    }
    follow->begun = true;
    if (event->sequence != 0 && follow->received == 0 && TAILQ_EMPTY(&follow->waiting) &&
        follow->next != 0 && event->sequence != follow->next) {
        follow_lost(nats, event->sequence);
    }
}

/*
 * Is it the one that should come?  A server of a cluster that was behind begins with some that we
 * know; if it is behind because the stream is another one, whoever reads the packets will see.
 */
static bool
follow_is_next(struct pgc_nats *nats, const struct follow_place *place)
{
    struct nats_follow *follow = &nats->follow;

    if (place->sent != follow->received + 1) {
        follow_again(nats, "something of the stream was lost on the way");
        return false;
    }
    if (place->sequence > follow->next && follow->next != 0) {
        follow_lost(nats, place->sequence);
        return false;
    }
    follow->received = place->sent;
    return place->sequence >= follow->next;
}

static void
follow_heartbeat(struct pgc_nats *nats, natsMsg *msg)
{
    const char *sent = NULL;

    if (natsMsgHeader_Get(msg, "Nats-Last-Consumer", &sent) == NATS_OK &&
        strtoull(sent, NULL, 10) != nats->follow.received) {
        follow_again(nats, "the end of what the stream sent was lost on the way");
    }
}

static void
follow_packet(struct pgc_nats *nats, natsMsg *msg)
{
    struct nats_follow *follow = &nats->follow;
    struct follow_place place;
    struct pgc_nats_packet packet;

    if (!follow_parse(natsMsg_GetReply(msg), &place)) {
        follow_heartbeat(nats, msg);
    } else if (follow_is_next(nats, &place)) {
        follow->next = place.sequence + 1;
        packet =
            (struct pgc_nats_packet){.sequence = place.sequence, .bytes = pgc_nats_msg_bytes(msg)};
        nats->ops->packet(&packet, nats->arg);
    }
}

bool
pgc_nats_follow_take(struct pgc_nats *nats, struct nats_event *event)
{
    struct nats_follow *follow = &nats->follow;

    if (!nats->up || !follow->active || event->number != follow->number) {
        follow_drop(nats, event);
        return false;
    }
    follow->silences = 0;
    if (follow->held || !TAILQ_EMPTY(&follow->waiting)) {
        TAILQ_INSERT_TAIL(&follow->waiting, event, entry);
        return true;
    }
    follow_drop(nats, event);
    follow_packet(nats, event->msg);
    return false;
}

void
pgc_nats_hold(struct pgc_nats *nats, bool hold)
{
    struct nats_follow *follow = &nats->follow;
    struct nats_event *event;

    follow->held = hold;
    while (!follow->held && (event = TAILQ_FIRST(&follow->waiting)) != NULL) {
        TAILQ_REMOVE(&follow->waiting, event, entry);
        follow_drop(nats, event);
        follow_packet(nats, event->msg);
        pgc_nats_event_free(event);
    }
}
