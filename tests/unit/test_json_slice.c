/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/json.h"
#include "pgcable/mem.h"

static struct pgc_slice
slice(const char *text)
{
    return (struct pgc_slice){.data = text, .length = text == NULL ? 0 : strlen(text)};
}

/* All members as key=value lines; read from a copy that ends where the text does. */
static void
members_are(const char *text, const char *expected)
{
    size_t length = strlen(text);
    char *copy = pgc_xmemdup(text, length);
    struct pgc_buf seen = {0};
    struct pgc_slice value;
    const char *cursor = NULL;
    char key[16];

    while (pgc_json_next(copy, length, &cursor, key, sizeof(key), &value)) {
        pgc_buf_addf(&seen, "%s=", key);
        pgc_buf_add(&seen, value.data, value.length);
        pgc_buf_addc(&seen, '\n');
    }
    assert_string_equal(pgc_buf_str(&seen), expected);
    pgc_buf_fini(&seen);
    free(copy);
}

static void
members_come_in_order_as_raw_text(void **state)
{
    (void)state;
    members_are("{\"id\":9007199254740993,\"n\":1.10,\"s\":\"a\\\"}b\",\"j\":{\"b\": 1, \"a\": [2, "
                "{\"x\":\"]\"}]},\"t\":true,\"z\":null}",
        "id=9007199254740993\nn=1.10\ns=\"a\\\"}b\"\nj={\"b\": 1, \"a\": [2, {\"x\":\"]\"}]}\n"
        "t=true\nz=null\n");
    members_are(" {\n \"a\" : 1 , \"b\" : \"\" } ", "a=1\nb=\"\"\n");
    members_are("{}", "");
}

static void
backslashes_before_a_quote_are_counted(void **state)
{
    (void)state;
    members_are("{\"a\":\"\\\\\",\"b\":\"\\\\\\\"\",\"c\":1}", "a=\"\\\\\"\nb=\"\\\\\\\"\"\nc=1\n");
}

static void
keys_are_decoded_and_cut(void **state)
{
    (void)state;
    members_are("{\"a\\u20ac\\\"\":1}", "a\xe2\x82\xac\"=1\n");
    members_are("{\"abcdefghijklmnopqrst\":1,\"b\":2}", "abcdefghijklmno=1\nb=2\n");
}

static void
what_is_no_object_has_no_members(void **state)
{
    (void)state;
    members_are("", "");
    members_are("[1]", "");
    members_are("\"a\"", "");
    members_are("null", "");
}

static void
a_walk_ends_where_the_text_breaks(void **state)
{
    static const char whole[] = "{\"a\":1,\"b\":{\"c\":[\"d\"]}}";
    size_t length;

    (void)state;
    for (length = 0; length < sizeof(whole) - 1; length++) {
        char *cut = pgc_xstrndup(whole, length);

        members_are(cut, length < 6 ? "" : length < 22 ? "a=1\n" : "a=1\nb={\"c\":[\"d\"]}\n");
        free(cut);
    }
    members_are("{\"a\":1 \"b\":2}", "a=1\n");
    members_are("{\"a\" 1}", "");
    members_are("{\"a\":}", "");
    members_are("{a:1}", "");
}

static void
an_ended_walk_stays_ended(void **state)
{
    const char *text = "{\"a\":1}";
    const char *cursor = NULL;
    struct pgc_slice value;
    char key[8];

    (void)state;
    assert_true(pgc_json_next(text, 7, &cursor, key, sizeof(key), &value));
    assert_false(pgc_json_next(text, 7, &cursor, key, sizeof(key), &value));
    assert_false(pgc_json_next(text, 7, &cursor, key, sizeof(key), &value));
}

static void
absent_and_null_are_the_same_nothing(void **state)
{
    (void)state;
    assert_true(pgc_slice_is_null(slice(NULL)));
    assert_true(pgc_slice_is_null(slice("null")));
    assert_false(pgc_slice_is_null(slice("\"null\"")));
    assert_true(pgc_slice_equal(slice(NULL), slice("null")));
    assert_false(pgc_slice_equal(slice(NULL), slice("0")));
    assert_true(pgc_slice_equal(slice("1.0"), slice("1.0")));
    assert_false(pgc_slice_equal(slice("1.0"), slice("1.00")));
    assert_true(pgc_slice_is_true(slice("true")));
    assert_false(pgc_slice_is_true(slice("\"true\"")));
    assert_false(pgc_slice_is_true(slice(NULL)));
}

static void
text_is(const char *raw, const char *expected)
{
    struct pgc_buf out = {0};

    assert_true(pgc_slice_text(slice(raw), &out));
    assert_string_equal(pgc_buf_str(&out), expected);
    pgc_buf_fini(&out);
}

static void
strings_and_numbers_have_a_text(void **state)
{
    struct pgc_buf out = {0};

    (void)state;
    text_is("9007199254740993", "9007199254740993");
    text_is("-1.50", "-1.50");
    text_is("\"plain\"", "plain");
    text_is("\"\"", "");
    text_is("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    text_is("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    text_is("\"\\ud83d!\\u0000\"", "\xef\xbf\xbd!\xef\xbf\xbd");
    assert_false(pgc_slice_text(slice("true"), &out));
    assert_false(pgc_slice_text(slice("null"), &out));
    assert_false(pgc_slice_text(slice("{}"), &out));
    assert_false(pgc_slice_text(slice(NULL), &out));
    assert_int_equal(out.length, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_order_as_raw_text),
        cmocka_unit_test(backslashes_before_a_quote_are_counted),
        cmocka_unit_test(keys_are_decoded_and_cut),
        cmocka_unit_test(what_is_no_object_has_no_members),
        cmocka_unit_test(a_walk_ends_where_the_text_breaks),
        cmocka_unit_test(an_ended_walk_stays_ended),
        cmocka_unit_test(absent_and_null_are_the_same_nothing),
        cmocka_unit_test(strings_and_numbers_have_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
