/* SPDX-License-Identifier: PostgreSQL */
#include "spread.h"

/* Each power of two is cut into 32 cells of equal width; values below 32 have a cell each. */
enum { SPREAD_BITS = 5, SPREAD_PER_POWER = 1 << SPREAD_BITS };

static size_t
spread_cell(uint64_t value)
{
    unsigned power;

    if (value < SPREAD_PER_POWER) {
        return (size_t)value;
    }
    power = 63U - (unsigned)__builtin_clzll(value) - SPREAD_BITS;
    return (size_t)power * SPREAD_PER_POWER + (size_t)(value >> power);
}

static int64_t
spread_least_of(size_t cell)
{
    size_t power;

    if (cell < (size_t)SPREAD_PER_POWER * 2) {
        return (int64_t)cell;
    }
    power = cell / SPREAD_PER_POWER - 1;
    return (int64_t)(cell % SPREAD_PER_POWER + SPREAD_PER_POWER) << power;
}

void
spread_add(struct spread *spread, int64_t value)
{
    const int64_t counted = value < 0 ? 0 : value;

    spread->count++;
    spread->highest = counted > spread->highest ? counted : spread->highest;
    spread->cells[spread_cell((uint64_t)counted)]++;
}

int64_t
spread_quantile(const struct spread *spread, double share)
{
    const double wanted = share * (double)spread->count;
    uint64_t seen = 0;

    for (size_t i = 0; i < SPREAD_CELLS; i++) {
        seen += spread->cells[i];
        if (seen > 0 && (double)seen >= wanted) {
            return spread_least_of(i);
        }
    }
    return 0;
}
