/* SPDX-License-Identifier: PostgreSQL */
/* What is kept to be sent again, what is not, and what becomes of places that lose something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub_past.h"

#define MEMBER "chat-room-channel-7"
#define HEARS(expected, got)                                                                       \
    do {                                                                                           \
        assert_string_equal(got, expected);                                                        \
        assert_int_equal(past->result, PGC_REPLAY_DONE);                                           \
    } while (0)

static int
setup_small(void **state)
{
    return past_setup_with(state, &(struct pgc_hub_conf){
                                      .history_s = 60,
                                      .history_bytes = 1 << 20,
                                      .history_messages = 3,
                                      .replay_messages = 5,
                                  });
}

static int
setup_tiny(void **state)
{
    return past_setup_with(state, &(struct pgc_hub_conf){
                                      .history_s = 3000,
                                      .history_bytes = 16384,
                                      .history_messages = 1000,
                                      .replay_messages = 1000,
                                  });
}

static int
setup_nothing(void **state)
{
    return past_setup_with(state, &(struct pgc_hub_conf){
                                      .history_s = 3000,
                                      .history_bytes = 0,
                                      .history_messages = 1,
                                      .replay_messages = 1,
                                  });
}

/* ---- bounds ---- */

static void
a_topic_keeps_so_many_messages(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "a");
    past_say(past, "other", "x");
    past_say(past, "s", "b");
    past_say(past, "s", "c");
    past_say(past, "s", "d");
    past_end(past);
    HEARS("b c d ", past_from(past, "s", 1, 1, NULL));
    HEARS("x ", past_from(past, "other", 1, 1, NULL));
    past_said(past, 2, "e");
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    past_refuses(past, 1, 2, PGC_REPLAY_TOO_OLD); /* of another topic, but before what went */
    HEARS("c d e ", past_from(past, "s", 1, 3, NULL));
    HEARS("x ", past_from(past, "other", 1, 1, NULL));
}

static void
a_topic_that_was_joined_later_may_have_lost_what_was_before(void **state)
{
    static const char *const topics[] = {"room-members:1", NULL};
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, MEMBER, "a");
    for (int i = 0; i < 9; i++) {
        past_say(past, "room-members:1", "before");
    }
    past_op(past, PGC_OP_JOIN, "room-members:1", MEMBER);
    past_say(past, "room-members:1", "b");
    past_end(past);
    HEARS("b ", past_from(past, MEMBER, 1, 1, topics));
}

static void
moves_that_were_lost_make_a_place_too_old(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, MEMBER, "a");
    past_op(past, PGC_OP_LEAVE, "room-members:1", MEMBER);
    for (int i = 0; i < 3; i++) {
        past_say(past, "other", "x");
        past_op(past, PGC_OP_JOIN, "room-members:2", MEMBER);
    }
    past_end(past);
    HEARS("", past_from(past, MEMBER, 1, 1, NULL)); /* nothing lies between that and the leave */
    past_tick(past, 2);
    past_op(past, PGC_OP_JOIN, "room-members:2", MEMBER);
    past_end(past);
    past_from(past, MEMBER, 1, 1, NULL);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
}

static void
what_is_older_than_so_long_goes(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a"); /* ten seconds each */
    past_said(past, 2, "b");
    past_said(past, 6, "not the next tick: another history");
    for (int64_t tick = 7; tick <= 12; tick++) {
        past_tick(past, tick);
        past_say(past, "other", "x");
        past_end(past);
    }
    past_refuses(past, 2, 1, PGC_REPLAY_TOO_OLD);
    past_refuses(past, 5, 1, PGC_REPLAY_TOO_OLD);
    HEARS("", past_from(past, "s", 7, 1, NULL));
    past_from_time(past, "s", 60);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    HEARS("", past_from_time(past, "s", 61));
}

/* The last message of a quiet stream is long gone, but nothing came after it. */
static void
who_missed_nothing_of_a_quiet_stream_goes_on_whenever(void **state)
{
    static const char *const topics[] = {"t", NULL};
    struct past *past = *state;

    past_said(past, 1, "a");
    past_said(past, 2, "b");
    past_tick(past, 3);
    past_say(past, "t", "x");
    past_end(past);
    for (int64_t tick = 4; tick <= 50; tick++) {
        past_tick(past, tick);
        past_say(past, "other", "x");
        past_end(past);
    }
    HEARS("", past_from(past, "s", 2, 1, NULL));
    HEARS("", past_from(past, "s", 3, 1, topics));
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    past_refuses(past, 3, 1, PGC_REPLAY_TOO_OLD); /* of what history could that be? */
    past_from(past, "s", 2, 1, topics);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    past_from(past, "s", 2, 1, NULL);
    past_again(past, 2, 1, PAST_NONCE + 1);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    past_said(past, 51, "c");
    HEARS("c ", past_from(past, "s", 2, 1, NULL));
    HEARS("c ", past_from(past, "s", 3, 1, topics));
}

static void
a_quiet_stream_that_moved_meanwhile_is_too_old(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, MEMBER, "a");
    past_end(past);
    past_tick(past, 2);
    past_say(past, "room-members:1", "b");
    past_op(past, PGC_OP_JOIN, "room-members:1", MEMBER);
    past_say(past, "room-members:1", "c");
    past_op(past, PGC_OP_LEAVE, "room-members:1", MEMBER);
    past_end(past);
    HEARS("c ", past_from(past, MEMBER, 1, 1, NULL));
    for (int64_t tick = 3; tick <= 50; tick++) {
        past_tick(past, tick);
        past_say(past, "other", "x");
        past_end(past);
    }
    past_from(past, MEMBER, 1, 1, NULL);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
}

static void
so_many_quiet_streams_are_remembered_and_the_quietest_go(void **state)
{
    struct past *past = *state;
    char stream[32];
    int going_on = 0;

    for (int64_t tick = 1; tick <= 400; tick++) {
        past_tick(past, tick);
        snprintf(stream, sizeof(stream), "stream-%lld", (long long)tick);
        past_say(past, stream, "x");
        past_end(past);
        assert_true(past_bytes(past) <= 16384);
    }
    for (int64_t tick = 1; tick <= 400; tick++) {
        snprintf(stream, sizeof(stream), "stream-%lld", (long long)tick);
        past_from(past, stream, tick, 1, NULL);
        if (past->result == PGC_REPLAY_DONE) {
            going_on++;
        } else {
            assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
            assert_int_equal(going_on, 0); /* the older ones go first */
        }
    }
    assert_true(going_on > past_entries(past));
    assert_true(going_on < 400);
}

static void
age_is_measured_against_the_newest_tick(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a");
    past_said(past, 2, "b");
    past_said(past, 3, "c");
    HEARS("b c ", past_from(past, "s", 1, 1, NULL));
}

static void
memory_is_bounded_and_the_oldest_goes(void **state)
{
    struct past *past = *state;
    char text[1001];
    int64_t oldest = 0;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int64_t tick = 1; tick <= 100; tick++) {
        past_tick(past, tick);
        past_say(past, tick % 2 ? "odd" : "even", text);
        past_say_also(past, "all"); /* it takes its memory once */
        past_end(past);
        assert_true(past_bytes(past) <= 16384);
    }
    for (int64_t tick = 100; tick >= 1 && oldest == 0; tick--) {
        past_from(past, "quiet", tick, 1, NULL);
        oldest = past->result == PGC_REPLAY_DONE ? 0 : tick;
    }
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    assert_in_range(oldest, 85, 92);
}

static void
empty_ticks_do_not_fill_memory(void **state)
{
    struct past *past = *state;

    for (int64_t tick = 1; tick <= 5000; tick++) {
        past_tick(past, tick);
        past->batch->at_us = 0; /* none is too old */
        past_end(past);
    }
    assert_true(past_bytes(past) <= 16384);
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    HEARS("", past_from(past, "s", 5000, 1, NULL));
}

static void
who_has_missed_nothing_is_told_so_even_if_nothing_is_kept(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a");
    past_said(past, 2, "b");
    HEARS("", past_from(past, "s", 2, 1, NULL));
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    assert_int_equal(past_entries(past), 0);
}

static void
what_was_taken_within_a_tick_is_missed_within_it(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "a");
    past_say(past, "s", "b");
    past_end(past);
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    HEARS("", past_from(past, "s", 1, 2, NULL));
}

/* Its track is forgotten, and made anew: with the floor of all that were forgotten. */
static void
a_stream_that_was_forgotten_and_comes_back_has_lost_its_past(void **state)
{
    struct past *past = *state;
    char text[1001];
    char stream[32];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    past_tick(past, 1);
    past_say(past, "s", "a");
    past_say(past, "s", "b");
    for (int i = 0; i < 200; i++) {
        snprintf(stream, sizeof(stream), "stream-%d", i);
        past_say(past, stream, text);
    }
    past_piece(past);
    past_say(past, "s", "c");
    past_op(past, PGC_OP_JOIN, "room-members:1", "s");
    past_op(past, PGC_OP_ADMIT, "other", "7");
    past_end(past);
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    HEARS("", past_from(past, "s", 1, 203, NULL));
    past_said(past, 2, "d");
    HEARS("d ", past_from(past, "s", 1, 203, NULL));
}

static void
a_replay_has_so_many_messages_at_most(void **state)
{
    static const char *const topics[] = {"t", NULL};
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "other", "x");
    past_say(past, "s", "a");
    past_say(past, "t", "b");
    past_say(past, "s", "c");
    past_say(past, "t", "d");
    past_say(past, "s", "e");
    past_end(past);
    HEARS("a b c d e ", past_from(past, "s", 1, 1, topics));
    past_tick(past, 2);
    past_say(past, "t", "f");
    past_end(past);
    assert_string_equal(past_from(past, "s", 1, 1, topics), "");
    assert_int_equal(past->result, PGC_REPLAY_TOO_LONG);
}

/* ---- where history begins ---- */

static void
after_a_beginning_only_later_places_are_good(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a");
    past_tick(past, 2);
    past_op(past, PGC_OP_BEGIN, NULL, NULL);
    past_end(past);
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    past_refuses(past, 2, 1, PGC_REPLAY_TOO_OLD);
    past_from_time(past, "s", 20);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    HEARS("", past_from_time(past, "s", 21));
    past_said(past, 3, "b");
    past_said(past, 4, "c");
    HEARS("b c ", past_from_time(past, "s", 21));
    HEARS("c ", past_from(past, "s", 3, 1, NULL));
}

static void
a_reload_makes_all_places_before_it_worthless(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a");
    past_tick(past, 2);
    past_say(past, "s", "b");
    past_op(past, PGC_OP_RELOAD, NULL, NULL);
    past_say(past, "s", "c");
    past_end(past);
    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD);
    past_refuses(past, 2, 1, PGC_REPLAY_TOO_OLD);
    past_said(past, 3, "d");
    past_said(past, 4, "e");
    HEARS("e ", past_from(past, "s", 3, 1, NULL));
}

/* A standby was promoted that lacked the last ticks: their numbers come again. */
static void
another_history_is_recognised_by_its_nonces(void **state)
{
    struct past *past = *state;

    for (int64_t tick = 1; tick <= 9; tick++) {
        past_said(past, tick, "lost");
    }
    past_tick(past, 9);
    past->batch->nonce = PAST_NONCE + 3;
    past_op(past, PGC_OP_RELOAD, NULL, NULL);
    past_end(past);
    past_refuses(past, 9, 1, PGC_REPLAY_UNKNOWN); /* the number is the newest of both */
    past_tick(past, 5);
    past->batch->nonce = PAST_NONCE + 1;
    past_op(past, PGC_OP_RELOAD, NULL, NULL);
    past_end(past);
    past_tick(past, 6);
    past->batch->nonce = PAST_NONCE + 2;
    past_say(past, "s", "new");
    past_end(past);
    past_refuses(past, 4, 1, PGC_REPLAY_TOO_OLD);
    past_refuses(past, 5, 1, PGC_REPLAY_UNKNOWN);
    past_refuses(past, 6, 1, PGC_REPLAY_UNKNOWN);
    past_refuses(past, 9, 1, PGC_REPLAY_UNKNOWN);
    HEARS("", past_again(past, 6, 1, PAST_NONCE + 2));
}

static void
replays_are_counted(void **state)
{
    struct past *past = *state;
    struct pgc_buf page = {0};

    past_said(past, 1, "a");
    past_said(past, 2, "b");
    past_from(past, "s", 1, 1, NULL);
    past_from(past, "s", 9, 1, NULL);
    pgc_metrics_write(past->world->metrics, &page);
    assert_non_null(strstr(pgc_buf_str(&page), "pgcable_replays_total{result=\"done\"} 1\n"));
    assert_non_null(
        strstr(pgc_buf_str(&page), "pgcable_replays_total{result=\"unknown_place\"} 1\n"));
    assert_non_null(strstr(pgc_buf_str(&page), "pgcable_replayed_messages_total 1\n"));
    pgc_buf_fini(&page);
}

int
main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, past_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_topic_keeps_so_many_messages, setup_small),
        TEST(a_topic_that_was_joined_later_may_have_lost_what_was_before, setup_small),
        TEST(moves_that_were_lost_make_a_place_too_old, setup_small),
        TEST(what_is_older_than_so_long_goes, setup_small),
        TEST(who_missed_nothing_of_a_quiet_stream_goes_on_whenever, setup_small),
        TEST(a_quiet_stream_that_moved_meanwhile_is_too_old, setup_small),
        TEST(so_many_quiet_streams_are_remembered_and_the_quietest_go, setup_tiny),
        TEST(age_is_measured_against_the_newest_tick, setup_small),
        TEST(memory_is_bounded_and_the_oldest_goes, setup_tiny),
        TEST(empty_ticks_do_not_fill_memory, setup_tiny),
        TEST(who_has_missed_nothing_is_told_so_even_if_nothing_is_kept, setup_nothing),
        TEST(what_was_taken_within_a_tick_is_missed_within_it, setup_nothing),
        TEST(a_stream_that_was_forgotten_and_comes_back_has_lost_its_past, setup_tiny),
        TEST(a_replay_has_so_many_messages_at_most, setup_small),
        TEST(after_a_beginning_only_later_places_are_good, past_setup),
        TEST(a_reload_makes_all_places_before_it_worthless, past_setup),
        TEST(another_history_is_recognised_by_its_nonces, past_setup),
        TEST(replays_are_counted, past_setup),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
