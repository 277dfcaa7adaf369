/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws.h - websockets and streams of events: accepting, the handshake, queues, writing.
 *
 * One server per worker thread, all bound to the same address (SO_REUSEPORT).  libwebsockets runs
 * on the worker's own event loop.  Frames are shared and written directly while the socket takes
 * them, several per system call; what it does not take waits in a bounded queue of references.
 */
#ifndef PGCABLE_WS_H
#define PGCABLE_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/auth.h"
#include "pgcable/cable.h"
#include "pgcable/err.h"
#include "pgcable/loop.h"
#include "pgcable/metrics.h"
#include "pgcable/tls.h"

enum pgc_no_origin { PGC_NO_ORIGIN_HEADER, PGC_NO_ORIGIN_ALWAYS, PGC_NO_ORIGIN_NEVER };

struct pgc_ws_conf {
    const char *address;     /* numeric IPv4 or IPv6 */
    int port;                /* 0 = any free one; the workers then share the first one's */
    bool joins;              /* another worker of this program listens there already */
    struct pgc_tls *tls;     /* NULL = plain text */
    const char *path;        /* "/cable" */
    const char *events_path; /* "/events"; "" or NULL = none */
    const char *origins;     /* comma list of scheme://host[:port]; "" = none; "*" = any */
    bool same_origin;        /* also accept Origin == scheme://Host */
    enum pgc_no_origin no_origin;
    bool query_token;            /* accept ?jid= and ?token= */
    const char *trusted_proxies; /* comma list of addresses and networks; "" or NULL = none */
    bool proxy_protocol;         /* connections begin with a PROXY header */
    struct pgc_places *places;   /* shared by all workers; borrowed */
    int64_t handshakes_per_s;    /* of this worker; 0 = as many as come */
    size_t max_header_bytes;
    size_t max_token_bytes;
    size_t max_message_bytes; /* inbound, all fragments together */
    size_t queue_bytes;
    unsigned queue_messages;
    int64_t queue_age_ms;
    size_t queue_total_bytes;    /* of all connections of all workers */
    size_t queue_share_bytes;    /* what this one may keep if all together have more */
    unsigned max_fragments;      /* of an inbound message */
    unsigned max_control_frames; /* pings, pongs and what leads to nothing, in about 3 s */
    int64_t handshake_ms;
    int64_t message_ms;          /* from an inbound message's first fragment to its last */
    int64_t closing_ms;          /* from the close frame to the end of the socket */
    const char *version;         /* of pgcable, for the log */
    struct pgc_recent *recent;   /* where refusals are noted; NULL = nowhere */
    _Atomic uint64_t *next_conn; /* ids of connections are counted here, by all workers */
};

/* The places there are, which the workers of a program hand out together.  0 = no limit, but for
 * `total`. */
struct pgc_places_conf {
    unsigned total;
    unsigned per_address; /* IPv4, or a /64 of IPv6 */
    unsigned per_member;
    unsigned handshakes_percent; /* of `total` and `per_address`, for those in their handshake */
};
struct pgc_places *pgc_places_new(const struct pgc_places_conf *conf);
void pgc_places_free(struct pgc_places *places); /* all must have left; NULL is fine */

struct pgc_ws;

/* Listens at once. */
struct pgc_ws *pgc_ws_new(struct pgc_loop *loop, const struct pgc_ws_conf *conf,
    struct pgc_cable *cable, const struct pgc_auth *auth, struct pgc_metrics *metrics,
    struct pgc_err *err) PGC_MUSTCHECK;
int pgc_ws_port(const struct pgc_ws *ws);

/* New origins, query_token, keys and certificate for handshakes from now on (SIGHUP); the rest
 * stays, and so does whether TLS is spoken.  Loop thread. */
void pgc_ws_reload(struct pgc_ws *ws, const struct pgc_ws_conf *conf, const struct pgc_auth *auth);

/* Stop listening, tell everyone server_restart, one after the other, and call done() when all are
 * gone or `limit_ms` has passed.  Loop thread. */
void pgc_ws_drain(struct pgc_ws *ws, int64_t limit_ms, void (*done)(void *arg), void *arg);

size_t pgc_ws_connection_count(const struct pgc_ws *ws);
void pgc_ws_free(struct pgc_ws *ws); /* closes what is left; before the loop */

#endif
