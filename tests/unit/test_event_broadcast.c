/* SPDX-License-Identifier: PostgreSQL */
/* What the application sends by itself as an event: the envelope is ours, all else its own. */
#include <stdlib.h>

#include "event_world.h"

static struct event_world *
world_with(enum pgc_envelope envelope, size_t max_payload_bytes)
{
    return world_new(world_reference,
        &(struct pgc_builder_conf){.envelope = envelope, .max_payload_bytes = max_payload_bytes});
}

/* Sent as an event, this message comes out as that one. */
static void
comes_out(struct event_world *world, const char *sent, const char *received)
{
    world_row(world, "event", 'B', sent, NULL);
    assert_string_equal(world_needs(world), "");
    world_raises(world, "publish news ", received, "\n", NULL);
}

static void
flat_events_have_the_members_of_their_data(void **state)
{
    struct event_world *world = *state;

    comes_out(world, "{\"event\":\"paid\",\"data\":{\"id\": 7, \"sum\": 1.50}}",
        "{\"event\":\"paid\",\"id\": 7, \"sum\": 1.50}");
    comes_out(world, "{\"event\" : \"paid\", \"data\" : {\n\"a\" :1 ,\"b\":{\"c\":\"}\"} } }",
        "{\"event\":\"paid\",\n\"a\" :1,\"b\":{\"c\":\"}\"}}");
    comes_out(world, "{\"event\":\"paid\",\"data\":{}}", "{\"event\":\"paid\"}");
    comes_out(world, "{\"data\":{\"x\":1},\"event\":\"paid\"}", "{\"event\":\"paid\",\"x\":1}");
}

static void
flat_events_without_an_object_have_data(void **state)
{
    struct event_world *world = *state;

    comes_out(world, "{\"event\":\"e\",\"data\":[1, 2.0]}", "{\"event\":\"e\",\"data\":[1, 2.0]}");
    comes_out(world, "{\"event\":\"e\",\"data\":\"{}\"}", "{\"event\":\"e\",\"data\":\"{}\"}");
    comes_out(world, "{\"event\":\"e\",\"data\":7}", "{\"event\":\"e\",\"data\":7}");
    comes_out(world, "{\"event\":\"e\",\"data\":null}", "{\"event\":\"e\",\"data\":null}");
    comes_out(world, "{\"event\":\"e\"}", "{\"event\":\"e\",\"data\":null}");
}

static void
data_cannot_rename_a_flat_event(void **state)
{
    struct event_world *world = *state;

    comes_out(world,
        "{\"event\":\"e\",\"data\":{\"a\":1,\"event\":\"f\",\"b\":2,\"ev\\u0065nt\":\"g\"}}",
        "{\"event\":\"e\",\"a\":1,\"b\":2}");
    comes_out(world, "{\"event\":\"e\",\"data\":{\"event\":\"f\"}}", "{\"event\":\"e\"}");
    comes_out(world, "{\"event\":\"e\",\"data\":{\"events\":1,\"eventually, long\":2}}",
        "{\"event\":\"e\",\"events\":1,\"eventually, long\":2}");
}

static void
names_and_keys_stay_as_they_are_written(void **state)
{
    struct event_world *world = *state;

    comes_out(world,
        "{\"event\":\"gr\xc3\xbc\\u00dfe \\\"1\\\"\",\"data\":{\"\":0,\"a\\u20ac\\\"\":1,"
        "\"\xf0\x9f\x98\x80\":\"\xe2\x80\xa8\"}}",
        "{\"event\":\"gr\xc3\xbc\\u00dfe \\\"1\\\"\",\"\":0,\"a\\u20ac\\\"\":1,"
        "\"\xf0\x9f\x98\x80\":\"\xe2\x80\xa8\"}");
}

static void
nested_events_have_data_whatever_it_is(void **state)
{
    struct event_world *world = world_with(PGC_ENVELOPE_NESTED, 1000);

    (void)state;
    comes_out(world, "{\"event\" : \"e\", \"data\" : {\"event\": \"f\", \"a\": 1.0}}",
        "{\"event\":\"e\",\"data\":{\"event\": \"f\", \"a\": 1.0}}");
    comes_out(world, "{\"event\":\"e\",\"data\":{}}", "{\"event\":\"e\",\"data\":{}}");
    comes_out(world, "{\"event\":\"e\",\"data\":[]}", "{\"event\":\"e\",\"data\":[]}");
    comes_out(world, "{\"event\":\"e\",\"data\":null}", "{\"event\":\"e\",\"data\":null}");
    world_free(world);
}

static void
a_plain_broadcast_gets_no_envelope(void **state)
{
    struct event_world *world = world_with(PGC_ENVELOPE_NESTED, 1000);

    (void)state;
    world_row(world, "broadcast", 'B', "{\"event\":\"e\",\"data\":{\"a\":1}}", NULL);
    world_row(world, "broadcast", 'B', "{\"event\":\"INSERT\",\"record\":{\"a\":1.0}}", NULL);
    world_raises(world, "publish news {\"event\":\"e\",\"data\":{\"a\":1}}\n",
        "publish news {\"event\":\"INSERT\",\"record\":{\"a\":1.0}}\n", NULL);
    world_free(world);
}

static void
an_event_is_sent_without_a_mapping(void **state)
{
    struct event_world *world = *state;

    pgc_builder_set_mapping(world->builder, NULL);
    comes_out(world, "{\"event\":\"e\",\"data\":{\"a\":1}}", "{\"event\":\"e\",\"a\":1}");
}

static void
an_event_without_a_name_is_a_complaint(void **state)
{
    static const char *const nameless[] = {"{\"event\":null,\"data\":{}}", "{\"data\":{}}", "[]"};
    struct event_world *world = *state;
    size_t i;

    for (i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
        pgc_buf_clear(&world->complaints);
        world_row(world, "event", 'B', nameless[i], NULL);
        assert_string_equal(world_raise(world), "");
        assert_non_null(
            strstr(pgc_buf_str(&world->complaints), "an event without a name for stream \"news\""));
    }
}

/* ---- the limit ---- */

static void
an_event_over_the_limit_keeps_its_name_and_its_id(void **state)
{
    static const char sent[] = "{\"event\":\"paid\",\"data\":{\"x\":[1,2,3,4,5,6,7,8,9],\"id\":"
                               "9007199254740993}}";
    struct event_world *flat = world_with(PGC_ENVELOPE_FLAT, 50);
    struct event_world *nested = world_with(PGC_ENVELOPE_NESTED, 50);

    (void)state;
    comes_out(flat, sent, "{\"event\":\"paid\",\"id\":9007199254740993,\"truncated\":true}");
    assert_non_null(strstr(pgc_buf_str(&flat->complaints), "paid of row 100"));
    comes_out(
        nested, sent, "{\"event\":\"paid\",\"data\":{\"id\":9007199254740993,\"truncated\":true}}");
    world_free(flat);
    world_free(nested);
}

static void
neither_a_long_name_nor_a_long_id_gets_past_the_limit(void **state)
{
    struct event_world *world = world_with(PGC_ENVELOPE_FLAT, 600);
    struct pgc_buf text = {0};
    size_t i;

    (void)state;
    pgc_buf_adds(&text, "{\"event\":\"");
    for (i = 0; i < 300; i++) {
        pgc_buf_adds(&text, "\xe2\x82\xac");
    }
    pgc_buf_adds(&text, "\",\"data\":{\"id\":\"");
    for (i = 0; i < 300; i++) {
        pgc_buf_adds(&text, "\xe2\x82\xac");
    }
    pgc_buf_adds(&text, "\"}}");
    comes_out(
        world, pgc_buf_str(&text), "{\"event\":\"broadcast\",\"id\":null,\"truncated\":true}");
    pgc_buf_fini(&text);
    world_free(world);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            flat_events_have_the_members_of_their_data, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            flat_events_without_an_object_have_data, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            data_cannot_rename_a_flat_event, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            names_and_keys_stay_as_they_are_written, world_setup, world_teardown),
        cmocka_unit_test(nested_events_have_data_whatever_it_is),
        cmocka_unit_test(a_plain_broadcast_gets_no_envelope),
        cmocka_unit_test_setup_teardown(
            an_event_is_sent_without_a_mapping, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            an_event_without_a_name_is_a_complaint, world_setup, world_teardown),
        cmocka_unit_test(an_event_over_the_limit_keeps_its_name_and_its_id),
        cmocka_unit_test(neither_a_long_name_nor_a_long_id_gets_past_the_limit),
    };

    return cmocka_run_group_tests_name("event_broadcast", tests, NULL, NULL);
}
