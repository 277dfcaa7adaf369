/* SPDX-License-Identifier: PostgreSQL */
/*
 * http.h - a small HTTP server for the admin address: GET in, a body out.
 *
 * A cover over libevent's evhttp.  Never the address that strangers reach: that is ws.h.
 * Loop thread only.
 */
#ifndef PGCABLE_HTTP_H
#define PGCABLE_HTTP_H

#include "pgcable/buf.h"
#include "pgcable/err.h"
#include "pgcable/loop.h"

struct pgc_http;

struct pgc_http_answer {
    int status;               /* 200 if untouched */
    const char *content_type; /* static; "text/plain; charset=utf-8" if untouched */
    struct pgc_buf body;
};

/* Called per request with the path, without the query.  Return false for 404. */
typedef bool (*pgc_http_fn)(const char *path, struct pgc_http_answer *answer, void *arg);

/* Listens at once.  Only GET and HEAD are let through (405); body size and time are bounded.
 * `port` 0 = any free one (pgc_http_port tells). */
struct pgc_http *pgc_http_open(struct pgc_loop *loop, const char *address, int port, pgc_http_fn fn,
    void *arg, struct pgc_err *err) PGC_MUSTCHECK;
int pgc_http_port(const struct pgc_http *http);
void pgc_http_close(struct pgc_http *http);

#endif
