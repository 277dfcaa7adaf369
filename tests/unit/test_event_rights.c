/* SPDX-License-Identifier: PostgreSQL */
/* Rights that end: at their place among the events. */
#include <stdlib.h>

#include "event_world.h"

static void
revoked_tokens_and_rules_keep_their_place_among_events(void **state)
{
    struct event_world *world = *state;

    world_row(world, "broadcast", 'B', "1", NULL);
    world_row(world, "revoke_token", 'B', "{\"before_s\" : null, \"until_s\" : 1790003600}", NULL);
    world_row(world, "broadcast", 'B', "2", NULL);
    world_row(world, "revoke_member", 'B',
        "{\"before_s\" : 1790000000, \"until_s\" : 9223372036854775807}", NULL);
    world_row(world, "recheck", 'B', NULL, NULL);
    world_row(world, "broadcast", 'B', "3", NULL);
    assert_string_equal(world_needs(world), "");
    world_raises(world, "publish news 1\nban token news 0 1790003600\npublish news 2\n",
        "ban member news 1790000000 9223372036854775807\nrecheck news\npublish news 3\n", NULL);
}

static void
rows_that_name_nobody_end_nothing(void **state)
{
    struct event_world *world = *state;

    world_row(world, "recheck", 'X', NULL, NULL); /* and so without a stream */
    world_row(world, "revoke_nobody", 'B', "{}", NULL);
    world_raises(world, NULL, NULL);
}

static void
dates_that_are_missing_are_none(void **state)
{
    struct event_world *world = *state;

    world_row(world, "revoke_token", 'B', NULL, NULL);
    world_row(world, "revoke_member", 'B', "{\"until_s\":7,\"before_seconds_or_so\":9}", NULL);
    world_raises(world, "ban token news 0 0\nban member news 0 7\n", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(revoked_tokens_and_rules_keep_their_place_among_events),
        TEST(rows_that_name_nobody_end_nothing),
        TEST(dates_that_are_missing_are_none),
    };

    return cmocka_run_group_tests_name("event_rights", tests, NULL, NULL);
}
