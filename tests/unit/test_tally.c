/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/tally.h"

static int
tally_setup(void **state)
{
    *state = pgc_tally_new();
    return 0;
}

static int
tally_teardown(void **state)
{
    pgc_tally_free(*state);
    return 0;
}

static void
add(struct pgc_batch *batch, int64_t id, const char *stream, const char *text)
{
    const struct pgc_position position = {.tick = 1, .id = id};
    struct pgc_msg *msg = pgc_msg_new(&position, 42, text, strlen(text));

    msg->trace = (struct pgc_trace){.xid = 731, .id = id};
    pgc_batch_add(batch, PGC_OP_PUBLISH, stream, NULL, msg);
    pgc_msg_unref(msg);
}

/* Returns its number. */
static uint64_t
enter(struct pgc_tally *tally, int64_t id, const char *stream, const char *text)
{
    struct pgc_batch *batch = pgc_batch_new(1);
    uint64_t number;

    add(batch, id, stream, text);
    pgc_tally_enter(tally, batch);
    number = batch->ops[0].number;
    pgc_batch_unref(batch);
    return number;
}

static void
expect(struct pgc_tally *tally, uint64_t xid, int64_t id, const char *wanted)
{
    const struct pgc_trace trace = {.xid = xid, .id = id};
    struct pgc_buf out = {0};

    pgc_tally_write(tally, &trace, &out);
    assert_string_equal(pgc_buf_str(&out), wanted);
    pgc_buf_fini(&out);
}

static void
of_a_row_each_message_is_told_in_order(void **state)
{
    struct pgc_tally *tally = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    uint64_t numbers[2];

    add(batch, 4411, "room-7", "{\"event\":\"newMessage\",\"body\":\"secret\"}");
    pgc_batch_add(batch, PGC_OP_JOIN, "room-7", "member-42", NULL);
    add(batch, 4412, "room-8", "{\"event\":\"x\"}");
    add(batch, 4411, "say \"hi\"", "7");
    pgc_tally_enter(tally, batch);
    assert_int_equal(batch->ops[1].number, 0);
    numbers[0] = batch->ops[0].number;
    numbers[1] = batch->ops[3].number;
    pgc_batch_unref(batch);
    pgc_tally_add(tally, numbers, 1, 3);
    pgc_tally_add(tally, numbers, 2, 2);
    expect(tally, 731, 4411,
        "[\n{\"stream\":\"room-7\",\"event\":\"newMessage\",\"clients\":5},\n"
        "{\"stream\":\"say \\\"hi\\\"\",\"event\":\"\",\"clients\":2}\n]\n");
    expect(tally, 731, 4412, "[\n{\"stream\":\"room-8\",\"event\":\"x\",\"clients\":0}\n]\n");
    expect(tally, 731, 4413, "[]\n");
    expect(tally, 732, 4411, "[]\n");
}

static void
the_newest_take_the_place_of_the_oldest(void **state)
{
    struct pgc_tally *tally = *state;
    const uint64_t oldest = enter(tally, 1, "a", "{\"event\":\"x\"}");
    uint64_t second;

    for (int64_t id = 2; id <= PGC_TALLY_MESSAGES; id++) {
        enter(tally, id, "a", "{\"event\":\"x\"}");
    }
    pgc_tally_add(tally, &oldest, 1, 1);
    expect(tally, 731, 1, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":1}\n]\n");
    second = enter(tally, 9001, "b", "{\"event\":\"y\"}");
    expect(tally, 731, 1, "[]\n");
    expect(tally, 731, 2, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":0}\n]\n");

    /* A worker that is late counts for nobody, least of all for what lies there now. */
    pgc_tally_add(tally, &oldest, 1, 1);
    expect(tally, 731, 9001, "[\n{\"stream\":\"b\",\"event\":\"y\",\"clients\":0}\n]\n");
    pgc_tally_add(tally, &second, 1, 7);
    expect(tally, 731, 9001, "[\n{\"stream\":\"b\",\"event\":\"y\",\"clients\":7}\n]\n");
}

static void
names_that_are_too_long_are_cut_between_characters(void **state)
{
    struct pgc_tally_event event = {0};
    struct pgc_batch *batch = pgc_batch_new(1);
    char text[600] = "{\"event\":\"";
    char stream[401] = "s";

    for (size_t i = strlen(text); i + 3 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xbc", 3);
    }
    for (size_t i = 2; i + 3 < sizeof(stream); i += 2) {
        memcpy(stream + i - 1, "\xc3\xbc", 3);
    }
    add(batch, 1, stream, text);
    pgc_tally_name(&event, stream, batch->ops[0].msg);
    assert_int_equal(strlen(event.stream), 127);
    assert_int_equal(strlen(event.name), 46);
    assert_memory_equal(event.name + 44, "\xc3\xbc", 3);
    pgc_tally_enter(*state, batch);
    pgc_batch_unref(batch);
}

static void
nothing_is_counted_for_what_was_not_entered(void **state)
{
    static const uint64_t none[] = {0, 0};
    const uint64_t number = enter(*state, 5, "a", "{\"event\":\"x\"}");

    pgc_tally_add(*state, none, 2, 4);
    pgc_tally_add(*state, &number, 1, 0);
    expect(*state, 731, 5, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":0}\n]\n");
    pgc_tally_enter(NULL, NULL);
    pgc_tally_add(NULL, none, 2, 4);
    pgc_tally_free(NULL);
}

/* ---- workers ---- */

enum { TIMES = 2000 };

struct worker {
    struct pgc_tally *tally;
    uint64_t number;
    uint64_t clients;
};

static void *
deliver(void *arg)
{
    const struct worker *worker = arg;

    for (int i = 0; i < TIMES; i++) {
        pgc_tally_add(worker->tally, &worker->number, 1, worker->clients);
    }
    return NULL;
}

static void
what_two_workers_delivered_is_added_up(void **state)
{
    struct pgc_tally *tally = *state;
    const uint64_t number = enter(tally, 1, "a", "{\"event\":\"x\"}");
    struct worker workers[] = {{tally, number, 2}, {tally, number, 3}};
    pthread_t threads[2];

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, deliver, &workers[i]), 0);
    }
    for (int64_t id = 2; id <= TIMES; id++) { /* as the feed does meanwhile */
        enter(tally, id, "b", "{\"event\":\"y\"}");
        expect(tally, 731, id, "[\n{\"stream\":\"b\",\"event\":\"y\",\"clients\":0}\n]\n");
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    expect(tally, 731, 1, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":10000}\n]\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            of_a_row_each_message_is_told_in_order, tally_setup, tally_teardown),
        cmocka_unit_test_setup_teardown(
            the_newest_take_the_place_of_the_oldest, tally_setup, tally_teardown),
        cmocka_unit_test_setup_teardown(
            names_that_are_too_long_are_cut_between_characters, tally_setup, tally_teardown),
        cmocka_unit_test_setup_teardown(
            nothing_is_counted_for_what_was_not_entered, tally_setup, tally_teardown),
        cmocka_unit_test_setup_teardown(
            what_two_workers_delivered_is_added_up, tally_setup, tally_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
