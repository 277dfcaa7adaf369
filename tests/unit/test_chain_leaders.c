/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chain_river.h"

static void
the_next_leader_goes_on_behind_a_whole_tick(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 6, .ends = true);
    SEND(.term = 1, .tick = 6, .piece = 1, .late = true);
    SEND(.term = 3, .tick = 6, .late = true);
    SEND(.term = 3, .tick = 7, .ends = true, .messages = {1});
    SEND(.term = 4, .tick = 8, .ends = true);
    river_expect(river, "begin@5 6() 6( 6( 7(1) 8() ");
    assert_int_equal(river->breaks, 0);
}

/* The pieces may be cut elsewhere, and hold what was a hole. */
static void
half_a_tick_is_sent_again_and_nothing_comes_twice(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 6, .ends = true);
    SEND(.term = 1, .tick = 7, .messages = {1, -2});
    SEND(.term = 1, .tick = 7, .piece = 1, .messages = {3, 4});
    SEND(.term = 2, .tick = 6, .late = true); /* behind the last whole one */
    SEND(.term = 2, .tick = 7, .messages = {1, 2, 3});
    SEND(.term = 2, .tick = 7, .piece = 1, .messages = {4, 5});
    SEND(.term = 2, .tick = 7, .piece = 2, .ends = true, .messages = {6});
    SEND(.term = 2, .tick = 8, .ends = true, .messages = {1});
    river_expect(river, "begin@5 6() 7(1 -2 7(3 4 7( 7( 7(5 7(6) 8(1) ");
    assert_int_equal(river->breaks, 0);
}

static void
a_message_for_two_topics_goes_to_both_when_it_is_sent_again(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 7, .messages = {1});
    SEND(.term = 2, .tick = 7, .ends = true, .messages = {1, 2, 2});
    river_expect(river, "begin@6 7(1 7(2 2) ");
}

/* It may not have come before. */
static void
what_is_revoked_comes_again_when_it_is_sent_again(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 7, .messages = {1});
    SEND(.term = 2, .tick = 7, .ends = true, .bans = true, .messages = {1, 2});
    river_expect(river, "begin@6 7(1 7(x 2) ");
}

static void
half_a_piece_of_a_leader_that_ended_is_forgotten(void **state)
{
    const struct piece piece = {.term = 1, .tick = 7, .piece = 1, .messages = {2, 3}};
    struct river *river = *state;

    SEND(.term = 1, .tick = 7, .messages = {1});
    river_send_fragments(river, &piece, 0, 5);
    SEND(.term = 2, .tick = 7, .ends = true, .messages = {1, 2});
    river_expect(river, "begin@6 7(1 7(2) ");
    assert_int_equal(river->breaks, 0);
}

static void
a_leader_may_go_back_to_where_it_began(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 7, .messages = {1});
    SEND(.term = 2, .tick = 6, .late = true, .bans = true);
    SEND(.term = 2, .tick = 7, .ends = true, .messages = {1, 2});
    river_expect(river, "begin@6 7(1 7(x 7(2) ");
    assert_int_equal(river->breaks, 0);
}

static void
a_leader_that_goes_on_in_the_middle_is_a_gap(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 7, .messages = {1});
    SEND(.term = 2, .tick = 7, .piece = 1, .ends = true, .messages = {2});
    river_expect(river, "begin@6 7(1 reload@7 ");
    assert_int_equal(river->breaks, 1);
}

static void
a_leader_with_another_history_is_a_gap(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 7, .messages = {1});
    SEND(.term = 2, .tick = 7, .nonce = 99, .ends = true, .messages = {1});
    river_expect(river, "begin@6 7(1 reload@6 7(1) ");
    assert_int_equal(river->breaks, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, river_setup, river_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_next_leader_goes_on_behind_a_whole_tick),
        TEST(half_a_tick_is_sent_again_and_nothing_comes_twice),
        TEST(a_message_for_two_topics_goes_to_both_when_it_is_sent_again),
        TEST(what_is_revoked_comes_again_when_it_is_sent_again),
        TEST(half_a_piece_of_a_leader_that_ended_is_forgotten),
        TEST(a_leader_may_go_back_to_where_it_began),
        TEST(a_leader_that_goes_on_in_the_middle_is_a_gap),
        TEST(a_leader_with_another_history_is_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
