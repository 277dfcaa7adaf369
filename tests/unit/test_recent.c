/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"
#include "pgcable/recent.h"

/* Too large for a stack with sanitizers. */
struct desk {
    struct pgc_recent *recent;
    struct pgc_recent_event events[PGC_RECENT_EVENTS];
    struct pgc_recent_refusal refusals[PGC_RECENT_REFUSALS];
};

static int
desk_setup(void **state)
{
    struct desk *desk = pgc_xcalloc(1, sizeof(*desk));

    desk->recent = pgc_recent_new();
    *state = desk;
    return 0;
}

static int
desk_teardown(void **state)
{
    struct desk *desk = *state;

    pgc_recent_free(desk->recent);
    free(desk);
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
note(struct desk *desk, int64_t id, const char *stream, const char *text)
{
    struct pgc_batch *batch = pgc_batch_new(1);
    uint64_t number;

    add(batch, id, stream, text);
    pgc_recent_note(desk->recent, batch);
    number = batch->ops[0].number;
    pgc_batch_unref(batch);
    return number;
}

static size_t
look(struct desk *desk)
{
    return pgc_recent_events(desk->recent, desk->events, PGC_RECENT_EVENTS);
}

/* Of that row it tells these streams, names and clients. */
static void
expect(struct desk *desk, uint64_t xid, int64_t id, const char *wanted)
{
    const struct pgc_trace trace = {.xid = xid, .id = id};
    struct pgc_buf out = {0};

    pgc_recent_write_row(desk->recent, &trace, &out);
    assert_string_equal(pgc_buf_str(&out), wanted);
    pgc_buf_fini(&out);
}

static void
of_an_event_its_name_stream_size_and_row_are_kept(void **state)
{
    static const struct {
        const char *text;
        const char *name;
    } cases[] = {
        {"{\"event\":\"newMessage\",\"body\":\"secret\"}", "newMessage"},
        {"{\"event\": \"orderPaid\"}", "orderPaid"},
        {"{\"event\" : \"INSERT\", \"record\" : {}}", "INSERT"},
        {"{\"event\":\"say \\\"hi\\\"\",\"a\":\"b\"}", "say \\\"hi\\\""},
        {"{\"event\":\"back\\\\\"}", "back\\\\"},
        {"{\"event\":\"\\", "\\"},
        {"{\"event\":7}", ""},
        {"{\"event\":", ""},
        {"{\"event\":\"", ""},
        {"{\"other\":\"event\"}", ""},
        {"\"event\"", ""},
        {"", ""},
    };
    const size_t count = sizeof(cases) / sizeof(cases[0]);
    struct desk *desk = *state;

    for (size_t i = 0; i < count; i++) {
        note(desk, 4411, "room-7", cases[i].text);
    }
    assert_int_equal(look(desk), count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(desk->events[i].name, cases[i].name);
        assert_string_equal(desk->events[i].stream, "room-7");
        assert_int_equal(desk->events[i].bytes, strlen(cases[i].text));
        assert_int_equal(desk->events[i].number, i + 1);
        assert_int_equal(desk->events[i].at_us, 42);
        assert_int_equal(desk->events[i].trace.xid, 731);
        assert_int_equal(desk->events[i].trace.id, 4411);
    }
}

static void
names_that_are_too_long_are_cut_between_characters(void **state)
{
    struct desk *desk = *state;
    char text[600] = "{\"event\":\"";
    char stream[401] = "s";

    for (size_t i = strlen(text); i + 3 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xbc", 3);
    }
    for (size_t i = 1; i + 3 < sizeof(stream); i += 2) {
        memcpy(stream + i, "\xc3\xbc", 3);
    }
    note(desk, 1, stream, text);
    note(desk, 2, stream + 1, text);
    assert_int_equal(look(desk), 2);
    assert_int_equal(strlen(desk->events[0].name), 46);
    assert_memory_equal(desk->events[0].name + 44, "\xc3\xbc", 3);
    assert_int_equal(strlen(desk->events[0].stream), 127);
    assert_int_equal(strlen(desk->events[1].stream), 126);
    assert_memory_equal(desk->events[1].stream + 124, "\xc3\xbc", 3);
}

static void
a_name_is_not_cut_within_an_escape(void **state)
{
    struct desk *desk = *state;
    char text[600] = "{\"event\":\"";

    memset(text + strlen(text), 'x', 500);
    memcpy(text + 10 + 46, "\\\"", 2); /* after 46 of them */
    note(desk, 1, "a", text);
    assert_int_equal(look(desk), 1);
    assert_int_equal(strlen(desk->events[0].name), 46);
    assert_int_equal(desk->events[0].name[45], 'x');
}

static void
of_a_row_each_event_is_told_in_order(void **state)
{
    struct desk *desk = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    uint64_t numbers[2];

    add(batch, 4411, "room-7", "{\"event\":\"newMessage\",\"body\":\"secret\"}");
    pgc_batch_add(batch, PGC_OP_JOIN, "room-7", "member-42", NULL);
    add(batch, 4412, "room-8", "{\"event\":\"x\"}");
    add(batch, 4411, "say \"hi\"", "7");
    pgc_recent_note(desk->recent, batch);
    assert_int_equal(batch->ops[1].number, 0);
    numbers[0] = batch->ops[0].number;
    numbers[1] = batch->ops[3].number;
    pgc_batch_unref(batch);
    pgc_recent_count(desk->recent, numbers, 1, 3);
    pgc_recent_count(desk->recent, numbers, 2, 2);
    expect(desk, 731, 4411,
        "[\n{\"stream\":\"room-7\",\"event\":\"newMessage\",\"clients\":5},\n"
        "{\"stream\":\"say \\\"hi\\\"\",\"event\":\"\",\"clients\":2}\n]\n");
    expect(desk, 731, 4412, "[\n{\"stream\":\"room-8\",\"event\":\"x\",\"clients\":0}\n]\n");
    expect(desk, 731, 4413, "[]\n");
    expect(desk, 732, 4411, "[]\n");
    assert_int_equal(look(desk), 3);
    assert_int_equal(desk->events[0].clients, 5);
}

static void
the_newest_take_the_place_of_the_oldest(void **state)
{
    struct desk *desk = *state;
    const uint64_t oldest = note(desk, 1, "a", "{\"event\":\"x\"}");
    uint64_t second;

    for (int64_t id = 2; id <= PGC_RECENT_EVENTS; id++) {
        note(desk, id, "a", "{\"event\":\"x\"}");
    }
    pgc_recent_count(desk->recent, &oldest, 1, 1);
    expect(desk, 731, 1, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":1}\n]\n");
    second = note(desk, 9001, "b", "{\"event\":\"y\"}");
    expect(desk, 731, 1, "[]\n");
    expect(desk, 731, 2, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":0}\n]\n");
    assert_int_equal(look(desk), PGC_RECENT_EVENTS);
    assert_int_equal(desk->events[0].number, 2);
    assert_int_equal(desk->events[PGC_RECENT_EVENTS - 1].number, PGC_RECENT_EVENTS + 1);
    assert_int_equal(pgc_recent_events(desk->recent, desk->events, 2), 2);
    assert_int_equal(desk->events[0].number, PGC_RECENT_EVENTS);

    /* A worker that is late counts for nobody, least of all for what lies there now. */
    pgc_recent_count(desk->recent, &oldest, 1, 1);
    expect(desk, 731, 9001, "[\n{\"stream\":\"b\",\"event\":\"y\",\"clients\":0}\n]\n");
    pgc_recent_count(desk->recent, &second, 1, 7);
    expect(desk, 731, 9001, "[\n{\"stream\":\"b\",\"event\":\"y\",\"clients\":7}\n]\n");
}

static void
nothing_is_counted_for_what_was_not_noted(void **state)
{
    static const uint64_t none[] = {0, 0};
    struct desk *desk = *state;
    const uint64_t number = note(desk, 5, "a", "{\"event\":\"x\"}");

    pgc_recent_count(desk->recent, none, 2, 4);
    pgc_recent_count(desk->recent, &number, 1, 0);
    expect(desk, 731, 5, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":0}\n]\n");
    pgc_recent_note(NULL, NULL);
    pgc_recent_count(NULL, none, 2, 4);
    pgc_recent_free(NULL);
}

static void
the_newest_refusals_take_the_place_of_the_oldest(void **state)
{
    struct desk *desk = *state;

    for (int i = 0; i < PGC_RECENT_REFUSALS + 10; i++) {
        pgc_recent_refuse(desk->recent, (uint64_t)i, "1.2.3.4", "for the %dth time", i);
    }
    assert_int_equal(pgc_recent_refusals(desk->recent, desk->refusals), PGC_RECENT_REFUSALS);
    assert_int_equal(desk->refusals[0].conn, 10);
    assert_string_equal(desk->refusals[0].who, "1.2.3.4");
    assert_string_equal(desk->refusals[0].why, "for the 10th time");
    pgc_recent_refuse(NULL, 0, "nobody", "nothing");
}

/* ---- workers ---- */

enum { TIMES = 2000 };

struct worker {
    struct pgc_recent *recent;
    uint64_t number;
    uint32_t clients;
};

static void *
deliver(void *arg)
{
    const struct worker *worker = arg;

    for (int i = 0; i < TIMES; i++) {
        pgc_recent_count(worker->recent, &worker->number, 1, worker->clients);
    }
    return NULL;
}

static void
what_two_workers_delivered_is_added_up(void **state)
{
    struct desk *desk = *state;
    const uint64_t number = note(desk, 1, "a", "{\"event\":\"x\"}");
    struct worker workers[] = {{desk->recent, number, 2}, {desk->recent, number, 3}};
    pthread_t threads[2];

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, deliver, &workers[i]), 0);
    }
    for (int64_t id = 2; id <= TIMES; id++) { /* as the feed does meanwhile */
        note(desk, id, "b", "{\"event\":\"y\"}");
        expect(desk, 731, id, "[\n{\"stream\":\"b\",\"event\":\"y\",\"clients\":0}\n]\n");
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    expect(desk, 731, 1, "[\n{\"stream\":\"a\",\"event\":\"x\",\"clients\":10000}\n]\n");
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(of_an_event_its_name_stream_size_and_row_are_kept),
        DESK_TEST(names_that_are_too_long_are_cut_between_characters),
        DESK_TEST(a_name_is_not_cut_within_an_escape),
        DESK_TEST(of_a_row_each_event_is_told_in_order),
        DESK_TEST(the_newest_take_the_place_of_the_oldest),
        DESK_TEST(nothing_is_counted_for_what_was_not_noted),
        DESK_TEST(the_newest_refusals_take_the_place_of_the_oldest),
        DESK_TEST(what_two_workers_delivered_is_added_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
