/* SPDX-License-Identifier: PostgreSQL */
/*
 * buf.h - bytes that grow at the end, and JSON strings written into them.
 *
 * The one place in which text becomes a JSON string; there is no JSON parser here (event.h has
 * one). The struct is the caller's (zeroed = empty).  Any thread; one object is one thread's.
 */
#ifndef PGCABLE_BUF_H
#define PGCABLE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "pgcable/compiler.h"

struct pgc_buf {
    char *data;    /* NULL while empty; always followed by a '\0' that `length` does not count */
    size_t length; /* bytes */
    size_t size;   /* allocated bytes */
};

void pgc_buf_init(struct pgc_buf *buf);
void pgc_buf_fini(struct pgc_buf *buf); /* a zeroed or finished one is fine */

/* Forget the content, keep the memory. */
void pgc_buf_clear(struct pgc_buf *buf);

/* Make room for `more` further bytes. */
void pgc_buf_reserve(struct pgc_buf *buf, size_t more);

void pgc_buf_add(struct pgc_buf *buf, const void *bytes, size_t length);
void pgc_buf_adds(struct pgc_buf *buf, const char *text);
void pgc_buf_addc(struct pgc_buf *buf, char c);
void pgc_buf_addf(struct pgc_buf *buf, const char *fmt, ...) PGC_PRINTF(2, 3);

/*
 * Append `text` as a JSON string with its quotes.  Escapes what JSON demands (", \, bytes below
 * 0x20, as \b \f \n \r \t or \u00xx) and nothing else: valid UTF-8 passes through, bytes that are
 * not become U+FFFD.
 */
void pgc_buf_add_json(struct pgc_buf *buf, const char *text, size_t length);

/* The content, terminated, "" if empty; borrowed until the next change. */
const char *pgc_buf_str(const struct pgc_buf *buf);

/* Hand the memory over, to be freed with free(); the buffer is empty after.  Never NULL. */
char *pgc_buf_take(struct pgc_buf *buf);

#endif
