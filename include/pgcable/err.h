/* SPDX-License-Identifier: PostgreSQL */
/*
 * err.h - what went wrong: what was attempted, with which argument, why it failed, what to do.
 *
 * A value on the caller's stack, never allocated.  Any thread; one object is one thread's.
 */
#ifndef PGCABLE_ERR_H
#define PGCABLE_ERR_H

#include <stdbool.h>

#include "pgcable/compiler.h"

enum pgc_err_code {
    PGC_ERR_NONE = 0,
    PGC_ERR_USAGE,  /* the command line */
    PGC_ERR_CONF,   /* a setting, or a file it names */
    PGC_ERR_SYS,    /* the operating system said no */
    PGC_ERR_PG,     /* PostgreSQL or the way there */
    PGC_ERR_BUS,    /* NATS or the way there */
    PGC_ERR_SCHEMA, /* our schema is missing, too old or too new; a mapping is wrong */
    PGC_ERR_DATA,   /* bytes from outside that are not what they should be */
    PGC_ERR_AUTH,   /* a token or a right */
    PGC_ERR_LIMIT,  /* a stated bound was reached */
};

struct pgc_err {
    enum pgc_err_code code;
    char message[768]; /* lower case, no final full stop, names quoted with " */
    char hint[512];    /* what to do; may be empty */
};

/* Replace what is there.  `err` may be NULL: the caller does not want to know.  Returns false, so
 * that `return pgc_err_set(…)` reads well.  Too long a text is cut. */
bool pgc_err_set(struct pgc_err *err, enum pgc_err_code code, const char *fmt, ...)
    PGC_PRINTF(3, 4);

/* Put "<fmt>: " before the message.  Returns false. */
bool pgc_err_wrap(struct pgc_err *err, const char *fmt, ...) PGC_PRINTF(2, 3);

/* Set the advice.  Returns false. */
bool pgc_err_hint(struct pgc_err *err, const char *fmt, ...) PGC_PRINTF(2, 3);

/* "<message>; hint: <hint>" for a status, each cut so that both have their place. */
enum { PGC_ERR_TEXT = 512 };
void pgc_err_text(const struct pgc_err *err, char text[PGC_ERR_TEXT]);

/* Back to "nothing went wrong". */
void pgc_err_clear(struct pgc_err *err);

#endif
