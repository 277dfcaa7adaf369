/* SPDX-License-Identifier: PostgreSQL */
/*
 * batch.h - what the feed hands on: one tick's changes, in order.
 *
 * A batch is the unit that travels to every worker (and, one day, to another machine): messages for
 * topics, and movements of members between topics at their place in the order.  Filled by one
 * thread, then sealed by the first reference taken: immutable, shared, atomically ref-counted.
 * A large tick travels as several batches; `ends_tick` marks the last.
 */
#ifndef PGCABLE_BATCH_H
#define PGCABLE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/msg.h"

enum pgc_op_kind {
    PGC_OP_PUBLISH, /* msg to all on `topic` */
    PGC_OP_JOIN,    /* every subscription on stream `via` also gets `topic` from here on */
    PGC_OP_LEAVE,   /* every subscription on stream `via` no longer gets `topic` */
    PGC_OP_REVOKE,  /* member `via` gets nothing of stream `topic` any more; told so at the tick's
                       end */
    PGC_OP_EXPEL,   /* member `via` is gone: end all of that member's connections */
    PGC_OP_RELOAD,  /* history broke: everything clients know may be wrong; tell all to reload */

    /* About connections rather than topics: the hub passes them on, and EXPEL, too. */
    PGC_OP_BAN_TOKEN,  /* the token whose jti is `via` is good no more */
    PGC_OP_BAN_MEMBER, /* so are those of member `via` that were issued when `ban` says */
    PGC_OP_RECHECK,    /* the rule of channel `via` may say something else: ask, deliver after */
    PGC_OP_REVIEW,     /* the same, without a reason: deliver meanwhile */

    /* For what is kept to be sent again; nobody is sent anything. */
    PGC_OP_BEGIN,  /* nothing up to this tick can be sent again */
    PGC_OP_ADMIT,  /* member `via` may listen to stream `topic` only from here on */
    PGC_OP_HOLE,   /* on `topic` a message is due at msg's place that was not built here */
    PGC_OP_FORGET, /* `via` ("message:981") is deleted: do not send again what shows it */
    PGC_OP_AMEND,  /* `via` is edited: msg in place of the message that first showed it */
};

/* Unix time, both. */
struct pgc_ban {
    int64_t before_s; /* BAN_MEMBER: issued in that second or before, or without a date */
    int64_t until_s;  /* when all of these have ended by themselves */
};

struct pgc_op {
    enum pgc_op_kind kind;
    const char *topic;   /* NULL where the kind has none; owned by the batch */
    const char *via;     /* NULL where the kind has none; owned by the batch */
    struct pgc_msg *msg; /* PUBLISH, HOLE, AMEND; one reference held by the batch */
    struct pgc_ban ban;  /* BAN_TOKEN, BAN_MEMBER */
    uint64_t number; /* PUBLISH: by which its deliveries are counted (recent.h); 0 = not at all */
};

struct pgc_batch {
    int64_t tick;
    uint32_t nonce;    /* the tick's, see pgc_position */
    int64_t at_us;     /* wall clock of the database at which the tick was made */
    int64_t canary_us; /* wall clock at which the daemon's own canary was written; 0 = none */
    bool ends_tick;
    size_t count;
    struct pgc_op *ops;
};

struct pgc_batch *pgc_batch_new(int64_t tick);
struct pgc_batch *pgc_batch_ref(struct pgc_batch *batch);
void pgc_batch_unref(struct pgc_batch *batch);

/* Copies the strings, takes a reference of `msg`.  NULL for what the kind does not have. */
void pgc_batch_add(struct pgc_batch *batch, enum pgc_op_kind kind, const char *topic,
    const char *via, struct pgc_msg *msg);
void pgc_batch_add_ban(
    struct pgc_batch *batch, enum pgc_op_kind kind, const char *whom, const struct pgc_ban *ban);

#endif
