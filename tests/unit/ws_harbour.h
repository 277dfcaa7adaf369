/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_harbour.h - a whole worker on a free port.
 *
 * The worker has its own thread: listener, libwebsockets, cable and hub are the real ones.  The
 * test plays the feed, which lets everybody subscribe and publishes what it is told to, and the
 * clients: plain sockets, which block for a limited time.
 */
#ifndef PGCABLE_TESTS_WS_HARBOUR_H
#define PGCABLE_TESTS_WS_HARBOUR_H

#include "pgcable/ws.h"

#define HARBOUR_ORIGIN "https://app.example.test"

struct harbour;

/* Settings under which nothing is in the way, nor any time too short.  No places: the harbour has
 * plenty of its own. */
struct pgc_ws_conf harbour_conf(void);

struct harbour *harbour_open(const struct pgc_ws_conf *conf);
void harbour_close(struct harbour *harbour); /* everything must be gone after it */
int harbour_port(const struct harbour *harbour);

/* A good token of member 42, or one that was good once. */
const char *harbour_token(const struct harbour *harbour);
const char *harbour_expired_token(const struct harbour *harbour);

/* To all who subscribed (to the one stream there is). */
void harbour_publish(struct harbour *harbour, const char *text);
void harbour_publish_numbers(struct harbour *harbour, int first, int count); /* in one batch */
/* Until the worker has begun with the last of it: a publisher that waits so is never ahead of it.
 */
void harbour_wait_until_taken(struct harbour *harbour);

/* Calls pgc_ws_drain() / pgc_ws_reload() in the worker's thread and waits until it has been done.
 */
void harbour_drain(struct harbour *harbour, int64_t deadline_ms);
void harbour_reload(struct harbour *harbour, const struct pgc_ws_conf *conf);
/* Returns how many connections there were when it had drained. */
int64_t harbour_wait_until_drained(struct harbour *harbour);

/* The value of a metric, its labels in braces. */
int64_t harbour_counted(struct harbour *harbour, const char *name);
/* Until it is at least that; fails the test if it takes too long. */
void harbour_wait_for(struct harbour *harbour, const char *name, int64_t least);
void harbour_wait_for_most(struct harbour *harbour, const char *name, int64_t most);
void harbour_wait_until_empty(struct harbour *harbour); /* of connections */

#endif
