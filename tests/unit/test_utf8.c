/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/utf8.h"

static const struct span_case {
    const char *text;
    size_t span;
} span_cases[] = {
    {"", 0},
    {"abc", 3},
    {"\x7f", 1},
    {"\xc2\x80", 2},
    {"\xdf\xbf", 2},
    {"\xe0\xa0\x80", 3},
    {"\xed\x9f\xbf", 3},
    {"\xee\x80\x80", 3},
    {"\xef\xbf\xbf", 3},
    {"\xf0\x90\x80\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4},
    {"a\xc3\xa9z", 4},
    {"\x80", 0},             /* a continuation of nothing */
    {"\xc0\x80", 0},         /* overlong */
    {"\xc1\xbf", 0},         /* overlong */
    {"\xe0\x9f\xbf", 0},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
    {"\xed\xa0\x80", 0},     /* a surrogate */
    {"\xed\xbf\xbf", 0},     /* a surrogate */
    {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
    {"\xf5\x80\x80\x80", 0}, /* beyond U+10FFFF */
    {"\xff", 0},             /* never a first byte */
    {"ab\xc3", 2},           /* cut off */
    {"ab\xe2\x82", 2},       /* cut off */
    {"ab\xf0\x9f\x98", 2},   /* cut off */
    {"ab\xc3zz", 2},         /* and something else follows */
    {"\xc3\xa9\xe2\x82\xac\xff", 5},
};

static void
span_ends_where_utf8_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(span_cases) / sizeof(*span_cases); i++) {
        const struct span_case *one = &span_cases[i];

        assert_int_equal(pgc_utf8_span(one->text, strlen(one->text)), one->span);
    }
    assert_int_equal(pgc_utf8_span("a\0b", 3), 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(span_ends_where_utf8_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
