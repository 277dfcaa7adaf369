/* SPDX-License-Identifier: PostgreSQL */
/* What was deleted is not sent again, and what was edited as it is now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub_past.h"

#define HEARS(expected, got)                                                                       \
    do {                                                                                           \
        assert_string_equal(got, expected);                                                        \
        assert_int_equal(past->result, PGC_REPLAY_DONE);                                           \
    } while (0)

static void
say_hello(struct past *past)
{
    past_tick(past, 1);
    past_say(past, "s", "start");
    past_show(past, "s", "hello", "message:1", NULL, false);
    past_say_also(past, "t");
    past_show(past, "s", "other", "message:2", NULL, false);
    past_end(past);
}

static void
what_is_deleted_is_never_sent_again(void **state)
{
    struct past *past = *state;

    say_hello(past);
    past_tick(past, 2);
    past_show(past, "s", "hello!", "message:1", NULL, true);
    past_op(past, PGC_OP_FORGET, NULL, "message:1");
    past_say(past, "s", "deleted");
    past_end(past);
    HEARS("other deleted ", past_from(past, "s", 1, 1, NULL));
    HEARS("other deleted ", past_from(past, "s", 1, 2, NULL));
    HEARS("", past_from(past, "t", 1, 1, NULL));
    past_tick(past, 3);
    past_op(past, PGC_OP_FORGET, NULL, "message:1"); /* once more does not matter */
    past_op(past, PGC_OP_FORGET, NULL, "message:99");
    past_end(past);
    HEARS("other deleted ", past_from(past, "s", 1, 1, NULL));
}

static void
what_comes_back_is_sent_again(void **state)
{
    struct past *past = *state;

    say_hello(past);
    past_tick(past, 2);
    past_op(past, PGC_OP_FORGET, NULL, "message:1");
    past_say(past, "s", "deleted");
    past_show(past, "s", "hello", "message:1", NULL, false);
    past_end(past);
    HEARS("other deleted hello ", past_from(past, "s", 1, 1, NULL));
}

static void
what_is_edited_is_sent_as_it_is_now(void **state)
{
    struct past *past = *state;

    say_hello(past);
    for (int64_t tick = 2; tick <= 3; tick++) {
        const char *new_text = tick == 2 ? "second" : "third";

        past_tick(past, tick);
        past_amend(past, "message:1", new_text);
        past_show(past, "s", new_text, "message:1", NULL, true);
        past_say_also(past, "t");
        past_end(past);
    }
    HEARS("third other third ", past_from(past, "s", 1, 1, NULL));
    HEARS("other third ", past_from(past, "s", 1, 2, NULL)); /* in its old place */
    HEARS("third ", past_from(past, "s", 2, 2, NULL));
    HEARS("third third ", past_from(past, "t", 1, 1, NULL));
    HEARS("", past_from(past, "s", 3, 2, NULL));
}

static void
what_was_edited_and_then_deleted_is_gone(void **state)
{
    struct past *past = *state;

    say_hello(past);
    past_tick(past, 2);
    past_amend(past, "message:1", "second");
    past_op(past, PGC_OP_FORGET, NULL, "message:1");
    past_end(past);
    HEARS("other ", past_from(past, "s", 1, 1, NULL));
}

static void
what_shows_it_inside_cannot_be_sent_again(void **state)
{
    struct past *past = *state;

    for (int edited = 0; edited <= 1; edited++) {
        int64_t tick = 1 + 3 * edited;

        past_tick(past, tick);
        past_say(past, "s", "a");
        past_show(past, "s", "room with it", NULL, "message:1", false);
        past_show(past, "s", "b", "message:3", "message:4", false);
        past_end(past);
        HEARS("room with it b ", past_from(past, "s", tick, 1, NULL));
        past_tick(past, tick + 1);
        if (edited) {
            past_amend(past, "message:1", "second");
        } else {
            past_op(past, PGC_OP_FORGET, NULL, "message:1");
        }
        past_end(past);
        past_refuses(past, tick, 1, PGC_REPLAY_HOLE);
        HEARS("b ", past_from(past, "s", tick, 2, NULL));
        past_tick(past, tick + 2);
        past_op(past, PGC_OP_FORGET, NULL, "message:3");
        past_end(past);
        HEARS("", past_from(past, "s", tick, 2, NULL));
    }
}

/* The only reference to the text that is left is this one. */
static void
what_is_deleted_is_let_go_at_once(void **state)
{
    struct past *past = *state;
    int64_t before;

    past_said(past, 1, "a");
    before = past_bytes(past);
    past_tick(past, 2);
    past_show(past, "s", "a long text that takes its memory", "message:1", NULL, false);
    past_end(past);
    past_tick(past, 3);
    past_op(past, PGC_OP_FORGET, NULL, "message:1");
    past_end(past);
    past_tick(past, 4);
    past_amend(past, "message:1", "nothing is there to amend");
    past_end(past);
    assert_true(past_bytes(past) > before);
    assert_true(past_bytes(past) < before + 1000);
    assert_int_equal(past_entries(past), 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, past_setup, past_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_deleted_is_never_sent_again),
        TEST(what_comes_back_is_sent_again),
        TEST(what_is_edited_is_sent_as_it_is_now),
        TEST(what_was_edited_and_then_deleted_is_gone),
        TEST(what_shows_it_inside_cannot_be_sent_again),
        TEST(what_is_deleted_is_let_go_at_once),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
