/* SPDX-License-Identifier: PostgreSQL */
/*
 * utf8.h - what is UTF-8 and what is not: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF.
 */
#ifndef PGCABLE_UTF8_H
#define PGCABLE_UTF8_H

#include <stddef.h>

enum { PGC_UTF8_BYTES = 4 }; /* of the longest sequence */

/* Bytes of the sequence `text` begins with, or 0 if it begins with none.  `length` is at least 1.
 */
size_t pgc_utf8_sequence(const char *text, size_t length);

/* Bytes of all the whole sequences at the start of `text`: `length` if it is UTF-8. */
size_t pgc_utf8_span(const char *text, size_t length);

#endif
