/* SPDX-License-Identifier: PostgreSQL */
/* What was probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/near.h"

static const char *
nearest(const char *typed)
{
    static const char *const names[] = {"attach", "detach", "tail", "token", "serve", "ab"};
    struct pgc_near near = pgc_near_begin(typed, strlen(typed));

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        pgc_near_try(&near, names[i]);
    }
    return near.nearest;
}

static void
a_letter_too_many_too_few_or_another_is_a_slip(void **state)
{
    (void)state;
    assert_string_equal(nearest("atttach"), "attach");
    assert_string_equal(nearest("sere"), "serve");
    assert_string_equal(nearest("tokem"), "token");
    assert_string_equal(nearest("tial"), "tail");
}

static void
the_nearest_one_is_taken_wherever_it_stands(void **state)
{
    (void)state;
    assert_string_equal(nearest("dettach"), "detach");
    assert_string_equal(nearest("atach"), "attach");
}

static void
what_is_far_from_all_is_none(void **state)
{
    char longest[100];

    (void)state;
    assert_null(nearest("uninstall"));
    assert_null(nearest("xyz"));
    assert_null(nearest("ac"));
    memset(longest, 't', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(nearest(longest));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_too_many_too_few_or_another_is_a_slip),
        cmocka_unit_test(the_nearest_one_is_taken_wherever_it_stands),
        cmocka_unit_test(what_is_far_from_all_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
