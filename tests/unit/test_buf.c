/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/buf.h"

/* Compare "text" as a JSON string with what it should be. */
static void
assert_json(const char *text, size_t length, const char *expected)
{
    struct pgc_buf buf = {0};

    pgc_buf_add_json(&buf, text, length);
    assert_string_equal(pgc_buf_str(&buf), expected);
    assert_int_equal(buf.length, strlen(expected));
    pgc_buf_fini(&buf);
}

static void
an_empty_buffer_is_an_empty_text(void **state)
{
    struct pgc_buf buf;
    char *taken;

    (void)state;
    pgc_buf_init(&buf);
    assert_string_equal(pgc_buf_str(&buf), "");
    pgc_buf_clear(&buf);
    taken = pgc_buf_take(&buf);
    assert_string_equal(taken, "");
    free(taken);
    pgc_buf_fini(&buf);
}

static void
what_is_added_stands_at_the_end(void **state)
{
    struct pgc_buf buf = {0};
    char *taken;

    (void)state;
    pgc_buf_adds(&buf, "one");
    pgc_buf_addc(&buf, ' ');
    pgc_buf_add(&buf, "two\0three", 9);
    pgc_buf_addf(&buf, " %d", 4);
    assert_int_equal(buf.length, 15);
    assert_memory_equal(buf.data, "one two\0three 4", 16);

    pgc_buf_clear(&buf);
    assert_int_equal(buf.length, 0);
    assert_string_equal(pgc_buf_str(&buf), "");
    pgc_buf_adds(&buf, "again");
    taken = pgc_buf_take(&buf);
    assert_string_equal(taken, "again");
    assert_null(buf.data);
    free(taken);
}

static void
it_grows_as_far_as_it_must(void **state)
{
    struct pgc_buf buf = {0};

    (void)state;
    for (int i = 0; i < 100000; i++) {
        pgc_buf_addf(&buf, "%05d", i);
    }
    assert_int_equal(buf.length, 500000);
    assert_memory_equal(buf.data + 499995, "99999", 6);
    pgc_buf_fini(&buf);
}

static void
reserved_room_spares_the_growing(void **state)
{
    struct pgc_buf buf = {0};
    const char *before;

    (void)state;
    pgc_buf_reserve(&buf, 1000);
    before = buf.data;
    for (int i = 0; i < 1000; i++) {
        pgc_buf_addc(&buf, 'x');
    }
    assert_ptr_equal(buf.data, before);
    pgc_buf_fini(&buf);
}

static void
json_escapes_what_it_must_and_nothing_else(void **state)
{
    (void)state;
    assert_json("", 0, "\"\"");
    assert_json("a/b'<>&\x7f", 8, "\"a/b'<>&\x7f\"");
    assert_json("say \"hi\" \\o/", 12, "\"say \\\"hi\\\" \\\\o/\"");
    assert_json("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    assert_json("\x00\x01\x1f", 3, "\"\\u0000\\u0001\\u001f\"");
}

static void
json_lets_valid_utf8_through(void **state)
{
    /* The first and the last of each length, and both sides of the surrogates. */
    static const char *const good[] = {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct pgc_buf expected = {0};

        pgc_buf_addf(&expected, "\"%s\"", good[i]);
        assert_json(good[i], strlen(good[i]), pgc_buf_str(&expected));
        pgc_buf_fini(&expected);
    }
}

static void
json_replaces_each_byte_that_is_no_utf8(void **state)
{
    static const char *const bad[] = {
        "\x80",             /* a tail without a lead */
        "\xc0\xaf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80", /* no such lead */
        "\xff", "\xe2\x82", /* ends too early */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pgc_buf expected = {0};

        pgc_buf_addc(&expected, '"');
        for (size_t n = strlen(bad[i]); n > 0; n--) {
            pgc_buf_adds(&expected, "\xef\xbf\xbd");
        }
        pgc_buf_addc(&expected, '"');
        assert_json(bad[i], strlen(bad[i]), pgc_buf_str(&expected));
        pgc_buf_fini(&expected);
    }
    assert_json("a\xe2(b", 4, "\"a\xef\xbf\xbd(b\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_is_an_empty_text),
        cmocka_unit_test(what_is_added_stands_at_the_end),
        cmocka_unit_test(it_grows_as_far_as_it_must),
        cmocka_unit_test(reserved_room_spares_the_growing),
        cmocka_unit_test(json_escapes_what_it_must_and_nothing_else),
        cmocka_unit_test(json_lets_valid_utf8_through),
        cmocka_unit_test(json_replaces_each_byte_that_is_no_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
