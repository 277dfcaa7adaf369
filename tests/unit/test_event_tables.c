/* SPDX-License-Identifier: PostgreSQL */
/* Messages of other applications: few columns, other names, columns of their own. */
#include "event_world.h"

static void
a_minimal_message_has_all_fields(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I',
        "{\"id\":5,\"room_id\":3,\"user_id\":15,\"body\":\"Hi\","
        "\"created_at\":\"2026-10-01T09:14:31+00:00\"}",
        NULL);
    assert_string_equal(
        world_needs(world), "{\"room\":[\"3\"],\"sender\":[{\"room\":\"3\",\"member\":\"15\"}]}");
    world_fact(world, "room", "3", "{\"id\":3,\"uuid\":null,\"is_embedded\":false}");
    world_fact(
        world, "sender", "m:3:15", "{\"id\":40,\"community_member_id\":15,\"name\":\"ann\"}");
    assert_non_null(strstr(world_raise(world),
        "publish chat-room-3-channel {\"event\":\"newMessage\",\"id\":5,\"chat_room_uuid\":\"3\","
        "\"chat_room_kind\":null,\"chat_room_participant_id\":40,\"body\":\"Hi\","
        "\"rich_text_body\":null,\"sent_at\":null,\"created_at\":\"2026-10-01T09:14:31.000Z\","
        "\"sender\":{\"id\":40,\"community_member_id\":15,\"name\":\"ann\",\"avatar_url\":null,"
        "\"user_public_uid\":null},\"creation_uuid\":null,\"chat_thread_id\":null,"
        "\"parent_message_id\":null,\"lesson_id\":null,\"edited_at\":null,"
        "\"replies_count\":0,\"total_thread_participants_count\":0,"
        "\"thread_participants_preview\":[],\"chat_thread_replies_count\":0}\npublish "
        "room-members:3 "));
}

static void
a_minimal_message_is_updated_without_asking_for_replies(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'U', "{\"id\":5,\"room_id\":3,\"user_id\":15,\"body\":\"b\"}",
        "{\"id\":5,\"room_id\":3,\"user_id\":15,\"body\":\"a\"}");
    assert_string_equal(
        world_needs(world), "{\"room\":[\"3\"],\"sender\":[{\"room\":\"3\",\"member\":\"15\"}]}");
    assert_non_null(strstr(world_raise(world), "{\"event\":\"updatedMessage\",\"id\":5,"
                                               "\"chat_room_uuid\":\"3\","));
}

static void
a_thread_alone_makes_a_reply_where_messages_know_no_parent(void **state)
{
    struct event_world *world =
        world_new("{\"kinds\":{\"message\":{\"columns\":{\"id\":\"id\",\"chat_room_id\":\"r\","
                  "\"chat_thread_id\":\"t\"}}}}",
            NULL);

    (void)state;
    world_row(world, "message", 'I', "{\"id\":1,\"r\":2,\"t\":3}", NULL);
    world_raise(world);
    assert_null(world_message(world, 2));
    assert_string_equal(world->batch->ops[1].topic, "thread-members:3");
    world_free(world);
}

static void
extras_travel_along_but_take_no_fields_place(void **state)
{
    struct event_world *world = world_new(
        "{\"kinds\":{\"message\":{\"columns\":{\"id\":\"id\",\"chat_room_id\":\"r\","
        "\"body\":\"text\"},\"extra\":[\"mood\",\"body\",\"event\",\"a\\\"\\\\b\",\"gone\"]}}}",
        NULL);

    (void)state;
    world_row(world, "message", 'I',
        "{\"id\":1,\"r\":2,\"mood\":{\"z\": 1},\"body\":\"no\",\"x\":3,\"a\\\"\\\\b\":4}", NULL);
    world_needs(world);
    assert_non_null(strstr(world_raise(world),
        "\"chat_thread_replies_count\":0,\"mood\":{\"z\": 1},\"a\\\"\\\\b\":4,\"gone\":null}"));
    assert_non_null(strstr(world->seen.data, "\"body\":null,"));
    assert_null(strstr(world->seen.data, "\"no\""));
    world_row(
        world, "message", 'U', "{\"id\":1,\"r\":2,\"mood\":2}", "{\"id\":1,\"r\":2,\"mood\":1}");
    assert_non_null(strstr(world_raise(world), "updatedMessage"));
    world_free(world);
}

static void
extras_of_the_member_travel_in_the_sender(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I',
        "{\"id\":1,\"chat_room_id\":8,\"chat_room_participant_id\":22}", NULL);
    world_needs(world);
    world_fact(world, "sender", "p:22",
        "{\"id\":22,\"community_member_id\":15,\"name\":\"A\",\"avatar_url\":null,"
        "\"user_public_uid\":null,\"extra\":{\"title\":\"Dr\",\"name\":\"no\",\"n\":null}}");
    assert_non_null(strstr(world_raise(world), "\"name\":\"A\",\"avatar_url\":null,"
                                               "\"user_public_uid\":null,\"title\":\"Dr\","
                                               "\"n\":null},\"creation_uuid\""));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_minimal_message_has_all_fields, world_setup_minimal, world_teardown),
        cmocka_unit_test_setup_teardown(a_minimal_message_is_updated_without_asking_for_replies,
            world_setup_minimal, world_teardown),
        cmocka_unit_test(a_thread_alone_makes_a_reply_where_messages_know_no_parent),
        cmocka_unit_test(extras_travel_along_but_take_no_fields_place),
        cmocka_unit_test_setup_teardown(
            extras_of_the_member_travel_in_the_sender, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
