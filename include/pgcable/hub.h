/* SPDX-License-Identifier: PostgreSQL */
/*
 * hub.h - hands a message to every subscription attached to its topic.
 *
 * One hub per worker thread.  It knows nothing of PostgreSQL, JSON or websockets: a topic is a
 * string, a message immutable bytes, a subscription a pair of callbacks and the id of the member it
 * belongs to.  A subscription has one stream (itself a topic) and any number of further topics,
 * which JOIN and LEAVE move (batch.h).  Loop thread only; nothing here blocks.
 */
#ifndef PGCABLE_HUB_H
#define PGCABLE_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "pgcable/batch.h"
#include "pgcable/loop.h"

struct pgc_hub;
struct pgc_sub;

enum pgc_sub_end {
    PGC_SUB_REVOKED,  /* the member lost the right to this stream */
    PGC_SUB_EXPELLED, /* the member is gone */
    PGC_SUB_RELOAD,   /* history broke */
};

struct pgc_sub_ops {
    /* A message for this subscription; the hub keeps its reference, take your own. */
    void (*deliver)(void *owner, struct pgc_sub *sub, struct pgc_msg *msg);

    /* The hub ended it; the handle is dead when this returns.  Not called for unsubscribe. */
    void (*ended)(void *owner, struct pgc_sub *sub, enum pgc_sub_end why);
};

/* `loop` runs the sweep of what was marked dead. */
struct pgc_hub *pgc_hub_new(struct pgc_loop *loop);
void pgc_hub_free(struct pgc_hub *hub); /* ends nothing: subscriptions must be gone */

/*
 * The subscription belongs to the hub; the pointer is a handle for attach and unsubscribe.
 * `member` and `stream` are copied (interned).  `owner` is passed back to `ops` and must outlive
 * the subscription.
 */
struct pgc_sub *pgc_hub_subscribe(struct pgc_hub *hub, const char *stream, const char *member,
    const struct pgc_sub_ops *ops, void *owner);

/* Harmless if it is attached already. */
void pgc_hub_attach(struct pgc_hub *hub, struct pgc_sub *sub, const char *topic);

/* Safe at any time, also from inside deliver(); nothing is delivered after. */
void pgc_hub_unsubscribe(struct pgc_hub *hub, struct pgc_sub *sub);

/* Apply one batch, in order.  Returns the number of deliveries made. */
size_t pgc_hub_apply(struct pgc_hub *hub, const struct pgc_batch *batch);

size_t pgc_hub_topic_count(const struct pgc_hub *hub);
size_t pgc_hub_sub_count(const struct pgc_hub *hub);

#endif
