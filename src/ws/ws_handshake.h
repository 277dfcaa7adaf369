/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_handshake.h - may this request become a websocket or a stream, and on whose behalf?
 *
 * Pure: what a request said (struct ws_request) against what the settings allow (struct ws_rules).
 * Knows no socket and no library, so every rule is tested with a struct on the stack.
 */
#ifndef PGCABLE_WS_HANDSHAKE_H
#define PGCABLE_WS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "pgcable/err.h"
#include "pgcable/ws.h"

/* A list of origins, each as scheme://host[:port] in canonical form. */
struct ws_origins;

/* Reads a comma list; "" is an empty one, "*" among the items stands for any. */
struct ws_origins *ws_origins_new(const char *list, struct pgc_err *err) PGC_MUSTCHECK;
void ws_origins_free(struct ws_origins *origins);

/* Scheme, host and port must be equal; case and a default port that is written out do not matter.
 */
bool ws_origins_has(const struct ws_origins *origins, const char *origin);

/* Is `origin` the page of `host` (a Host header) itself, reached by https or http? */
bool ws_origin_is_of_host(const char *origin, const char *host, bool https);

/* What the request said, borrowed; NULL for what it did not say.  A header that came twice is
 * joined by ",", which makes it equal to nothing. */
struct ws_request {
    bool is_tls; /* it came so to us, not only to a proxy */
    bool is_get;
    bool is_http_1_1;
    bool has_body;
    const char *path; /* decoded, without the query */
    const char *host;
    const char *upgrade;
    const char *connection;
    const char *key;
    const char *version;
    const char *origin;
    const char *protocol;
    const char *authorization;
    const char *x_jid;
    const char *forwarded_for;
    const char *forwarded_proto;
    const char *forwarded_ssl;
    const char *fetch_site;
    const char *event_id;
    const char *query_jid;
    const char *query_token;
};

struct ws_rules {
    bool is_tls; /* plain text is refused */
    char *path;
    char *events_path; /* "" = no such thing */
    struct ws_origins *origins;
    bool same_origin;
    enum pgc_no_origin no_origin;
    bool query_token;
};

/* Copies what it keeps.  False with `err` if the list of origins cannot be read. */
bool ws_rules_init(
    struct ws_rules *rules, const struct pgc_ws_conf *conf, struct pgc_err *err) PGC_MUSTCHECK;
void ws_rules_fini(struct ws_rules *rules);

enum ws_verdict {
    WS_ACCEPTED,
    WS_PLAIN_TEXT, /* where TLS is spoken */
    WS_WRONG_PATH,
    WS_NO_WEBSOCKET, /* no GET, no upgrade, or a part of the handshake is missing */
    WS_WRONG_VERSION,
    WS_WRONG_ORIGIN,
    WS_NO_ORIGIN, /* there is none, and nothing that makes up for it */
};

/* Is it a websocket handshake for us, from where we want one?  Looks at no token's content. */
enum ws_verdict ws_handshake_judge(const struct ws_rules *rules, const struct ws_request *request);

/* Is it a request for a stream of events, or a question whether that is allowed (no GET)? */
enum ws_verdict ws_handshake_judge_events(
    const struct ws_rules *rules, const struct ws_request *request);

/* The token to verify: borrowed from the request or the offer.  NULL text if there is none. */
struct ws_token {
    const char *text;
    size_t length;
};

/* The first source that has one counts, good or bad: a bad one is not made good by the next. */
struct ws_token ws_handshake_token(
    const struct ws_rules *rules, const struct ws_request *request, const struct pgc_offer *offer);

#endif
