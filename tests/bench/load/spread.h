/* SPDX-License-Identifier: PostgreSQL */
/*
 * spread.h - how long things took: quantiles of any number of values, to 3 %.
 */
#ifndef PGCABLE_BENCH_SPREAD_H
#define PGCABLE_BENCH_SPREAD_H

#include <stddef.h>
#include <stdint.h>

enum { SPREAD_CELLS = 64 * 32 };

struct spread { /* zeroed = empty */
    uint64_t count;
    int64_t highest;
    uint64_t cells[SPREAD_CELLS];
};

void spread_add(struct spread *spread, int64_t value);              /* below 0 counts as 0 */
int64_t spread_quantile(const struct spread *spread, double share); /* 0 if empty */

#endif
