/* SPDX-License-Identifier: PostgreSQL */
/*
 * log.h - one line per event, as text or JSON, on standard error.
 *
 * The only module with state at file scope.  Control characters and bytes that are no UTF-8 are
 * escaped, fields are cut at 512 bytes; a token never gets here because callers never pass one.
 * Any thread.  Saves and restores errno.
 */
#ifndef PGCABLE_LOG_H
#define PGCABLE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "pgcable/compiler.h"
#include "pgcable/err.h"

struct pgc_trace;

enum pgc_log_level { PGC_LOG_DEBUG, PGC_LOG_INFO, PGC_LOG_WARN, PGC_LOG_ERROR };
enum pgc_log_format { PGC_LOG_TEXT, PGC_LOG_JSON };

/* Before this call: info, text.  May be called again (SIGHUP). */
void pgc_log_setup(enum pgc_log_level level, enum pgc_log_format format);

/* Is a line of this level wanted?  Ask before building an expensive one. */
bool pgc_log_wants(enum pgc_log_level level);

/*
 * `conn` is the connection's id (never reused within a process), 0 for none: it stands in each line
 * about a connection, so that one grep gives its life.
 * Text: "2026-11-22T16:37:01.123Z info conn=17 message"; JSON: {"time","level","conn","message"}.
 */
void pgc_log(enum pgc_log_level level, uint64_t conn, const char *fmt, ...) PGC_PRINTF(3, 4);

/* About a message, too: trace=XID:ID, the row that raised it, so that one grep gives a row's way.
 */
void pgc_log_trace(enum pgc_log_level level, uint64_t conn, const struct pgc_trace *trace,
    const char *fmt, ...) PGC_PRINTF(4, 5);

/* "<fmt>: <err's message>", and the hint in a field (JSON) or after "hint:" (text) of its own. */
void pgc_log_err(enum pgc_log_level level, uint64_t conn, const struct pgc_err *err,
    const char *fmt, ...) PGC_PRINTF(4, 5);

/*
 * For lines that a stranger can provoke: true at most once a second per `limit`.  `suppressed` gets
 * how many were swallowed since the last line.  The struct is the caller's, zeroed = fresh.
 */
struct pgc_log_limit {
    int64_t last_ms;
    unsigned suppressed;
};
bool pgc_log_allowed(struct pgc_log_limit *limit, unsigned *suppressed);

#endif
