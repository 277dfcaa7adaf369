/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/cable/cable_internal.h"

enum { SUBSCRIPTIONS = 64, COMMAND = 10, REPETITION = 1 };

static const struct pgc_cable_conf conf = {
    .max_subscriptions = SUBSCRIPTIONS,
    .commands_burst = 100,
    .commands_per_s = 20,
};

/* How many of `points` can be spent at that moment. */
static int
spend_all(struct pgc_budget *budget, int64_t points, int64_t now_ms)
{
    int count = 0;

    while (pgc_budget_spend(budget, &conf, points, now_ms)) {
        count++;
        assert_true(count < 1000000);
    }
    return count;
}

static void
hundred_commands_and_all_subscriptions_may_come_at_once(void **state PGC_UNUSED)
{
    struct pgc_budget budget;

    pgc_budget_init(&budget, &conf, 5000);
    assert_int_equal(spend_all(&budget, COMMAND, 5000), 100 + SUBSCRIPTIONS);
}

static void
budget_comes_back_with_time(void **state PGC_UNUSED)
{
    struct pgc_budget budget;

    pgc_budget_init(&budget, &conf, 5000);
    spend_all(&budget, COMMAND, 5000);
    /* 200 + 2 * 64 points a second */
    assert_int_equal(spend_all(&budget, COMMAND, 6000), 32);
    assert_int_equal(spend_all(&budget, REPETITION, 6001), 8);
}

static void
long_commands_cost_more(void **state PGC_UNUSED)
{
    assert_int_equal(pgc_budget_price(0, false), COMMAND);
    assert_int_equal(pgc_budget_price(1023, false), COMMAND);
    assert_int_equal(pgc_budget_price(1023, true), REPETITION);
    assert_int_equal(pgc_budget_price(1024, false), 2 * COMMAND);
    assert_int_equal(pgc_budget_price(1024, true), REPETITION + COMMAND);
    assert_int_equal(pgc_budget_price(16384, false), 17 * COMMAND);
}

static void
budget_is_never_more_than_full(void **state PGC_UNUSED)
{
    struct pgc_budget budget;

    pgc_budget_init(&budget, &conf, 0);
    assert_int_equal(spend_all(&budget, COMMAND, 1000), 100 + SUBSCRIPTIONS);
    assert_int_equal(spend_all(&budget, COMMAND, INT64_C(1) << 60), 100 + SUBSCRIPTIONS);
}

static void
what_was_sent_again_is_paid_for_with_what_comes_next(void **state PGC_UNUSED)
{
    struct pgc_budget budget;

    pgc_budget_init(&budget, &conf, 5000);
    pgc_budget_owe(&budget, 1640 + 328);
    assert_int_equal(spend_all(&budget, REPETITION, 5000), 0);
    assert_int_equal(spend_all(&budget, REPETITION, 6000), 0);
    assert_int_equal(spend_all(&budget, COMMAND, 7000), 32);
}

static void
waiting_rails_client_may_repeat_all_its_subscribes_for_ever(void **state PGC_UNUSED)
{
    struct pgc_budget budget;

    pgc_budget_init(&budget, &conf, 0);
    spend_all(&budget, COMMAND, 0);
    for (int64_t now_ms = 500; now_ms < 600000; now_ms += 500) {
        for (int i = 0; i < SUBSCRIPTIONS; i++) {
            assert_true(pgc_budget_spend(&budget, &conf, REPETITION, now_ms));
        }
    }
}

static void
automatic_confirmation_is_for_rails_clients(void **state PGC_UNUSED)
{
    assert_true(pgc_reconfirm_is_due(PGC_DUPLICATE_AUTO, true, 1000, 0, 1401));
    assert_false(pgc_reconfirm_is_due(PGC_DUPLICATE_AUTO, false, 1000, 0, 1401));
}

static void
confirmation_is_not_repeated_at_once(void **state PGC_UNUSED)
{
    assert_false(pgc_reconfirm_is_due(PGC_DUPLICATE_AUTO, true, 1000, 0, 1400));
    assert_true(pgc_reconfirm_is_due(PGC_DUPLICATE_AUTO, true, 1000, 0, 1401));
}

static void
confirmation_is_repeated_once_in_two_seconds(void **state PGC_UNUSED)
{
    assert_false(pgc_reconfirm_is_due(PGC_DUPLICATE_AUTO, true, 1401, 1401, 3400));
    assert_true(pgc_reconfirm_is_due(PGC_DUPLICATE_AUTO, true, 1401, 1401, 3401));
}

static void
setting_overrides_who_the_client_is(void **state PGC_UNUSED)
{
    assert_false(pgc_reconfirm_is_due(PGC_DUPLICATE_IGNORE, true, 1000, 0, 9000));
    assert_true(pgc_reconfirm_is_due(PGC_DUPLICATE_CONFIRM, false, 1000, 0, 9000));
    assert_false(pgc_reconfirm_is_due(PGC_DUPLICATE_CONFIRM, false, 1000, 0, 1400));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hundred_commands_and_all_subscriptions_may_come_at_once),
        cmocka_unit_test(budget_comes_back_with_time),
        cmocka_unit_test(long_commands_cost_more),
        cmocka_unit_test(budget_is_never_more_than_full),
        cmocka_unit_test(what_was_sent_again_is_paid_for_with_what_comes_next),
        cmocka_unit_test(waiting_rails_client_may_repeat_all_its_subscribes_for_ever),
        cmocka_unit_test(automatic_confirmation_is_for_rails_clients),
        cmocka_unit_test(confirmation_is_not_repeated_at_once),
        cmocka_unit_test(confirmation_is_repeated_once_in_two_seconds),
        cmocka_unit_test(setting_overrides_who_the_client_is),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
