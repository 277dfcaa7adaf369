/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/batch.h"

static void
operations_keep_their_order_and_their_own_strings(void **state)
{
    struct pgc_batch *batch = pgc_batch_new(9);
    char topic[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(topic, sizeof(topic), "topic-%d", i);
        pgc_batch_add(batch, PGC_OP_JOIN, topic, "via", NULL);
    }
    pgc_batch_add(batch, PGC_OP_EXPEL, NULL, "42", NULL);

    assert_int_equal(batch->tick, 9);
    assert_false(batch->ends_tick);
    assert_int_equal(batch->count, 1001);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(topic, sizeof(topic), "topic-%d", i);
        assert_int_equal(batch->ops[i].kind, PGC_OP_JOIN);
        assert_string_equal(batch->ops[i].topic, topic);
        assert_string_equal(batch->ops[i].via, "via");
        assert_null(batch->ops[i].msg);
    }
    assert_null(batch->ops[1000].topic);
    assert_string_equal(batch->ops[1000].via, "42");
    pgc_batch_unref(batch);
}

static void
a_ban_says_whom_and_for_how_long(void **state)
{
    struct pgc_batch *batch = pgc_batch_new(1);

    (void)state;
    pgc_batch_add_ban(batch, PGC_OP_BAN_MEMBER, "42", &(struct pgc_ban){1, 2});
    pgc_batch_add(batch, PGC_OP_RECHECK, NULL, "OrdersChannel", NULL);
    assert_int_equal(batch->count, 2);
    assert_int_equal(batch->ops[0].kind, PGC_OP_BAN_MEMBER);
    assert_null(batch->ops[0].topic);
    assert_string_equal(batch->ops[0].via, "42");
    assert_int_equal(batch->ops[0].ban.before_s, 1);
    assert_int_equal(batch->ops[0].ban.until_s, 2);
    assert_int_equal(batch->ops[1].ban.until_s, 0);
    pgc_batch_unref(batch);
}

static void
a_batch_keeps_its_messages_alive(void **state)
{
    const struct pgc_position position = {.tick = 1};
    struct pgc_msg *msg = pgc_msg_new(&position, 0, "1", 1);
    struct pgc_batch *batch = pgc_batch_new(1);

    (void)state;
    pgc_batch_add(batch, PGC_OP_PUBLISH, "a", NULL, msg);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "b", NULL, msg);
    pgc_msg_unref(msg);

    assert_ptr_equal(pgc_batch_ref(batch), batch);
    pgc_batch_unref(batch);
    assert_string_equal(batch->ops[1].msg->text, "1");
    pgc_batch_unref(batch);
    pgc_batch_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_keep_their_order_and_their_own_strings),
        cmocka_unit_test(a_ban_says_whom_and_for_how_long),
        cmocka_unit_test(a_batch_keeps_its_messages_alive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
