/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "follow_shore.h"

static void
server(const char *what)
{
    char *command = pgc_xasprintf("%s %s", getenv("PGC_TEST_NATS_DO"), what);

    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): the command is with-nats' own */
    free(command);
}

/* A follower that is ready, behind tick 6. */
static struct shore *
ready_shore(void **state)
{
    struct shore *shore = *state;

    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_tick(shore, 6, 1);
    shore_follow(shore);
    shore_wait_until_ready(shore, true);
    shore_expect(shore, "begin@5 6(1) 6(t ");
    return shore;
}

/* ---- the stream ---- */

static void
workers_get_what_the_stream_kept_and_what_comes(void **state)
{
    struct shore *shore = ready_shore(state);

    shore_half_tick(shore, 7, 1);
    shore_tick(shore, 7, 2);
    shore_tick(shore, 8, 0);
    shore_expect(shore, "7(1 7(2) 8() ");
}

static bool
has_asked_for_state(struct shore *shore)
{
    return shore->states > 0;
}

static void
it_is_ready_once_it_knows_what_was_revoked(void **state)
{
    struct shore *shore = *state;
    struct pgc_bus_status status;

    shore->is_mute = true;
    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_follow(shore);
    shore_expect(shore, "begin@5 ");
    shore->target = "asked";
    shore_wait(shore, has_asked_for_state);
    pgc_follower_status(shore->follower, &status);
    assert_false(status.ready);
    shore_speak(shore);
    shore_wait_until_ready(shore, true);
    shore_expect(shore, "5(t ");
}

static void
a_gap_is_a_reload_and_bans_are_asked_for_again(void **state)
{
    struct shore *shore = ready_shore(state);
    unsigned states = shore->states;

    shore_tick(shore, 9, 1);
    shore_expect(shore, "reload@8 9(1) 9(t ");
    shore_wait_until_ready(shore, true);
    assert_true(shore->states > states);
    shore_tick(shore, 10, 1);
    shore_expect(shore, "10(1) ");
}

static void
garbage_in_the_stream_is_passed_over(void **state)
{
    const struct pgc_nats_bytes garbage = {(const unsigned char *)"garbage", 7};
    struct shore *shore = ready_shore(state);

    pgc_nats_publish(shore->leader, shore->published++, &garbage, 0);
    shore_tick(shore, 7, 1);
    shore_expect(shore, "7(1) ");
}

static bool
leader_is_up_again(struct shore *shore)
{
    return pgc_nats_is_up(shore->leader);
}

static bool
leader_is_down(struct shore *shore)
{
    return !pgc_nats_is_up(shore->leader);
}

static void
stop_server(struct shore *shore)
{
    server("stop");
    shore_wait_until_ready(shore, false);
    shore_wait(shore, leader_is_down);
}

static void
a_server_that_ended_costs_nothing(void **state)
{
    struct shore *shore = ready_shore(state);

    shore_tick(shore, 7, 1);
    shore_expect(shore, "7(1) ");
    stop_server(shore);
    server("start");
    shore_wait(shore, leader_is_up_again);
    shore_tick(shore, 8, 1);
    shore_expect(shore, "8(1) ");
    shore_lead(shore);
    shore_wait_until_ready(shore, true);
}

static bool
is_late(struct shore *shore)
{
    return shore->follower->late_ms != 0;
}

/* The packet that it waits for may be there one day, and be another one: time tells. */
static bool
has_reloaded(struct shore *shore)
{
    shore_lead(shore);
    if (shore->follower->late_ms != 0) {
        shore->follower->late_ms = 1;
        shore->follower->packet_ms = 1;
    }
    return strstr(pgc_buf_str(&shore->diaries[0]), "7(t ") != NULL &&
           strstr(pgc_buf_str(&shore->diaries[1]), "7(t ") != NULL;
}

static void
a_stream_that_is_gone_is_a_reload(void **state)
{
    struct shore *shore = ready_shore(state);

    shore->is_mute = true; /* it would speak of the old stream */
    stop_server(shore);
    server("forget");
    server("start");
    shore_wait(shore, leader_is_up_again);
    shore->published = 0;
    shore->newest.term = 2;
    shore_begin(shore, 6, PGC_OP_BEGIN);
    shore_tick(shore, 7, 1);
    shore_speak(shore);
    shore->target = "reloaded";
    shore_wait(shore, has_reloaded);
    shore_wait_until_ready(shore, true);
    assert_non_null(strstr(pgc_buf_str(&shore->diaries[0]), "reload@"));
    pgc_buf_clear(&shore->diaries[0]);
    pgc_buf_clear(&shore->diaries[1]);
    shore_tick(shore, 8, 1);
    shore_expect(shore, "8(1) ");
}

static bool
is_held(struct shore *shore)
{
    return shore->follower->is_held;
}

static void
workers_that_are_slow_are_waited_for(void **state)
{
    struct shore *shore = *state;

    shore_begin(shore, 5, PGC_OP_BEGIN);
    for (int tick = 6; tick < 600; tick++) {
        shore_tick(shore, tick, 0);
    }
    shore_follow_unheard(shore);
    shore->target = "held";
    shore_wait(shore, is_held);
    assert_true(pgc_port_depth(shore->ports[0]) < 500);
    shore_open_workers(shore);
    shore_wait_until_ready(shore, true);
    assert_int_equal(shore->follower->chain.tick, 599);
}

/* ---- asks ---- */

static bool
has_answer(struct shore *shore)
{
    return !TAILQ_EMPTY(&shore->follower->asks.held);
}

static void
an_answer_lands_when_its_tick_has_come(void **state)
{
    struct shore *shore = ready_shore(state);

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
    struct shore *shore = ready_shore(state);

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
    struct shore *shore = ready_shore(state);

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
    struct shore *shore = ready_shore(state);

    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
    shore_move(shore, 7, PGC_OP_REVOKE, "6"); /* somebody else */
    shore_expect(shore, "7(x) ");
    shore_answer(shore, 6, "room", 1);
    shore_expect_of(shore, 0, "1:room ");
}

static void
an_answer_that_may_not_hold_is_asked_again(void **state)
{
    struct shore *shore = ready_shore(state);

    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
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
    struct shore *shore = ready_shore(state);

    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
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
    struct shore *shore = ready_shore(state);

    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
    shore->follower->patience.ask_ms = 0;
    pgc_follower_refuse_asks(shore->follower); /* the beat would */
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
    struct shore *shore = ready_shore(state);

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

/* ---- viewers, leaders ---- */

static void
the_leader_is_told_who_listens(void **state)
{
    struct shore *shore = ready_shore(state);

    shore_expect_viewers(shore, "( ) "); /* when it was connected */
    shore->follower->viewers.told_all_ms = pgc_monotonic_ms() + 600000;
    pgc_port_viewer(shore->ports[0], "5", 1);
    pgc_port_viewer(shore->ports[1], "5", 1);
    pgc_port_viewer(shore->ports[1], "6", 1);
    shore_expect_viewers(shore, "+5 +6 ");
    pgc_port_viewer(shore->ports[0], "5", -1); /* still on the other one */
    pgc_port_viewer(shore->ports[1], "6", -1);
    pgc_port_viewer(shore->ports[1], "7", 1);
    pgc_port_viewer(shore->ports[1], "7", -1); /* nothing to tell */
    shore_expect_viewers(shore, "-6 ");
    shore->newest.term = 2;
    shore_lead(shore);
    shore_expect_viewers(shore, "( 5 ) ");
}

/* Whose events must be built when the answer is given. */
static void
who_asks_is_told_to_listen_before(void **state)
{
    struct shore *shore = ready_shore(state);

    shore_expect_viewers(shore, "( ) ");
    shore->follower->viewers.told_all_ms = pgc_monotonic_ms() + 600000;
    pgc_port_viewer(shore->ports[0], "5", 1);
    shore_ask(shore, 0, 1, "5");
    shore_expect_asks(shore, "5 | ");
    shore_expect_viewers(shore, "+5 ");
}

static void
it_is_not_ready_when_no_leader_is_heard_of(void **state)
{
    struct shore *shore = ready_shore(state);
    struct pgc_bus_status status;

    shore->follower->heard_ms -= 3600000;
    pgc_follower_look(shore->follower);
    shore_wait_until_ready(shore, false);
    pgc_follower_status(shore->follower, &status);
    assert_non_null(strstr(status.why, "no feed has been heard of"));
    shore_lead(shore);
    shore_wait_until_ready(shore, true);
}

static void
it_is_not_ready_when_the_stream_stays_behind(void **state)
{
    struct shore *shore = ready_shore(state);

    shore->newest.tick = 7; /* so it says */
    shore_lead(shore);
    shore->target = "late";
    shore_wait(shore, is_late);
    shore->follower->late_ms -= 3600000;
    shore->follower->packet_ms += 3600000; /* some of it comes */
    pgc_follower_look(shore->follower);
    shore_wait_until_ready(shore, false);
    shore->newest.tick = 6;
    shore_tick(shore, 7, 0);
    shore_expect(shore, "7() ");
    shore_lead(shore);
    shore_wait_until_ready(shore, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shore_setup, shore_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(workers_get_what_the_stream_kept_and_what_comes),
        TEST(it_is_ready_once_it_knows_what_was_revoked),
        TEST(a_gap_is_a_reload_and_bans_are_asked_for_again),
        TEST(garbage_in_the_stream_is_passed_over),
        TEST(a_server_that_ended_costs_nothing),
        TEST(a_stream_that_is_gone_is_a_reload),
        TEST(workers_that_are_slow_are_waited_for),
        TEST(an_answer_lands_when_its_tick_has_come),
        TEST(asks_of_all_workers_are_asked_together),
        TEST(what_was_left_out_is_asked_again),
        TEST(an_answer_of_before_holds_if_nothing_has_moved_since),
        TEST(an_answer_that_may_not_hold_is_asked_again),
        TEST(an_answer_of_another_history_is_asked_again),
        TEST(nobody_is_answered_before_it_is_known_what_was_revoked),
        TEST(silence_is_a_no_in_the_end),
        TEST(a_new_leader_is_asked_what_the_old_one_did_not_answer),
        TEST(the_leader_is_told_who_listens),
        TEST(who_asks_is_told_to_listen_before),
        TEST(it_is_not_ready_when_no_leader_is_heard_of),
        TEST(it_is_not_ready_when_the_stream_stays_behind),
    };

    return shore_has_no_server() ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
