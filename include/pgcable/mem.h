/* SPDX-License-Identifier: PostgreSQL */
/*
 * mem.h - memory that is there or the process is not.
 *
 * Sizes that come from outside are checked against a limit before they get here, so running out
 * cannot be provoked by a client.  Everything is freed with free().  Any thread.
 */
#ifndef PGCABLE_MEM_H
#define PGCABLE_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "pgcable/compiler.h"

/* Never NULL, also for size 0. */
void *pgc_xmalloc(size_t size);
void *pgc_xcalloc(size_t count, size_t size); /* zeroed; aborts on overflow of the product */
void *pgc_xcalloc_lines(size_t size);         /* zeroed; begins with a line of the cache */
void *pgc_xrealloc(void *ptr, size_t size);
char *pgc_xstrdup(const char *text);
char *pgc_xstrndup(const char *text, size_t length); /* always terminated */
void *pgc_xmemdup(const void *bytes, size_t length);
char *pgc_xasprintf(const char *fmt, ...) PGC_PRINTF(1, 2);

/* A library that cannot be given these functions found no memory, and says so. */
PGC_NORETURN void pgc_mem_none(const char *library);

/* Overwrite, in a way the compiler keeps: for secrets, before free(). */
void pgc_wipe(void *ptr, size_t size);

#endif
