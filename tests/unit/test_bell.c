/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bell.h"

enum { POLL_MS = 1000, COOL_MS = 1000000, LATER_MS = 2 * COOL_MS };

static int
setup(void **state)
{
    static struct pgc_bell bell;

    pgc_bell_init(&bell, PGC_NOTIFY_AUTO, POLL_MS);
    pgc_bell_reset(&bell, false, 0);
    *state = &bell;
    return 0;
}

static int
teardown(void **state)
{
    pgc_bell_fini(*state);
    return 0;
}

static void
assert_move(struct pgc_bell *bell, int64_t now_ms, enum pgc_bell_step step)
{
    assert_int_equal(pgc_bell_next(bell, now_ms).step, step);
}

static void
poll_at(struct pgc_bell *bell, int64_t now_ms, bool made)
{
    pgc_bell_polling(bell);
    pgc_bell_polled(bell, made, now_ms);
}

static void
assert_waits(struct pgc_bell *bell, int64_t now_ms, int64_t least_ms, int64_t most_ms)
{
    struct pgc_bell_move move = pgc_bell_next(bell, now_ms);

    assert_int_equal(move.step, BELL_WAIT);
    assert_in_range(move.delay_ms, least_ms, most_ms);
    assert_move(bell, now_ms + move.delay_ms, BELL_POLL);
}

/* From busy to asleep, with nobody writing. */
static void
fall_asleep(struct pgc_bell *bell, int64_t now_ms)
{
    poll_at(bell, now_ms, false);
    assert_move(bell, now_ms, BELL_LOUD);
    pgc_bell_rung(bell, true, now_ms);
    assert_move(bell, now_ms, BELL_LOOK);
    pgc_bell_looked(bell);
    assert_move(bell, now_ms, BELL_POLL);
    poll_at(bell, now_ms, false);
}

static void
while_rows_come_it_polls_and_writers_are_quiet(void **state)
{
    struct pgc_bell *bell = *state;

    for (int64_t now_ms = 0; now_ms < COOL_MS; now_ms += 5) {
        poll_at(bell, now_ms, true);
        assert_waits(bell, now_ms, 1, 10);
        pgc_bell_notified(bell, false, now_ms); /* somebody rings all the same: no news */
        assert_waits(bell, now_ms, 1, 10);
    }
}

/* After a poll whose rows took so long. */
static void
assert_rests(struct pgc_bell *bell, int64_t now_ms, int64_t took_ms, size_t rows, int64_t least_ms,
    int64_t most_ms)
{
    poll_at(bell, now_ms, true);
    pgc_bell_served(bell, took_ms, rows, now_ms + took_ms);
    assert_waits(bell, now_ms + took_ms, least_ms, most_ms);
}

static void
the_longer_reading_takes_the_longer_it_rests_but_never_for_long(void **state)
{
    struct pgc_bell *bell = *state;

    assert_rests(bell, 0, 0, 1, 1, 5);
    assert_rests(bell, 10, 12, 1, 10, 14);
    assert_rests(bell, 30, 60000, 1, 15, 25);
    pgc_bell_reset(bell, false, 60030);
    poll_at(bell, 60030, true);
    assert_waits(bell, 60030, 1, 5);
}

static void
where_rows_are_many_it_rests_twice_as_long_as_it_read_but_never_for_long(void **state)
{
    struct pgc_bell *bell = *state;

    assert_rests(bell, 0, 7, 63, 6, 8);
    assert_rests(bell, 20, 7, 64, 13, 15);
    assert_rests(bell, 50, 0, 10000, 1, 5);
    assert_rests(bell, 60, 15, 10000, 15, 25);
    assert_rests(bell, 110, 60000, 10000, 15, 25);
    assert_rests(bell, 60140, 7, 1, 6, 8);
}

static void
where_rows_were_a_moment_ago_it_looks_often_then_less(void **state)
{
    struct pgc_bell *bell = *state;

    poll_at(bell, 0, true);
    poll_at(bell, 4, false);
    assert_waits(bell, 4, 1, 4);
    poll_at(bell, 24, false);
    assert_waits(bell, 24, 5, 8);
    poll_at(bell, 100, false);
    assert_waits(bell, 100, 9, 12);
}

static void
it_sleeps_only_after_loud_look_and_one_last_poll(void **state)
{
    struct pgc_bell *bell = *state;

    poll_at(bell, COOL_MS, false);
    assert_move(bell, COOL_MS, BELL_LOUD);
    pgc_bell_rung(bell, true, COOL_MS);
    assert_move(bell, COOL_MS, BELL_LOOK);
    pgc_bell_looked(bell);
    assert_move(bell, COOL_MS, BELL_POLL);
    poll_at(bell, COOL_MS, false);
    assert_waits(bell, COOL_MS, POLL_MS, POLL_MS);
}

static void
a_notification_ends_the_sleep_unless_a_poll_was_sent_after_it(void **state)
{
    struct pgc_bell *bell = *state;

    fall_asleep(bell, COOL_MS);
    pgc_bell_notified(bell, false, COOL_MS);
    assert_move(bell, COOL_MS, BELL_POLL);
    poll_at(bell, COOL_MS, false);
    assert_move(bell, COOL_MS, BELL_WAIT);
    pgc_bell_polling(bell);
    pgc_bell_notified(bell, false, COOL_MS); /* perhaps of a row that this poll does not see */
    pgc_bell_polled(bell, false, COOL_MS);
    assert_move(bell, COOL_MS, BELL_POLL);
}

static void
it_waits_for_those_who_wrote_before_the_word_was_loud_and_for_no_others(void **state)
{
    struct pgc_bell *bell = *state;

    pgc_bell_rung(bell, true, COOL_MS);
    pgc_bell_holder(bell, "3/17");
    pgc_bell_holder(bell, "4/9");
    pgc_bell_looked(bell);
    assert_move(bell, COOL_MS, BELL_POLL);
    poll_at(bell, COOL_MS, false);
    assert_move(bell, COOL_MS, BELL_LOOK);
    pgc_bell_holder(bell, "4/9");
    pgc_bell_holder(bell, "5/1");
    pgc_bell_looked(bell);
    assert_int_equal(bell->state, BELL_DRAINING);
    assert_waits(bell, COOL_MS, 1, 50);
    pgc_bell_holder(bell, "5/1");
    pgc_bell_looked(bell);
    assert_int_equal(bell->state, BELL_LAST);
}

static void
while_it_waits_for_them_the_others_are_heard_at_once(void **state)
{
    struct pgc_bell *bell = *state;

    pgc_bell_rung(bell, true, COOL_MS);
    pgc_bell_holder(bell, "3/17");
    pgc_bell_looked(bell);
    poll_at(bell, COOL_MS, false);
    pgc_bell_holder(bell, "3/17");
    pgc_bell_looked(bell);
    assert_move(bell, COOL_MS, BELL_WAIT);
    pgc_bell_notified(bell, false, COOL_MS);
    assert_move(bell, COOL_MS, BELL_POLL);
}

static void
a_prepared_transaction_counts_as_one_of_those_whatever_its_name(void **state)
{
    struct pgc_bell *bell = *state;

    pgc_bell_rung(bell, true, COOL_MS);
    pgc_bell_holder(bell, "3/17");
    pgc_bell_looked(bell);
    pgc_bell_holder(bell, "-1/812");
    pgc_bell_looked(bell);
    assert_int_equal(bell->state, BELL_DRAINING);
}

static void
rows_in_a_row_make_the_writers_quiet_again_but_one_now_and_then_does_not(void **state)
{
    struct pgc_bell *bell = *state;
    int64_t now_ms = COOL_MS;

    fall_asleep(bell, now_ms);
    for (int i = 0; i < 100; i++) {
        poll_at(bell, now_ms, true);
        assert_waits(bell, now_ms, 1, 10);
        poll_at(bell, now_ms, false);
        assert_waits(bell, now_ms, POLL_MS, POLL_MS);
    }
    poll_at(bell, now_ms, true);
    poll_at(bell, now_ms, true);
    assert_move(bell, now_ms, BELL_WAIT);
    poll_at(bell, now_ms, true);
    assert_move(bell, now_ms, BELL_QUIET);
    pgc_bell_rung(bell, false, now_ms);
    assert_int_equal(bell->state, BELL_BUSY);
}

/* Quiet because of the rows, loud because of the time, quiet again…: no poll ever came of it. */
static void
rows_that_take_long_to_read_are_no_reason_to_sleep(void **state)
{
    struct pgc_bell *bell = *state;

    for (int i = 0; i < 5; i++) {
        poll_at(bell, 0, true);
    }
    assert_move(bell, LATER_MS, BELL_POLL);
}

static void
a_lease_is_renewed_before_it_ends_however_long_it_sleeps(void **state)
{
    struct pgc_bell *bell = *state;
    struct pgc_bell_move move;

    bell->poll_ms = 60000;
    fall_asleep(bell, COOL_MS);
    move = pgc_bell_next(bell, COOL_MS);
    assert_int_equal(move.step, BELL_WAIT);
    assert_in_range(move.delay_ms, 1, INT64_C(500) * PGC_BELL_LEASE_S);
    assert_move(bell, COOL_MS + move.delay_ms, BELL_LOUD);
    pgc_bell_rung(bell, true, COOL_MS + move.delay_ms);
    assert_int_equal(bell->state, BELL_ASLEEP);
    assert_move(bell, COOL_MS + move.delay_ms, BELL_WAIT);
    assert_move(bell, COOL_MS + 60000, BELL_POLL);
}

static void
whoever_makes_the_writers_quiet_wakes_the_others_who_then_poll_by_themselves(void **state)
{
    struct pgc_bell *bell = *state;
    int64_t now_ms = LATER_MS;

    fall_asleep(bell, COOL_MS);
    pgc_bell_notified(bell, true, now_ms);
    assert_int_equal(bell->state, BELL_BUSY);
    assert_move(bell, now_ms, BELL_POLL);
    poll_at(bell, now_ms, false);
    assert_waits(bell, now_ms, 1, 50);
    fall_asleep(bell, now_ms + COOL_MS);
}

static void
a_word_made_quiet_under_its_hands_does_not_count_as_loud(void **state)
{
    struct pgc_bell *bell = *state;

    poll_at(bell, COOL_MS, false);
    assert_move(bell, COOL_MS, BELL_LOUD);
    pgc_bell_notified(bell, true, COOL_MS);
    pgc_bell_rung(bell, true, COOL_MS);
    assert_int_equal(bell->state, BELL_BUSY);

    poll_at(bell, LATER_MS, false);
    assert_move(bell, LATER_MS, BELL_LOUD);
    pgc_bell_rung(bell, true, LATER_MS);
    assert_move(bell, LATER_MS, BELL_LOOK);
    pgc_bell_holder(bell, "3/17");
    pgc_bell_notified(bell, true, LATER_MS);
    pgc_bell_looked(bell);
    assert_int_equal(bell->state, BELL_BUSY);
    assert_int_equal(bell->waiter_count, 0);
}

/* A server that takes five seconds for every answer: renewals alone would take all the time. */
static void
however_slow_the_server_it_polls_again_and_again(void **state)
{
    struct pgc_bell *bell = *state;
    int64_t now_ms = COOL_MS;
    int64_t polled_ms = now_ms;

    bell->poll_ms = 60000;
    for (int i = 0; i < 200; i++) {
        struct pgc_bell_move move = pgc_bell_next(bell, now_ms);

        now_ms += move.step == BELL_WAIT ? move.delay_ms : 5000;
        if (move.step == BELL_POLL) {
            poll_at(bell, now_ms, false);
            polled_ms = now_ms;
        } else if (move.step == BELL_LOOK) {
            pgc_bell_holder(bell, "3/17");
            pgc_bell_looked(bell);
        } else if (move.step == BELL_LOUD) {
            pgc_bell_rung(bell, true, now_ms - 5000);
        }
        assert_in_range(now_ms - polled_ms, 0, 20000);
    }
}

static void
where_prepared_transactions_are_in_use_writers_are_never_loud(void **state)
{
    struct pgc_bell *bell = *state;

    pgc_bell_reset(bell, true, 0);
    poll_at(bell, COOL_MS, false);
    assert_waits(bell, COOL_MS, 1, 50);
}

static void
always_means_loud_at_once_and_never_quiet(void **state)
{
    struct pgc_bell *bell = *state;

    pgc_bell_fini(bell);
    pgc_bell_init(bell, PGC_NOTIFY_ALWAYS, POLL_MS);
    pgc_bell_reset(bell, true, 0);
    fall_asleep(bell, 0);
    for (int i = 0; i < 10; i++) {
        poll_at(bell, 0, true);
        assert_waits(bell, 0, 1, 10);
    }
}

static void
off_means_polls_only(void **state)
{
    struct pgc_bell *bell = *state;

    pgc_bell_fini(bell);
    pgc_bell_init(bell, PGC_NOTIFY_OFF, POLL_MS);
    pgc_bell_reset(bell, false, 0);
    poll_at(bell, COOL_MS, false);
    assert_waits(bell, COOL_MS, 1, 50);
}

#define WITH_BELL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BELL(while_rows_come_it_polls_and_writers_are_quiet),
        WITH_BELL(the_longer_reading_takes_the_longer_it_rests_but_never_for_long),
        WITH_BELL(where_rows_are_many_it_rests_twice_as_long_as_it_read_but_never_for_long),
        WITH_BELL(where_rows_were_a_moment_ago_it_looks_often_then_less),
        WITH_BELL(it_sleeps_only_after_loud_look_and_one_last_poll),
        WITH_BELL(a_notification_ends_the_sleep_unless_a_poll_was_sent_after_it),
        WITH_BELL(it_waits_for_those_who_wrote_before_the_word_was_loud_and_for_no_others),
        WITH_BELL(while_it_waits_for_them_the_others_are_heard_at_once),
        WITH_BELL(a_prepared_transaction_counts_as_one_of_those_whatever_its_name),
        WITH_BELL(rows_in_a_row_make_the_writers_quiet_again_but_one_now_and_then_does_not),
        WITH_BELL(rows_that_take_long_to_read_are_no_reason_to_sleep),
        WITH_BELL(a_lease_is_renewed_before_it_ends_however_long_it_sleeps),
        WITH_BELL(whoever_makes_the_writers_quiet_wakes_the_others_who_then_poll_by_themselves),
        WITH_BELL(a_word_made_quiet_under_its_hands_does_not_count_as_loud),
        WITH_BELL(however_slow_the_server_it_polls_again_and_again),
        WITH_BELL(where_prepared_transactions_are_in_use_writers_are_never_loud),
        WITH_BELL(always_means_loud_at_once_and_never_quiet),
        WITH_BELL(off_means_polls_only),
    };

    return cmocka_run_group_tests_name("bell", tests, NULL, NULL);
}
