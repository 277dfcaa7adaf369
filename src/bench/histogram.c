/* SPDX-License-Identifier: PostgreSQL */
/*
 * Values below 128 have a cell each; 128 to 255 do, too; 256 to 511 have 128 cells of two values,
 * 512 to 1023 of four, and so on.
 */
#include "pgcable/histogram.h"

enum { HISTOGRAM_PER_POWER = 1 << PGC_HISTOGRAM_BITS };

static unsigned
histogram_cell(uint64_t value)
{
    unsigned power;

    if (value < HISTOGRAM_PER_POWER) {
        return (unsigned)value;
    }
    power = 63U - (unsigned)__builtin_clzll(value) - PGC_HISTOGRAM_BITS;
    return power * HISTOGRAM_PER_POWER + (unsigned)(value >> power);
}

int64_t
pgc_histogram_value(unsigned cell)
{
    unsigned power;
    uint64_t least;

    if (cell < HISTOGRAM_PER_POWER) {
        return (int64_t)cell;
    }
    power = cell / HISTOGRAM_PER_POWER - 1;
    least = (uint64_t)(cell % HISTOGRAM_PER_POWER + HISTOGRAM_PER_POWER) << power;
    return (int64_t)(least + (UINT64_C(1) << power) / 2);
}

void
pgc_histogram_add(struct pgc_histogram *histogram, int64_t value)
{
    const int64_t counted = value < 0 ? 0 : value;

    histogram->count++;
    histogram->highest = counted > histogram->highest ? counted : histogram->highest;
    histogram->cells[histogram_cell((uint64_t)counted)]++;
}

int64_t
pgc_histogram_quantile(const struct pgc_histogram *histogram, double share)
{
    const double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned i = 0; i < PGC_HISTOGRAM_CELLS; i++) {
        seen += histogram->cells[i];
        if (seen > 0 && (double)seen >= wanted) {
            const int64_t value = pgc_histogram_value(i);

            return value < histogram->highest ? value : histogram->highest;
        }
    }
    return 0;
}

void
pgc_histogram_clear(struct pgc_histogram *histogram)
{
    *histogram = (struct pgc_histogram){0};
}
