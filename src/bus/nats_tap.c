/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "nats_internal.h"

/*
 * What the loop has not taken yet.  Beyond it libnats' thread waits in our callback, the server's
 * flow control gets no answer, and what is newer stays in the stream.
 */
#define TAP_UNREAD_MAX ((size_t)16 << 20)

/* ---- libnats' threads ---- */

/* Wait until there is room; false: not wanted any more. */
static bool
tap_make_room(struct nats_tap *tap, size_t bytes)
{
    struct nats_wire *wire = tap->wire;
    bool wanted;

    pthread_mutex_lock(&wire->lock);
    while (!tap->dead && wire->unread_bytes > TAP_UNREAD_MAX) {
        pthread_cond_wait(&wire->woken, &wire->lock);
    }
    wanted = !tap->dead;
    if (wanted) {
        wire->unread_bytes += bytes;
    }
    pthread_mutex_unlock(&wire->lock);
    return wanted;
}

/*
 * The server asks whether we keep up: in a message that wants an answer, and while it waits for
 * that in its heartbeats.  What came before is in the mailbox by now, so yes.
 */
static void
tap_keep_up(natsConnection *connection, natsMsg *msg)
{
    const char *subject = natsMsg_GetReply(msg);

    if (subject == NULL && natsMsgHeader_Get(msg, "Nats-Consumer-Stalled", &subject) != NATS_OK) {
        return;
    }
    (void)natsConnection_PublishString(connection, subject, ""); /* or the heartbeat asks again */
}

static void
tap_take_followed(struct nats_tap *tap, natsConnection *connection, natsMsg *msg)
{
    size_t length = (size_t)natsMsg_GetDataLength(msg);

    if (!tap_make_room(tap, length)) {
        natsMsg_Destroy(msg);
        return;
    }
    if (length == 0) {
        tap_keep_up(connection, msg);
    }
    pgc_nats_post(tap->wire,
        &(struct nats_event){
            .kind = tap->kind, .session = tap->session, .number = tap->number, .msg = msg});
}

static void
tap_message(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    struct nats_tap *tap = arg;

    (void)subscription;
    if (tap->kind == NATS_EVENT_PACKET) {
        tap_take_followed(tap, connection, msg);
        return;
    }
    pgc_nats_post(
        tap->wire, &(struct nats_event){.kind = tap->kind, .session = tap->session, .msg = msg});
}

/* After the last message: the hand has closed it, or the connection was lost. */
static void
tap_complete(void *arg)
{
    struct nats_tap *tap = arg;
    struct nats_wire *wire = tap->wire;

    pthread_mutex_lock(&wire->lock);
    tap->complete = true;
    if (tap->dead) {
        free(tap);
    }
    wire->callbacks--;
    pthread_cond_broadcast(&wire->woken);
    pthread_mutex_unlock(&wire->lock);
}

/* ---- the hand's thread ---- */

/*
 * libnats up to 3.5.0 may take a message for a subscription that another thread frees: its reader
 * holds no reference.  So none is freed before the connection is gone.
 */
static void
tap_retire(struct nats_hand *hand, natsSubscription *subscription)
{
    struct nats_retired *retired = pgc_xcalloc(1, sizeof(*retired));

    (void)natsSubscription_Unsubscribe(subscription); /* fails if the connection is lost */
    retired->subscription = subscription;
    SLIST_INSERT_HEAD(&hand->retired, retired, entry);
}

void
pgc_nats_tap_free_retired(struct nats_hand *hand)
{
    struct nats_retired *retired;

    while ((retired = SLIST_FIRST(&hand->retired)) != NULL) {
        SLIST_REMOVE_HEAD(&hand->retired, entry);
        natsSubscription_Destroy(retired->subscription);
        free(retired);
    }
}

/* The connection was lost just now, so that libnats will not say when it has let go of this. */
static void
tap_orphan(struct nats_hand *hand, struct nats_tap *tap)
{
    struct nats_wire *wire = tap->wire;

    tap_retire(hand, tap->subscription);
    pthread_mutex_lock(&wire->lock);
    wire->callbacks--;
    tap->dead = true;
    SLIST_INSERT_HEAD(&wire->orphans, tap, entry);
    pthread_mutex_unlock(&wire->lock);
}

bool
pgc_nats_tap_open(struct nats_hand *hand, const char *subject, const struct nats_tap *like,
    struct nats_tap **out, struct pgc_err *err)
{
    struct nats_tap *tap = pgc_xmemdup(like, sizeof(*like));
    natsStatus status;

    tap->wire = hand->wire;
    tap->session = hand->session;
    status =
        natsConnection_Subscribe(&tap->subscription, hand->connection, subject, tap_message, tap);
    if (status != NATS_OK) {
        free(tap);
        goto fail;
    }
    pthread_mutex_lock(&hand->wire->lock);
    hand->wire->callbacks++;
    pthread_mutex_unlock(&hand->wire->lock);
    status = natsSubscription_SetOnCompleteCB(tap->subscription, tap_complete, tap);
    if (status != NATS_OK) {
        tap_orphan(hand, tap);
        goto fail;
    }
    SLIST_INSERT_HEAD(&hand->taps, tap, entry);
    if (out != NULL) {
        *out = tap;
    }
    return true;

fail:
    (void)pgc_nats_complain(err, status);
    return pgc_err_wrap(err, "subscribe to %s", subject);
}

void
pgc_nats_tap_close(struct nats_hand *hand, struct nats_tap *tap)
{
    natsSubscription *subscription = tap->subscription;

    SLIST_REMOVE(&hand->taps, tap, nats_tap, entry);
    if (hand->following == tap) {
        hand->following = NULL;
    }
    pthread_mutex_lock(&hand->wire->lock);
    tap->dead = true;
    if (tap->complete) {
        free(tap);
    }
    pthread_cond_broadcast(&hand->wire->woken);
    pthread_mutex_unlock(&hand->wire->lock);
    tap_retire(hand, subscription);
}

/* ---- the loop's thread ---- */

void
pgc_nats_tap_taken(struct nats_wire *wire, size_t bytes)
{
    pthread_mutex_lock(&wire->lock);
    wire->unread_bytes -= bytes;
    pthread_cond_broadcast(&wire->woken);
    pthread_mutex_unlock(&wire->lock);
}
