/* SPDX-License-Identifier: PostgreSQL */
/*
 * http.h - a small HTTP server for the admin address: GET in, a body out.
 *
 * A cover over libevent's evhttp.  Never the address that strangers reach: that is ws.h.
 * Loop thread only.
 */
#ifndef PGCABLE_HTTP_H
#define PGCABLE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/buf.h"
#include "pgcable/err.h"
#include "pgcable/loop.h"

struct pgc_http;

/* Borrowed for the call; NULL where there is none. */
struct pgc_http_request {
    const char *path;          /* without the query; never NULL */
    const char *query;         /* as it was sent */
    const char *host;          /* "127.0.0.1:9090" */
    const char *authorization; /* "Bearer …" */
};

struct pgc_http_answer {
    int status;               /* 200 if untouched */
    const char *content_type; /* static; "text/plain; charset=utf-8" if untouched */
    const char *policy;       /* static; Content-Security-Policy, or NULL */
    struct pgc_buf body;
};

/* Return false for 404. */
typedef bool (*pgc_http_fn)(
    const struct pgc_http_request *request, struct pgc_http_answer *answer, void *arg);

/* The parameter of that name, decoded; false if there is none or it does not fit. */
bool pgc_http_param(
    const struct pgc_http_request *request, const char *name, char *out, size_t size);

/* The same, of decimal digits; false and `out` untouched if it is anything else. */
bool pgc_http_number(const struct pgc_http_request *request, const char *name, uint64_t *out);

/* Listens at once.  Only GET and HEAD are let through (405); body size and time are bounded.
 * `port` 0 = any free one (pgc_http_port tells). */
struct pgc_http *pgc_http_open(struct pgc_loop *loop, const char *address, int port, pgc_http_fn fn,
    void *arg, struct pgc_err *err) PGC_MUSTCHECK;
int pgc_http_port(const struct pgc_http *http);
bool pgc_http_is_local(const struct pgc_http *http); /* only this machine can reach it */
void pgc_http_close(struct pgc_http *http);

#endif
