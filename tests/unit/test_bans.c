/* SPDX-License-Identifier: PostgreSQL */
/* Bans: what is banned stays so, and is forgotten when it is about nothing any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgcable/batch.h"

#include "../../src/cable/cable_internal.h"

enum { NOW = 1790000000, MANY = 5000 };

static void
add(struct pgc_bans *bans, enum pgc_op_kind kind, const char *whom, struct pgc_ban ban, int64_t now)
{
    struct pgc_batch *batch = pgc_batch_new(1);

    pgc_batch_add_ban(batch, kind, whom, &ban);
    pgc_bans_add(bans, &batch->ops[0], now);
    pgc_batch_unref(batch);
}

static void
newer_ban_of_a_member_reaches_further_and_an_older_one_not_less_far(void **state)
{
    struct pgc_bans *bans = pgc_bans_new();
    struct pgc_holder holder = {.jti = "", .member = "42", .issued_s = NOW - 10};

    (void)state;
    add(bans, PGC_OP_BAN_MEMBER, "42", (struct pgc_ban){NOW - 20, NOW + 100}, NOW);
    assert_false(pgc_bans_hit(bans, &holder));
    add(bans, PGC_OP_BAN_MEMBER, "42", (struct pgc_ban){NOW, NOW + 200}, NOW);
    assert_true(pgc_bans_hit(bans, &holder));
    add(bans, PGC_OP_BAN_MEMBER, "42", (struct pgc_ban){NOW - 30, NOW}, NOW);
    assert_true(pgc_bans_hit(bans, &holder));
    assert_int_equal(pgc_bans_count(bans), 1);
    pgc_bans_free(bans);
}

static void
bans_that_ended_since_make_room(void **state)
{
    struct pgc_bans *bans = pgc_bans_new();
    const int64_t later = NOW + 100000;
    char name[32];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "token %d", i);
        add(bans, PGC_OP_BAN_TOKEN, name, (struct pgc_ban){.until_s = NOW + 1}, NOW);
    }
    assert_int_equal(pgc_bans_count(bans), MANY);
    for (int i = 0; i < 3 * MANY; i++) {
        snprintf(name, sizeof(name), "another %d", i);
        add(bans, PGC_OP_BAN_TOKEN, name, (struct pgc_ban){.until_s = later + 1}, later);
    }
    assert_int_equal(pgc_bans_count(bans), 3 * MANY);
    assert_false(pgc_bans_hit(bans, &(struct pgc_holder){.jti = "token 0", .member = "42"}));
    assert_true(pgc_bans_hit(bans, &(struct pgc_holder){.jti = "another 0", .member = "42"}));
    pgc_bans_free(bans);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newer_ban_of_a_member_reaches_further_and_an_older_one_not_less_far),
        cmocka_unit_test(bans_that_ended_since_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
