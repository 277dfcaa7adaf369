/* SPDX-License-Identifier: PostgreSQL */
/*
 * near.h - of several names the one that was probably meant by one that is none of them.
 *
 * The struct is the caller's.  Any thread.
 */
#ifndef PGCABLE_NEAR_H
#define PGCABLE_NEAR_H

#include <stddef.h>

struct pgc_near {
    const char *typed; /* borrowed */
    size_t length;
    size_t least;        /* more slips than that are none */
    const char *nearest; /* of those that were tried; NULL = none comes near */
};

struct pgc_near pgc_near_begin(const char *typed, size_t length);
void pgc_near_try(struct pgc_near *near, const char *name); /* borrowed */

#endif
