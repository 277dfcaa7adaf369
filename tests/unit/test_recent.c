/* SPDX-License-Identifier: PostgreSQL */
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
add(struct pgc_batch *batch, const char *stream, const char *text)
{
    const struct pgc_position position = {.tick = 1};
    struct pgc_msg *msg = pgc_msg_new(&position, 42, text, strlen(text));

    msg->trace = (struct pgc_trace){.xid = 731, .id = 4411};
    pgc_batch_add(batch, PGC_OP_PUBLISH, stream, NULL, msg);
    pgc_msg_unref(msg);
}

static void
note(struct desk *desk, const char *stream, const char *text)
{
    struct pgc_batch *batch = pgc_batch_new(1);

    add(batch, stream, text);
    pgc_recent_note(desk->recent, batch);
    pgc_batch_unref(batch);
}

static void
nothing_is_noted_while_nobody_looks(void **state)
{
    struct desk *desk = *state;

    note(desk, "a", "{\"event\":\"x\"}");
    assert_int_equal(pgc_recent_events(desk->recent, desk->events), 0);
    pgc_recent_look(desk->recent);
    note(desk, "a", "{\"event\":\"x\"}");
    assert_int_equal(pgc_recent_events(desk->recent, desk->events), 1);
    pgc_recent_note(NULL, NULL);
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
        {"{\"event\":7}", ""},
        {"{\"event\":", ""},
        {"{\"event\":\"", ""},
        {"{\"other\":\"event\"}", ""},
        {"\"event\"", ""},
        {"", ""},
    };
    const size_t count = sizeof(cases) / sizeof(cases[0]);
    struct desk *desk = *state;

    pgc_recent_look(desk->recent);
    for (size_t i = 0; i < count; i++) {
        note(desk, "room-7", cases[i].text);
    }
    assert_int_equal(pgc_recent_events(desk->recent, desk->events), count);
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
names_that_are_too_long_are_cut(void **state)
{
    struct desk *desk = *state;
    char text[600] = "{\"event\":\"";
    char stream[400];

    memset(text + strlen(text), 'x', 500);
    memset(stream, 's', sizeof(stream) - 1);
    stream[sizeof(stream) - 1] = '\0';
    pgc_recent_look(desk->recent);
    note(desk, stream, text);
    assert_int_equal(pgc_recent_events(desk->recent, desk->events), 1);
    assert_int_equal(strlen(desk->events[0].name), sizeof(desk->events[0].name) - 1);
    assert_int_equal(strlen(desk->events[0].stream), sizeof(desk->events[0].stream) - 1);
}

static void
what_is_no_message_is_not_noted(void **state)
{
    struct desk *desk = *state;
    struct pgc_batch *batch = pgc_batch_new(1);

    pgc_batch_add(batch, PGC_OP_JOIN, "a", "b", NULL);
    add(batch, "a", "1");
    pgc_recent_look(desk->recent);
    pgc_recent_note(desk->recent, batch);
    pgc_batch_unref(batch);
    assert_int_equal(pgc_recent_events(desk->recent, desk->events), 1);
}

static void
the_newest_take_the_place_of_the_oldest(void **state)
{
    struct desk *desk = *state;

    pgc_recent_look(desk->recent);
    for (int i = 0; i < PGC_RECENT_EVENTS + 10; i++) {
        note(desk, "a", "1");
    }
    for (int i = 0; i < PGC_RECENT_REFUSALS + 10; i++) {
        pgc_recent_refuse(desk->recent, (uint64_t)i, "1.2.3.4", "for the %dth time", i);
    }
    assert_int_equal(pgc_recent_events(desk->recent, desk->events), PGC_RECENT_EVENTS);
    assert_int_equal(desk->events[0].number, 11);
    assert_int_equal(desk->events[PGC_RECENT_EVENTS - 1].number, PGC_RECENT_EVENTS + 10);
    assert_int_equal(pgc_recent_refusals(desk->recent, desk->refusals), PGC_RECENT_REFUSALS);
    assert_int_equal(desk->refusals[0].conn, 10);
    assert_string_equal(desk->refusals[0].who, "1.2.3.4");
    assert_string_equal(desk->refusals[0].why, "for the 10th time");
    pgc_recent_refuse(NULL, 0, "nobody", "nothing");
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(nothing_is_noted_while_nobody_looks),
        DESK_TEST(of_an_event_its_name_stream_size_and_row_are_kept),
        DESK_TEST(names_that_are_too_long_are_cut),
        DESK_TEST(what_is_no_message_is_not_noted),
        DESK_TEST(the_newest_take_the_place_of_the_oldest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
