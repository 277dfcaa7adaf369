/* SPDX-License-Identifier: PostgreSQL */
/*
 * feed.h - reads what was committed, in order, and hands it to the workers.
 *
 * Runs in its own thread's loop with all database connections: LISTEN, tick, batch, facts, events,
 * batches down every port, then the answers that hold at that tick.  Knows no socket.  The
 * algorithm is PgQ's snapshot difference (Skype, 2007) with stored ticks.
 */
#ifndef PGCABLE_FEED_H
#define PGCABLE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/event.h"
#include "pgcable/loop.h"
#include "pgcable/metrics.h"
#include "pgcable/port.h"
#include "pgcable/recent.h"

enum pgc_notify_mode { PGC_NOTIFY_AUTO, PGC_NOTIFY_ALWAYS, PGC_NOTIFY_OFF };

/* What another daemon handed on last. */
struct pgc_feed_after {
    int64_t tick;   /* 0 = nothing: begin as always */
    uint32_t nonce; /* if the tick has another one here, this is another history */
    bool is_whole;  /* else this tick comes once more, from its start */
};

struct pgc_feed_conf {
    const char *database;     /* DSN */
    int64_t poll_ms;          /* fallback poll while idle */
    int64_t retention_s;      /* how long the outbox is kept for resuming */
    int64_t history_s;        /* and how long workers keep what was sent */
    size_t history_bytes;     /* and how much of it */
    int64_t outbox_max_bytes; /* above it the oldest goes anyway; 0 = no matter */
    int64_t canary_ms;        /* between canaries; 0 = none */
    int64_t reauthorize_s;    /* between two looks at what was revoked and what rules say */
    enum pgc_notify_mode notify;
    enum pgc_envelope envelope;
    size_t max_payload_bytes;
    struct pgc_recent *recent; /* NULL = none */

    /* For people who look on beside the daemons: nothing is pruned or tended, and what shows one
     * member's view is built for members who do not listen, too. */
    bool looks_on;
    int64_t looks_after; /* begin behind that tick; 0 = behind what was history_s ago */

    struct pgc_feed_after goes_on; /* begin behind that, as if it had been handed on here */
};

/* What /ready and the metrics page want to know; copied under a lock, any thread. */
struct pgc_feed_status {
    bool ready;             /* connected, schema right, reading */
    char why[PGC_ERR_TEXT]; /* if not: one line that says what to do */
    int64_t tick;           /* newest tick handed on */
    int64_t since_ms;       /* monotonic time at which the database last answered */

    /* As of a few seconds ago. */
    int64_t outbox_bytes;
    int64_t outbox_age_s; /* of the oldest row that is kept */
    int64_t outbox_ticks;
    size_t batches_waiting; /* for the workers, right now */
    char pause[64];         /* why changes are dropped; "" = they are not */
};

struct pgc_feed;

/* `ports` are borrowed and must outlive the feed.  Starts connecting once the loop runs. */
struct pgc_feed *pgc_feed_new(struct pgc_loop *loop, const struct pgc_feed_conf *conf,
    struct pgc_port *const *ports, size_t port_count, struct pgc_metrics *metrics);
void pgc_feed_free(struct pgc_feed *feed);

void pgc_feed_status(struct pgc_feed *feed, struct pgc_feed_status *status); /* any thread */

#endif
