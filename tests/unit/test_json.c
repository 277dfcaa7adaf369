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

enum { TEXT_BYTES_MAX = 2000 };

static struct pgc_json *
parse(const char *text)
{
    struct pgc_err err = {0};
    struct pgc_json *json = pgc_json_parse(text, strlen(text), TEXT_BYTES_MAX, &err);

    if (json == NULL) {
        fail_msg("refused %s: %s", text, err.message);
    }
    return json;
}

/* Refused, with a message that has `why` in it.  The copy ends where the text does, so that the
 * sanitizer sees a read beyond it. */
static void
refused_bytes(const char *text, size_t length, const char *why)
{
    struct pgc_err err = {0};
    char *copy = pgc_xmemdup(text, length);
    struct pgc_json *json = pgc_json_parse(copy, length, TEXT_BYTES_MAX, &err);

    free(copy);
    if (json != NULL) {
        pgc_json_free(json);
        fail_msg("accepted %s", text);
    }
    assert_int_equal(err.code, PGC_ERR_DATA);
    if (strstr(err.message, why) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.message, why);
    }
}

static void
refused(const char *text, const char *why)
{
    refused_bytes(text, strlen(text), why);
}

static void
an_object_of_rfc_8259_is_accepted(void **state)
{
    static const char *const good[] = {
        "{}",
        " \t\r\n{ } \n",
        "{\"a\":[1,-0,0.5,1e9,1E+2,2e-3,true,false,null,\"\",{},[]]}",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}", /* 7 of 8 levels */
        "{\"a\":[[[[[[[]]]]]]]}",                                    /* 8 of 8 */
        "{\"a\":[[[[[[[1,\"b\",null]]]]]]]}",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":\"b\"}}}}}}}}",
        "{\"\":1}",
        "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\\ud83d\\ude00\"}",
        "{\"a\":\"\xe2\x82\xac \xf0\x9f\x98\x80 \xc2\x80\"}",
        "{\"a\":1,\"A\":1}",
        "{\"a\":99999999999999999999999999999}",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        pgc_json_free(parse(good[i]));
    }
}

static void
what_is_no_object_is_refused(void **state)
{
    (void)state;
    refused("", "no object");
    refused("  ", "no object");
    refused("[]", "no object");
    refused("null", "no object");
    refused("\"{}\"", "no object");
    refused("\xef\xbb\xbf{}", "no object");
    refused("{} {}", "something after");
    refused("{}x", "something after");
    refused("{}}", "something after");
    refused_bytes("{}\0", 3, "something after");
}

static void
broken_syntax_is_refused(void **state)
{
    (void)state;
    refused("{", "no member name");
    refused("{\"a\"", "no colon");
    refused("{\"a\" 1}", "no colon");
    refused("{\"a\":", "ends where a value");
    refused("{\"a\":1", "neither a comma nor");
    refused("{\"a\":1,}", "no member name");
    refused("{,}", "no member name");
    refused("{a:1}", "no member name");
    refused("{'a':1}", "no member name");
    refused("{\"a\":'b'}", "no value");
    refused("{\"a\":[1,]}", "no value");
    refused("{\"a\":[1 2]}", "neither a comma nor");
    refused("{\"a\":[1}", "neither a comma nor");
    refused("{\"a\":1]", "neither a comma nor");
    refused("{/**/}", "no member name");
    refused("{\"a\":1//\n}", "neither a comma nor");
}

static void
values_json_does_not_have_are_refused(void **state)
{
    (void)state;
    refused("{\"a\":NaN}", "no value");
    refused("{\"a\":Infinity}", "no value");
    refused("{\"a\":-Infinity}", "no value");
    refused("{\"a\":undefined}", "no value");
    refused("{\"a\":TRUE}", "no value");
    refused("{\"a\":truely}", "neither a comma nor");
    refused("{\"a\":+1}", "no value");
    refused("{\"a\":01}", "neither a comma nor");
    refused("{\"a\":.5}", "no value");
    refused("{\"a\":1.}", "digits behind its point");
    refused("{\"a\":1e}", "digits in its exponent");
    refused("{\"a\":0x10}", "neither a comma nor");
}

static void
strings_are_strict(void **state)
{
    (void)state;
    refused("{\"a\":\"x", "ends inside a string");
    refused("{\"a\":\"\\", "ends inside a string");
    refused("{\"a\":\"\\x\"}", "an escape");
    refused_bytes("{\"a\":\"\\\0\"}", 10, "an escape");
    refused("{\"a\":\"\n\"}", "control character");
    refused("{\"a\":\"\x1f\"}", "control character");
    refused("{\"a\nb\":1}", "control character");
    refused_bytes("{\"a\":\"\0\"}", 9, "control character");
    refused("{\"a\":\"\\u12g4\"}", "four hex digits");
    refused("{\"a\":\"\\u12", "four hex digits");
}

static void
nul_is_refused_in_strings_and_names(void **state)
{
    (void)state;
    refused("{\"a\":\"\\u0000\"}", "NUL");
    refused("{\"command\":\"a\",\"command\\u0000\":\"b\"}", "NUL");
}

static void
half_a_surrogate_pair_is_refused(void **state)
{
    (void)state;
    refused("{\"a\":\"\\ud83d\"}", "surrogate");
    refused("{\"a\":\"\\ud83dx\"}", "surrogate");
    refused("{\"a\":\"\\ud83d\\n\"}", "surrogate");
    refused("{\"a\":\"\\ud83d\\ud83d\"}", "surrogate");
    refused("{\"a\":\"\\ude00\"}", "surrogate");
}

static void
bytes_that_are_no_utf8_are_refused(void **state)
{
    (void)state;
    refused("{\"a\":\"\x80\"}", "UTF-8");
    refused("{\"a\":\"\xff\"}", "UTF-8");
    refused("{\"a\":\"\xc0\x80\"}", "UTF-8");
    refused("{\"a\":\"\xe0\x80\x80\"}", "UTF-8");
    refused("{\"a\":\"\xed\xa0\x80\"}", "UTF-8");
    refused("{\"a\":\"\xf4\x90\x80\x80\"}", "UTF-8");
    refused("{\"a\":\"\xf0\x80\x80\x80\"}", "UTF-8");
    refused("{\"a\":\"\xe2\x82\"}", "UTF-8");
    refused("{\"a\":\"\xe2\x82", "UTF-8");
    refused("{\"\xc3(\":1}", "UTF-8");
}

static void
nesting_ends_at_eight_levels(void **state)
{
    struct pgc_buf bomb = {0};
    int i;

    (void)state;
    refused("{\"a\":[[[[[[[[]]]]]]]]}", "deeper than 8");
    refused("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", "deeper than 8");
    pgc_buf_adds(&bomb, "{\"a\":");
    for (i = 0; i < 900; i++) {
        pgc_buf_addc(&bomb, '[');
    }
    refused(pgc_buf_str(&bomb), "deeper than 8");
    pgc_buf_fini(&bomb);
}

static void
a_number_of_any_precision_is_accepted_within_bounds(void **state)
{
    char text[2048];

    (void)state;
    snprintf(text, sizeof(text), "{\"a\":%01000d}", 7); /* a leading zero is broken syntax */
    text[5] = '1';
    pgc_json_free(parse(text));
    snprintf(text, sizeof(text), "{\"a\":1%01000d}", 7);
    refused(text, "out of range");
    snprintf(text, sizeof(text), "{\"a\":0.%0999d}", 7);
    refused(text, "out of range");
    pgc_json_free(parse("{\"a\":1e999,\"b\":-1.5E-999}"));
    refused("{\"a\":1e1000}", "out of range");
    refused("{\"a\":1e-1000}", "out of range");
    refused("{\"a\":1e999999999999999999999}", "out of range");
}

static void
a_key_given_twice_is_refused_at_any_level(void **state)
{
    (void)state;
    refused("{\"a\":1,\"a\":1}", "twice");
    refused("{\"a\":1,\"\\u0061\":1}", "twice");
    refused("{\"x\":[{\"y\":{\"a\":1,\"b\":2,\"a\":3}}]}", "twice");
    refused("{\"a\":{\"b\":1,\"c\":2},\"a\":{}}", "twice");
}

static void
more_than_the_limit_is_refused(void **state)
{
    struct pgc_err err = {0};
    struct pgc_json *json = pgc_json_parse("{\"a\":1}", 7, 7, &err);

    (void)state;
    assert_non_null(json);
    pgc_json_free(json);
    assert_null(pgc_json_parse("{\"a\":1} ", 8, 7, &err));
    assert_non_null(strstr(err.message, "limit of 7"));
}

static void
a_string_is_decoded(void **state)
{
    struct pgc_json *json = parse("{\"a\":\"x\\u20ac\\n\\\"\\/\",\"n\":7,\"e\":\"\"}");
    size_t length = 0;

    (void)state;
    assert_string_equal(pgc_json_string(json, "a", &length), "x\xe2\x82\xac\n\"/");
    assert_int_equal(length, 7);
    assert_string_equal(pgc_json_string(json, "e", NULL), "");
    assert_null(pgc_json_string(json, "n", &length));
    assert_null(pgc_json_string(json, "absent", &length));
    pgc_json_free(json);
}

static void
an_id_is_an_integer_as_written_or_a_string(void **state)
{
    struct pgc_json *json = parse("{\"i\":99999999999999999999999,\"n\":-12,\"z\":0,\"s\":\"0b6f\","
                                  "\"d\":7.0,\"e\":7e0,\"m\":-0,\"t\":true,\"u\":null,\"o\":{}}");
    char id[32];

    (void)state;
    assert_true(pgc_json_id(json, "i", id, sizeof(id)));
    assert_string_equal(id, "99999999999999999999999");
    assert_true(pgc_json_id(json, "n", id, sizeof(id)));
    assert_string_equal(id, "-12");
    assert_true(pgc_json_id(json, "z", id, sizeof(id)));
    assert_string_equal(id, "0");
    assert_true(pgc_json_id(json, "s", id, sizeof(id)));
    assert_string_equal(id, "0b6f");
    assert_false(pgc_json_id(json, "d", id, sizeof(id)));
    assert_false(pgc_json_id(json, "e", id, sizeof(id)));
    assert_false(pgc_json_id(json, "m", id, sizeof(id)));
    assert_false(pgc_json_id(json, "t", id, sizeof(id)));
    assert_false(pgc_json_id(json, "u", id, sizeof(id)));
    assert_false(pgc_json_id(json, "o", id, sizeof(id)));
    assert_false(pgc_json_id(json, "absent", id, sizeof(id)));
    assert_false(pgc_json_id(json, "i", id, 23));
    assert_true(pgc_json_id(json, "i", id, 24));
    pgc_json_free(json);
}

static void
an_integer_fits_64_bits_or_is_none(void **state)
{
    struct pgc_json *json =
        parse("{\"x\":{\"max\":1},\"max\":9223372036854775807,\"min\":-9223372036854775808,"
              "\"more\":9223372036854775808,\"s\":\"7\",\"d\":1.5}");
    int64_t number = 0;

    (void)state;
    assert_true(pgc_json_int(json, "max", &number));
    assert_true(number == INT64_MAX);
    assert_true(pgc_json_int(json, "min", &number));
    assert_true(number == INT64_MIN);
    assert_false(pgc_json_int(json, "more", &number));
    assert_false(pgc_json_int(json, "s", &number));
    assert_false(pgc_json_int(json, "d", &number));
    assert_false(pgc_json_int(json, "absent", &number));
    pgc_json_free(json);
}

static void
a_member_may_be_there_and_be_null(void **state)
{
    struct pgc_json *json = parse("{\"a\":null}");

    (void)state;
    assert_true(pgc_json_has(json, "a"));
    assert_false(pgc_json_has(json, "b"));
    pgc_json_free(json);
}

static void
member_is_its_raw_text_whatever_it_is(void **state)
{
    static const char text[] =
        " { \"a\\u0062\" : {\"x\":[1, 2]} , \"n\":1e2,\"s\":\"\\u00e9\",\"z\":null } ";
    struct pgc_json *json = pgc_json_parse(text, sizeof(text) - 1, sizeof(text), NULL);
    static const struct {
        const char *key;
        const char *value;
    } cases[] = {{"ab", "{\"x\":[1, 2]}"}, {"n", "1e2"}, {"s", "\"\\u00e9\""}, {"z", "null"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pgc_slice value = pgc_json_member(json, cases[i].key);

        assert_int_equal(value.length, strlen(cases[i].value));
        assert_memory_equal(value.data, cases[i].value, value.length);
    }
    assert_null(pgc_json_member(json, "x").data);
    pgc_json_free(json);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_of_rfc_8259_is_accepted),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(broken_syntax_is_refused),
        cmocka_unit_test(values_json_does_not_have_are_refused),
        cmocka_unit_test(strings_are_strict),
        cmocka_unit_test(nul_is_refused_in_strings_and_names),
        cmocka_unit_test(half_a_surrogate_pair_is_refused),
        cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
        cmocka_unit_test(nesting_ends_at_eight_levels),
        cmocka_unit_test(a_number_of_any_precision_is_accepted_within_bounds),
        cmocka_unit_test(a_key_given_twice_is_refused_at_any_level),
        cmocka_unit_test(more_than_the_limit_is_refused),
        cmocka_unit_test(a_string_is_decoded),
        cmocka_unit_test(an_id_is_an_integer_as_written_or_a_string),
        cmocka_unit_test(an_integer_fits_64_bits_or_is_none),
        cmocka_unit_test(a_member_may_be_there_and_be_null),
        cmocka_unit_test(member_is_its_raw_text_whatever_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
