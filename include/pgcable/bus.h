/* SPDX-License-Identifier: PostgreSQL */
/*
 * bus.h - what the feed hands down, to workers on other machines: over NATS JetStream.
 *
 *   feed -> port -> publisher -> stream PREFIX (subject PREFIX.batch) -> follower -> ports ->
 * workers publisher <- asks, viewers <- follower publisher -> answers, bans in force -> follower
 *
 * Neither end notices: the publisher is to the feed what a worker is, the follower is to the
 * workers what the feed is.
 */
#ifndef PGCABLE_BUS_H
#define PGCABLE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/loop.h"
#include "pgcable/metrics.h"
#include "pgcable/port.h"
#include "pgcable/recent.h"

/* All strings are borrowed until new() has returned; "" = none. */
struct pgc_bus_conf {
    const char *url;             /* of one server or several, by comma; may hold user:password */
    const char *prefix;          /* the stream's name and the start of all subjects */
    const char *credentials;     /* file with a JWT and its key */
    const char *tls_ca;          /* file; whom the server's certificate has to come from */
    const char *tls_certificate; /* file; who we are */
    const char *tls_key;
    unsigned replicas;         /* publisher: of the stream, if it makes it */
    int64_t retention_s;       /* publisher: how long the stream keeps what it has */
    int64_t history_s;         /* follower: how far back it begins */
    struct pgc_recent *recent; /* follower: notes what it hands down live; NULL = none */
};

/* What /ready wants to know; copied under a lock, any thread. */
struct pgc_bus_status {
    bool ready;             /* publisher: connected; follower: also near the newest tick */
    char why[PGC_ERR_TEXT]; /* if not: one line that says what to do */
    int64_t tick;           /* publisher: newest one confirmed whole; follower: handed on whole */
    int64_t since_ms;       /* monotonic time at which NATS last said something */
    size_t waiting; /* publisher: packets not confirmed; follower: batches for the workers */
};

/* What the stream ends with. */
struct pgc_bus_place {
    int64_t tick; /* 0 = the stream is empty */
    uint32_t nonce;
    bool is_whole; /* else some of that tick is missing and has to be sent again, from its start */
};

/* ---- the feed's end ---- */

struct pgc_publisher;

/* In the loop's thread.  Neither is called inside pgc_publisher_lead() or _rest(). */
struct pgc_publisher_ops {
    /* The stream is there and nothing else is added to it unnoticed from here on; now the feed may
     * begin behind that place. */
    void (*found)(const struct pgc_bus_place *place, void *arg);
    /* Somebody else has added to it, or it is another stream now: nothing more of this port's is
     * sent.  Rest, then lead again with a new port, or do not. */
    void (*fenced)(const struct pgc_err *why, void *arg);
};

/*
 * Connects, for ever, and stands by: it learns who listens and sends nothing.  That is what makes a
 * takeover quick.
 */
struct pgc_publisher *pgc_publisher_new(struct pgc_loop *loop, const struct pgc_bus_conf *conf,
    struct pgc_metrics *metrics, const struct pgc_publisher_ops *ops, void *arg);
void pgc_publisher_free(struct pgc_publisher *publisher); /* rests first; NULL is fine */

/*
 * From found() on what comes down `port` is sent, asks and viewers go up it.  Opens the worker's
 * end, closed by rest() or free().  `term` is larger than that of whoever led before: it is part of
 * the packets' ids, so that two leaders' packets of one tick are not taken for the same.
 */
void pgc_publisher_lead(struct pgc_publisher *publisher, struct pgc_port *port, int64_t term);
void pgc_publisher_rest(struct pgc_publisher *publisher); /* harmless to repeat */

void pgc_publisher_status(struct pgc_publisher *publisher, struct pgc_bus_status *status);

/* ---- the workers' end ---- */

struct pgc_follower;

/* `ports` are borrowed and must outlive it; it opens and closes their feed's ends. */
struct pgc_follower *pgc_follower_new(struct pgc_loop *loop, const struct pgc_bus_conf *conf,
    struct pgc_port *const *ports, size_t port_count, struct pgc_metrics *metrics);
void pgc_follower_free(struct pgc_follower *follower); /* NULL is fine */

void pgc_follower_status(struct pgc_follower *follower, struct pgc_bus_status *status);

#endif
