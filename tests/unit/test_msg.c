/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/msg.h"

enum { READERS = 4, ROUNDS = 20000 };

static void
a_message_holds_a_terminated_copy(void **state)
{
    const struct pgc_position position = {.tick = 5, .id = 6, .part = 7, .nonce = 8};
    char text[] = "{\"a\":1}garbage";
    struct pgc_msg *msg = pgc_msg_new(&position, 42, text, 7);

    (void)state;
    text[0] = 'X';
    assert_int_equal(msg->length, 7);
    assert_string_equal(msg->text, "{\"a\":1}");
    assert_int_equal(msg->committed_us, 42);
    assert_memory_equal(&msg->position, &position, sizeof(position));
    pgc_msg_unref(msg);
}

static void
it_lives_until_the_last_reference_goes(void **state)
{
    const struct pgc_position position = {.tick = 1};
    struct pgc_msg *msg = pgc_msg_new(&position, 0, "", 0);

    (void)state;
    assert_ptr_equal(pgc_msg_ref(msg), msg);
    pgc_msg_unref(msg);
    assert_string_equal(msg->text, "");
    pgc_msg_unref(msg);
    pgc_msg_unref(NULL);
}

static void *
take_and_give_back(void *arg)
{
    struct pgc_msg *msg = arg;

    for (int i = 0; i < ROUNDS; i++) {
        pgc_msg_unref(pgc_msg_ref(msg));
    }
    pgc_msg_unref(msg);
    return NULL;
}

static void
many_threads_may_share_one(void **state)
{
    const struct pgc_position position = {.tick = 1};
    struct pgc_msg *msg = pgc_msg_new(&position, 0, "shared", 6);
    pthread_t threads[READERS];

    (void)state;
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, take_and_give_back, pgc_msg_ref(msg)), 0);
    }
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_string_equal(msg->text, "shared");
    pgc_msg_unref(msg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_holds_a_terminated_copy),
        cmocka_unit_test(it_lives_until_the_last_reference_goes),
        cmocka_unit_test(many_threads_may_share_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
