/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bell.h"

enum { POLL_MS = 1000, COOL_MS = 1000000 };

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

/* From busy to asleep, with nobody writing. */
static void
fall_asleep(struct pgc_bell *bell, int64_t now_ms)
{
    assert_move(bell, now_ms, BELL_LOUD);
    pgc_bell_rung(bell, true, now_ms);
    assert_move(bell, now_ms, BELL_LOOK);
    pgc_bell_looked(bell);
    assert_move(bell, now_ms, BELL_POLL);
    pgc_bell_polled(bell, false, now_ms);
}

static void
while_rows_come_it_polls_and_writers_are_quiet(void **state)
{
    struct pgc_bell *bell = *state;
    struct pgc_bell_move move;

    for (int64_t now_ms = 0; now_ms < COOL_MS; now_ms += 5) {
        pgc_bell_polled(bell, true, now_ms);
        move = pgc_bell_next(bell, now_ms);
        assert_int_equal(move.step, BELL_POLL);
        assert_in_range(move.delay_ms, 1, 10);
        assert_false(move.until_rung);
    }
}

static void
it_sleeps_only_after_loud_look_and_one_last_poll(void **state)
{
    struct pgc_bell *bell = *state;
    struct pgc_bell_move move;

    pgc_bell_polled(bell, false, COOL_MS);
    assert_move(bell, COOL_MS, BELL_LOUD);
    pgc_bell_rung(bell, true, COOL_MS);
    assert_move(bell, COOL_MS, BELL_LOOK);
    pgc_bell_looked(bell);
    move = pgc_bell_next(bell, COOL_MS);
    assert_int_equal(move.step, BELL_POLL);
    assert_int_equal(move.delay_ms, 0);
    assert_false(move.until_rung);
    pgc_bell_polled(bell, false, COOL_MS);
    move = pgc_bell_next(bell, COOL_MS);
    assert_int_equal(move.step, BELL_POLL);
    assert_int_equal(move.delay_ms, POLL_MS);
    assert_true(move.until_rung);
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
    pgc_bell_polled(bell, false, COOL_MS);
    assert_move(bell, COOL_MS, BELL_LOOK);
    pgc_bell_holder(bell, "4/9");
    pgc_bell_holder(bell, "5/1");
    pgc_bell_looked(bell);
    assert_int_equal(bell->state, BELL_DRAINING);
    pgc_bell_holder(bell, "5/1");
    pgc_bell_looked(bell);
    assert_int_equal(bell->state, BELL_LAST);
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
        pgc_bell_polled(bell, true, now_ms);
        assert_move(bell, now_ms, BELL_POLL);
        pgc_bell_polled(bell, false, now_ms);
        assert_true(pgc_bell_next(bell, now_ms).until_rung);
    }
    pgc_bell_polled(bell, true, now_ms);
    pgc_bell_polled(bell, true, now_ms);
    assert_move(bell, now_ms, BELL_POLL);
    pgc_bell_polled(bell, true, now_ms);
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
        pgc_bell_polled(bell, true, 0);
    }
    assert_move(bell, 10 * COOL_MS, BELL_POLL);
}

static void
a_lease_is_renewed_before_it_ends(void **state)
{
    struct pgc_bell *bell = *state;

    fall_asleep(bell, COOL_MS);
    assert_move(bell, COOL_MS + 3000, BELL_POLL);
    assert_move(bell, COOL_MS + 5000, BELL_LOUD);
    pgc_bell_rung(bell, true, COOL_MS + 5000);
    assert_int_equal(bell->state, BELL_ASLEEP);
    assert_move(bell, COOL_MS + 8000, BELL_POLL);
}

static void
a_lease_that_ended_means_all_steps_again(void **state)
{
    struct pgc_bell *bell = *state;

    fall_asleep(bell, COOL_MS);
    assert_move(bell, COOL_MS + 60000, BELL_LOUD);
    pgc_bell_rung(bell, true, COOL_MS + 60000);
    assert_move(bell, COOL_MS + 60000, BELL_LOOK);
}

static void
where_prepared_transactions_are_in_use_writers_are_never_loud(void **state)
{
    struct pgc_bell *bell = *state;
    struct pgc_bell_move move;

    pgc_bell_reset(bell, true, 0);
    pgc_bell_polled(bell, false, COOL_MS);
    move = pgc_bell_next(bell, COOL_MS);
    assert_int_equal(move.step, BELL_POLL);
    assert_in_range(move.delay_ms, 1, 50);
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
        pgc_bell_polled(bell, true, 0);
        assert_move(bell, 0, BELL_POLL);
    }
}

static void
off_means_polls_only(void **state)
{
    struct pgc_bell *bell = *state;

    pgc_bell_fini(bell);
    pgc_bell_init(bell, PGC_NOTIFY_OFF, POLL_MS);
    pgc_bell_reset(bell, false, 0);
    pgc_bell_polled(bell, false, COOL_MS);
    assert_move(bell, COOL_MS, BELL_POLL);
}

#define WITH_BELL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BELL(while_rows_come_it_polls_and_writers_are_quiet),
        WITH_BELL(it_sleeps_only_after_loud_look_and_one_last_poll),
        WITH_BELL(it_waits_for_those_who_wrote_before_the_word_was_loud_and_for_no_others),
        WITH_BELL(a_prepared_transaction_counts_as_one_of_those_whatever_its_name),
        WITH_BELL(rows_in_a_row_make_the_writers_quiet_again_but_one_now_and_then_does_not),
        WITH_BELL(rows_that_take_long_to_read_are_no_reason_to_sleep),
        WITH_BELL(a_lease_is_renewed_before_it_ends),
        WITH_BELL(a_lease_that_ended_means_all_steps_again),
        WITH_BELL(where_prepared_transactions_are_in_use_writers_are_never_loud),
        WITH_BELL(always_means_loud_at_once_and_never_quiet),
        WITH_BELL(off_means_polls_only),
    };

    return cmocka_run_group_tests_name("bell", tests, NULL, NULL);
}
