/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/metrics.h"

enum { COUNTERS = 4, TIMES = 50000 };

static int
metrics_setup(void **state)
{
    *state = pgc_metrics_new();
    return 0;
}

static int
metrics_teardown(void **state)
{
    pgc_metrics_free(*state);
    return 0;
}

static void
assert_written(struct pgc_metrics *metrics, const char *expected)
{
    struct pgc_buf out = {0};

    pgc_metrics_write(metrics, &out);
    assert_string_equal(pgc_buf_str(&out), expected);
    pgc_buf_fini(&out);
}

static void
assert_contains(struct pgc_metrics *metrics, const char *expected)
{
    struct pgc_buf out = {0};

    pgc_metrics_write(metrics, &out);
    if (strstr(pgc_buf_str(&out), expected) == NULL) {
        fail_msg("no \"%s\" in:\n%s", expected, pgc_buf_str(&out));
    }
    pgc_buf_fini(&out);
}

static void
an_empty_registry_writes_nothing(void **state)
{
    assert_written(*state, "");
}

static void
one_name_is_one_family_in_order_of_registration(void **state)
{
    struct pgc_metric *slow =
        pgc_counter(*state, "closed_total", "reason=\"slow\"", "Ended connections.");
    struct pgc_metric *open = pgc_gauge(*state, "connections", "", "Open connections.");
    struct pgc_metric *gone =
        pgc_counter(*state, "closed_total", "reason=\"gone\"", "Ended connections.");

    pgc_metric_add(slow, 2);
    pgc_metric_add(gone, 1);
    pgc_metric_set(open, 7);
    pgc_metric_add(open, -3);
    assert_int_equal(pgc_metric_get(open), 4);
    assert_written(*state, "# HELP closed_total Ended connections.\n"
                           "# TYPE closed_total counter\n"
                           "closed_total{reason=\"slow\"} 2\n"
                           "closed_total{reason=\"gone\"} 1\n"
                           "# HELP connections Open connections.\n"
                           "# TYPE connections gauge\n"
                           "connections 4\n");
}

static void
asking_twice_gives_the_same_handle(void **state)
{
    struct pgc_metric *one = pgc_counter(*state, "a_total", "x=\"1\"", "A.");

    assert_ptr_equal(pgc_counter(*state, "a_total", "x=\"1\"", "A."), one);
    assert_ptr_not_equal(pgc_counter(*state, "a_total", "x=\"2\"", "A."), one);
}

static void
help_is_escaped(void **state)
{
    (void)pgc_gauge(*state, "g", "", "one\\two\nthree");
    assert_written(*state, "# HELP g one\\\\two\\nthree\n# TYPE g gauge\ng 0\n");
}

static void
a_histogram_counts_up_to_and_including_each_limit(void **state)
{
    struct pgc_metric *lag = pgc_histogram(*state, "lag_seconds", "", "Lag.");

    pgc_metric_observe_us(lag, 0);
    pgc_metric_observe_us(lag, 100);
    pgc_metric_observe_us(lag, 101);
    pgc_metric_observe_us(lag, 1000000);
    pgc_metric_observe_us(lag, 90000000);
    assert_int_equal(pgc_metric_get(lag), 5);
    assert_contains(*state, "# TYPE lag_seconds histogram\nlag_seconds_bucket{le=\"0.0001\"} 2\n");
    assert_contains(*state, "lag_seconds_bucket{le=\"0.00025\"} 3\n");
    assert_contains(*state, "lag_seconds_bucket{le=\"0.5\"} 3\n");
    assert_contains(*state, "lag_seconds_bucket{le=\"1\"} 4\n");
    assert_contains(*state, "lag_seconds_bucket{le=\"60\"} 4\n"
                            "lag_seconds_bucket{le=\"+Inf\"} 5\n"
                            "lag_seconds_sum 91.000201\n"
                            "lag_seconds_count 5\n");
}

static void
what_took_equally_long_is_observed_at_once(void **state)
{
    struct pgc_metric *lag = pgc_histogram(*state, "lag_seconds", "", "Lag.");

    pgc_metric_observe_many_us(lag, 200, 3);
    assert_int_equal(pgc_metric_get(lag), 3);
    assert_contains(*state, "lag_seconds_bucket{le=\"0.0001\"} 0\n"
                            "lag_seconds_bucket{le=\"0.00025\"} 3\n");
    assert_contains(*state, "lag_seconds_sum 0.000600\nlag_seconds_count 3\n");
}

static void
a_histogram_with_labels_keeps_them_in_every_line(void **state)
{
    struct pgc_metric *lag = pgc_histogram(*state, "lag_seconds", "worker=\"0\"", "Lag.");

    pgc_metric_observe_us(lag, 5);
    assert_contains(*state, "lag_seconds_bucket{worker=\"0\",le=\"0.0001\"} 1\n");
    assert_contains(*state, "lag_seconds_sum{worker=\"0\"} 0.000005\n");
    assert_contains(*state, "lag_seconds_count{worker=\"0\"} 1\n");
}

static void
a_ratio_is_a_gauge_with_six_decimals(void **state)
{
    struct pgc_metric *full = pgc_ratio(*state, "full_ratio", "", "Full.");

    pgc_metric_set(full, 12345);
    assert_written(
        *state, "# HELP full_ratio Full.\n# TYPE full_ratio gauge\nfull_ratio 0.012345\n");
    pgc_metric_set(full, 1000000);
    assert_contains(*state, "full_ratio 1.000000\n");
}

static void
json_has_each_family_with_its_labels(void **state)
{
    struct pgc_buf out = {0};

    pgc_metrics_write_json(*state, &out);
    assert_string_equal(pgc_buf_str(&out), "{}");
    pgc_buf_clear(&out);
    pgc_metric_add(pgc_counter(*state, "closed_total", "reason=\"slow\"", "C."), 2);
    pgc_metric_add(pgc_counter(*state, "closed_total", "reason=\"gone\"", "C."), 3);
    pgc_metric_set(pgc_ratio(*state, "full_ratio", "", "F."), 500000);
    pgc_metric_observe_us(pgc_histogram(*state, "lag_seconds", "", "L."), 1);
    pgc_metrics_write_json(*state, &out);
    assert_string_equal(pgc_buf_str(&out),
        "{\"closed_total\":{\"reason=\\\"slow\\\"\":2,\"reason=\\\"gone\\\"\":3},"
        "\"full_ratio\":{\"\":0.500000},\"lag_seconds\":{\"\":1}}");
    assert_int_equal(pgc_metrics_total(*state, "closed_total"), 5);
    assert_int_equal(pgc_metrics_total(*state, "lag_seconds"), 1);
    assert_int_equal(pgc_metrics_total(*state, "none"), 0);
    pgc_buf_fini(&out);
}

static void
quantiles_are_spread_evenly_within_a_bucket(void **state)
{
    struct pgc_metric *lag = pgc_histogram(*state, "lag_seconds", "", "L.");
    struct pgc_metric *other = pgc_histogram(*state, "lag_seconds", "worker=\"1\"", "L.");
    int64_t cells[PGC_METRIC_CELLS];

    pgc_metrics_cells(*state, "none", cells);
    assert_int_equal(pgc_metric_quantile_us(cells, 0.5), -1);
    for (int i = 0; i < 50; i++) {
        pgc_metric_observe_us(lag, 90);
        pgc_metric_observe_us(other, 200);
    }
    pgc_metrics_cells(*state, "lag_seconds", cells);
    assert_int_equal(pgc_metric_quantile_us(cells, 0.25), 50);
    assert_int_equal(pgc_metric_quantile_us(cells, 0.5), 100);
    assert_int_equal(pgc_metric_quantile_us(cells, 0.75), 175);
    assert_int_equal(pgc_metric_quantile_us(cells, 1), 250);
    pgc_metric_observe_us(lag, 90000000);
    pgc_metrics_cells(*state, "lag_seconds", cells);
    assert_int_equal(pgc_metric_quantile_us(cells, 1), 60000000);
}

static void *
count_many_times(void *arg)
{
    struct pgc_metric **metrics = arg;

    for (int i = 0; i < TIMES; i++) {
        pgc_metric_add(metrics[0], 1);
        pgc_metric_observe_us(metrics[1], i);
    }
    return NULL;
}

static void
no_count_of_many_threads_is_lost(void **state)
{
    struct pgc_metric *metrics[] = {
        pgc_counter(*state, "a_total", "", "A."),
        pgc_histogram(*state, "b_seconds", "", "B."),
    };
    pthread_t threads[COUNTERS];

    for (int i = 0; i < COUNTERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many_times, metrics), 0);
    }
    for (int i = 0; i < COUNTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pgc_metric_get(metrics[0]), COUNTERS * TIMES);
    assert_int_equal(pgc_metric_get(metrics[1]), COUNTERS * TIMES);
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, metrics_setup, metrics_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(an_empty_registry_writes_nothing),
        METRICS_TEST(one_name_is_one_family_in_order_of_registration),
        METRICS_TEST(asking_twice_gives_the_same_handle),
        METRICS_TEST(help_is_escaped),
        METRICS_TEST(a_histogram_counts_up_to_and_including_each_limit),
        METRICS_TEST(what_took_equally_long_is_observed_at_once),
        METRICS_TEST(a_histogram_with_labels_keeps_them_in_every_line),
        METRICS_TEST(a_ratio_is_a_gauge_with_six_decimals),
        METRICS_TEST(json_has_each_family_with_its_labels),
        METRICS_TEST(quantiles_are_spread_evenly_within_a_bucket),
        METRICS_TEST(no_count_of_many_threads_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
