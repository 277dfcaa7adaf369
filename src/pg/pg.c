/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/pg.h"

#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "pg_internal.h"

/* Backoff: a random time below a bound that doubles from the first to the last. */
#define PG_BACKOFF_FIRST_MS 100
#define PG_BACKOFF_LAST_MS  5000
/* A connection that lived less than this counts as one more failure in a row. */
#define PG_LIVED_MS 5000

static void pg_connect_poll(struct pgc_pg *pg);

static int64_t
pg_backoff_ms(unsigned attempt)
{
    int64_t bound = PG_BACKOFF_FIRST_MS;
    uint32_t random;

    while (attempt-- > 0 && bound < PG_BACKOFF_LAST_MS) {
        bound *= 2;
    }
    if (bound > PG_BACKOFF_LAST_MS) {
        bound = PG_BACKOFF_LAST_MS;
    }
    pgc_random(&random, sizeof(random));
    return 1 + (int64_t)random % bound;
}

static void
pg_close(struct pgc_pg *pg)
{
    /* The watch first: the kernel forgets a closed descriptor, libevent would not. */
    pgc_watch_free(pg->watch);
    pg->watch = NULL;
    pgc_timer_cancel(pg->timer);
    pgc_timer_cancel(pg->query_timer);
    pgc_timer_cancel(pg->pump_timer);
    pgc_pg_query_clear(pg);
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->given_up = false;
}

/* One line per change of state: an attempt that fails as the last one did is not news. */
static void
pg_log_failure(struct pgc_pg *pg, const struct pgc_err *why, bool was_up)
{
    if (!was_up && strcmp(pg->logged.message, why->message) == 0) {
        return;
    }
    /* Who gave it up has said why. */
    pgc_log_err(pg->given_up ? PGC_LOG_DEBUG : PGC_LOG_WARN, 0, why,
        "database connection \"%s\" %s", pg->name, was_up ? "lost" : "not made, trying on");
    pg->logged = *why;
}

void
pgc_pg_fail(struct pgc_pg *pg, const struct pgc_err *why)
{
    struct pgc_err reason = *why; /* `why` may be part of what pg_close() clears */
    bool was_up = pg->state == PG_UP;

    if (was_up && pgc_monotonic_ms() - pg->up_ms >= PG_LIVED_MS) {
        pg->attempt = 0;
    }
    pg_log_failure(pg, &reason, was_up);
    pg_close(pg);
    pg->state = PG_WAITING;
    pgc_timer_set(pg->timer, pg_backoff_ms(pg->attempt++));
    pg->ops->down(&reason, pg->arg);
}

void
pgc_pg_fail_conn(struct pgc_pg *pg, const char *doing)
{
    struct pgc_err err = {0};
    char line[512];

    pgc_pg_text_line(PQerrorMessage(pg->conn), line, sizeof(line));
    pgc_err_set(&err, PGC_ERR_PG, "%s: %s", doing, line);
    pgc_pg_fail(pg, &err);
}

static void
pg_notice(void *arg, const PGresult *result)
{
    const struct pgc_pg *pg = arg;
    char line[640];
    bool is_warning = pgc_pg_text_notice(result, line, sizeof(line));

    pgc_log(is_warning ? PGC_LOG_WARN : PGC_LOG_DEBUG, 0, "database connection \"%s\": %s",
        pg->name, line);
}

static void
pg_went_up(struct pgc_pg *pg)
{
    char target[256];

    pgc_pg_text_target(pg->conn, target, sizeof(target));
    pgc_log(PGC_LOG_INFO, 0, "database connection \"%s\" made: %s, PostgreSQL %s", pg->name, target,
        PQparameterStatus(pg->conn, "server_version"));
    pgc_err_clear(&pg->logged);
    pgc_timer_cancel(pg->timer);
    pg->state = PG_UP;
    pg->up_ms = pgc_monotonic_ms();
    pgc_watch_want(pg->watch, PGC_READABLE);
    pg->ops->up(pg->arg);
}

static void
pg_ready(int ready, void *arg)
{
    struct pgc_pg *pg = arg;

    if (pg->state == PG_CONNECTING) {
        pg_connect_poll(pg);
    } else if (!pg->given_up) {
        pgc_pg_query_ready(pg, ready);
    }
}

static void
pg_watch(struct pgc_pg *pg, int want)
{
    pg->watch = pgc_watch_new(pg->loop, PQsocket(pg->conn), pg_ready, pg);
    pgc_watch_want(pg->watch, want);
}

/* libpq may open another socket under the same number, so each step gets a new watch. */
static void
pg_connect_poll(struct pgc_pg *pg)
{
    struct pgc_err err = {0};

    pgc_watch_free(pg->watch);
    pg->watch = NULL;
    switch (PQconnectPoll(pg->conn)) {
    case PGRES_POLLING_READING:
        pg_watch(pg, PGC_READABLE);
        break;
    case PGRES_POLLING_WRITING:
    case PGRES_POLLING_ACTIVE: /* not used by libpq any more */
        pg_watch(pg, PGC_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        pg_watch(pg, 0);
        if (PQsetnonblocking(pg->conn, 1) != 0) {
            pgc_pg_fail_conn(pg, "make the connection non-blocking");
            break;
        }
        pg_went_up(pg);
        break;
    case PGRES_POLLING_FAILED:
        pgc_pg_text_connect_error(&err, pg->conn);
        pgc_pg_fail(pg, &err);
        break;
    }
}

/* Looking up a host's name blocks; only the feed's thread waits, and it has nothing else to do. */
static void
pg_connect(struct pgc_pg *pg)
{
    char *application = pgc_xasprintf("pgcable/%s", pg->name);
    struct pg_params params = {0};
    struct pgc_err err = {0};

    pgc_pg_text_params(&params, pg->dsn, application);
    pg->conn = PQconnectStartParams(params.keywords, params.values, 1);
    free(application);
    if (pg->conn == NULL) {
        pgc_mem_none("libpq");
    }
    PQsetNoticeReceiver(pg->conn, pg_notice, pg);
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        pgc_pg_text_connect_error(&err, pg->conn);
        pgc_pg_fail(pg, &err);
        return;
    }
    pg->state = PG_CONNECTING;
    pg->connect_ms = pgc_pg_text_connect_ms(pg->conn);
    pgc_timer_set(pg->timer, pg->connect_ms);
    pg_watch(pg, PGC_WRITABLE);
}

static void
pg_timer(void *arg)
{
    struct pgc_pg *pg = arg;
    struct pgc_err err = {0};
    char target[256];

    switch (pg->state) {
    case PG_IDLE:
    case PG_WAITING:
        pg_connect(pg);
        break;
    case PG_CONNECTING:
        pgc_pg_text_target(pg->conn, target, sizeof(target));
        pgc_err_set(&err, PGC_ERR_PG, "connect to %s: no answer within %d s", target,
            (int)(pg->connect_ms / 1000));
        pgc_err_hint(&err, "check that the address is right and that no firewall drops the way");
        pgc_pg_fail(pg, &err);
        break;
    case PG_UP:
        pgc_pg_fail(pg, &pg->failure);
        break;
    }
}

struct pgc_pg *
pgc_pg_new(struct pgc_loop *loop, const char *dsn, const char *name, const struct pgc_pg_ops *ops,
    void *arg)
{
    struct pgc_pg *pg = pgc_xcalloc(1, sizeof(*pg));

    pg->loop = loop;
    pg->dsn = pgc_xstrdup(dsn);
    pg->name = pgc_xstrdup(name);
    pg->ops = ops;
    pg->arg = arg;
    pg->timer = pgc_timer_new(loop, pg_timer, pg);
    pg->query_timer = pgc_timer_new(loop, pgc_pg_query_timeout, pg);
    pg->pump_timer = pgc_timer_new(loop, pgc_pg_query_pump, pg);
    TAILQ_INIT(&pg->queries);
    return pg;
}

void
pgc_pg_free(struct pgc_pg *pg)
{
    if (pg == NULL) {
        return;
    }
    pg_close(pg);
    pgc_timer_free(pg->timer);
    pgc_timer_free(pg->query_timer);
    pgc_timer_free(pg->pump_timer);
    pgc_wipe(pg->dsn, strlen(pg->dsn)); /* it may hold a password */
    free(pg->dsn);
    free(pg->name);
    free(pg);
}

void
pgc_pg_start(struct pgc_pg *pg)
{
    if (pg->state == PG_IDLE) {
        pgc_timer_set(pg->timer, 0);
    }
}

/* The caller may stand inside one of our callbacks, so the connection goes at the next turn. */
void
pgc_pg_drop(struct pgc_pg *pg, const char *why)
{
    if (pg->state != PG_UP || pg->given_up) {
        return;
    }
    pg->given_up = true;
    pgc_err_set(&pg->failure, PGC_ERR_PG, "given up: %s", why);
    pgc_watch_want(pg->watch, 0);
    pgc_timer_set(pg->timer, 0);
}

bool
pgc_pg_is_up(const struct pgc_pg *pg)
{
    return pg->state == PG_UP && !pg->given_up;
}

bool
pgc_pg_is_idle(const struct pgc_pg *pg)
{
    return pgc_pg_is_up(pg) && pg->running == NULL && TAILQ_EMPTY(&pg->queries);
}

int
pgc_pg_server_version(const struct pgc_pg *pg)
{
    return pgc_pg_is_up(pg) ? PQserverVersion(pg->conn) : 0;
}
