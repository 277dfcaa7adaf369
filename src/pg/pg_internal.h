/* SPDX-License-Identifier: PostgreSQL */
/*
 * pg_internal.h - what the files of src/pg share; the only place where libpq's types meet ours.
 *
 * pg.c has the connection's life, pg_query.c the queue of queries and their results, pg_text.c
 * parameters and messages for both pg.c and the blocking migrate.c.
 */
#ifndef PGCABLE_PG_INTERNAL_H
#define PGCABLE_PG_INTERNAL_H

#include <sys/queue.h>

#include <libpq-fe.h>

#include "pgcable/pg.h"

enum pg_state {
    PG_IDLE,       /* pgc_pg_start() has not been called */
    PG_CONNECTING, /* PQconnectPoll under way; the timer is the deadline */
    PG_UP,         /* queries may run; the timer is set only to give the connection up */
    PG_WAITING,    /* the timer is the next attempt */
};

struct pg_query {
    TAILQ_ENTRY(pg_query) entry;
    char *sql;
    int param_count;
    char **params;
    int64_t timeout_ms;
    bool whole;
    bool early;
    void (*row)(const struct pgc_pg_row *row, void *arg);
    void (*done)(const struct pgc_err *err, void *arg);
    void *arg;
};
TAILQ_HEAD(pg_queries, pg_query);

struct pgc_pg {
    struct pgc_loop *loop;
    char *dsn;
    char *name;
    const struct pgc_pg_ops *ops;
    void *arg;

    enum pg_state state;
    PGconn *conn;
    struct pgc_watch *watch;
    struct pgc_timer *timer;
    bool given_up;         /* pgc_pg_drop(): nothing of this connection is used any more */
    int64_t connect_ms;    /* how long this attempt may take */
    unsigned attempt;      /* failures in a row, for the backoff */
    int64_t up_ms;         /* since when it is up */
    struct pgc_err logged; /* the failure last logged, so that a retry does not repeat it */

    struct pg_queries queries; /* waiting */
    struct pg_query *running;  /* under way, or NULL */
    bool paused;
    struct pgc_err failure;        /* what the server said about the running query */
    int64_t heard_ms;              /* when the server last said something, or the query began */
    struct pgc_timer *query_timer; /* looks whether heard_ms is too long ago */
    struct pgc_timer *pump_timer;  /* goes on after a pause */
};

struct pgc_pg_row {
    const PGresult *result;
    int number;
};

/* pg.c: close this connection, report `why`, try again later. */
void pgc_pg_fail(struct pgc_pg *pg, const struct pgc_err *why);
/* pg.c: as pgc_pg_fail, with libpq's own message. */
void pgc_pg_fail_conn(struct pgc_pg *pg, const char *doing);

/* pg_query.c: the socket has something (PGC_READABLE, PGC_WRITABLE). */
void pgc_pg_query_ready(struct pgc_pg *pg, int ready);
void pgc_pg_query_timeout(void *arg);
void pgc_pg_query_pump(void *arg);
/* pg_query.c: forget all queries. */
void pgc_pg_query_clear(struct pgc_pg *pg);

/* pg_text.c: keywords and values for PQconnect…Params with expand_dbname; the DSN wins over ours.
 */
#define PG_PARAM_MAX 16
struct pg_params {
    const char *keywords[PG_PARAM_MAX];
    const char *values[PG_PARAM_MAX];
};
void pgc_pg_text_params(struct pg_params *params, const char *dsn, const char *application_name);

/* How long to wait for this connection: connect_timeout for each host it may try.  (libpq leaves
 * that to the caller of PQconnectPoll.) */
int64_t pgc_pg_text_connect_ms(PGconn *conn);

/* Where a connection goes, without the password: host "x" port 5432 database "y" user "z". */
void pgc_pg_text_target(PGconn *conn, char *out, size_t size);
/* libpq's message as one line. */
void pgc_pg_text_line(const char *message, char *out, size_t size);
/* "<doing>: <libpq's message>" and advice on how to reach the server. */
void pgc_pg_text_connect_error(struct pgc_err *err, PGconn *conn);
/* "<what the server said>"; undefined objects are PGC_ERR_SCHEMA, missing rights PGC_ERR_AUTH. */
void pgc_pg_text_result_error(struct pgc_err *err, const PGresult *result);
/* A notice as one line "WARNING: …"; true if it is a warning. */
bool pgc_pg_text_notice(const PGresult *result, char *out, size_t size);

#endif
