/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "pgcable/clock.h"

static void
the_monotonic_clock_never_goes_back(void **state)
{
    int64_t last_us = pgc_monotonic_us();
    int64_t last_ms = pgc_monotonic_ms();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t now_us = pgc_monotonic_us();
        int64_t now_ms = pgc_monotonic_ms();

        assert_true(now_us >= last_us && now_ms >= last_ms);
        last_us = now_us;
        last_ms = now_ms;
    }
    assert_in_range(last_ms, last_us / 1000, last_us / 1000 + 60000);
}

static void
the_wall_clock_is_the_systems(void **state)
{
    int64_t before = (int64_t)time(NULL);
    int64_t now_s = pgc_wall_s();
    int64_t now_us = pgc_wall_us();

    (void)state;
    assert_in_range(now_s, before, before + 60);
    assert_in_range(now_us / 1000000, before, before + 60);
}

static void
an_age_is_never_below_nothing(void **state)
{
    (void)state;
    assert_in_range(pgc_wall_age_us(pgc_wall_us() - 5000000), 5000000, 65000000);
    assert_int_equal(pgc_wall_age_us(pgc_wall_us() + 3600000000), 0);
}

static void
random_bytes_reach_the_end_and_differ(void **state)
{
    static unsigned char one[4096];
    static unsigned char two[4096];

    (void)state;
    pgc_random(one, sizeof(one));
    pgc_random(two, sizeof(two));
    assert_memory_not_equal(one, two, 32);
    assert_memory_not_equal(one + sizeof(one) - 32, two + sizeof(two) - 32, 32);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_is_the_systems),
        cmocka_unit_test(an_age_is_never_below_nothing),
        cmocka_unit_test(random_bytes_reach_the_end_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
