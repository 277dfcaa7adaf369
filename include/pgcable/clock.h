/* SPDX-License-Identifier: PostgreSQL */
/* clock.h - the two clocks: one for timers, one for people and tokens.  Any thread. */
#ifndef PGCABLE_CLOCK_H
#define PGCABLE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "pgcable/compiler.h"

int64_t pgc_monotonic_ms(void);
int64_t pgc_monotonic_us(void);
int64_t pgc_monotonic_rough_ms(void);      /* up to 10 ms behind, for a fifth of the price */
int64_t pgc_wall_s(void);                  /* seconds since 1970 */
int64_t pgc_wall_us(void);                 /* microseconds since 1970 */
int64_t pgc_wall_age_us(int64_t since_us); /* 0 if another machine's clock is ahead of ours */

/* "2026-11-22T16:37:01.123Z" */
enum { PGC_WALL_TEXT = 32 };
void pgc_wall_text(int64_t wall_us, char text[PGC_WALL_TEXT]);

/* Random bytes from the kernel; aborts if there are none. */
void pgc_random(void *bytes, size_t length);

#endif
