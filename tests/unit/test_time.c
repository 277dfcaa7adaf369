/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/event.h"

static void
becomes(const char *text, const char *utc)
{
    char out[32] = "";

    if (!pgc_time_utc(text, strlen(text), out)) {
        fail_msg("\"%s\" was not taken for a time", text);
    }
    assert_string_equal(out, utc);
}

static void
is_no_time(const char *text)
{
    char out[32] = "untouched";

    if (pgc_time_utc(text, strlen(text), out)) {
        fail_msg("\"%s\" became %s", text, out);
    }
    assert_string_equal(out, "untouched");
}

static void
a_time_with_a_zone_is_moved_to_utc(void **state)
{
    (void)state;
    becomes("2026-10-01T09:14:31.001+02:00", "2026-10-01T07:14:31.001Z");
    becomes("2026-10-01T09:14:31.001+05:30", "2026-10-01T03:44:31.001Z");
    becomes("2026-10-01T09:14:31.001-09:30", "2026-10-01T18:44:31.001Z");
    becomes("2026-10-01T09:14:31.001+00:00", "2026-10-01T09:14:31.001Z");
    becomes("2026-10-01T09:14:31Z", "2026-10-01T09:14:31.000Z");
    becomes("2026-10-01T09:14:31-03", "2026-10-01T12:14:31.000Z");
    becomes("1890-01-01T00:00:00+00:19:32", "1889-12-31T23:40:28.000Z");
}

static void
a_time_without_a_zone_is_utc(void **state)
{
    (void)state;
    becomes("2026-10-01T09:14:31.001", "2026-10-01T09:14:31.001Z");
    becomes("2026-10-01 09:14:31", "2026-10-01T09:14:31.000Z");
}

static void
microseconds_are_cut_not_rounded(void **state)
{
    (void)state;
    becomes("2026-12-31T23:59:59.999999", "2026-12-31T23:59:59.999Z");
    becomes("2026-10-01T09:14:31.1", "2026-10-01T09:14:31.100Z");
    becomes("2026-10-01T09:14:31.0009", "2026-10-01T09:14:31.000Z");
}

static void
zones_cross_days_months_years_and_leap_days(void **state)
{
    (void)state;
    becomes("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z");
    becomes("2024-03-01T00:00:00+00:01", "2024-02-29T23:59:00.000Z");
    becomes("2023-03-01T00:00:00+00:01", "2023-02-28T23:59:00.000Z");
    becomes("2000-02-29T23:00:00-02:00", "2000-03-01T01:00:00.000Z");
    becomes("1900-02-28T23:00:00-02:00", "1900-03-01T01:00:00.000Z");
    becomes("2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00.000Z");
}

static void
the_ends_of_the_calendar_hold(void **state)
{
    (void)state;
    becomes("0001-01-01T00:00:00", "0001-01-01T00:00:00.000Z");
    becomes("9999-12-31T23:00:00-02:00", "10000-01-01T01:00:00.000Z");
    becomes("294276-12-31T23:59:59.999999+00:00", "294276-12-31T23:59:59.999Z");
    is_no_time("0001-01-01T00:00:00+02:00");
}

static void
what_is_no_time_is_left_alone(void **state)
{
    static const char *const others[] = {
        "",
        "infinity",
        "-infinity",
        "2026-10-01",
        "0044-03-15T12:00:00 BC",
        "2026-10-01T09:14:31.",
        "2026-10-01T09:14",
        "2026-10-01T09:14:31+",
        "2026-10-01T09:14:31+16:00",
        "2026-10-01T09:14:31+02:00x",
        "2026-10-01T24:00:00",
        "2026-10-01T09:60:00",
        "2026-10-01T09:14:60",
        "2026-13-01T09:14:31",
        "2026-00-01T09:14:31",
        "2026-02-29T09:14:31",
        "2026-04-31T09:14:31",
        "0000-01-01T09:14:31",
        "999999-01-01T09:14:31",
        "26-10-01T09:14:31",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        is_no_time(others[i]);
    }
}

static void
only_the_given_length_is_read(void **state)
{
    char out[32];

    (void)state;
    assert_true(pgc_time_utc("2026-10-01T09:14:31+02:00", 19, out));
    assert_string_equal(out, "2026-10-01T09:14:31.000Z");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_with_a_zone_is_moved_to_utc),
        cmocka_unit_test(a_time_without_a_zone_is_utc),
        cmocka_unit_test(microseconds_are_cut_not_rounded),
        cmocka_unit_test(zones_cross_days_months_years_and_leap_days),
        cmocka_unit_test(the_ends_of_the_calendar_hold),
        cmocka_unit_test(what_is_no_time_is_left_alone),
        cmocka_unit_test(only_the_given_length_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
