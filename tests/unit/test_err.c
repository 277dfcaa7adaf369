/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgcable/err.h"

static void
setting_an_error_replaces_the_one_before(void **state)
{
    struct pgc_err err = {0};

    (void)state;
    pgc_err_set(&err, PGC_ERR_SYS, "open \"%s\": no such file", "a");
    pgc_err_hint(&err, "create it");
    assert_false(pgc_err_set(&err, PGC_ERR_PG, "connect: %s", "refused"));

    assert_int_equal(err.code, PGC_ERR_PG);
    assert_string_equal(err.message, "connect: refused");
    assert_string_equal(err.hint, "");
}

static void
wrapping_puts_what_was_attempted_first(void **state)
{
    struct pgc_err err = {0};

    (void)state;
    pgc_err_set(&err, PGC_ERR_SYS, "no such file");
    pgc_err_hint(&err, "create it");
    assert_false(pgc_err_wrap(&err, "open \"%s\"", "x"));
    pgc_err_wrap(&err, "read keys");

    assert_int_equal(err.code, PGC_ERR_SYS);
    assert_string_equal(err.message, "read keys: open \"x\": no such file");
    assert_string_equal(err.hint, "create it");
}

static void
texts_that_are_too_long_are_cut(void **state)
{
    struct pgc_err err = {0};
    char big[2000];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';

    pgc_err_set(&err, PGC_ERR_DATA, "%s", big);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    pgc_err_wrap(&err, "in front");
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_memory_equal(err.message, "in front: xxx", 13);
    pgc_err_wrap(&err, "%s", big);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    pgc_err_hint(&err, "%s", big);
    assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

static void
a_status_has_the_message_and_the_hint_however_long(void **state)
{
    struct pgc_err err = {0};
    char text[PGC_ERR_TEXT];
    char big[1000];

    (void)state;
    pgc_err_set(&err, PGC_ERR_SYS, "no file");
    pgc_err_text(&err, text);
    assert_string_equal(text, "no file");
    pgc_err_hint(&err, "create it");
    pgc_err_text(&err, text);
    assert_string_equal(text, "no file; hint: create it");
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    pgc_err_set(&err, PGC_ERR_SYS, "%s", big);
    pgc_err_hint(&err, "%s", big);
    pgc_err_text(&err, text);
    assert_int_equal(strspn(text, "x"), 300);
    assert_int_equal(strlen(text), 300 + strlen("; hint: ") + 180);
}

static void
a_caller_that_does_not_care_passes_null(void **state)
{
    (void)state;
    assert_false(pgc_err_set(NULL, PGC_ERR_SYS, "x"));
    assert_false(pgc_err_wrap(NULL, "x"));
    assert_false(pgc_err_hint(NULL, "x"));
    pgc_err_clear(NULL);
}

static void
a_cleared_error_says_that_nothing_went_wrong(void **state)
{
    struct pgc_err err = {0};

    (void)state;
    pgc_err_set(&err, PGC_ERR_SYS, "x");
    pgc_err_hint(&err, "y");
    pgc_err_clear(&err);
    assert_int_equal(err.code, PGC_ERR_NONE);
    assert_string_equal(err.message, "");
    assert_string_equal(err.hint, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_replaces_the_one_before),
        cmocka_unit_test(wrapping_puts_what_was_attempted_first),
        cmocka_unit_test(texts_that_are_too_long_are_cut),
        cmocka_unit_test(a_status_has_the_message_and_the_hint_however_long),
        cmocka_unit_test(a_caller_that_does_not_care_passes_null),
        cmocka_unit_test(a_cleared_error_says_that_nothing_went_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
