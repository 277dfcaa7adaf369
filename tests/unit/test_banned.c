/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pgcable/clock.h"

#include "banned.h"

static void
note(struct pgc_banned *banned, enum pgc_op_kind kind, const char *whom, int64_t before_s,
    int64_t until_s)
{
    const struct pgc_ban ban = {.before_s = before_s, .until_s = until_s};
    struct pgc_batch *batch = pgc_batch_new(1);

    pgc_batch_add(batch, PGC_OP_EXPEL, NULL, whom, NULL); /* is none of its business */
    pgc_batch_add_ban(batch, kind, whom, &ban);
    pgc_banned_note(banned, batch);
    pgc_batch_unref(batch);
}

static void
what_has_ended_by_itself_is_forgotten(void **state)
{
    struct pgc_banned *banned = pgc_banned_new();
    struct pgc_batch *batch = pgc_batch_new(1);
    int64_t now_s = pgc_wall_s();

    (void)state;
    note(banned, PGC_OP_BAN_TOKEN, "past", 0, now_s - 1);
    note(banned, PGC_OP_BAN_MEMBER, "past", 1, now_s - 1);
    note(banned, PGC_OP_BAN_TOKEN, "7", 0, now_s + 60);
    note(banned, PGC_OP_BAN_MEMBER, "7", 5, now_s + 1000);
    pgc_banned_add_to(banned, batch);
    assert_int_equal(batch->count, 2);
    assert_int_equal(batch->ops[0].kind, PGC_OP_BAN_TOKEN);
    assert_string_equal(batch->ops[0].via, "7");
    assert_int_equal(batch->ops[1].kind, PGC_OP_BAN_MEMBER);
    assert_int_equal(batch->ops[1].ban.before_s, 5);
    pgc_batch_unref(batch);
    pgc_banned_free(banned);
}

static void
a_member_who_is_banned_again_stays_banned_for_both(void **state)
{
    struct pgc_banned *banned = pgc_banned_new();
    struct pgc_batch *batch = pgc_batch_new(1);
    int64_t now_s = pgc_wall_s();

    (void)state;
    note(banned, PGC_OP_BAN_MEMBER, "7", 90, now_s + 1000);
    note(banned, PGC_OP_BAN_MEMBER, "7", 80, now_s + 2000);
    pgc_banned_add_to(banned, batch);
    assert_int_equal(batch->count, 1);
    assert_int_equal(batch->ops[0].ban.before_s, 90);
    assert_int_equal(batch->ops[0].ban.until_s, now_s + 2000);
    pgc_batch_unref(batch);
    pgc_banned_free(banned);
}

static void
many_do_not_pile_up(void **state)
{
    struct pgc_banned *banned = pgc_banned_new();
    struct pgc_batch *batch = pgc_batch_new(1);
    int64_t now_s = pgc_wall_s();
    char whom[32];

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(whom, sizeof(whom), "%u", i);
        note(banned, PGC_OP_BAN_TOKEN, whom, 0, i % 2 == 0 ? now_s - 10 : now_s + 1000);
    }
    pgc_banned_add_to(banned, batch);
    assert_int_equal(batch->count, 1500);
    pgc_batch_unref(batch);
    pgc_banned_free(banned);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_ended_by_itself_is_forgotten),
        cmocka_unit_test(a_member_who_is_banned_again_stays_banned_for_both),
        cmocka_unit_test(many_do_not_pile_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
