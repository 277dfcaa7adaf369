/* SPDX-License-Identifier: PostgreSQL */
#include "event_world.h"

#define ROW(more) "{\"id\":4,\"chat_thread_id\":7,\"community_member_id\":15" more "}"

static void
who_is_in_a_thread_hears_it_on_his_threads_stream(void **state)
{
    struct event_world *world = *state;

    world_row(world, "thread_participant", 'I', ROW(""), NULL);
    world_row(world, "thread_participant", 'D', NULL, ROW(""));
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "join chat-community-member-15-threads-channel thread-members:7\n"
        "leave chat-community-member-15-threads-channel thread-members:7\n");
}

static void
a_thread_is_read_when_last_read_at_moves(void **state)
{
    struct event_world *world = *state;

    world_row(world, "thread_participant", 'U', ROW(",\"last_read_at\":\"2026-10-01T09:14:31\""),
        ROW(",\"last_read_at\":null"));
    world_row(world, "thread_participant", 'U', ROW(",\"last_read_at\":\"2026-10-01T09:14:31\""),
        ROW(",\"last_read_at\":\"2026-10-01T09:14:31\""));
    world_row(world, "thread_participant", 'U', ROW(",\"last_read_at\":null"),
        ROW(",\"last_read_at\":\"2026-10-01T09:14:31\""));
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "publish chat-community-member-15-threads-channel "
        "{\"event\":\"chatThreadRead\",\"chat_thread_id\":7}\n");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            who_is_in_a_thread_hears_it_on_his_threads_stream, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_thread_is_read_when_last_read_at_moves, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
