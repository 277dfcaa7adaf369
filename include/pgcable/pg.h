/* SPDX-License-Identifier: PostgreSQL */
/*
 * pg.h - one PostgreSQL connection that never blocks the loop and never gives up.
 *
 * Connects (keepalives, connect_timeout, tcp_user_timeout, target_session_attrs=read-write, UTF8
 * added unless the DSN says otherwise), runs queries one after another from a queue, hands
 * over notifications, and after a failure reconnects for ever with backoff and jitter.  Never
 * leaves a transaction open.  libpq stays inside.  Loop thread only.
 */
#ifndef PGCABLE_PG_H
#define PGCABLE_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/loop.h"

struct pgc_pg;
struct pgc_pg_row; /* valid during the callback only */

struct pgc_pg_ops {
    /* Connected, session settings made: queries may be sent, LISTEN first. */
    void (*up)(void *arg);
    /* The connection is gone, or an attempt to make one failed; all queries under way and queued
     * are forgotten (their done() is not called).  The next up() comes by itself. */
    void (*down)(const struct pgc_err *why, void *arg);
    void (*notified)(const char *channel, const char *payload, void *arg); /* may be NULL */
};

/* `name` appears in logs and as application_name "pgcable/<name>".  `ops` and `arg` outlive it. */
struct pgc_pg *pgc_pg_new(struct pgc_loop *loop, const char *dsn, const char *name,
    const struct pgc_pg_ops *ops, void *arg);
void pgc_pg_free(struct pgc_pg *pg);

void pgc_pg_start(struct pgc_pg *pg); /* begin to connect; harmless if begun */

/* Give this connection up, because of `why`; down() follows, from the loop. */
void pgc_pg_drop(struct pgc_pg *pg, const char *why);
bool pgc_pg_is_up(const struct pgc_pg *pg);
bool pgc_pg_is_idle(const struct pgc_pg *pg);       /* up, and no query is under way or queued */
int pgc_pg_server_version(const struct pgc_pg *pg); /* 150020; 0 if not up */

/*
 * Queue a query ($1.. text parameters, NULL = null; all copied); forgotten if it is not up.  `row`
 * is called for each row as it arrives (single-row mode, so that a large result takes no memory; or
 * `whole`, when all are there, which costs much less a row, but cannot be paused), then `done`
 * once: err is NULL if it went well, else what the server said; the connection itself is still fine
 * then.  Rows of an `early` query come before its transaction is committed, which may still fail;
 * it must be `whole`.  A query that takes longer than `timeout_ms` (0 = no limit) without any row
 * arriving drops the connection.  Both callbacks may queue further queries; neither may free the
 * connection.
 */
struct pgc_pg_query {
    const char *sql;
    int param_count;
    const char *const *params;
    int64_t timeout_ms;
    bool whole;
    bool early;
    void (*row)(const struct pgc_pg_row *row, void *arg); /* may be NULL */
    void (*done)(const struct pgc_err *err, void *arg);   /* may be NULL */
    void *arg;
};
void pgc_pg_query(struct pgc_pg *pg, const struct pgc_pg_query *query);

/* Stop reading rows until resumed (back-pressure); from inside `row`. The timeout rests too. */
void pgc_pg_pause(struct pgc_pg *pg);
void pgc_pg_resume(struct pgc_pg *pg);

/* Column by number, from 0: the text, or NULL for null; borrowed from the row. */
const char *pgc_pg_text(const struct pgc_pg_row *row, int column);
size_t pgc_pg_length(const struct pgc_pg_row *row, int column);
int64_t pgc_pg_int(const struct pgc_pg_row *row, int column); /* 0 for null */

#endif
