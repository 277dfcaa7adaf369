/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/compiler.h"
#include "pgcable/histogram.h"

enum { VALUES = 20000 };

static struct pgc_histogram histogram;

static int
begin(void **state PGC_UNUSED)
{
    pgc_histogram_clear(&histogram);
    return 0;
}

static int
by_value(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;

    return a < b ? -1 : a > b;
}

static void
an_empty_one_has_no_percentiles(void **state PGC_UNUSED)
{
    assert_int_equal(pgc_histogram_quantile(&histogram, 0.5), 0);
    assert_int_equal(pgc_histogram_quantile(&histogram, 1), 0);
    assert_int_equal(histogram.highest, 0);
}

static void
small_values_are_exact(void **state PGC_UNUSED)
{
    for (int64_t value = 1; value <= 200; value++) {
        pgc_histogram_add(&histogram, value);
    }
    assert_int_equal(pgc_histogram_quantile(&histogram, 0), 1);
    assert_int_equal(pgc_histogram_quantile(&histogram, 0.5), 100);
    assert_int_equal(pgc_histogram_quantile(&histogram, 0.99), 198);
    assert_int_equal(pgc_histogram_quantile(&histogram, 1), 200);
}

/* Five magnitudes, at random but always the same, against the sorted values themselves. */
static void
percentiles_are_within_one_percent(void **state PGC_UNUSED)
{
    static const double shares[] = {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
    static int64_t values[VALUES];
    uint64_t random = 1;

    for (size_t i = 0; i < VALUES; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        values[i] = (int64_t)((random >> 33) >> (random >> 60));
        pgc_histogram_add(&histogram, values[i]);
    }
    qsort(values, VALUES, sizeof(values[0]), by_value);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        const size_t rank = (size_t)(shares[i] * VALUES);
        const int64_t exact = values[rank > 0 ? rank - 1 : 0];
        const int64_t found = pgc_histogram_quantile(&histogram, shares[i]);

        assert_true(llabs(found - exact) * 100 <= exact);
    }
}

static void
every_cell_holds_the_value_it_stands_for(void **state PGC_UNUSED)
{
    for (unsigned cell = 0; cell < PGC_HISTOGRAM_CELLS; cell++) {
        pgc_histogram_add(&histogram, pgc_histogram_value(cell));
        assert_int_equal(histogram.cells[cell], 1);
    }
}

static void
no_percentile_exceeds_the_highest_value(void **state PGC_UNUSED)
{
    pgc_histogram_add(&histogram, 1000); /* its cell stands for 1002 */
    assert_int_equal(pgc_histogram_quantile(&histogram, 1), 1000);
}

static void
the_ends_of_all_numbers_have_their_place(void **state PGC_UNUSED)
{
    pgc_histogram_add(&histogram, -5);
    pgc_histogram_add(&histogram, INT64_MAX);
    assert_int_equal(histogram.cells[0], 1);
    assert_int_equal(histogram.cells[PGC_HISTOGRAM_CELLS - 1], 1);
    assert_int_equal(histogram.highest, INT64_MAX);
    assert_int_equal(pgc_histogram_quantile(&histogram, 0.5), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_one_has_no_percentiles, begin),
        cmocka_unit_test_setup(small_values_are_exact, begin),
        cmocka_unit_test_setup(percentiles_are_within_one_percent, begin),
        cmocka_unit_test_setup(every_cell_holds_the_value_it_stands_for, begin),
        cmocka_unit_test_setup(no_percentile_exceeds_the_highest_value, begin),
        cmocka_unit_test_setup(the_ends_of_all_numbers_have_their_place, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
