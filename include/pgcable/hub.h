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
#include <stdint.h>

#include "pgcable/batch.h"
#include "pgcable/loop.h"
#include "pgcable/metrics.h"
#include "pgcable/recent.h"

struct pgc_hub;
struct pgc_sub;

enum pgc_sub_end {
    PGC_SUB_REVOKED,  /* the member lost the right to this stream */
    PGC_SUB_EXPELLED, /* the member is gone */
    PGC_SUB_RELOAD,   /* history broke */
};

struct pgc_sub_ops {
    /* Messages for this subscription; the hub keeps its references, take your own. */
    void (*deliver)(void *owner, struct pgc_sub *sub, const struct pgc_run *run);

    /* The hub ended it; the handle is dead when this returns.  Not called for unsubscribe. */
    void (*ended)(void *owner, struct pgc_sub *sub, enum pgc_sub_end why);
};

/* How much is kept to be sent again; what is over goes, oldest first. */
struct pgc_hub_conf {
    int64_t history_s;
    size_t history_bytes;
    unsigned history_messages; /* of one topic */
    unsigned replay_messages;  /* in one replay */
    size_t replay_bytes;       /* the same, in bytes: what a client's queue holds; 0 = any number */
    struct pgc_metrics *metrics;
    struct pgc_recent *recent; /* where deliveries are counted; NULL = nowhere */
};

/* `loop` runs the sweep of what was marked dead. */
struct pgc_hub *pgc_hub_new(struct pgc_loop *loop, const struct pgc_hub_conf *conf);
void pgc_hub_free(struct pgc_hub *hub); /* ends nothing: subscriptions must be gone */

/*
 * The subscription belongs to the hub; the pointer is a handle for attach and unsubscribe.
 * `member` and `stream` are copied (interned).  `owner` is passed back to `ops` and must outlive
 * the subscription.
 */
struct pgc_sub *pgc_hub_subscribe(struct pgc_hub *hub, const char *stream, const char *member,
    const struct pgc_sub_ops *ops, void *owner);

/* What a delivery looks at first beside the owner, most likely in no cache: the hub has it fetched
 * while it hands out to those before.  Addresses only, nothing is read; NULL is fine. */
enum { PGC_SUB_TOUCHES = 3 };
void pgc_hub_touches(struct pgc_sub *sub, const void *const touches[PGC_SUB_TOUCHES]);

const char *pgc_hub_stream(const struct pgc_sub *sub); /* as given; borrowed */

/* Harmless if it is attached already. */
void pgc_hub_attach(struct pgc_hub *hub, struct pgc_sub *sub, const char *topic);

/* Safe at any time, also from inside deliver(); nothing is delivered after. */
void pgc_hub_unsubscribe(struct pgc_hub *hub, struct pgc_sub *sub);

/* Where a client stopped: at a message, or at a time (whole second, inclusive). */
struct pgc_since {
    bool by_time;
    int64_t unix_s;
    struct pgc_position place;
    struct pgc_seen seen; /* with it */
};

enum pgc_replay {
    PGC_REPLAY_DONE,
    PGC_REPLAY_UNKNOWN,  /* a place of another history, or of the future */
    PGC_REPLAY_TOO_OLD,  /* not all since then is kept */
    PGC_REPLAY_HOLE,     /* something in between cannot be sent again, or is not theirs to see */
    PGC_REPLAY_TOO_LONG, /* more than replay_messages or replay_bytes */
    PGC_REPLAY_RESULTS
};

/*
 * Deliver what the subscription would have got had it been there since `since`, in order, up to
 * where it was made (all after that it got by itself); or nothing, if it cannot be all of it.  To
 * be called in the turn of the loop in which it was made, if nothing is to come between.
 */
enum pgc_replay pgc_hub_replay(
    struct pgc_hub *hub, struct pgc_sub *sub, const struct pgc_since *since) PGC_MUSTCHECK;

/* Who is told of operations that are about connections, with or without subscriptions, at their
 * place in the order; it may end subscriptions. */
void pgc_hub_pass_on(
    struct pgc_hub *hub, void (*take)(const struct pgc_op *op, void *arg), void *arg);

/* Apply one batch, in order.  Returns the number of deliveries made. */
size_t pgc_hub_apply(struct pgc_hub *hub, const struct pgc_batch *batch);

size_t pgc_hub_topic_count(const struct pgc_hub *hub);
size_t pgc_hub_sub_count(const struct pgc_hub *hub);

#endif
