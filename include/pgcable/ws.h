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

enum pgc_no_origin { PGC_NO_ORIGIN_HEADER, PGC_NO_ORIGIN_ALWAYS, PGC_NO_ORIGIN_NEVER };

struct pgc_ws_conf {
    const char *address;     /* numeric IPv4 or IPv6 */
    int port;                /* 0 = any free one; the workers then share the first one's */
    bool joins;              /* another worker of this program listens there already */
    const char *path;        /* "/cable" */
    const char *events_path; /* "/events"; "" or NULL = none */
    const char *origins;     /* comma list of scheme://host[:port]; "" = none; "*" = any */
    bool same_origin;        /* also accept Origin == scheme://Host */
    enum pgc_no_origin no_origin;
    bool query_token;         /* accept ?jid= and ?token= */
    unsigned max_connections; /* of this worker */
    size_t max_header_bytes;
    size_t max_message_bytes; /* inbound, all fragments together */
    size_t queue_bytes;
    unsigned queue_messages;
    int64_t queue_age_ms;
    int64_t handshake_ms;
    int64_t message_ms;          /* from an inbound message's first fragment to its last */
    int64_t closing_ms;          /* from the close frame to the end of the socket */
    const char *version;         /* of pgcable, for the log */
    _Atomic uint64_t *next_conn; /* ids of connections are counted here, by all workers */
};

struct pgc_ws;

/* Listens at once. */
struct pgc_ws *pgc_ws_new(struct pgc_loop *loop, const struct pgc_ws_conf *conf,
    struct pgc_cable *cable, const struct pgc_auth *auth, struct pgc_metrics *metrics,
    struct pgc_err *err) PGC_MUSTCHECK;
int pgc_ws_port(const struct pgc_ws *ws);

/* New origins, query_token and keys for handshakes from now on (SIGHUP); the rest stays.
 * Loop thread. */
void pgc_ws_reload(struct pgc_ws *ws, const struct pgc_ws_conf *conf, const struct pgc_auth *auth);

/* Stop listening, tell everyone server_restart, call done() when all are gone or `deadline_ms` has
 * passed.  Loop thread. */
void pgc_ws_drain(struct pgc_ws *ws, int64_t deadline_ms, void (*done)(void *arg), void *arg);

size_t pgc_ws_connection_count(const struct pgc_ws *ws);
void pgc_ws_free(struct pgc_ws *ws); /* closes what is left; before the loop */

#endif
