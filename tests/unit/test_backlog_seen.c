/* SPDX-License-Identifier: PostgreSQL */
/* What is sent again and was edited since, or stands beside what was deleted, says as of which tick
 * that is; a history without that tick does not go on from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_past.h"

/* What it heard, and the tick that the last of it has seen; 0 = none. */
#define HEARS(expected, tick_seen, got)                                                            \
    do {                                                                                           \
        assert_string_equal(got, expected);                                                        \
        assert_int_equal(past->result, PGC_REPLAY_DONE);                                           \
        assert_int_equal(past->listener.seen.tick, tick_seen);                                     \
        assert_int_equal(past->listener.seen.nonce, (tick_seen) > 0 ? PAST_NONCE : 0);             \
    } while (0)

static struct pgc_seen
seen_of(int64_t tick)
{
    return (struct pgc_seen){.tick = tick, .nonce = PAST_NONCE};
}

/* Ticks 1 to 4: start, hello (message:1), other (message:2), more. */
static void
say_hello(struct past *past)
{
    past_said(past, 1, "start");
    past_tick(past, 2);
    past_show(past, "s", "hello", "message:1", NULL, false);
    past_end(past);
    past_tick(past, 3);
    past_show(past, "s", "other", "message:2", NULL, false);
    past_end(past);
    past_said(past, 4, "more");
}

static void
edit(struct past *past, int64_t tick, const char *message, const char *text)
{
    past_tick(past, tick);
    past_amend(past, message, text);
    past_end(past);
}

static void
take_away(struct past *past, int64_t tick, const char *message)
{
    past_tick(past, tick);
    past_op(past, PGC_OP_FORGET, NULL, message);
    past_end(past);
}

static void
what_was_not_touched_has_seen_nothing(void **state)
{
    struct past *past = *state;

    say_hello(past);
    HEARS("hello other more ", 0, past_from(past, "s", 1, 1, NULL));
}

static void
all_that_comes_with_an_edit_has_seen_it(void **state)
{
    struct past *past = *state;

    say_hello(past);
    edit(past, 5, "message:1", "HELLO");
    past_said(past, 6, "last");
    HEARS("other more last ", 0, past_from(past, "s", 2, 1, NULL)); /* it had that one before */
    HEARS("HELLO other more last ", 5, past_from(past, "s", 1, 1, NULL));
    edit(past, 7, "message:2", "OTHER");
    HEARS("HELLO OTHER more last ", 7, past_from(past, "s", 1, 1, NULL));
    past_said(past, 8, "live");
    assert_int_equal(past->listener.seen.tick, 0); /* its own tick says it */
}

static void
so_has_what_comes_beside_something_deleted(void **state)
{
    struct past *past = *state;

    say_hello(past);
    take_away(past, 5, "message:1");
    HEARS("other more ", 0, past_from(past, "s", 2, 1, NULL));
    HEARS("other more ", 5, past_from(past, "s", 1, 1, NULL));
}

static void
so_has_what_comes_beside_an_update_that_is_no_more(void **state)
{
    struct past *past = *state;

    say_hello(past);
    past_tick(past, 5);
    past_show(past, "s", "update", "message:9", NULL, true);
    past_end(past);
    past_said(past, 6, "last");
    HEARS("update last ", 0, past_from(past, "s", 4, 1, NULL));
    edit(past, 7, "message:9", "anything");
    HEARS("last ", 7, past_from(past, "s", 4, 1, NULL));
}

static void
what_its_own_tick_changed_has_that_tick_as_its_place(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "start");
    past_tick(past, 2);
    past_show(past, "s", "a", "message:1", NULL, false);
    past_amend(past, "message:1", "A");
    past_show(past, "s", "b", "message:2", NULL, false);
    past_op(past, PGC_OP_FORGET, NULL, "message:2");
    past_say(past, "s", "c");
    past_end(past);
    HEARS("A c ", 0, past_from(past, "s", 1, 1, NULL));
}

static void
who_has_seen_it_has_seen_it_with_the_next_message_too(void **state)
{
    struct past *past = *state;

    say_hello(past);
    edit(past, 5, "message:1", "HELLO");
    HEARS("HELLO other more ", 5, past_from(past, "s", 1, 1, NULL));
    HEARS("other more ", 5, past_again_seen(past, 2, 1, seen_of(5)));
    HEARS("more ", 5, past_again_seen(past, 3, 1, seen_of(3))); /* less than is known: no harm */
    past_said(past, 6, "last");
    HEARS("more ", 6, past_again_seen(past, 3, 1, seen_of(6))); /* another daemon knew of it */
}

static void
a_history_without_that_tick_does_not_go_on(void **state)
{
    struct past *past = *state;
    struct pgc_seen another = {.tick = 4, .nonce = PAST_NONCE + 1};

    say_hello(past);
    past_from(past, "s", 4, 1, NULL);
    HEARS("other more ", 4, past_again_seen(past, 2, 1, seen_of(4)));
    assert_string_equal(past_again_seen(past, 2, 1, another), "");
    assert_int_equal(past->result, PGC_REPLAY_UNKNOWN);
    for (int64_t tick = 5; tick <= 257; tick++) { /* there is room for 256 at first */
        assert_string_equal(past_again_seen(past, 2, 1, seen_of(tick)), "");
        assert_int_equal(past->result, PGC_REPLAY_UNKNOWN);
        past_tick(past, tick);
        past_end(past);
    }
}

/* Kept are the last 3,000 s, which are 300 ticks; and the place of a quiet stream's last message.
 */
static void
what_cannot_be_checked_any_more_does_not_count(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a");
    past_tick(past, 2);
    past_end(past);
    for (int64_t tick = 3; tick <= 400; tick++) {
        past_tick(past, tick);
        past_end(past);
    }
    past_from(past, "s", 400, 1, NULL);
    HEARS("", 0, past_again(past, 1, 1, PAST_NONCE));
    assert_string_equal(past_again_seen(past, 1, 1, seen_of(2)), "");
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    HEARS("", 0, past_again_seen(past, 1, 1, seen_of(400)));
}

static void
another_history_begins_with_nothing_seen(void **state)
{
    struct past *past = *state;

    say_hello(past);
    edit(past, 5, "message:1", "HELLO");
    say_hello(past);
    HEARS("hello other more ", 0, past_from(past, "s", 1, 1, NULL));
    HEARS("other more ", 3, past_again_seen(past, 2, 1, seen_of(3)));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, past_setup, past_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_not_touched_has_seen_nothing),
        TEST(all_that_comes_with_an_edit_has_seen_it),
        TEST(so_has_what_comes_beside_something_deleted),
        TEST(so_has_what_comes_beside_an_update_that_is_no_more),
        TEST(what_its_own_tick_changed_has_that_tick_as_its_place),
        TEST(who_has_seen_it_has_seen_it_with_the_next_message_too),
        TEST(a_history_without_that_tick_does_not_go_on),
        TEST(what_cannot_be_checked_any_more_does_not_count),
        TEST(another_history_begins_with_nothing_seen),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
