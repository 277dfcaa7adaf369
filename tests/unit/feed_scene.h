/* SPDX-License-Identifier: PostgreSQL */
/*
 * feed_scene.h - a feed against a real PostgreSQL, for the tests of src/feed.
 *
 * Feed and worker share one loop.  What is sent is mostly pgcable.broadcast(), the simplest row
 * there is: which rows raise which events is the business of other tests.
 */
#ifndef PGCABLE_FEED_SCENE_H
#define PGCABLE_FEED_SCENE_H

#include <libpq-fe.h>

#include "pgcable/buf.h"
#include "pgcable/feed.h"
#include "pgcable/loop.h"

enum { PORT_BOUND = 64 };

/* A feed, a worker that writes down what comes, and the application's side of the database. */
struct scene {
    struct pgc_loop *loop;
    struct pgc_timer *peek; /* looks whether what a test waits for is true */
    bool (*is_true)(struct scene *scene);
    int64_t deadline_ms;

    struct pgc_metrics *metrics;
    struct pgc_port *ports[1];
    struct pgc_feed *feed;
    PGconn *app;

    struct pgc_buf heard; /* the messages' texts, each with a blank behind it */
    size_t messages;
    int64_t last_number; /* of a message that is a number: they must come in order */
    size_t largest;      /* operations in one batch */
    size_t pieces;       /* batches with something in them that did not end their tick */
    int64_t tick;        /* newest tick that has ended */
    uint32_t nonce;      /* its own */
    size_t reloads;
    size_t begins;
    size_t canaries;       /* our own */
    struct pgc_buf places; /* of all messages since history began, a line for each topic */
    size_t answers;
    size_t messages_before_answer; /* the last one */
    char stream[64];               /* of the last answer */
    char topics[128];
    size_t wanted;
};

/* Run the loop until it is true; fails the test if that takes too long. */
void wait_for(struct scene *scene, bool (*is_true)(struct scene *scene));
bool is_ready(struct scene *scene);
bool has_messages(struct scene *scene); /* `wanted` or more */
bool has_answers(struct scene *scene);  /* `wanted` or more */
bool has_reloaded(struct scene *scene);
void wait_for_messages(struct scene *scene, size_t wanted); /* and no more */

/* The application's side, blocking. */
PGconn *connect_app(void);
void run(PGconn *conn, const char *sql);
bool is_sql_true(PGconn *conn, const char *sql);
void kill_connections(struct scene *scene); /* the feed's */

void open_worker(struct scene *scene);
/* The feed connects as pgcable_daemon; the worker's end is not open. */
struct scene *scene_new(const char *dsn);
/* The same, but it begins so far back. */
struct scene *scene_new_with_past(const char *dsn, int64_t history_s, size_t history_bytes);
/* The same, without a past, with canaries. */
struct scene *scene_new_with_canary(const char *dsn, int64_t canary_ms);
/* The same, but it goes on behind what another one handed on. */
struct scene *scene_new_behind(const char *dsn, const struct pgc_feed_after *after);
void scene_free(struct scene *scene);

/* For cmocka: a scene that is ready, its worker's end open. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* main() of a test program: 77 if there is no server, else after migrating 0. */
int scene_begin(void);

#endif
