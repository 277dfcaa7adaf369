/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/err.h"

#include <stdarg.h>
#include <stdio.h>

bool
pgc_err_set(struct pgc_err *err, enum pgc_err_code code, const char *fmt, ...)
{
    va_list args;

    if (err == NULL) {
        return false;
    }
    err->code = code;
    err->hint[0] = '\0';
    va_start(args, fmt);
    (void)vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    return false;
}

/* As much of `text` as fits behind the first `used` bytes of the message. */
static size_t
err_append(struct pgc_err *err, size_t used, const char *text)
{
    size_t room = sizeof(err->message) - 1 - used;
    size_t length = strnlen(text, room);

    memcpy(err->message + used, text, length);
    err->message[used + length] = '\0';
    return used + length;
}

bool
pgc_err_wrap(struct pgc_err *err, const char *fmt, ...)
{
    char cause[sizeof(err->message)];
    va_list args;
    size_t used;

    if (err == NULL) {
        return false;
    }
    memcpy(cause, err->message, sizeof(cause));
    va_start(args, fmt);
    (void)vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    used = strlen(err->message);
    used = err_append(err, used, ": ");
    (void)err_append(err, used, cause);
    return false;
}

bool
pgc_err_hint(struct pgc_err *err, const char *fmt, ...)
{
    va_list args;

    if (err == NULL) {
        return false;
    }
    va_start(args, fmt);
    (void)vsnprintf(err->hint, sizeof(err->hint), fmt, args);
    va_end(args);
    return false;
}

void
pgc_err_text(const struct pgc_err *err, char text[PGC_ERR_TEXT])
{
    snprintf(text, PGC_ERR_TEXT, "%.300s%s%.180s", err->message,
        err->hint[0] != '\0' ? "; hint: " : "", err->hint);
}

void
pgc_err_clear(struct pgc_err *err)
{
    if (err != NULL) {
        err->code = PGC_ERR_NONE;
        err->message[0] = '\0';
        err->hint[0] = '\0';
    }
}
