/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"

#include "follow_shore.h"
#include "nats_internal.h"

enum { HOUR_MS = 3600000 };

/* ---- what is waited for ---- */

static int64_t
breaks(const struct shore *shore)
{
    return pgc_metric_get(shore->follower->metrics.breaks);
}

static bool
has_broken(struct shore *shore)
{
    return breaks(shore) > 0;
}

static bool
is_late(struct shore *shore)
{
    return shore->follower->late_ms != 0;
}

static bool
is_held(struct shore *shore)
{
    return shore->follower->is_held;
}

static bool
has_asked_for_state(struct shore *shore)
{
    return shore->state_asked != NULL;
}

static bool
has_promise(struct shore *shore)
{
    return shore->follower->has_promise;
}

static bool
has_no_promise(struct shore *shore)
{
    return shore->follower->state_err.code != PGC_ERR_NONE;
}

static bool
has_heard_of_term_2(struct shore *shore)
{
    return shore->follower->term == 2;
}

static bool
has_come_to_tick_7(struct shore *shore)
{
    return strstr(pgc_buf_str(&shore->diaries[0]), "7(1) ") != NULL &&
           strstr(pgc_buf_str(&shore->diaries[1]), "7(1) ") != NULL;
}

/* Each of the workers, before anything else. */
static void
assert_reload(const struct shore *shore)
{
    assert_memory_equal(pgc_buf_str(&shore->diaries[0]), "reload@6 ", 9);
    assert_memory_equal(pgc_buf_str(&shore->diaries[1]), "reload@6 ", 9);
}

static bool
is_ready_now(struct shore *shore)
{
    struct pgc_bus_status status;

    pgc_follower_look(shore->follower);
    pgc_follower_status(shore->follower, &status);
    return status.ready;
}

/* ---- what is lost ---- */

static void
what_was_lost_is_a_reload_though_the_next_tick_would_follow(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore->is_mute = true;
    shore_forget_stream(shore);
    shore->target = "broken";
    shore_wait(shore, has_broken);
    shore_tick(shore, 7, 1);
    shore_expect(shore, "reload@6 7(1) ");
    shore_speak(shore);
    shore_expect(shore, "7(t ");
    shore_wait_until_ready(shore, true);
}

static void
what_was_sent_long_ago_and_does_not_come_is_a_reload(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore->is_mute = true;
    shore->newest.tick = 7; /* so it says */
    shore_lead(shore);
    shore->target = "late";
    shore_wait(shore, is_late);
    shore->follower->late_ms -= HOUR_MS;
    shore->follower->packet_ms -= HOUR_MS;
    shore->target = "broken";
    shore_wait(shore, has_broken);
    shore_wait_for_a_beat(shore);
    assert_int_equal(breaks(shore), 1);
    shore->newest.tick = 6;
    shore_tick(shore, 7, 1);
    shore->target = "tick 7";
    shore_wait(shore, has_come_to_tick_7);
    assert_reload(shore);
}

static void
a_stream_that_is_behind_and_comes_is_waited_for(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore->follower->late_ms = -HOUR_MS;
    shore->follower->packet_ms += HOUR_MS;
    shore_wait_for_a_beat(shore);
    assert_int_equal(breaks(shore), 0);
}

static void
workers_that_are_slow_are_no_reason_to_reload(void **state)
{
    struct shore *shore = *state;

    shore_begin(shore, 5, PGC_OP_BEGIN);
    for (int tick = 6; tick < 600; tick++) {
        shore_tick(shore, tick, 0);
    }
    shore_follow_unheard(shore);
    shore_open_worker(shore, 0); /* the other one is slow */
    shore->target = "held";
    shore_wait(shore, is_held);
    shore->follower->late_ms = -HOUR_MS;
    shore->follower->packet_ms = -HOUR_MS;
    shore_wait_for_a_beat(shore);
    assert_true(is_held(shore));
    assert_int_equal(breaks(shore), 0);
}

/* ---- what was revoked ---- */

/* Others may have asked before, and it says no more than what was revoked by then. */
static void
only_what_is_told_from_the_promised_place_on_counts(void **state)
{
    struct shore *shore = *state;

    shore->is_mute = true;
    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_tell_state(shore);
    shore_tell_state(shore);
    shore_tick(shore, 6, 0);
    shore_follow(shore);
    shore_expect(shore, "begin@5 5(t 5(t 6() ");
    shore->target = "asked";
    shore_wait(shore, has_asked_for_state);
    assert_false(is_ready_now(shore));
    shore_promise(shore, &(struct codec_place){.term = 1, .tick = 6, .piece = 2});
    shore->target = "promised";
    shore_wait(shore, has_promise);
    assert_false(is_ready_now(shore));
    shore_tell_state(shore);
    shore_expect(shore, "6(t ");
    assert_false(is_ready_now(shore));
    shore_tell_state(shore);
    shore_wait_until_ready(shore, true);
    shore_expect(shore, "6(t ");
}

static void
what_a_leader_told_is_not_what_the_next_one_promised(void **state)
{
    struct shore *shore = *state;

    shore->is_mute = true;
    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_tick(shore, 6, 0);
    shore_half_tick(shore, 7, 1);
    shore_tell_state(shore);
    shore_follow(shore);
    shore_expect(shore, "begin@5 6() 7(1 7(t ");
    shore->target = "asked";
    shore_wait(shore, has_asked_for_state);
    shore->newest = (struct codec_place){.term = 2, .tick = 6, .piece = UINT32_MAX};
    shore->has_ended = true; /* it goes on behind tick 6, with a piece 0 */
    shore_promise(shore, &(struct codec_place){.term = 2, .tick = 6, .piece = 0});
    shore->target = "promised";
    shore_wait(shore, has_promise);
    assert_false(is_ready_now(shore));
    shore_tell_state(shore);
    shore_wait_until_ready(shore, true);
    shore_expect(shore, "7(t ");
}

static void
what_was_told_before_a_gap_counts_no_more(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore->is_mute = true;
    shore_tick(shore, 9, 1);
    shore_expect(shore, "reload@8 9(1) ");
    shore->target = "asked";
    shore_wait(shore, has_asked_for_state);
    shore_promise(shore, &(struct codec_place){.term = 1, .tick = 6, .piece = 1});
    shore->target = "promised";
    shore_wait(shore, has_promise);
    assert_false(is_ready_now(shore));
    shore_tell_state(shore);
    shore_wait_until_ready(shore, true);
}

static void
a_new_leader_is_asked_what_the_old_one_promised(void **state)
{
    struct shore *shore = *state;

    shore->is_mute = true;
    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_follow(shore);
    shore->target = "asked";
    shore_wait(shore, has_asked_for_state);
    shore_promise(shore, &(struct codec_place){.term = 1, .tick = 6, .piece = 9});
    shore->target = "promised";
    shore_wait(shore, has_promise);
    shore->newest.term = 2;
    shore_lead(shore);
    shore->target = "heard";
    shore_wait(shore, has_heard_of_term_2);
    assert_true(shore->follower->asks_state);
    assert_false(shore->follower->has_promise);
}

static void
it_asks_what_was_revoked_until_somebody_knows(void **state)
{
    struct shore *shore = *state;

    pgc_nats_cease(shore->leader, "state");
    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_follow(shore);
    shore_expect(shore, "begin@5 ");
    shore->target = "refused";
    shore_wait(shore, has_no_promise);
    pgc_nats_serve(shore->leader, "state");
    shore_wait_until_ready(shore, true);
}

/* ---- who listens ---- */

static void
who_listens_is_told_again_now_and_then(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore_expect_viewers(shore, "( ) ");
    shore->follower->viewers.told_all_ms = pgc_monotonic_ms() + HOUR_MS;
    pgc_port_viewer(shore->ports[0], "5", 1);
    shore_expect_viewers(shore, "+5 ");
    shore->follower->viewers.told_all_ms = -HOUR_MS;
    shore_expect_viewers(shore, "( 5 ) ");
    pgc_port_viewer(shore->ports[0], "5", -1);
    shore->newest.term = 2;
    shore_lead(shore);
    shore_expect_viewers(shore, "( ) ");
}

static bool
has_told_of_5000(struct shore *shore)
{
    size_t length = shore->viewers.length;

    return shore->listeners == 5000 && shore->viewers.data[length - 2] == ')';
}

static void
many_who_listen_are_told_in_several_messages(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);
    char member[128];

    for (int i = 0; i < 5000; i++) {
        snprintf(member, sizeof(member), "%0100d", i);
        pgc_port_viewer(shore->ports[i % 2], member, 1);
    }
    shore->newest.term = 2;
    shore_lead(shore);
    shore->target = "told";
    shore_wait(shore, has_told_of_5000);
}

static void
who_listens_is_told_again_when_the_server_is_back(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);

    shore->follower->viewers.told_all_ms = pgc_monotonic_ms() + HOUR_MS;
    shore_stop_server(shore);
    shore_start_server(shore);
    shore->target = "told";
    shore_wait(shore, shore_has_told_viewers);
}

/* As while NATS elects: it answers, but sends nothing of the stream. */
static void
a_connection_that_does_not_follow_is_not_ready(void **state)
{
    struct shore *shore = shore_behind_tick_6(state);
    struct pgc_bus_status status;

    assert_true(pgc_nats_is_up(shore->follower->nats));
    shore->follower->nats->follow.begun = false;
    pgc_follower_look(shore->follower);
    pgc_follower_status(shore->follower, &status);
    assert_false(status.ready);
    assert_non_null(strstr(status.why, "not begun to send the stream from behind tick 6"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shore_setup, shore_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_lost_is_a_reload_though_the_next_tick_would_follow),
        TEST(what_was_sent_long_ago_and_does_not_come_is_a_reload),
        TEST(a_stream_that_is_behind_and_comes_is_waited_for),
        TEST(workers_that_are_slow_are_no_reason_to_reload),
        TEST(only_what_is_told_from_the_promised_place_on_counts),
        TEST(what_a_leader_told_is_not_what_the_next_one_promised),
        TEST(what_was_told_before_a_gap_counts_no_more),
        TEST(a_new_leader_is_asked_what_the_old_one_promised),
        TEST(it_asks_what_was_revoked_until_somebody_knows),
        TEST(who_listens_is_told_again_now_and_then),
        TEST(many_who_listen_are_told_in_several_messages),
        TEST(who_listens_is_told_again_when_the_server_is_back),
        TEST(a_connection_that_does_not_follow_is_not_ready),
    };

    return shore_has_no_server() ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
