/* SPDX-License-Identifier: PostgreSQL */
/*
 * histogram.h - any number of values in little memory, and their percentiles to half a percent.
 *
 * As HdrHistogram does it: each power of two is cut into cells of equal width, so a value is known
 * to a share of itself, however large.  The struct is the caller's (zeroed = empty) and large:
 * not for the stack.  One object is one thread's.
 */
#ifndef PGCABLE_HISTOGRAM_H
#define PGCABLE_HISTOGRAM_H

#include <stdint.h>

enum {
    PGC_HISTOGRAM_BITS = 7, /* 128 cells for each power of two */
    PGC_HISTOGRAM_CELLS = (64 - 7) * (1 << PGC_HISTOGRAM_BITS), /* up to INT64_MAX */
};

struct pgc_histogram {
    uint64_t count;
    int64_t highest;
    uint64_t cells[PGC_HISTOGRAM_CELLS];
};

void pgc_histogram_add(struct pgc_histogram *histogram, int64_t value); /* below 0 counts as 0 */

/* The least value that this share of all does not exceed: 0.5 is the median; 0 if empty. */
int64_t pgc_histogram_quantile(const struct pgc_histogram *histogram, double share);

/* The middle of a cell and how many values it holds; for those who print all of it. */
int64_t pgc_histogram_value(unsigned cell);

void pgc_histogram_clear(struct pgc_histogram *histogram);

#endif
