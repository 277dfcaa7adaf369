/* SPDX-License-Identifier: PostgreSQL */
/*
 * compiler.h - attributes, and the four string functions that nobody may call.
 *
 * Included by every other header of ours; knows nothing else.
 */
#ifndef PGCABLE_COMPILER_H
#define PGCABLE_COMPILER_H

#include <stdio.h>
#include <string.h>

#define PGC_MUSTCHECK          __attribute__((warn_unused_result))
#define PGC_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define PGC_NORETURN           __attribute__((noreturn))
#define PGC_UNUSED             __attribute__((unused))

/* Have that line in the cache when it is looked at, a moment later.  Any address will do. */
#define PGC_FETCH(address) __builtin_prefetch(address)
#define PGC_CACHE_LINE     64 /* bytes */

/* Bounded alternatives: snprintf, pgc_buf_*, memcpy with a checked length. */
#undef strcpy
#undef strcat
#undef sprintf
#undef strncpy
#pragma GCC poison strcpy strcat sprintf strncpy

#endif
