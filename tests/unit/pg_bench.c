/* SPDX-License-Identifier: PostgreSQL */
#include "pg_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"

#include "server.h"

enum { PEEK_MS = 2 };

static void
went_up(void *arg)
{
    ((struct bench *)arg)->ups++;
}

static void
went_down(const struct pgc_err *why, void *arg)
{
    struct bench *bench = arg;

    bench->downs++;
    bench->down_err = *why;
}

static void
was_notified(const char *channel, const char *payload, void *arg)
{
    struct bench *bench = arg;

    snprintf(bench->notified, sizeof(bench->notified), "%s:%s", channel, payload);
}

const struct pgc_pg_ops bench_ops = {
    .up = went_up,
    .down = went_down,
    .notified = was_notified,
};

static void
peek(void *arg)
{
    struct bench *bench = arg;

    if (bench->is_true(bench)) {
        pgc_loop_stop(bench->loop);
        return;
    }
    if (pgc_monotonic_ms() > bench->deadline_ms) {
        fail_msg("it never became true (ups %d, downs %d \"%s\", rows %d, dones %d)", bench->ups,
            bench->downs, bench->down_err.message, bench->rows, bench->dones);
    }
    pgc_timer_set(bench->peek, PEEK_MS);
}

void
wait_for(struct bench *bench, bool (*is_true)(const struct bench *bench))
{
    bench->is_true = is_true;
    bench->deadline_ms = pgc_monotonic_ms() + DEADLINE_MS;
    pgc_timer_set(bench->peek, 0);
    pgc_loop_run(bench->loop);
}

bool
is_up(const struct bench *bench)
{
    return pgc_pg_is_up(bench->pg);
}

bool
is_up_again(const struct bench *bench)
{
    return bench->downs > 0 && pgc_pg_is_up(bench->pg);
}

bool
has_failed_once(const struct bench *bench)
{
    return bench->downs >= 1;
}

bool
has_failed_thrice(const struct bench *bench)
{
    return bench->downs >= 3;
}

bool
is_done(const struct bench *bench)
{
    return bench->dones > 0;
}

bool
is_notified(const struct bench *bench)
{
    return bench->notified[0] != '\0';
}

bool
is_paused(const struct bench *bench)
{
    return bench->is_paused;
}

void
got_row(const struct pgc_pg_row *row, void *arg)
{
    struct bench *bench = arg;
    const char *text = pgc_pg_text(row, 0);

    assert_int_equal(bench->dones, 0);
    bench->rows++;
    snprintf(bench->text, sizeof(bench->text), "%s", text != NULL ? text : "(null)");
    if (bench->pauses) {
        assert_false(bench->is_paused);
        assert_int_equal(pgc_pg_int(row, 0), bench->rows);
        if (bench->rows % PAUSE_EVERY == 0) {
            pgc_pg_pause(bench->pg);
            bench->is_paused = true;
        }
    }
}

void
got_done(const struct pgc_err *err, void *arg)
{
    struct bench *bench = arg;

    bench->dones++;
    if (err != NULL) {
        bench->errors++;
        bench->err = *err;
    }
}

void
query(struct bench *bench, const char *sql, int64_t timeout_ms)
{
    pgc_pg_query(bench->pg, &(struct pgc_pg_query){
                                .sql = sql,
                                .timeout_ms = timeout_ms,
                                .row = got_row,
                                .done = got_done,
                                .arg = bench,
                            });
}

const char *
ask(struct bench *bench, const char *sql)
{
    bench->rows = 0;
    bench->dones = 0;
    bench->text[0] = '\0';
    query(bench, sql, DEADLINE_MS);
    wait_for(bench, is_done);
    return bench->text;
}

struct bench *
bench_new(const char *dsn, const char *name)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    bench->loop = pgc_loop_new();
    bench->peek = pgc_timer_new(bench->loop, peek, bench);
    bench->pg = pgc_pg_new(bench->loop, dsn, name, &bench_ops, bench);
    pgc_pg_start(bench->pg);
    return bench;
}

void
bench_free(struct bench *bench)
{
    pgc_pg_free(bench->pg);
    pgc_timer_free(bench->peek);
    pgc_loop_free(bench->loop);
    free(bench);
}

int
bench_setup(void **state)
{
    struct bench *bench = bench_new(server_dsn(), "test");

    wait_for(bench, is_up);
    *state = bench;
    return 0;
}

int
bench_teardown(void **state)
{
    bench_free(*state);
    return 0;
}
