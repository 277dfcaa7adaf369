/* SPDX-License-Identifier: PostgreSQL */
/*
 * look.h - what a feed of our own reads beside the daemons, for verbs that show events.
 *
 * It disturbs none of them: it makes ticks as they do, and prunes nothing.
 */
#ifndef PGCABLE_APP_LOOK_H
#define PGCABLE_APP_LOOK_H

#include "app.h"

struct app_look;
struct pgc_answer;
struct pgc_batch;
struct pgc_buf;
struct pgc_msg;

struct app_look_conf {
    const struct pgc_conf *conf; /* borrowed */
    int64_t after;               /* begin behind that tick, or, if 0, … */
    int64_t history_s;           /* … behind what was so long ago */
    void (*batch)(const struct pgc_batch *batch, void *arg);
    void (*answer)(const struct pgc_answer *answer, void *arg); /* to what the port was asked */
    void *arg;
};

/* Ask the database once, and wait: what is wrong is said in full then. */
bool app_look_try(const struct pgc_conf *conf, struct pgc_err *err) PGC_MUSTCHECK;

/* Everything happens in app_look_run(), which ends when told to, by SIGINT or SIGTERM, or (false)
 * because reading did not even begin. */
struct app_look *app_look_new(const struct app_look_conf *conf);
bool app_look_run(struct app_look *look, struct pgc_err *err) PGC_MUSTCHECK;
void app_look_stop(struct app_look *look);
bool app_look_was_interrupted(const struct app_look *look); /* by a signal */
struct pgc_port *app_look_port(struct app_look *look);
void app_look_free(struct app_look *look); /* NULL is fine */

/* The text of a message's "event", wherever it stands, or "-". */
void app_event_name(const struct pgc_msg *msg, struct pgc_buf *name);

/* May what goes to standard output be coloured? */
bool app_wants_colour(void);

#endif
