/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "follow_shore.h"

/* ---- what is waited for ---- */

static bool
has_request(struct shore *shore)
{
    return shore->follower->asks.request_count > 0;
}

static bool
has_asked_for_state(struct shore *shore)
{
    return shore->states > 0;
}

static bool
has_answer(struct shore *shore)
{
    return !TAILQ_EMPTY(&shore->follower->asks.held);
}

/* ---- answers ---- */

static struct shore *
shore_with_an_ask(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
    return shore;
}

static void
an_answer_lands_when_its_tick_has_come(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_ask(shore, 1, 77, "5");
    shore_expect_asks(shore, "5 | ");
    shore_answer(shore, 7, "room", 1);
    shore->target = "answered";
    shore_wait(shore, has_answer);
    shore_half_tick(shore, 7, 1);
    shore_tick(shore, 7, 2);
    shore_tick(shore, 8, 0);
    shore_expect_of(shore, 1, "7(1 7(2) 77:room 8() ");
    shore_expect_of(shore, 0, "7(1 7(2) 8() ");
}

static void
asks_of_all_workers_are_asked_together(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_ask(shore, 0, 1, "5");
    shore_ask(shore, 1, 1, "6");
    shore_ask(shore, 0, 2, "7");
    shore_expect_asks(shore, "5 7 6 | ");
    shore_answer(shore, 6, "room", 3);
    shore_expect_of(shore, 0, "1:room 2:room ");
    shore_expect_of(shore, 1, "1:room ");
}

static void
what_was_left_out_is_asked_again(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_ask(shore, 0, 1, "5");
    shore_ask(shore, 0, 2, "6");
    shore_expect_asks(shore, "5 6 | ");
    shore_answer(shore, 6, NULL, 1);
    shore_expect_of(shore, 0, "1:no ");
    shore_expect_asks(shore, "6 | ");
    shore_answer(shore, 6, "room", 1);
    shore_expect_of(shore, 0, "2:room ");
}

static void
an_answer_of_before_holds_if_nothing_has_moved_since(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore_move(shore, 7, PGC_OP_REVOKE, "6"); /* somebody else */
    shore_expect(shore, "7(x) ");
    shore_answer(shore, 6, "room", 1);
    shore_expect_of(shore, 0, "1:room ");
}

static void
an_answer_that_may_not_hold_is_asked_again(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore_move(shore, 7, PGC_OP_REVOKE, "5");
    shore_expect(shore, "7(x) ");
    shore_answer(shore, 6, "room", 1);
    shore_expect_asks(shore, "5 | ");
    shore_answer(shore, 7, NULL, 1);
    shore_expect_of(shore, 0, "1:no ");
}

static void
an_answer_of_another_history_is_asked_again(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore_answer(shore, 9, "room", 1);
    shore->target = "answered";
    shore_wait(shore, has_answer);
    shore_begin(shore, 20, PGC_OP_RELOAD);
    shore_expect_asks(shore, "5 | ");
    shore_answer(shore, 20, "room", 1);
    shore_expect_of(shore, 0, "reload@20 1:room ");
}

static void
nobody_is_answered_before_it_is_known_what_was_revoked(void **state)
{
    struct shore *shore = *state;

    shore->is_mute = true;
    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_follow(shore);
    shore_expect(shore, "begin@5 ");
    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
    shore_answer(shore, 5, "room", 1);
    shore->target = "asked";
    shore_wait(shore, has_asked_for_state);
    shore->target = "answered";
    shore_wait(shore, has_answer);
    shore_speak(shore);
    shore_expect_of(shore, 0, "5(t 1:room ");
}

static void
silence_is_a_no_in_the_end(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore->follower->patience.ask_ms = 0;
    shore_expect_of(shore, 0, "1:no ");
    shore_answer(shore, 6, "room", 1); /* too late */
    shore_tick(shore, 7, 0);
    shore_expect_of(shore, 0, "7() ");
}

static bool
has_heard(struct shore *shore)
{
    return shore->follower->has_heard;
}

static void
a_new_leader_is_asked_what_the_old_one_did_not_answer(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_lead(shore);
    shore->target = "heard";
    shore_wait(shore, has_heard);
    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
    shore->newest.term = 2;
    shore_lead(shore);
    shore_expect_asks(shore, "5 | ");
    shore_answer(shore, 6, "room", 1);
    shore_expect_of(shore, 0, "1:room ");
}

/* Whose events must be built when the answer is given. */
static void
who_asks_is_told_to_listen_before(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_expect_viewers(shore, "( ) ");
    shore->follower->viewers.told_all_ms = pgc_monotonic_ms() + 600000;
    pgc_port_viewer(shore->ports[0], "5", 1);
    shore_ask(shore, 0, 1, "5");
    shore->target = "asked";
    shore_wait(shore, has_request);
    assert_true(TAILQ_EMPTY(&shore->follower->viewers.changed));
    shore_expect_asks(shore, "5 | ");
    shore_expect_viewers(shore, "+5 ");
}

static void
an_answer_of_another_tick_of_that_number_is_asked_again(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore->other_nonce = 1;
    shore_answer(shore, 6, "room", 1);
    shore_expect_asks(shore, "5 | ");
    shore->other_nonce = 0;
    shore_answer(shore, 6, NULL, 1);
    shore_expect_of(shore, 0, "1:no ");
}

static void
an_answer_of_a_tick_that_never_comes_is_asked_again(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore_answer(shore, 9, "room", 1);
    shore->target = "answered";
    shore_wait(shore, has_answer);
    shore_begin(shore, 3, PGC_OP_RELOAD); /* tick 9 is another one now */
    shore_expect_asks(shore, "5 | ");
    shore_answer(shore, 3, "room", 1);
    shore_expect_of(shore, 0, "reload@3 1:room ");
}

static void
an_answer_ends_no_other_question(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore_ask(shore, 0, 2, "6");
    shore_expect_asks(shore, "6 | ");
    shore_answer(shore, 6, "room", 1);
    shore_expect_of(shore, 0, "2:room ");
    shore_tick(shore, 7, 0);
    shore_expect_of(shore, 0, "7() ");
    assert_int_equal(shore->asks.length, 0);
}

static void
a_yes_that_cannot_be_known_to_hold_is_a_no_in_the_end(void **state)
{
    struct shore *shore = shore_with_an_ask(state);

    shore_answer(shore, 9, "room", 1);
    shore->target = "answered";
    shore_wait(shore, has_answer);
    shore_wait_for_a_beat(shore);
    assert_true(has_answer(shore));
    shore->follower->patience.ask_ms = 0;
    shore_expect_of(shore, 0, "1:no ");
}

static void
what_could_not_be_asked_is_a_no_in_the_end(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore->follower->asks.not_before_ms = pgc_monotonic_ms() + 3600000;
    shore_ask(shore, 0, 1, "5");
    shore->follower->patience.ask_ms = 0;
    shore_expect_of(shore, 0, "1:no ");
    assert_int_equal(shore->asks.length, 0);
}

/* ---- how many are asked, and how often ---- */

static bool
has_failed_once(struct shore *shore)
{
    return shore->follower->asks.failures == 1;
}

static bool
has_failed_twice(struct shore *shore)
{
    return shore->follower->asks.failures == 2;
}

static bool
has_four_questions(struct shore *shore)
{
    return shore->questions >= 4;
}

static bool
has_all_asks(struct shore *shore)
{
    return pgc_table_count(shore->follower->asks.by_ticket) == 400;
}

static void
who_finds_nobody_waits_longer_each_time(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);
    struct follower_asks *asks = &shore->follower->asks;
    int64_t begun_ms = pgc_monotonic_ms();
    int64_t first_ms;

    pgc_nats_cease(shore->leader, "ask");
    shore_tick(shore, 7, 0);
    shore_expect_of(shore, 0, "7() "); /* nobody serves by now */
    shore_ask(shore, 0, 1, "5");
    shore->target = "failed";
    shore_wait(shore, has_failed_once);
    first_ms = asks->not_before_ms;
    assert_true(first_ms >= begun_ms + 1000);
    shore_wait(shore, has_failed_twice);
    assert_true(asks->not_before_ms >= first_ms + 2000);
    pgc_nats_serve(shore->leader, "ask");
    shore_lead(shore);
    shore_expect_asks(shore, "5 | "); /* at once */
    assert_int_equal(asks->not_before_ms, 0);
    assert_int_equal(asks->failures, 0);
    shore_answer(shore, 7, "room", 1);
    shore_expect_of(shore, 0, "1:room ");
}

static void
who_was_answered_is_not_made_to_wait_again(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    pgc_nats_cease(shore->leader, "ask");
    shore_tick(shore, 7, 0);
    shore_expect_of(shore, 0, "7() ");
    shore_ask(shore, 0, 1, "5");
    shore->target = "failed";
    shore_wait(shore, has_failed_once);
    pgc_nats_serve(shore->leader, "ask");
    shore_expect_asks(shore, "5 | ");
    shore_answer(shore, 7, "room", 1);
    shore_expect_of(shore, 0, "1:room ");
    assert_int_equal(shore->follower->asks.failures, 0);
}

static void
only_so_much_is_asked_at_once(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    for (unsigned i = 0; i < 400; i++) {
        shore_ask(shore, 0, i, "5");
    }
    shore->target = "asked";
    shore_wait(shore, has_all_asks);
    shore_wait(shore, has_four_questions);
    shore_wait_for_a_beat(shore);
    assert_int_equal(shore->follower->asks.request_count, 4);
    assert_int_equal(shore->questions, 4);
}

/* Of which each would do alone. */
static void
asks_too_long_for_one_message_are_asked_in_several(void **state)
{
    enum { LENGTH = 100000 };
    struct shore *shore = shore_behind_tick_6(state);
    char *params = pgc_xcalloc(1, LENGTH);

    memset(params, ' ', LENGTH - 1);
    params[0] = '{';
    params[LENGTH - 2] = '}';
    for (unsigned i = 0; i < 12; i++) {
        pgc_port_take_up_ask(
            shore->ports[0], pgc_ask_new_custom(i, "5", "Channel", params, LENGTH - 1));
    }
    free(params);
    shore->target = "asked";
    shore_wait(shore, has_four_questions);
    assert_in_range(shore->asked.count, 1, 3);
}

/* What went to leaders that are none any more is not waited for, and counts no longer. */
static void
questions_in_vain_hinder_no_others(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);
    const struct follower_asks *asks = &shore->follower->asks;

    shore->follower->patience.answer_ms = 200;
    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
    shore->follower->patience.answer_ms = 600000;
    for (shore->newest.term = 2; shore->newest.term < 9; shore->newest.term++) {
        shore_lead(shore);
        shore_expect_asks(shore, "5 | ");
    }
    shore_wait_for_a_beat(shore); /* the first one has ended */
    assert_int_equal(asks->failures, 0);
    assert_int_equal(asks->request_count, 1);
    shore_answer(shore, 6, "room", 1);
    shore_expect_of(shore, 0, "1:room ");
    assert_int_equal(asks->request_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shore_setup, shore_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_lands_when_its_tick_has_come),
        TEST(asks_of_all_workers_are_asked_together),
        TEST(what_was_left_out_is_asked_again),
        TEST(an_answer_of_before_holds_if_nothing_has_moved_since),
        TEST(an_answer_that_may_not_hold_is_asked_again),
        TEST(an_answer_of_another_history_is_asked_again),
        TEST(nobody_is_answered_before_it_is_known_what_was_revoked),
        TEST(silence_is_a_no_in_the_end),
        TEST(a_new_leader_is_asked_what_the_old_one_did_not_answer),
        TEST(who_asks_is_told_to_listen_before),
        TEST(an_answer_of_another_tick_of_that_number_is_asked_again),
        TEST(an_answer_of_a_tick_that_never_comes_is_asked_again),
        TEST(an_answer_ends_no_other_question),
        TEST(a_yes_that_cannot_be_known_to_hold_is_a_no_in_the_end),
        TEST(what_could_not_be_asked_is_a_no_in_the_end),
        TEST(who_finds_nobody_waits_longer_each_time),
        TEST(who_was_answered_is_not_made_to_wait_again),
        TEST(only_so_much_is_asked_at_once),
        TEST(asks_too_long_for_one_message_are_asked_in_several),
        TEST(questions_in_vain_hinder_no_others),
    };

    return shore_has_no_server() ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
