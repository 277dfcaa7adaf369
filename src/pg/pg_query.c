/* SPDX-License-Identifier: PostgreSQL */
#include <assert.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "pg_internal.h"

static void
query_free(struct pg_query *query)
{
    if (query == NULL) {
        return;
    }
    for (int i = 0; i < query->param_count; i++) {
        free(query->params[i]);
    }
    free(query->params);
    free(query->sql);
    free(query);
}

void
pgc_pg_query_clear(struct pgc_pg *pg)
{
    struct pg_query *query;

    while ((query = TAILQ_FIRST(&pg->queries)) != NULL) {
        TAILQ_REMOVE(&pg->queries, query, entry);
        query_free(query);
    }
    query_free(pg->running);
    pg->running = NULL;
    pg->paused = false;
    pgc_err_clear(&pg->failure);
}

/* Tell the loop what we wait for.  False if the connection is gone. */
static bool
query_flush(struct pgc_pg *pg)
{
    int left = PQflush(pg->conn);

    if (left < 0) {
        pgc_pg_fail_conn(pg, "send a query");
        return false;
    }
    pgc_watch_want(pg->watch, (pg->paused ? 0 : PGC_READABLE) | (left > 0 ? PGC_WRITABLE : 0));
    return true;
}

/* In a pipeline, for the server then sends the rows when we say so, not when it has committed. */
static bool
query_send(struct pgc_pg *pg, const struct pg_query *query)
{
    if (query->early && PQenterPipelineMode(pg->conn) == 0) {
        return false;
    }
    if (PQsendQueryParams(pg->conn, query->sql, query->param_count, NULL,
            (const char *const *)query->params, NULL, NULL, 0) == 0) {
        return false;
    }
    return !query->early || (PQsendFlushRequest(pg->conn) != 0 && PQpipelineSync(pg->conn) != 0);
}

/* Start the first query of the queue, if none is under way.  False if the connection is gone. */
static bool
query_start(struct pgc_pg *pg)
{
    struct pg_query *query = TAILQ_FIRST(&pg->queries);

    if (pg->running != NULL || query == NULL) {
        return true;
    }
    TAILQ_REMOVE(&pg->queries, query, entry);
    pg->running = query;
    if (!query_send(pg, query)) {
        pgc_pg_fail_conn(pg, "send a query");
        return false;
    }
    if (!query->whole) {
        PQsetSingleRowMode(pg->conn);
    }
    pg->heard_ms = pgc_monotonic_ms();
    pgc_err_clear(&pg->failure);
    if (query->timeout_ms > 0) {
        pgc_timer_set(pg->query_timer, query->timeout_ms);
    }
    return query_flush(pg);
}

/* The running query is over; done() may queue the next one. */
static void
query_finish(struct pgc_pg *pg)
{
    struct pg_query *query = pg->running;
    struct pgc_err failure = pg->failure;

    pg->running = NULL;
    pgc_timer_cancel(pg->query_timer);
    if (query->done != NULL) {
        query->done(failure.code != PGC_ERR_NONE ? &failure : NULL, query->arg);
    }
    query_free(query);
}

/* A server that is going down says so as an error of the running query. */
static bool
query_is_fatal(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    return severity == NULL || strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

/* One of them, or all; the connection may be given up in between. */
static void
query_rows(const struct pgc_pg *pg, const PGresult *result)
{
    struct pgc_pg_row row = {.result = result};
    int count = pg->running->row != NULL ? PQntuples(result) : 0;

    for (; row.number < count && !pg->given_up; row.number++) {
        pg->running->row(&row, pg->running->arg);
    }
}

/* One result of the running query.  False if the connection is gone. */
static bool
query_result(struct pgc_pg *pg, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        query_rows(pg, result);
        return true;
    }
    pgc_pg_text_result_error(&pg->failure, result);
    if (status != PGRES_FATAL_ERROR || query_is_fatal(result)) {
        pgc_pg_fail(pg, &pg->failure);
        return false;
    }
    return true;
}

/* Is this what comes behind the last result of the running query? */
static bool
query_is_over(const struct pgc_pg *pg, const PGresult *result)
{
    return pg->running->early ? PQresultStatus(result) == PGRES_PIPELINE_SYNC : result == NULL;
}

/* Hand over what has arrived.  False if the connection is gone or given up. */
static bool
query_hand_over(struct pgc_pg *pg)
{
    while (pg->running != NULL && !pg->paused && PQisBusy(pg->conn) == 0) {
        PGresult *result = PQgetResult(pg->conn);
        bool ok = true;

        if (query_is_over(pg, result)) {
            (void)PQexitPipelineMode(pg->conn); /* nothing is under way any more */
            query_finish(pg);
            ok = !pg->given_up && query_start(pg);
        } else if (result != NULL) {
            ok = query_result(pg, result) && !pg->given_up;
        }
        PQclear(result);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static void
query_notifications(struct pgc_pg *pg)
{
    PGnotify *notify;

    while (pgc_pg_is_up(pg) && (notify = PQnotifies(pg->conn)) != NULL) {
        if (pg->ops->notified != NULL) {
            pg->ops->notified(notify->relname, notify->extra, pg->arg);
        }
        PQfreemem(notify);
    }
}

void
pgc_pg_query_pump(void *arg)
{
    struct pgc_pg *pg = arg;

    if (pgc_pg_is_up(pg) && query_start(pg) && query_hand_over(pg)) {
        query_notifications(pg);
    }
}

void
pgc_pg_query_ready(struct pgc_pg *pg, int ready)
{
    if ((ready & PGC_WRITABLE) != 0 && !query_flush(pg)) {
        return;
    }
    if ((ready & PGC_READABLE) == 0) {
        return;
    }
    pg->heard_ms = pgc_monotonic_ms();
    if (PQconsumeInput(pg->conn) == 0) {
        pgc_pg_fail_conn(pg, "read from the server");
        return;
    }
    pgc_pg_query_pump(pg);
}

/* Set once per query and moved on here, because moving it for each row would cost more. */
void
pgc_pg_query_timeout(void *arg)
{
    struct pgc_pg *pg = arg;
    const struct pg_query *query = pg->running;
    struct pgc_err err = {0};
    int64_t left_ms;

    if (!pgc_pg_is_up(pg) || pg->running == NULL) {
        return;
    }
    left_ms = pg->heard_ms + query->timeout_ms - pgc_monotonic_ms();
    if (pg->paused) {
        left_ms = query->timeout_ms;
    }
    if (left_ms > 0) {
        pgc_timer_set(pg->query_timer, left_ms);
        return;
    }
    pgc_err_set(
        &err, PGC_ERR_PG, "no answer within %d ms to \"%s\"", (int)query->timeout_ms, query->sql);
    pgc_err_hint(&err, "the server is overloaded, stopped, or waits for a lock (pg_stat_activity)");
    pgc_pg_fail(pg, &err);
}

void
pgc_pg_query(struct pgc_pg *pg, const struct pgc_pg_query *query)
{
    struct pg_query *copy;

    if (!pgc_pg_is_up(pg)) {
        return;
    }
    assert(!query->early || query->whole);
    copy = pgc_xcalloc(1, sizeof(*copy));
    copy->sql = pgc_xstrdup(query->sql);
    copy->param_count = query->param_count;
    copy->params = pgc_xcalloc((size_t)query->param_count, sizeof(*copy->params));
    for (int i = 0; i < query->param_count; i++) {
        copy->params[i] = query->params[i] != NULL ? pgc_xstrdup(query->params[i]) : NULL;
    }
    copy->timeout_ms = query->timeout_ms;
    copy->whole = query->whole;
    copy->early = query->early;
    copy->row = query->row;
    copy->done = query->done;
    copy->arg = query->arg;
    TAILQ_INSERT_TAIL(&pg->queries, copy, entry);
    pgc_timer_set(pg->pump_timer, 0);
}

void
pgc_pg_pause(struct pgc_pg *pg)
{
    if (!pgc_pg_is_up(pg) || pg->running == NULL) {
        return;
    }
    assert(!pg->running->whole);
    pg->paused = true;
    pgc_watch_want(pg->watch, 0);
}

void
pgc_pg_resume(struct pgc_pg *pg)
{
    if (!pg->paused) {
        return;
    }
    pg->paused = false;
    pg->heard_ms = pgc_monotonic_ms();
    pgc_watch_want(pg->watch, PGC_READABLE);
    pgc_timer_set(pg->pump_timer, 0);
}

const char *
pgc_pg_text(const struct pgc_pg_row *row, int column)
{
    return PQgetisnull(row->result, row->number, column)
               ? NULL
               : PQgetvalue(row->result, row->number, column);
}

size_t
pgc_pg_length(const struct pgc_pg_row *row, int column)
{
    return (size_t)PQgetlength(row->result, row->number, column);
}

int64_t
pgc_pg_int(const struct pgc_pg_row *row, int column)
{
    const char *text = pgc_pg_text(row, column);

    return text != NULL ? strtoll(text, NULL, 10) : 0;
}
