/* SPDX-License-Identifier: PostgreSQL */
/*
 * msg.h - one event as it will be sent: immutable bytes, shared by all who get it.
 *
 * The text is what stands behind "message": in a cable frame, any JSON value.  Built once by the
 * feed, then read by any thread; the reference count is atomic.
 */
#ifndef PGCABLE_MSG_H
#define PGCABLE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/compiler.h"

/*
 * Where a message stands in the one order that all daemons share: the tick whose batch holds its
 * row, the row's number in it (its id, counted from 1 at the tick's first row) and the message's
 * number among the events of that row.  `nonce` is the start of the tick's random nonce: another
 * history has another one.
 */
struct pgc_position {
    int64_t tick;
    int64_t id;
    uint32_t part;
    uint32_t nonce;
};

/* Of what is sent again: the tick up to which edits and deletions have changed what there is to
 * send. tick 0: they have not. */
struct pgc_seen {
    int64_t tick;
    uint32_t nonce;
};

/* The row that raised a message, as PostgreSQL and the outbox name it: xid:id in logs. */
struct pgc_trace {
    uint64_t xid;
    int64_t id;
};

struct pgc_msg {
    struct pgc_position position;
    struct pgc_seen seen;   /* zeroed, unless its maker knows better, before it is shared */
    struct pgc_trace trace; /* zeroed, until its maker knows better, before it is shared */
    int64_t committed_us;   /* wall clock at which the row was written, for the lag histogram */
    const char *about;  /* what it shows, and may be deleted or edited: "message:981"; or NULL */
    const char *embeds; /* and what else it shows inside; or NULL */
    bool is_update;     /* of what it is about: a later one takes its place */
    size_t length;
    char text[]; /* `length` bytes of JSON and a '\0' */
};

/* Messages that follow each other: at least one, at most PGC_RUN_MAX. */
struct pgc_run {
    struct pgc_msg *const *msgs;
    size_t count;
};
enum { PGC_RUN_MAX = 32 };

/* Copies `text`.  The caller holds the only reference. */
struct pgc_msg *pgc_msg_new(
    const struct pgc_position *position, int64_t committed_us, const char *text, size_t length);
/* Say what it shows (copied; NULL = nothing), once, before it is shared. */
void pgc_msg_set_about(struct pgc_msg *msg, const char *about, const char *embeds, bool is_update);
struct pgc_msg *pgc_msg_ref(struct pgc_msg *msg); /* returns msg */
void pgc_msg_unref(struct pgc_msg *msg);          /* NULL is fine */

/* What stands in {"event":"…", the form of all events, cut; "" for anything else. */
void pgc_msg_name(const struct pgc_msg *msg, char *out, size_t size);

#endif
