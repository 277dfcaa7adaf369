/* SPDX-License-Identifier: PostgreSQL */
/* What a subscription gets that goes on where it stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_past.h"

#define MEMBER "chat-room-channel-7"
#define ROOM_1 "room-members:1"
#define ROOM_2 "room-members:2"
#define HEARS(expected, got)                                                                       \
    do {                                                                                           \
        assert_string_equal(got, expected);                                                        \
        assert_int_equal(past->result, PGC_REPLAY_DONE);                                           \
    } while (0)

static const char *const room_1[] = {ROOM_1, NULL};
static const char *const both_rooms[] = {ROOM_1, ROOM_2, NULL};

/* ---- a stream by itself ---- */

static void
what_came_after_the_place_comes_once_and_in_order(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "a");
    past_say(past, "other", "x");
    past_say(past, "s", "b");
    past_end(past);
    past_said(past, 2, "c");
    HEARS("b c ", past_from(past, "s", 1, 1, NULL));
    HEARS("b c ", past_from(past, "s", 1, 2, NULL)); /* of another stream: it has its place, too */
    HEARS("c ", past_from(past, "s", 1, 3, NULL));
    HEARS("", past_from(past, "s", 2, 1, NULL));
}

static void
parts_of_a_row_have_places_of_their_own(void **state)
{
    struct past *past = *state;
    struct pgc_since since = {.place = {.tick = 1, .id = 1, .part = 1, .nonce = PAST_NONCE}};

    past_tick(past, 1);
    for (uint32_t part = 0; part < 4; part++) {
        struct pgc_position place = {.tick = 1, .id = 1, .part = part, .nonce = PAST_NONCE};
        char text[2] = {(char)('a' + part), '\0'};
        struct pgc_msg *msg = pgc_msg_new(&place, 0, text, 1);

        pgc_batch_add(past->batch, PGC_OP_PUBLISH, "s", NULL, msg);
        pgc_msg_unref(msg);
    }
    past_end(past);
    past_from(past, "s", 1, 1, NULL);
    past->listener.heard[0] = '\0';
    assert_int_equal(pgc_hub_replay(past->world->hub, past->listener.sub, &since), PGC_REPLAY_DONE);
    assert_string_equal(past->listener.heard, "c d ");
}

static void
pieces_of_one_tick_are_one(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "a");
    past_piece(past);
    past_say(past, "s", "b");
    past_piece(past);
    past_say(past, "s", "c");
    past_end(past);
    HEARS("b c ", past_from(past, "s", 1, 1, NULL));
    HEARS("c ", past_from(past, "s", 1, 2, NULL));
}

static void
what_comes_live_is_not_sent_again(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a");
    past_said(past, 2, "b");
    HEARS("b ", past_from(past, "s", 1, 1, NULL));
    past_said(past, 3, "c");
    assert_string_equal(past->listener.heard, "b c ");
    HEARS("b ", past_again(past, 1, 1, PAST_NONCE));
    HEARS("", past_again(past, 3, 1, PAST_NONCE));
}

static void
who_leaves_while_being_served_gets_no_more(void **state)
{
    struct past *past = *state;

    past_said(past, 1, "a");
    past_said(past, 2, "b");
    past_said(past, 3, "c");
    past_from(past, "s", 3, 1, NULL);
    past->listener.removes = &past->listener;
    HEARS("b ", past_again(past, 1, 1, PAST_NONCE));
}

/* ---- topics that belong to a stream ---- */

static void
messages_of_all_topics_are_merged_by_their_places(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, MEMBER, "a");
    past_end(past);
    past_tick(past, 2);
    past_say(past, ROOM_2, "b");
    past_say(past, MEMBER, "c");
    past_say(past, ROOM_1, "d");
    past_end(past);
    past_tick(past, 3);
    past_say(past, ROOM_1, "e");
    past_say(past, ROOM_2, "f");
    past_end(past);
    HEARS("b c d e f ", past_from(past, MEMBER, 1, 1, both_rooms));
    HEARS("d e f ", past_from(past, MEMBER, 2, 2, both_rooms));
    HEARS("c d e ", past_from(past, MEMBER, 1, 1, room_1));
}

static void
a_topic_that_was_joined_is_heard_from_then_on(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, MEMBER, "a");
    past_end(past);
    past_tick(past, 2);
    past_say(past, ROOM_1, "before");
    past_op(past, PGC_OP_JOIN, ROOM_1, MEMBER);
    past_say(past, ROOM_1, "b");
    past_end(past);
    HEARS("b ", past_from(past, MEMBER, 1, 1, room_1));
    HEARS("b ", past_from(past, MEMBER, 2, 1, room_1));
    HEARS("", past_from(past, MEMBER, 2, 2, room_1));
}

static void
a_topic_that_was_left_is_heard_until_then(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, MEMBER, "a");
    past_say(past, ROOM_1, "b");
    past_op(past, PGC_OP_LEAVE, ROOM_1, MEMBER);
    past_say(past, ROOM_1, "after");
    past_say(past, MEMBER, "c");
    past_end(past);
    HEARS("b c ", past_from(past, MEMBER, 1, 1, NULL));
    HEARS("c ", past_from(past, MEMBER, 1, 2, NULL));
}

static void
a_topic_may_come_and_go_and_come_again(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, ROOM_1, "a");
    past_say(past, ROOM_1, "b");
    past_op(past, PGC_OP_LEAVE, ROOM_1, MEMBER);
    past_say(past, ROOM_1, "not this");
    past_end(past);
    past_tick(past, 2);
    past_op(past, PGC_OP_JOIN, ROOM_1, MEMBER);
    past_say(past, ROOM_1, "c");
    past_op(past, PGC_OP_LEAVE, ROOM_1, MEMBER);
    past_say(past, ROOM_1, "nor this");
    past_op(past, PGC_OP_JOIN, ROOM_1, MEMBER);
    past_op(past, PGC_OP_JOIN, ROOM_1, MEMBER); /* harmless */
    past_say(past, ROOM_1, "d");
    past_end(past);
    HEARS("b c d ", past_from(past, MEMBER, 1, 1, room_1));
    HEARS("c d ", past_from(past, MEMBER, 1, 3, room_1));
    HEARS("d ", past_from(past, MEMBER, 2, 1, room_1));
    HEARS("d ", past_from(past, MEMBER, 2, 2, room_1));
    HEARS("", past_from(past, MEMBER, 2, 3, room_1));
}

static void
moves_of_others_do_not_matter(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, ROOM_1, "a");
    past_op(past, PGC_OP_LEAVE, ROOM_1, "chat-room-channel-8");
    past_say(past, ROOM_1, "b");
    past_op(past, PGC_OP_JOIN, ROOM_1, "chat-room-channel-8");
    past_say(past, ROOM_1, "c");
    past_end(past);
    HEARS("b c ", past_from(past, MEMBER, 1, 1, room_1));
}

/* Live and resumed clients get the same: one listens all the time, others stop at each place. */
static void
a_replay_brings_what_live_brought(void **state)
{
    struct past *past = *state;
    struct listener live = {0};
    char places[64][2];
    int count = 0;

    hub_world_join(&live, past->world->hub, MEMBER, "7");
    pgc_hub_attach(past->world->hub, live.sub, ROOM_1);
    for (int64_t tick = 1; tick <= 8; tick++) {
        past_tick(past, tick);
        for (int row = 1; row <= 4; row++) {
            char text[2] = {(char)('A' + count), '\0'};

            past_say(past, row == 2 ? MEMBER : row == 3 ? ROOM_2 : ROOM_1, text);
            places[count][0] = (char)tick;
            places[count++][1] = (char)row;
            if ((tick + row) % 3 == 0) {
                past_op(
                    past, tick % 2 ? PGC_OP_JOIN : PGC_OP_LEAVE, row % 2 ? ROOM_1 : ROOM_2, MEMBER);
            }
        }
        past_end(past);
    }
    hub_world_leave(&live);
    for (const char *heard = live.heard; *heard != '\0'; heard += 2) {
        int at = *heard - 'A';

        /* Both topics were left in the end. */
        HEARS(heard + 2, past_from(past, MEMBER, places[at][0], places[at][1], NULL));
    }
    assert_true(strlen(live.heard) > 30);
}

/* ---- places that are no good ---- */

static void
a_place_of_another_history_or_of_the_future_is_unknown(void **state)
{
    struct past *past = *state;

    past_refuses(past, 1, 1, PGC_REPLAY_TOO_OLD); /* nothing has come at all */
    past_said(past, 5, "a");
    past_said(past, 6, "b");
    past_refuses(past, 7, 1, PGC_REPLAY_UNKNOWN);
    past_refuses(past, INT64_MAX, 1, PGC_REPLAY_UNKNOWN);
    past_refuses(past, 4, 1, PGC_REPLAY_TOO_OLD);
    past_refuses(past, 0, 1, PGC_REPLAY_TOO_OLD);
    past_from(past, "s", 5, 1, NULL);
    assert_string_equal(past_again(past, 5, 1, PAST_NONCE + 1), "");
    assert_int_equal(past->result, PGC_REPLAY_UNKNOWN);
}

static void
a_hole_is_not_passed_over(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "a");
    past_hole(past, "s");
    past_say(past, "s", "b");
    past_hole(past, "other");
    past_say(past, "s", "c");
    past_end(past);
    past_refuses(past, 1, 1, PGC_REPLAY_HOLE);
    HEARS("b c ", past_from(past, "s", 1, 2, NULL)); /* another daemon had sent it */
    HEARS("c ", past_from(past, "s", 1, 3, NULL));
}

static void
a_hole_in_a_topic_that_was_not_heard_then_is_none(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, MEMBER, "a");
    past_hole(past, ROOM_1);
    past_op(past, PGC_OP_JOIN, ROOM_1, MEMBER);
    past_say(past, ROOM_1, "b");
    past_end(past);
    HEARS("b ", past_from(past, MEMBER, 1, 1, room_1));
}

static void
a_place_that_no_offset_can_tell_is_a_hole(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "a");
    past->row = (int64_t)1 << 40;
    past_say(past, "s", "b");
    past_end(past);
    past_refuses(past, 1, 1, PGC_REPLAY_HOLE);
}

static void
who_was_let_in_meanwhile_is_told_so(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "a");
    past_op(past, PGC_OP_ADMIT, "s", "7");
    past_op(past, PGC_OP_ADMIT, "s", "8");
    past_op(past, PGC_OP_ADMIT, "other", "7");
    past_end(past);
    past_tick(past, 2);
    past_say(past, "s", "b");
    past_op(past, PGC_OP_ADMIT, "other", "7");
    past_op(past, PGC_OP_ADMIT, "s", "8");
    past_end(past);
    past_from_time(past, "s", 10);
    assert_int_equal(past->result, PGC_REPLAY_HOLE);
    HEARS("b ", past_from(past, "s", 1, 1, NULL)); /* nothing is between that and the admission */
    HEARS("b ", past_from_time(past, "s", 20));
}

static void
who_was_let_in_last_of_all_is_told_so(void **state)
{
    struct past *past = *state;

    past_tick(past, 1);
    past_say(past, "s", "not for 7");
    past_op(past, PGC_OP_ADMIT, "s", "7");
    past_end(past);
    past_from_time(past, "s", 10);
    assert_int_equal(past->result, PGC_REPLAY_HOLE);
}

/* ---- times ---- */

static void
a_time_brings_all_that_was_made_from_then_on(void **state)
{
    struct past *past = *state;

    past_said(past, 3, "a"); /* at second 30 */
    past_said(past, 4, "b");
    past_said(past, 5, "c");
    HEARS("a b c ", past_from_time(past, "s", 30));
    HEARS("b c ", past_from_time(past, "s", 31));
    HEARS("b c ", past_from_time(past, "s", 40));
    HEARS("c ", past_from_time(past, "s", 50));
    HEARS("", past_from_time(past, "s", 51));
    HEARS("", past_from_time(past, "s", INT64_MAX));
    past_from_time(past, "s", 29);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    past_from_time(past, "s", 0);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
    past_from_time(past, "s", INT64_MIN);
    assert_int_equal(past->result, PGC_REPLAY_TOO_OLD);
}

static void
a_clock_that_went_back_loses_nothing(void **state)
{
    struct past *past = *state;

    past_said(past, 3, "a");
    past_tick(past, 4);
    past->batch->at_us = 5000000;
    past_say(past, "s", "b");
    past_end(past);
    past_said(past, 5, "c");
    HEARS("a b c ", past_from_time(past, "s", 30));
    HEARS("c ", past_from_time(past, "s", 31));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, past_setup, past_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_came_after_the_place_comes_once_and_in_order),
        TEST(parts_of_a_row_have_places_of_their_own),
        TEST(pieces_of_one_tick_are_one),
        TEST(what_comes_live_is_not_sent_again),
        TEST(who_leaves_while_being_served_gets_no_more),
        TEST(messages_of_all_topics_are_merged_by_their_places),
        TEST(a_topic_that_was_joined_is_heard_from_then_on),
        TEST(a_topic_that_was_left_is_heard_until_then),
        TEST(a_topic_may_come_and_go_and_come_again),
        TEST(moves_of_others_do_not_matter),
        TEST(a_replay_brings_what_live_brought),
        TEST(a_place_of_another_history_or_of_the_future_is_unknown),
        TEST(a_hole_is_not_passed_over),
        TEST(a_hole_in_a_topic_that_was_not_heard_then_is_none),
        TEST(a_place_that_no_offset_can_tell_is_a_hole),
        TEST(who_was_let_in_meanwhile_is_told_so),
        TEST(who_was_let_in_last_of_all_is_told_so),
        TEST(a_time_brings_all_that_was_made_from_then_on),
        TEST(a_clock_that_went_back_loses_nothing),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
