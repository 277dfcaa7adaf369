/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_pace.h - how many may come, and how many are sent away, by now.
 *
 * Pure: the caller says what time it is.
 */
#ifndef PGCABLE_WS_PACE_H
#define PGCABLE_WS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many a second in the long run, and twice as many at once after a rest. */
struct ws_pace {
    int64_t per_s; /* 0 = as many as come */
    int64_t milli; /* thousandths of one that may come now */
    int64_t at_ms; /* when that was so */
};

void ws_pace_init(struct ws_pace *pace, int64_t per_s, int64_t now_ms); /* rested */
bool ws_pace_admits(struct ws_pace *pace, int64_t now_ms);              /* one more? */

enum { WS_PACE_AT_ONCE = 50 }; /* are no storm when they come back */

/* How many of `total` are to be gone after `elapsed_ms`, if the last one is to go at `window_ms`.
 */
size_t ws_pace_gone(size_t total, int64_t elapsed_ms, int64_t window_ms);

#endif
