/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws_pace.h"

/* How many of `tries` are let in at that moment. */
static int
admitted(struct ws_pace *pace, int tries, int64_t now_ms)
{
    int count = 0;

    for (int i = 0; i < tries; i++) {
        count += ws_pace_admits(pace, now_ms) ? 1 : 0;
    }
    return count;
}

static void
storm_is_spread_over_time(void **state)
{
    struct ws_pace pace;

    (void)state;
    ws_pace_init(&pace, 500, 1000);
    assert_int_equal(admitted(&pace, 10000, 1000), 1000);
    assert_int_equal(admitted(&pace, 10000, 1001), 0);
    assert_int_equal(admitted(&pace, 10000, 1002), 1);
    assert_int_equal(admitted(&pace, 10000, 2002), 500);
    assert_int_equal(admitted(&pace, 10000, 2102), 50);
}

static void
rest_counts_for_two_seconds_however_long_it_was(void **state)
{
    struct ws_pace pace;

    (void)state;
    ws_pace_init(&pace, 1000000, 0);
    assert_int_equal(admitted(&pace, 3000000, 0), 2000000);
    assert_int_equal(admitted(&pace, 3000000, 1500), 1500000);
    assert_int_equal(admitted(&pace, 3000000, INT64_MAX / 2), 2000000);
}

static void
who_comes_slower_is_always_let_in(void **state)
{
    struct ws_pace pace;

    (void)state;
    ws_pace_init(&pace, 10, 0);
    for (int64_t now_ms = 0; now_ms < 1000000; now_ms += 100) {
        assert_true(ws_pace_admits(&pace, now_ms));
    }
}

static void
no_limit_is_none(void **state)
{
    struct ws_pace pace;

    (void)state;
    ws_pace_init(&pace, 0, 0);
    assert_int_equal(admitted(&pace, 1000000, 0), 1000000);
}

static void
many_are_sent_away_evenly(void **state)
{
    size_t before = ws_pace_gone(10000, 0, 4000);

    (void)state;
    assert_int_equal(before, WS_PACE_AT_ONCE);
    for (int64_t elapsed_ms = 100; elapsed_ms <= 4000; elapsed_ms += 100) {
        size_t gone = ws_pace_gone(10000, elapsed_ms, 4000);

        assert_in_range(gone - before, 248, 250);
        before = gone;
    }
    assert_int_equal(before, 10000);
    assert_int_equal(ws_pace_gone(10000, 1000000, 4000), 10000);
}

static void
few_are_sent_away_at_once(void **state)
{
    (void)state;
    assert_int_equal(ws_pace_gone(0, 0, 4000), 0);
    assert_int_equal(ws_pace_gone(WS_PACE_AT_ONCE, 0, 4000), WS_PACE_AT_ONCE);
    assert_int_equal(ws_pace_gone(10000, 0, 0), 10000); /* no time to say goodbye */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm_is_spread_over_time),
        cmocka_unit_test(rest_counts_for_two_seconds_however_long_it_was),
        cmocka_unit_test(who_comes_slower_is_always_let_in),
        cmocka_unit_test(no_limit_is_none),
        cmocka_unit_test(many_are_sent_away_evenly),
        cmocka_unit_test(few_are_sent_away_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
