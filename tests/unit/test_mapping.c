/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "event_world.h"

static void
count_problem(const char *text, void *arg)
{
    pgc_buf_addf(arg, "%s\n", text);
}

static void
problems_of_the_database_are_told_with_their_kind(void **state)
{
    static const char json[] =
        "{\"kinds\":{\"message\":{\"table\":\"posts\",\"columns\":{},\"extra\":[],"
        "\"problems\":[\"there is no column \\\"x\\\"\",\"nor y\"]}}}";
    struct pgc_buf problems = {0};
    struct pgc_mapping *mapping;

    (void)state;
    mapping = pgc_mapping_parse(json, strlen(json), count_problem, &problems, NULL);
    assert_non_null(mapping);
    assert_string_equal(
        pgc_buf_str(&problems), "message: there is no column \"x\"\nmessage: nor y\n");
    pgc_mapping_free(mapping);
    pgc_buf_fini(&problems);
}

static void
what_is_no_mapping_is_refused_with_advice(void **state)
{
    static const char *const others[] = {"", "[]", "null", "{}", "{\"kinds\":[]}", "{\"kinds\":"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct pgc_err err = {0};

        assert_null(pgc_mapping_parse(others[i], strlen(others[i]), NULL, NULL, &err));
        assert_int_equal(err.code, PGC_ERR_SCHEMA);
        assert_non_null(strstr(err.hint, "pgcable migrate"));
    }
}

static void
what_a_newer_schema_knows_is_passed_over(void **state)
{
    struct event_world *world =
        world_new("{\"more\":1,\"kinds\":{\"poll\":{\"columns\":{\"id\":\"id\"}},\"room\":7,"
                  "\"member\":{\"columns\":{\"id\":\"id\",\"shoe_size\":\"shoe\",\"name\":null}}}}",
            NULL);

    (void)state;
    world_row(world, "poll", 'D', NULL, "{\"id\":1}");
    world_row(world, "room", 'D', NULL, "{\"id\":1}");
    world_row(world, "member", 'D', NULL, "{\"id\":1,\"shoe\":43}");
    assert_string_equal(world_raise(world), "expel 1\n");
    world_free(world);
}

static void
one_column_may_play_two_parts(void **state)
{
    struct event_world *world =
        world_new("{\"kinds\":{\"thread_participant\":{\"columns\":{\"chat_thread_id\":\"a\","
                  "\"community_member_id\":\"a\"}}}}",
            NULL);

    (void)state;
    world_row(world, "thread_participant", 'I', "{\"a\":\"x\"}", NULL);
    assert_string_equal(
        world_raise(world), "join chat-community-member-x-threads-channel thread-members:x\n");
    world_free(world);
}

static void
columns_may_have_any_name(void **state)
{
    struct event_world *world = world_new(
        "{\"kinds\":{\"member\":{\"columns\":{\"id\":\"Ident \\\"\xe2\x82\xac\\\"\"}}}}", NULL);

    (void)state;
    world_row(world, "member", 'D', NULL, "{\"id\":1,\"Ident \\\"\xe2\x82\xac\\\"\":2}");
    assert_string_equal(world_raise(world), "expel 2\n");
    world_free(world);
}

static void
a_row_without_the_column_that_makes_it_complains(void **state)
{
    struct event_world *world =
        world_new("{\"kinds\":{\"member\":{\"columns\":{\"id\":\"ident\"}}}}", NULL);

    (void)state;
    world_row(world, "member", 'D', NULL, "{\"id\":1}");
    assert_string_equal(world_raise(world), "");
    assert_string_equal(pgc_buf_str(&world->complaints),
        "row 100 of kind member has no id: no event, hint: attach the table again with a mapping "
        "that names the column\n");
    world_free(world);
}

static void
a_row_that_is_nobodys_is_passed_over_in_silence(void **state)
{
    struct event_world *world = world_new(world_reference, NULL);

    (void)state;
    world_row(world, "participant", 'I', "{\"chat_room_id\":7,\"community_member_id\":null}", NULL);
    assert_string_equal(world_raise(world), "");
    assert_string_equal(pgc_buf_str(&world->complaints), "");
    world_free(world);
}

static void
a_row_named_by_no_scalar_is_passed_over(void **state)
{
    struct event_world *world = world_new(world_reference, NULL);

    (void)state;
    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":true}", NULL);
    world_row(world, "message", 'I', "{\"id\":{},\"chat_room_id\":8}", NULL);
    world_row(world, "notification", 'I', "{\"community_member_id\":[1]}", NULL);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "");
    world_free(world);
}

static void
a_row_that_loses_its_name_is_gone(void **state)
{
    struct event_world *world = world_new(world_reference, NULL);

    (void)state;
    world_row(world, "room", 'U', "{\"id\":null}", "{\"id\":8,\"uuid\":\"u\"}");
    assert_string_equal(world_raise(world),
        "publish room-members:8 {\"event\":\"chatRoomDeleted\",\"chat_room_uuid\":\"u\"}\n");
    world_free(world);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_of_the_database_are_told_with_their_kind),
        cmocka_unit_test(what_is_no_mapping_is_refused_with_advice),
        cmocka_unit_test(what_a_newer_schema_knows_is_passed_over),
        cmocka_unit_test(one_column_may_play_two_parts),
        cmocka_unit_test(columns_may_have_any_name),
        cmocka_unit_test(a_row_without_the_column_that_makes_it_complains),
        cmocka_unit_test(a_row_that_is_nobodys_is_passed_over_in_silence),
        cmocka_unit_test(a_row_named_by_no_scalar_is_passed_over),
        cmocka_unit_test(a_row_that_loses_its_name_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
