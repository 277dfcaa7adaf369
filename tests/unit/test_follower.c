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

/* ---- the stream ---- */

static void
workers_get_what_the_stream_kept_and_what_comes(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

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
    pgc_follower_look(shore->follower);
    pgc_follower_status(shore->follower, &status);
    assert_false(status.ready);
    shore_speak(shore);
    shore_wait_until_ready(shore, true);
    shore_expect(shore, "5(t ");
}

static void
a_gap_is_a_reload_and_bans_are_asked_for_again(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);
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
    struct shore *shore = shore_behind_tick_6(state);

    pgc_nats_publish(shore->leader, shore->published++, &garbage, 0);
    shore_tick(shore, 7, 1);
    shore_expect(shore, "7(1) ");
}

static void
a_server_that_ended_costs_nothing(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_tick(shore, 7, 1);
    shore_expect(shore, "7(1) ");
    shore_stop_server(shore);
    shore_start_server(shore);
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
    struct shore *shore = shore_behind_tick_6(state);

    shore->is_mute = true; /* it would speak of the old stream */
    shore_forget_stream(shore);
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

/* ---- viewers, leaders ---- */

static void
the_leader_is_told_who_listens(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

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

static void
it_is_not_ready_when_no_leader_is_heard_of(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);
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
    struct shore *shore = shore_behind_tick_6(state);

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
        TEST(the_leader_is_told_who_listens),
        TEST(it_is_not_ready_when_no_leader_is_heard_of),
        TEST(it_is_not_ready_when_the_stream_stays_behind),
    };

    return shore_has_no_server() ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
