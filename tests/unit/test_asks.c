/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asks.h"

/* Asks on their way through a port whose worker is not listening yet. */
struct desk {
    struct pgc_port *port;
    struct pgc_asks asks;
    struct pgc_buf json;
};

static int
setup(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));

    if (desk == NULL) {
        return -1;
    }
    desk->port = pgc_port_new();
    *state = desk;
    return 0;
}

static int
teardown(void **state)
{
    struct desk *desk = *state;

    pgc_asks_fini(&desk->asks);
    pgc_port_free(desk->port);
    pgc_buf_fini(&desk->json);
    free(desk);
    return 0;
}

static void
take(struct desk *desk, enum pgc_stream_kind kind, const char *room, const char *uuid)
{
    pgc_asks_take(&desk->asks, desk->port, pgc_ask_new(1, kind, "42", room, uuid));
}

static void
take_custom(struct desk *desk, const char *params)
{
    pgc_asks_take(&desk->asks, desk->port,
        pgc_ask_new_custom(1, "42", "Shop::Orders", params, strlen(params)));
}

static const char *
fly(struct desk *desk)
{
    pgc_buf_clear(&desk->json);
    pgc_asks_fly(&desk->asks, &desk->json);
    return pgc_buf_str(&desk->json);
}

static void
each_kind_is_asked_for_by_name(void **state)
{
    struct desk *desk = *state;

    take(desk, PGC_STREAM_NOTIFICATIONS, NULL, NULL);
    take(desk, PGC_STREAM_MEMBER, NULL, NULL);
    take(desk, PGC_STREAM_THREADS, NULL, NULL);
    take(desk, PGC_STREAM_ROOM, "7", NULL);
    take(desk, PGC_STREAM_ROOM, NULL, "0b6f\"");
    assert_string_equal(fly(desk),
        "[{\"req\":0,\"channel\":\"notifications\",\"member\":\"42\"},"
        "{\"req\":1,\"channel\":\"member\",\"member\":\"42\"},"
        "{\"req\":2,\"channel\":\"threads\",\"member\":\"42\"},"
        "{\"req\":3,\"channel\":\"room\",\"member\":\"42\",\"room\":\"7\"},"
        "{\"req\":4,\"channel\":\"room\",\"member\":\"42\",\"uuid\":\"0b6f\\\"\"}]");
}

static void
an_own_channel_is_asked_for_with_its_identifier_as_it_is(void **state)
{
    struct desk *desk = *state;

    take_custom(desk, " {\"n\": 9007199254740993.10, \"t\":\"\\u20ac\", \"channel\":\"x\"}\n");
    take_custom(desk, "{}");
    assert_string_equal(fly(desk),
        "[{\"req\":0,\"channel\":\"custom\",\"member\":\"42\",\"class\":\"Shop::Orders\","
        "\"params\": {\"n\": 9007199254740993.10, \"t\":\"\\u20ac\", \"channel\":\"x\"}\n},"
        "{\"req\":1,\"channel\":\"custom\",\"member\":\"42\",\"class\":\"Shop::Orders\","
        "\"params\":{}}]");
}

static void
what_flew_in_vain_flies_again_before_what_came_later(void **state)
{
    struct desk *desk = *state;

    take(desk, PGC_STREAM_MEMBER, NULL, NULL);
    fly(desk);
    take_custom(desk, "{}");
    assert_true(pgc_asks_waiting(&desk->asks));
    pgc_asks_row(&desk->asks, 0, "chat-room-channel-42", NULL);
    pgc_asks_recall(&desk->asks);
    assert_string_equal(fly(desk),
        "[{\"req\":0,\"channel\":\"member\",\"member\":\"42\"},"
        "{\"req\":1,\"channel\":\"custom\",\"member\":\"42\",\"class\":\"Shop::Orders\","
        "\"params\":{}}]");
    assert_false(pgc_asks_waiting(&desk->asks));
    assert_null(desk->asks.entries[0].answer);
}

static void
one_that_the_database_stumbles_over_is_refused_alone(void **state)
{
    struct desk *desk = *state;

    for (int i = 0; i < 3; i++) {
        take(desk, PGC_STREAM_MEMBER, NULL, NULL);
    }
    fly(desk);
    assert_int_equal(desk->asks.flying, 3);
    pgc_asks_stumbled(&desk->asks);
    assert_int_equal(pgc_port_depth(desk->port), 0);
    fly(desk);
    assert_int_equal(desk->asks.flying, 1);
    pgc_asks_stumbled(&desk->asks);
    assert_int_equal(pgc_port_depth(desk->port), 1);
    assert_int_equal(desk->asks.count, 2);
}

static void
what_has_landed_is_answered(void **state)
{
    struct desk *desk = *state;

    take(desk, PGC_STREAM_MEMBER, NULL, NULL);
    take_custom(desk, "{}");
    fly(desk);
    pgc_asks_row(&desk->asks, 1, "orders-5", NULL);
    pgc_asks_row(&desk->asks, 2, "nobody asked", NULL);
    assert_string_equal(desk->asks.entries[1].answer->stream, "orders-5");
    pgc_asks_land(&desk->asks);
    assert_int_equal(pgc_port_depth(desk->port), 2);
    assert_int_equal(desk->asks.count, 0);
    assert_false(pgc_asks_waiting(&desk->asks));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind_is_asked_for_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_own_channel_is_asked_for_with_its_identifier_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_flew_in_vain_flies_again_before_what_came_later, setup, teardown),
        cmocka_unit_test_setup_teardown(
            one_that_the_database_stumbles_over_is_refused_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_landed_is_answered, setup, teardown),
    };

    return cmocka_run_group_tests_name("asks", tests, NULL, NULL);
}
