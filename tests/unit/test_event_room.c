/* SPDX-License-Identifier: PostgreSQL */
#include "event_world.h"

#define UUID "0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10"

/* A room's row; its name, and what may follow it. */
#define ROOM(name, more)                                                                           \
    "{\"id\":8,\"uuid\":\"" UUID "\",\"chat_room_kind\":\"group_chat\",\"name\":" name             \
    ",\"description\":\"\",\"show_history\":true" more "}"

#define UPDATED(name, description, history, pinned)                                                \
    "{\"event\":\"chatRoomUpdated\",\"uuid\":\"" UUID "\",\"chat_room_name\":" name                \
    ",\"chat_room_description\":" description ",\"chat_room_show_history\":" history               \
    ",\"pinned_message\":" pinned "}\n"

#define DELETED "{\"event\":\"chatRoomDeleted\",\"chat_room_uuid\":\"" UUID "\"}\n"

static void
a_new_name_is_told_to_the_room_and_to_each_member(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U', ROOM("\"Team\"", ""), ROOM("\"Old\"", ""));
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " UPDATED("\"Team\"", "\"\"", "true",
            "null") "publish room-members:8 " UPDATED("\"Team\"", "\"\"", "true", "null"));
    assert_ptr_equal(world_message(world, 0), world_message(world, 1));
}

static void
a_new_name_of_an_embedded_room_is_told_to_the_room_alone(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U', ROOM("\"Team\"", ",\"is_embedded\":true"),
        ROOM("\"Old\"", ",\"is_embedded\":true"));
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " UPDATED("\"Team\"", "\"\"", "true", "null"));
}

static void
description_and_history_are_told_to_the_room_alone(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U',
        "{\"id\":8,\"uuid\":\"" UUID
        "\",\"name\":null,\"description\":\"d\",\"show_history\":true}",
        "{\"id\":8,\"uuid\":\"" UUID
        "\",\"name\":null,\"description\":null,\"show_history\":true}");
    world_row(world, "room", 'U',
        "{\"id\":8,\"uuid\":\"" UUID
        "\",\"name\":null,\"description\":\"d\",\"show_history\":false}",
        "{\"id\":8,\"uuid\":\"" UUID
        "\",\"name\":null,\"description\":\"d\",\"show_history\":true}");
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " UPDATED("null", "\"d\"", "true",
            "null") "publish chat-room-8-channel " UPDATED("null", "\"d\"", "false", "null"));
}

static void
a_pinned_message_is_shown_whole(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U', ROOM("\"T\"", ",\"pinned_message_id\":981"),
        ROOM("\"T\"", ",\"pinned_message_id\":null"));
    assert_string_equal(world_needs(world), "{\"message\":[\"981\"]}");
    world_fact(world, "message", "981",
        "{\"id\":981,\"chat_room_id\":8,\"chat_room_participant_id\":22,\"body\":\"Hi\","
        "\"created_at\":\"2026-10-01T09:14:31.001\",\"deleted_at\":null,\"extra\":{}}");
    world_fact(world, "sender", "p:22", "{\"id\":22,\"community_member_id\":15,\"name\":\"Ann\"}");
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " UPDATED("\"T\"", "\"\"", "true",
            "{\"id\":981,\"chat_room_uuid\":\"" UUID "\",\"chat_room_participant_id\":22,"
            "\"body\":\"Hi\",\"rich_text_body\":null,\"sent_at\":null,"
            "\"created_at\":\"2026-10-01T09:14:31.001Z\",\"sender\":{\"id\":22,"
            "\"community_member_id\":15,\"name\":\"Ann\",\"avatar_url\":null,"
            "\"user_public_uid\":null},\"creation_uuid\":null,\"chat_thread_id\":null,"
            "\"parent_message_id\":null,\"lesson_id\":null,\"edited_at\":null,\"replies_count\":0,"
            "\"total_thread_participants_count\":0,\"thread_participants_preview\":[]}"));
}

static void
a_pinned_message_that_is_deleted_is_not_shown(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U', ROOM("\"T\"", ",\"pinned_message_id\":981"), ROOM("\"T\"", ""));
    world_needs(world);
    world_fact(world, "message", "981",
        "{\"id\":981,\"chat_room_id\":8,\"body\":\"secret\",\"deleted_at\":true}");
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " UPDATED("\"T\"", "\"\"", "true", "null"));
}

static void
an_unpinned_message_is_told_to_the_room(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U', ROOM("\"T\"", ",\"pinned_message_id\":null"),
        ROOM("\"T\"", ",\"pinned_message_id\":981"));
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " UPDATED("\"T\"", "\"\"", "true", "null"));
}

static void
other_columns_and_new_rooms_are_no_event(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'I', ROOM("\"T\"", ""), NULL);
    world_row(
        world, "room", 'U', ROOM("\"T\"", ",\"updated_at\":2"), ROOM("\"T\"", ",\"updated_at\":1"));
    world_row(world, "thread", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "");
}

static void
a_deleted_room_is_told_to_its_members(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'D', NULL, ROOM("\"T\"", ""));
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "publish room-members:8 " DELETED);
    world_row(world, "room", 'U', ROOM("\"T\"", ",\"deleted_at\":\"2026-10-01T09:14:31\""),
        ROOM("\"T\"", ""));
    world_row(world, "room", 'D', NULL, ROOM("\"T\"", ",\"deleted_at\":\"2026-10-01T09:14:31\""));
    assert_string_equal(world_raise(world), "publish room-members:8 " DELETED);
}

static void
leave(struct event_world *world, const char *participant)
{
    world_row(world, "participant", 'D', NULL, participant);
}

static void
who_is_taken_out_first_in_the_same_transaction_hears_of_it_too(void **state)
{
    struct event_world *world = *state;

    leave(world, "{\"chat_room_id\":8,\"community_member_id\":1}");
    leave(world, "{\"chat_room_id\":9,\"community_member_id\":2}");
    world->xid = 2;
    leave(world, "{\"chat_room_id\":8,\"community_member_id\":3}");
    world->xid = 1;
    world_row(world, "room", 'D', NULL, ROOM("\"T\"", ""));
    leave(world, "{\"chat_room_id\":8,\"community_member_id\":4}"); /* heard it as a member */
    assert_string_equal(world_raise(world),
        "leave chat-room-channel-1 room-members:8\nrevoke 1 chat-room-8-channel\n"
        "leave chat-room-channel-2 room-members:9\nrevoke 2 chat-room-9-channel\n"
        "leave chat-room-channel-3 room-members:8\nrevoke 3 chat-room-8-channel\n"
        "publish room-members:8 " DELETED "publish chat-room-channel-1 " DELETED
        "leave chat-room-channel-4 room-members:8\nrevoke 4 chat-room-8-channel\n");
}

static void
who_left_in_an_earlier_piece_of_the_tick_is_not_forgotten(void **state)
{
    struct event_world *world = *state;

    leave(world, "{\"chat_room_id\":8,\"community_member_id\":1}");
    world_piece(world, false);
    world_row(world, "message", 'D', NULL, "{\"id\":1,\"chat_room_id\":8}");
    world_piece(world, false);
    world_row(world, "room", 'D', NULL, ROOM("\"T\"", ""));
    assert_string_equal(world_raise(world),
        "publish room-members:8 " DELETED "publish chat-room-channel-1 " DELETED);
}

static void
who_left_in_an_earlier_tick_has_no_part_in_it(void **state)
{
    struct event_world *world = *state;

    leave(world, "{\"chat_room_id\":8,\"community_member_id\":1}");
    world_raise(world);
    world_row(world, "room", 'D', NULL, ROOM("\"T\"", ""));
    assert_string_equal(world_raise(world), "publish room-members:8 " DELETED);
}

static void
who_left_and_came_back_hears_of_it_once(void **state)
{
    struct event_world *world = *state;

    world->viewers = "";
    leave(world, "{\"chat_room_id\":8,\"community_member_id\":1}");
    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":1}", NULL);
    world_row(world, "room", 'D', NULL, ROOM("\"T\"", ""));
    assert_string_equal(world_raise(world),
        "leave chat-room-channel-1 room-members:8\nrevoke 1 chat-room-8-channel\n"
        "join chat-room-channel-1 room-members:8\npublish room-members:8 " DELETED);
}

static void
a_room_without_uuid_is_called_by_its_id(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U', "{\"id\":3,\"title\":\"b\"}", "{\"id\":3,\"title\":\"a\"}");
    world_row(world, "room", 'D', NULL, "{\"id\":3,\"title\":\"b\"}");
    assert_string_equal(world_raise(world),
        "publish chat-room-3-channel {\"event\":\"chatRoomUpdated\",\"uuid\":\"3\","
        "\"chat_room_name\":\"b\",\"chat_room_description\":null,\"chat_room_show_history\":true,"
        "\"pinned_message\":null}\n"
        "publish room-members:3 {\"event\":\"chatRoomUpdated\",\"uuid\":\"3\","
        "\"chat_room_name\":\"b\",\"chat_room_description\":null,\"chat_room_show_history\":true,"
        "\"pinned_message\":null}\n"
        "publish room-members:3 {\"event\":\"chatRoomDeleted\",\"chat_room_uuid\":\"3\"}\n");
}

static void
a_room_that_is_gone_is_known_from_its_own_row(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    world_row(world, "room", 'D', NULL, ROOM("\"T\"", ",\"is_embedded\":true"));
    world_needs(world);
    pgc_builder_answered(world->builder);
    world_raise(world);
    assert_non_null(strstr(world_message(world, 0)->text, "\"chat_room_uuid\":\"" UUID "\""));
    assert_null(strstr(world->seen.data, "room-members:8 {\"event\":\"newMessage\""));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_new_name_is_told_to_the_room_and_to_each_member, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_new_name_of_an_embedded_room_is_told_to_the_room_alone, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            description_and_history_are_told_to_the_room_alone, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_pinned_message_is_shown_whole, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_pinned_message_that_is_deleted_is_not_shown, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            an_unpinned_message_is_told_to_the_room, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            other_columns_and_new_rooms_are_no_event, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_deleted_room_is_told_to_its_members, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            who_is_taken_out_first_in_the_same_transaction_hears_of_it_too, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            who_left_in_an_earlier_piece_of_the_tick_is_not_forgotten, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            who_left_in_an_earlier_tick_has_no_part_in_it, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            who_left_and_came_back_hears_of_it_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_room_without_uuid_is_called_by_its_id, world_setup_minimal, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_room_that_is_gone_is_known_from_its_own_row, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
