/* SPDX-License-Identifier: PostgreSQL */
#include "event_world.h"

#define UUID    "0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10"

#define JOIN    "join chat-room-channel-1 room-members:8\n"
#define MEMBER  "publish chat-room-channel-1 "
#define OTHERS  "[{\"id\":22, \"name\":\"Ann Lee\"}]"
#define CURRENT "{\"id\":21,\"name\":\"Bo Ray\",\"community_member_id\":1,\"admin\":false}"

static const char participant[] = "{\"id\":21,\"chat_room_id\":8,\"community_member_id\":1}";
static const char viewer[] =
    "{\"unread_messages_count\":1,\"current_participant\":" CURRENT
    ",\"other_participants_preview\":" OTHERS ",\"direct_name\":\"Ann Lee\"}";

/* A room's fact. */
#define ROOM(kind, more)                                                                           \
    "{\"id\":8,\"uuid\":\"" UUID                                                                   \
    "\",\"identifier\":\"group_chat-1-15\",\"chat_room_kind\":\"" kind                             \
    "\",\"chat_room_name\":\"Team\",\"chat_room_description\":\"\",\"chat_room_show_history\":"    \
    "true,"                                                                                        \
    "\"is_embedded\":false" more ",\"extra\":{}}"

#define CREATED_HEAD(kind, name)                                                                   \
    "{\"event\":\"chatRoomCreated\",\"id\":8,\"uuid\":\"" UUID "\","                               \
    "\"identifier\":\"group_chat-1-15\",\"unread_messages_count\":1,\"chat_room_kind\":\"" kind    \
    "\",\"chat_room_name\":\"" name "\",\"chat_room_description\":\"\","                           \
    "\"chat_room_show_history\":true,\"other_participants_preview\":" OTHERS                       \
    ",\"current_participant\":" CURRENT ","

/* ---- chatRoomCreated ---- */

static void
a_new_participant_gets_the_room_as_he_sees_it(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'I', participant, NULL);
    assert_string_equal(world_needs(world), "{\"last_message\":[\"8\"],\"room\":[\"8\"],"
                                            "\"viewers\":[{\"room\":\"8\",\"members\":[\"1\"]}]}");
    world_fact(world, "room", "8", ROOM("group_chat", ""));
    world_fact(world, "viewer", "8:1", viewer);
    world_fact(world, "last_message", "8",
        "{\"id\":981,\"chat_room_id\":8,\"chat_room_participant_id\":22,\"body\":\"Hi\","
        "\"deleted_at\":null}");
    world_fact(world, "stats", "981", "{\"replies_count\":4}");
    assert_string_equal(world_raise(world),
        JOIN MEMBER CREATED_HEAD("group_chat",
            "Team") "\"last_message\":{\"id\":981,\"chat_room_uuid\":\"" UUID "\","
                    "\"chat_room_participant_id\":22,\"body\":\"Hi\",\"rich_text_body\":null,"
                    "\"sent_at\":null,"
                    "\"created_at\":null,\"sender\":{\"id\":22,\"community_member_id\":null,"
                    "\"name\":null,"
                    "\"avatar_url\":null,\"user_public_uid\":null},\"creation_uuid\":null,"
                    "\"chat_thread_id\":null,\"parent_message_id\":null,\"lesson_id\":null,"
                    "\"edited_at\":null,"
                    "\"replies_count\":4,\"total_thread_participants_count\":0,"
                    "\"thread_participants_preview\":[]}}\n");
}

static void
a_direct_room_is_called_after_the_other_member(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'I', participant, NULL);
    world_needs(world);
    world_fact(world, "room", "8", ROOM("direct", ""));
    world_fact(world, "viewer", "8:1", viewer);
    assert_string_equal(world_raise(world),
        JOIN MEMBER CREATED_HEAD("direct", "Ann Lee") "\"last_message\":null}\n");
}

static void
members_of_one_room_are_asked_for_together(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":1}", NULL);
    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":2}", NULL);
    world_row(world, "participant", 'I', "{\"chat_room_id\":9,\"community_member_id\":1}", NULL);
    assert_string_equal(world_needs(world),
        "{\"last_message\":[\"8\",\"9\"],\"room\":[\"8\",\"9\"],\"viewers\":["
        "{\"room\":\"8\",\"members\":[\"1\",\"2\"]},{\"room\":\"9\",\"members\":[\"1\"]}]}");
}

static void
a_room_is_not_painted_for_who_is_not_looking(void **state)
{
    struct event_world *world = *state;

    world->viewers = " 15 ";
    world_row(world, "participant", 'I', participant, NULL);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), JOIN);
}

static void
an_embedded_room_is_joined_without_a_word(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'I', participant, NULL);
    world_needs(world);
    world_fact(world, "room", "8", "{\"id\":8,\"is_embedded\":true}");
    world_fact(world, "viewer", "8:1", viewer);
    assert_string_equal(world_raise(world), JOIN);
}

static void
who_is_out_again_by_now_sees_what_his_row_says(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'I', participant, NULL);
    world_needs(world);
    world_fact(world, "room", "8", ROOM("group_chat", ""));
    assert_non_null(strstr(world_raise(world),
        "\"unread_messages_count\":0,\"chat_room_kind\":\"group_chat\",\"chat_room_name\":\"Team\","
        "\"chat_room_description\":\"\",\"chat_room_show_history\":true,"
        "\"other_participants_preview\":[],\"current_participant\":{\"id\":21,\"name\":null,"
        "\"user_public_uid\":null,\"headline\":null,\"email\":null,\"avatar_url\":null,"
        "\"community_member_id\":1,\"deleted_at\":null,\"admin\":false,\"muted\":false},"
        "\"last_message\":null}\n"));
}

/* ---- joining and leaving ---- */

static void
leaving_ends_both_the_members_and_the_rooms_stream(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'D', NULL, participant);
    world_row(world, "participant", 'U',
        "{\"chat_room_id\":8,\"community_member_id\":2,\"deleted_at\":\"2026-10-01T09:14:31\"}",
        "{\"chat_room_id\":8,\"community_member_id\":2,\"deleted_at\":null}");
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "leave chat-room-channel-1 room-members:8\nrevoke 1 chat-room-8-channel\n"
        "leave chat-room-channel-2 room-members:8\nrevoke 2 chat-room-8-channel\n");
}

static void
a_participant_who_moves_leaves_one_room_and_joins_another(void **state)
{
    struct event_world *world = *state;

    world->viewers = "";
    world_row(world, "participant", 'U', "{\"chat_room_id\":9,\"community_member_id\":1}",
        "{\"chat_room_id\":8,\"community_member_id\":1}");
    assert_string_equal(world_raise(world),
        "leave chat-room-channel-1 room-members:8\nrevoke 1 chat-room-8-channel\n"
        "join chat-room-channel-1 room-members:9\n");
}

static void
a_participant_who_comes_back_joins_again(void **state)
{
    struct event_world *world = *state;

    world->viewers = "";
    world_row(world, "participant", 'U', participant,
        "{\"chat_room_id\":8,\"community_member_id\":1,\"deleted_at\":\"2026-10-01T09:14:31\"}");
    assert_string_equal(world_raise(world), JOIN);
}

static void
a_deleted_member_is_expelled(void **state)
{
    struct event_world *world = *state;

    world_row(world, "member", 'D', NULL, "{\"id\":1}");
    world_row(world, "member", 'U', "{\"id\":2,\"deleted_at\":\"x\"}", "{\"id\":2}");
    world_row(world, "member", 'U', "{\"id\":3,\"name\":\"b\"}", "{\"id\":3,\"name\":\"a\"}");
    assert_string_equal(world_raise(world), "expel 1\nexpel 2\n");
}

/* ---- chatRoomRead, chatRoomPinned, chatRoomUnPinned ---- */

#define READ_AT(value)                                                                             \
    "{\"id\":21,\"chat_room_id\":8,\"community_member_id\":1,\"last_read_at\":" value "}"
#define PINNED_AT(value)                                                                           \
    "{\"id\":21,\"chat_room_id\":8,\"community_member_id\":1,\"pinned_at\":" value "}"
#define NOON "\"2026-10-01T12:00:00+02:00\""

static void
a_room_is_read_when_last_read_at_moves(void **state)
{
    static const char read[] =
        MEMBER "{\"event\":\"chatRoomRead\",\"chat_room_uuid\":\"" UUID "\"}\n";
    struct event_world *world = *state;

    world_row(world, "participant", 'U', READ_AT(NOON), READ_AT("null"));
    assert_string_equal(world_needs(world), "{\"room\":[\"8\"]}");
    world_fact(world, "room", "8", ROOM("group_chat", ",\"is_embedded\":true"));
    assert_string_equal(world_raise(world), read);
    world_row(world, "participant", 'U', READ_AT(NOON), READ_AT(NOON));
    world_row(world, "participant", 'U', READ_AT("null"), READ_AT(NOON));
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "");
}

#define PINNED                                                                                     \
    MEMBER                                                                                         \
    "{\"event\":\"chatRoomPinned\",\"chat_room_id\":8,\"pinned_at\":\"2026-10-01T10:00:00.000Z\"}" \
    "\n"
#define UPDATED(name, pinned)                                                                      \
    MEMBER "{\"event\":\"chatRoomUpdated\",\"uuid\":\"" UUID "\",\"chat_room_name\":\"" name       \
           "\",\"chat_room_description\":\"\",\"chat_room_show_history\":true,"                    \
           "\"pinned_message\":" pinned "}\n"

static void
a_pinned_room_is_told_as_pinned_then_as_updated(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'U', PINNED_AT(NOON), PINNED_AT("null"));
    assert_string_equal(world_needs(world),
        "{\"room\":[\"8\"],\"viewers\":[{\"room\":\"8\",\"members\":[\"1\"]}]}");
    world_fact(world, "room", "8", ROOM("direct", ""));
    world_fact(world, "viewer", "8:1", viewer);
    pgc_builder_answered(world->builder);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), PINNED UPDATED("Ann Lee", "null"));
    assert_int_equal(world_message(world, 0)->position.part, 0);
    assert_int_equal(world_message(world, 1)->position.part, 1);
}

static void
a_pinned_rooms_pinned_message_is_asked_for_in_a_second_round(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'U', PINNED_AT(NOON), PINNED_AT("null"));
    world_needs(world);
    world_fact(world, "room", "8", ROOM("group_chat", ",\"pinned_message_id\":981"));
    pgc_builder_answered(world->builder); /* the viewer did not come: gone, not asked for again */
    assert_string_equal(world_needs(world), "{\"message\":[\"981\"]}");
    world_fact(world, "message", "981", "{\"id\":981,\"chat_room_id\":8}");
    pgc_builder_answered(world->builder);
    assert_string_equal(world_needs(world), "");
    assert_non_null(strstr(world_raise(world), "\"pinned_message\":{\"id\":981,"));
}

static void
a_room_pinned_by_who_is_not_looking_is_not_painted(void **state)
{
    struct event_world *world = *state;

    world->viewers = "";
    world_row(world, "participant", 'U', PINNED_AT(NOON), PINNED_AT("null"));
    assert_string_equal(world_needs(world), "{\"room\":[\"8\"]}");
    world_fact(world, "room", "8", ROOM("group_chat", ""));
    assert_string_equal(world_raise(world), PINNED);
}

static void
an_unpinned_room_is_told(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'U', PINNED_AT("null"), PINNED_AT(NOON));
    assert_string_equal(world_needs(world), "{\"room\":[\"8\"]}");
    world_fact(world, "room", "8", ROOM("group_chat", ""));
    assert_string_equal(
        world_raise(world), MEMBER "{\"event\":\"chatRoomUnPinned\",\"chat_room_id\":8}\n");
}

static void
pins_of_embedded_rooms_and_of_new_participants_are_no_event(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'U', PINNED_AT(NOON), PINNED_AT("null"));
    world_row(world, "participant", 'U', PINNED_AT("\"2026-10-02T12:00:00\""), PINNED_AT(NOON));
    world_row(world, "participant", 'U', PINNED_AT("null"), PINNED_AT(NOON));
    world_needs(world);
    world_fact(world, "room", "8", "{\"id\":8,\"is_embedded\":true}");
    assert_string_equal(world_raise(world), "");
    world->viewers = "";
    world_row(world, "participant", 'I', PINNED_AT(NOON), NULL);
    assert_string_equal(world_raise(world), JOIN);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_new_participant_gets_the_room_as_he_sees_it, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_direct_room_is_called_after_the_other_member, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            members_of_one_room_are_asked_for_together, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_room_is_not_painted_for_who_is_not_looking, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            an_embedded_room_is_joined_without_a_word, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            who_is_out_again_by_now_sees_what_his_row_says, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            leaving_ends_both_the_members_and_the_rooms_stream, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_participant_who_moves_leaves_one_room_and_joins_another, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_participant_who_comes_back_joins_again, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_deleted_member_is_expelled, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_room_is_read_when_last_read_at_moves, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_pinned_room_is_told_as_pinned_then_as_updated, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_pinned_rooms_pinned_message_is_asked_for_in_a_second_round, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            a_room_pinned_by_who_is_not_looking_is_not_painted, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_unpinned_room_is_told, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(pins_of_embedded_rooms_and_of_new_participants_are_no_event,
            world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
