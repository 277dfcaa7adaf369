/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "pgcable/buf.h"
#include "pgcable/clock.h"
#include "pgcable/msg.h"
#include "pgcable/utf8.h"

#include "core_internal.h"

enum { LOG_FIELD_BYTES = 512 };

static _Atomic enum pgc_log_level log_level = PGC_LOG_INFO;
static _Atomic enum pgc_log_format log_format = PGC_LOG_TEXT;

static const char *const log_level_names[] = {
    [PGC_LOG_DEBUG] = "debug",
    [PGC_LOG_INFO] = "info",
    [PGC_LOG_WARN] = "warn",
    [PGC_LOG_ERROR] = "error",
};

void
pgc_log_setup(enum pgc_log_level level, enum pgc_log_format format)
{
    atomic_store(&log_level, level);
    atomic_store(&log_format, format);
}

bool
pgc_log_wants(enum pgc_log_level level)
{
    return level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* The control characters: ASCII's, and U+0080 to U+009F, to which terminals listen too. */
static bool
log_is_control(const char *text, size_t size)
{
    unsigned char lead = (unsigned char)text[0];

    return lead < 0x20 || lead == 0x7f ||
           (size == 2 && lead == 0xc2 && (unsigned char)text[1] < 0xa0);
}

/* A byte that is no UTF-8.  JSON has no way to write it. */
static void
log_add_stray(struct pgc_buf *line, unsigned char byte, bool is_json)
{
    if (is_json) {
        pgc_buf_adds(line, "\\ufffd");
    } else {
        pgc_buf_addf(line, "\\x%02x", byte);
    }
}

/* The text so that it can neither end the line nor steer a terminal; cut, with a mark. */
static void
log_add_field(struct pgc_buf *line, const char *text, bool is_json)
{
    size_t length = strlen(text);
    size_t size;

    for (size_t i = 0; i < length; i += size) {
        size = pgc_utf8_sequence(text + i, length - i);
        if (i + size > LOG_FIELD_BYTES || i == LOG_FIELD_BYTES) {
            pgc_buf_adds(line, "…");
            return;
        }
        if (size == 0) {
            log_add_stray(line, (unsigned char)text[i], is_json);
            size = 1;
        } else if (log_is_control(text + i, size)) {
            pgc_buf_addf(line, "\\u%04x", (unsigned char)text[i + size - 1]);
        } else {
            if (is_json && (text[i] == '"' || text[i] == '\\')) {
                pgc_buf_addc(line, '\\');
            }
            pgc_buf_add(line, text + i, size);
        }
    }
}

static void
log_add_time(struct pgc_buf *line)
{
    char text[PGC_WALL_TEXT];

    pgc_wall_text(pgc_wall_us(), text);
    pgc_buf_adds(line, text);
}

/* What stands in a line beside its time. */
struct log_entry {
    enum pgc_log_level level;
    uint64_t conn;                 /* 0 = none */
    const struct pgc_trace *trace; /* NULL = none */
    const char *message;
    const char *hint; /* NULL = none */
};

static void
log_format_text(struct pgc_buf *line, const struct log_entry *entry)
{
    log_add_time(line);
    pgc_buf_addf(line, " %s ", log_level_names[entry->level]);
    if (entry->conn != 0) {
        pgc_buf_addf(line, "conn=%" PRIu64 " ", entry->conn);
    }
    if (entry->trace != NULL) {
        pgc_buf_addf(line, "trace=%" PRIu64 ":%" PRId64 " ", entry->trace->xid, entry->trace->id);
    }
    log_add_field(line, entry->message, false);
    if (entry->hint != NULL) {
        pgc_buf_adds(line, " hint: ");
        log_add_field(line, entry->hint, false);
    }
    pgc_buf_addc(line, '\n');
}

static void
log_format_json(struct pgc_buf *line, const struct log_entry *entry)
{
    pgc_buf_adds(line, "{\"time\":\"");
    log_add_time(line);
    pgc_buf_addf(line, "\",\"level\":\"%s\"", log_level_names[entry->level]);
    if (entry->conn != 0) {
        pgc_buf_addf(line, ",\"conn\":%" PRIu64, entry->conn);
    }
    if (entry->trace != NULL) {
        pgc_buf_addf(
            line, ",\"trace\":\"%" PRIu64 ":%" PRId64 "\"", entry->trace->xid, entry->trace->id);
    }
    pgc_buf_adds(line, ",\"message\":\"");
    log_add_field(line, entry->message, true);
    if (entry->hint != NULL) {
        pgc_buf_adds(line, "\",\"hint\":\"");
        log_add_field(line, entry->hint, true);
    }
    pgc_buf_adds(line, "\"}\n");
}

/* One write per line, so that lines of several threads do not mix. */
static void
log_line(const struct log_entry *entry)
{
    struct pgc_buf line = {0};
    ssize_t written;

    switch (atomic_load(&log_format)) {
    case PGC_LOG_TEXT:
        log_format_text(&line, entry);
        break;
    case PGC_LOG_JSON:
        log_format_json(&line, entry);
        break;
    }
    do {
        written = write(STDERR_FILENO, line.data, line.length);
    } while (written < 0 && errno == EINTR);
    pgc_buf_fini(&line);
}

PGC_PRINTF(5, 0)
static void
log_write(enum pgc_log_level level, uint64_t conn, const struct pgc_trace *trace,
    const struct pgc_err *err, const char *fmt, va_list args)
{
    int saved_errno = errno;
    struct log_entry entry = {.level = level, .conn = conn, .trace = trace};
    struct pgc_buf message = {0};

    if (!pgc_log_wants(level)) {
        return;
    }
    pgc_buf_addv(&message, fmt, args);
    if (err != NULL) {
        pgc_buf_addf(&message, ": %s", err->message);
        entry.hint = err->hint[0] != '\0' ? err->hint : NULL;
    }
    entry.message = pgc_buf_str(&message);
    log_line(&entry);
    pgc_buf_fini(&message);
    errno = saved_errno;
}

void
pgc_log(enum pgc_log_level level, uint64_t conn, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_write(level, conn, NULL, NULL, fmt, args);
    va_end(args);
}

void
pgc_log_trace(
    enum pgc_log_level level, uint64_t conn, const struct pgc_trace *trace, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_write(level, conn, trace, NULL, fmt, args);
    va_end(args);
}

void
pgc_log_err(
    enum pgc_log_level level, uint64_t conn, const struct pgc_err *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_write(level, conn, NULL, err, fmt, args);
    va_end(args);
}

bool
pgc_log_allowed(struct pgc_log_limit *limit, unsigned *suppressed)
{
    int64_t now_ms = pgc_monotonic_ms();

    if (limit->last_ms != 0 && now_ms - limit->last_ms < 1000) {
        limit->suppressed++;
        return false;
    }
    *suppressed = limit->suppressed;
    limit->last_ms = now_ms;
    limit->suppressed = 0;
    return true;
}
