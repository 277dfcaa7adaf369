/* SPDX-License-Identifier: PostgreSQL */
/* pg_bench.h - one connection on a loop of its own, for the tests of src/pg. */
#ifndef PGCABLE_PG_BENCH_H
#define PGCABLE_PG_BENCH_H

#include "pgcable/loop.h"
#include "pgcable/pg.h"

enum { DEADLINE_MS = 90000, PAUSE_EVERY = 7000 };

/* One connection and what it told. */
struct bench {
    struct pgc_loop *loop;
    struct pgc_timer *peek; /* looks whether what a test waits for is true */
    bool (*is_true)(const struct bench *bench);
    int64_t deadline_ms;

    struct pgc_pg *pg;
    int ups;
    int downs;
    struct pgc_err down_err;
    char notified[64];
    int rows;
    int dones;
    int errors;
    struct pgc_err err;
    char text[256];
    bool pauses;
    bool is_paused;
    int chain;
};

extern const struct pgc_pg_ops bench_ops;

struct bench *bench_new(const char *dsn, const char *name); /* begins to connect */
void bench_free(struct bench *bench);

/* For cmocka: a connection that is up. */
int bench_setup(void **state);
int bench_teardown(void **state);

/* Run the loop until it is true; fails the test if that takes too long. */
void wait_for(struct bench *bench, bool (*is_true)(const struct bench *bench));
bool is_up(const struct bench *bench);
bool is_up_again(const struct bench *bench);
bool has_failed_once(const struct bench *bench);
bool has_failed_thrice(const struct bench *bench);
bool is_done(const struct bench *bench);
bool is_notified(const struct bench *bench);
bool is_paused(const struct bench *bench);

/* For queries; `arg` is the bench. */
void got_row(const struct pgc_pg_row *row, void *arg);
void got_done(const struct pgc_err *err, void *arg);
void query(struct bench *bench, const char *sql, int64_t timeout_ms);

/* Run one query to its end; the text of its last row's first column. */
const char *ask(struct bench *bench, const char *sql);

#endif
