/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "event_world.h"

#define ROOM_UUID "0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10"
#define UUID      "7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77"
#define RICH      "{\"b\": 1.0, \"a\": [9007199254740993, \"\xe2\x82\xac\"]}"

/* A message's row up to its thread, then from its parent on. */
#define ROW_HEAD                                                                                   \
    "{\"id\":981,\"chat_room_id\":8,\"chat_room_participant_id\":22,\"body\":\"Hi \\\"all\\\" "    \
    "/\","                                                                                         \
    "\"rich_text_body\":" RICH ",\"sent_at\":\"2026-10-01T11:14:31.001999+02:00\","                \
    "\"created_at\":\"2026-10-01T09:14:31.001\",\"creation_uuid\":\"" UUID "\",\"secret\":1,"
#define ROW_TAIL "\"lesson_id\":null,\"edited_at\":null,\"deleted_at\":null}"
#define ROOT     ROW_HEAD "\"chat_thread_id\":null,\"parent_message_id\":null," ROW_TAIL
#define REPLY    ROW_HEAD "\"chat_thread_id\":7,\"parent_message_id\":900," ROW_TAIL

static const char room[] =
    "{\"id\":8,\"uuid\":\"" ROOM_UUID "\",\"chat_room_kind\":\"group_chat\",\"is_embedded\":false}";
static const char embedded_room[] =
    "{\"id\":8,\"uuid\":\"" ROOM_UUID "\",\"chat_room_kind\":\"group_chat\",\"is_embedded\":true}";
static const char sender[] = "{\"id\":22,\"community_member_id\":15,\"name\":\"Ann Lee\","
                             "\"avatar_url\":null,\"user_public_uid\":\"50cbbccb\",\"extra\":{}}";
static const char stats[] =
    "{\"replies_count\":1,\"total_thread_participants_count\":2,\"thread_participants_preview\":"
    "[{\"id\":4,\"community_member_id\":15,\"avatar_url\":null,\"name\":\"Ann Lee\"}],"
    "\"chat_thread_replies_count\":3}";

/* The same parts as payloads show them. */
#define SENDER                                                                                     \
    "\"sender\":{\"id\":22,\"community_member_id\":15,\"name\":\"Ann Lee\",\"avatar_url\":null,"   \
    "\"user_public_uid\":\"50cbbccb\"},"
#define NEW_HEAD                                                                                   \
    "{\"event\":\"newMessage\",\"id\":981,\"chat_room_uuid\":\"" ROOM_UUID "\","                   \
    "\"chat_room_kind\":\"group_chat\",\"chat_room_participant_id\":22,"
#define BODY                                                                                       \
    "\"body\":\"Hi \\\"all\\\" /\",\"rich_text_body\":" RICH                                       \
    ",\"sent_at\":\"2026-10-01T09:14:31.001Z\","
#define CREATED "\"created_at\":\"2026-10-01T09:14:31.001Z\","
#define NO_STATS                                                                                   \
    "\"replies_count\":0,\"total_thread_participants_count\":0,"                                   \
    "\"thread_participants_preview\":[]"
#define STATS                                                                                      \
    "\"replies_count\":1,\"total_thread_participants_count\":2,\"thread_participants_preview\":"   \
    "[{\"id\":4,\"community_member_id\":15,\"avatar_url\":null,\"name\":\"Ann Lee\"}]"
#define NEW_ROOT                                                                                   \
    NEW_HEAD BODY CREATED SENDER                                                                   \
        "\"creation_uuid\":\"" UUID "\",\"chat_thread_id\":null,"                                  \
        "\"parent_message_id\":null,\"lesson_id\":null,\"edited_at\":null," NO_STATS               \
        ",\"chat_thread_replies_count\":0}"
#define NEW_REPLY                                                                                  \
    NEW_HEAD BODY CREATED SENDER                                                                   \
        "\"creation_uuid\":\"" UUID "\",\"chat_thread_id\":7,"                                     \
        "\"parent_message_id\":900,\"lesson_id\":null,\"edited_at\":null," STATS                   \
        ",\"chat_thread_replies_count\":3}"

static void
tell_facts(struct event_world *world, const char *room_fact)
{
    world_fact(world, "room", "8", room_fact);
    world_fact(world, "sender", "p:22", sender);
}

/* ---- newMessage ---- */

static void
a_new_message_goes_to_the_room_and_to_its_members(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', ROOT, NULL);
    assert_string_equal(
        world_needs(world), "{\"room\":[\"8\"],\"sender\":[{\"participant\":\"22\"}]}");
    tell_facts(world, room);
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " NEW_ROOT "\npublish room-members:8 " NEW_ROOT "\n");
    assert_ptr_equal(world_message(world, 0), world_message(world, 1));
}

static void
a_new_reply_goes_to_the_room_and_to_its_thread(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', REPLY, NULL);
    assert_string_equal(world_needs(world),
        "{\"room\":[\"8\"],\"sender\":[{\"participant\":\"22\"}],"
        "\"stats\":[{\"message\":\"981\",\"thread\":\"7\"}]}");
    tell_facts(world, room);
    world_fact(world, "stats", "981", stats);
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " NEW_REPLY "\npublish thread-members:7 " NEW_REPLY "\n");
}

static void
a_message_in_an_embedded_room_goes_to_the_room_alone(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', ROOT, NULL);
    world_needs(world);
    tell_facts(world, embedded_room);
    assert_string_equal(world_raise(world), "publish chat-room-8-channel " NEW_ROOT "\n");
}

static void
a_message_that_comes_back_is_new_and_may_have_replies(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'U', ROOT, "{\"id\":981,\"chat_room_id\":8,\"deleted_at\":\"x\"}");
    assert_string_equal(world_needs(world),
        "{\"room\":[\"8\"],\"sender\":[{\"participant\":\"22\"}],"
        "\"stats\":[{\"message\":\"981\",\"thread\":null}]}");
    tell_facts(world, room);
    world_fact(world, "stats", "981", stats);
    assert_non_null(strstr(world_raise(world), "\"newMessage\""));
    assert_non_null(strstr(world_message(world, 0)->text, STATS));
}

static void
an_invisible_message_is_no_message(void **state)
{
    struct event_world *world = *state;
    static const char hidden[] = "{\"id\":1,\"chat_room_id\":8,\"deleted_at\":\"2026-01-01\"}";

    world_row(world, "message", 'I', hidden, NULL);
    world_row(world, "message", 'U', "{\"id\":1,\"chat_room_id\":8,\"deleted_at\":true}", hidden);
    world_row(world, "message", 'D', NULL, hidden);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "");
}

static void
deleted_at_may_be_a_boolean(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8,\"deleted_at\":false}", NULL);
    world_needs(world);
    assert_non_null(strstr(world_raise(world), "newMessage"));
}

static void
events_are_sent_without_facts_too(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', ROOT, NULL);
    assert_non_null(strstr(world_raise(world),
        "\"chat_room_uuid\":null,\"chat_room_kind\":null,\"chat_room_participant_id\":22,"));
    assert_non_null(strstr(world_message(world, 0)->text,
        "\"sender\":{\"id\":22,\"community_member_id\":null,\"name\":null,\"avatar_url\":null,"
        "\"user_public_uid\":null}"));
}

static void
ids_beyond_2_to_53_stay_exact(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I',
        "{\"id\":9223372036854775807,\"chat_room_id\":9007199254740993,"
        "\"parent_message_id\":9007199254740995}",
        NULL);
    assert_string_equal(world_needs(world), "{\"room\":[\"9007199254740993\"]}");
    assert_non_null(strstr(world_raise(world), "publish chat-room-9007199254740993-channel "));
    assert_non_null(strstr(world_message(world, 0)->text, "\"id\":9223372036854775807,"));
    assert_non_null(
        strstr(world_message(world, 0)->text, "\"parent_message_id\":9007199254740995,"));
}

static void
keys_may_be_text_of_any_kind(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I',
        "{\"id\":\"m\\\"1\",\"chat_room_id\":\"r\\u00e9\",\"chat_room_participant_id\":\"p\"}",
        NULL);
    assert_string_equal(
        world_needs(world), "{\"room\":[\"r\xc3\xa9\"],\"sender\":[{\"participant\":\"p\"}]}");
    world_fact(world, "sender", "p:p", "{\"id\":\"p\",\"name\":\"Bo\"}");
    assert_non_null(strstr(world_raise(world), "publish chat-room-r\xc3\xa9-channel "));
    assert_non_null(strstr(world_message(world, 0)->text, "\"id\":\"m\\\"1\","));
    assert_non_null(strstr(world_message(world, 0)->text, "\"name\":\"Bo\""));
}

static void
a_message_reaches_those_whose_rows_come_later_in_its_transaction(void **state)
{
    struct event_world *world = *state;

    world->viewers = "";
    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":1}", NULL);
    world_row(world, "message", 'I', REPLY, NULL);
    world_row(world, "message", 'I', ROOT, NULL);
    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":2}", NULL);
    world_row(world, "participant", 'I', "{\"chat_room_id\":9,\"community_member_id\":3}", NULL);
    world_row(
        world, "thread_participant", 'I', "{\"chat_thread_id\":7,\"community_member_id\":4}", NULL);
    world->xid = 2;
    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":5}", NULL);
    world_needs(world);
    tell_facts(world, room);
    world_fact(world, "stats", "981", stats);
    world_raises(world, "join chat-room-channel-1 room-members:8\n",
        "publish chat-room-8-channel " NEW_REPLY "\n", "publish thread-members:7 " NEW_REPLY "\n",
        "publish chat-community-member-4-threads-channel " NEW_REPLY "\n",
        "publish chat-room-8-channel " NEW_ROOT "\n", "publish room-members:8 " NEW_ROOT "\n",
        "publish chat-room-channel-2 " NEW_ROOT "\n", "join chat-room-channel-2 room-members:8\n",
        "join chat-room-channel-3 room-members:9\n",
        "join chat-community-member-4-threads-channel thread-members:7\n",
        "join chat-room-channel-5 room-members:8\n", NULL);
}

/* ---- updatedMessage ---- */

#define EDITED_TAIL                                                                                \
    "\"lesson_id\":null,\"edited_at\":\"2026-10-01T10:00:00+00:00\",\"deleted_at\":null}"
#define UPDATED_HEAD                                                                               \
    "{\"event\":\"updatedMessage\",\"id\":981,\"chat_room_uuid\":\"" ROOM_UUID "\","               \
    "\"chat_room_participant_id\":22,"
#define UPDATED_TAIL "\"lesson_id\":null,\"edited_at\":\"2026-10-01T10:00:00.000Z\"," STATS "}"

static void
an_edited_message_is_told_to_the_room(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'U',
        ROW_HEAD "\"chat_thread_id\":null,\"parent_message_id\":null," EDITED_TAIL, ROOT);
    assert_string_equal(world_needs(world),
        "{\"room\":[\"8\"],\"sender\":[{\"participant\":\"22\"}],"
        "\"stats\":[{\"message\":\"981\",\"thread\":null}]}");
    tell_facts(world, room);
    world_fact(world, "stats", "981", stats);
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel " UPDATED_HEAD BODY CREATED SENDER "\"creation_uuid\":\"" UUID
        "\",\"chat_thread_id\":null,\"parent_message_id\":null," UPDATED_TAIL "\n");
}

#define UPDATED_REPLY                                                                              \
    UPDATED_HEAD BODY CREATED SENDER                                                               \
        "\"creation_uuid\":\"" UUID                                                                \
        "\",\"chat_thread_id\":7,\"parent_message_id\":900," UPDATED_TAIL

static void
an_edited_reply_is_told_to_the_room_and_to_its_thread(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'U',
        ROW_HEAD "\"chat_thread_id\":7,\"parent_message_id\":900," EDITED_TAIL, REPLY);
    world_needs(world);
    tell_facts(world, room);
    world_fact(world, "stats", "981", stats);
    assert_string_equal(world_raise(world), "publish chat-room-8-channel " UPDATED_REPLY
                                            "\npublish thread-members:7 " UPDATED_REPLY "\n");
}

static void
an_update_that_no_payload_shows_is_no_event(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'U', "{\"id\":1,\"chat_room_id\":8,\"updated_at\":2}",
        "{\"id\":1,\"chat_room_id\":8,\"updated_at\":1}");
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "");
}

static void
each_column_that_the_payload_shows_counts_as_an_update(void **state)
{
    static const char *const columns[] = {"chat_room_participant_id", "body", "rich_text_body",
        "sent_at", "created_at", "creation_uuid", "chat_thread_id", "parent_message_id",
        "lesson_id", "edited_at"};
    struct event_world *world = *state;
    size_t i;

    for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        char *now = pgc_xasprintf("{\"id\":1,\"chat_room_id\":8,\"%s\":2}", columns[i]);

        world_row(world, "message", 'U', now, "{\"id\":1,\"chat_room_id\":8}");
        free(now);
        world_needs(world);
        if (strstr(world_raise(world), "updatedMessage") == NULL) {
            fail_msg("a change of %s raised nothing", columns[i]);
        }
    }
}

static void
a_message_that_moves_is_deleted_here_and_new_there(void **state)
{
    struct event_world *world = *state;
    const char *seen;

    world_row(world, "message", 'U', "{\"id\":1,\"chat_room_id\":9,\"parent_message_id\":null}",
        "{\"id\":1,\"chat_room_id\":8,\"parent_message_id\":null}");
    world_needs(world);
    seen = world_raise(world);
    assert_ptr_equal(
        seen, strstr(seen, "publish chat-room-8-channel {\"event\":\"deletedMessage\",\"id\":1,"
                           "\"parent_message\":null}\n"
                           "publish chat-room-9-channel {\"event\":\"newMessage\",\"id\":1,"));
}

/* ---- deletedMessage ---- */

static const char parent[] =
    "{\"id\":900,\"chat_room_id\":8,\"chat_room_participant_id\":22,\"community_member_id\":null,"
    "\"body\":\"Hi \\\"all\\\" /\",\"rich_text_body\":" RICH
    ",\"sent_at\":\"2026-10-01T09:14:31.001\",\"created_at\":\"2026-10-01T09:14:31.001\","
    "\"creation_uuid\":\"" UUID "\",\"chat_thread_id\":7,\"parent_message_id\":null,"
    "\"lesson_id\":null,\"edited_at\":null,\"deleted_at\":null,\"extra\":{}}";

#define PARENT_TAIL                                                                                \
    "\"creation_uuid\":\"" UUID "\",\"chat_thread_id\":7,\"parent_message_id\":null,"              \
    "\"lesson_id\":null,\"edited_at\":null," STATS "}}"

static void
a_deleted_root_message_has_no_parent(void **state)
{
    static const char gone[] =
        "publish chat-room-8-channel {\"event\":\"deletedMessage\",\"id\":981,"
        "\"parent_message\":null}\n";
    struct event_world *world = *state;

    world_row(world, "message", 'D', NULL, ROOT);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), gone);
    world_row(world, "message", 'U',
        "{\"id\":981,\"chat_room_id\":8,\"deleted_at\":\"2026-10-01T09:14:31\"}", ROOT);
    assert_string_equal(world_raise(world), gone);
}

static void
a_deleted_reply_shows_its_parent_in_two_shapes(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'D', NULL, REPLY);
    assert_string_equal(world_needs(world), "{\"message\":[\"900\"]}");
    world_fact(world, "message", "900", parent);
    tell_facts(world, room);
    world_fact(world, "stats", "900", stats);
    pgc_builder_answered(world->builder);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel {\"event\":\"deletedMessage\",\"id\":981,\"parent_message\":{"
        "\"id\":900,\"chat_room_uuid\":\"" ROOM_UUID
        "\",\"chat_room_participant_id\":22," BODY CREATED SENDER PARENT_TAIL "\n"
        "publish thread-members:7 {\"event\":\"deletedMessage\",\"id\":981,\"parent_message\":{"
        "\"id\":900,\"chat_room_participant_id\":\"22\",\"rich_text_body\":" RICH
        "," CREATED SENDER PARENT_TAIL "\n");
}

static void
a_parent_that_is_deleted_itself_is_not_shown(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'D', NULL, REPLY);
    world_needs(world);
    world_fact(world, "message", "900",
        "{\"id\":900,\"chat_room_id\":8,\"body\":\"secret\",\"deleted_at\":\"2026-10-01T09:14:"
        "31\"}");
    assert_non_null(
        strstr(world_raise(world), "\"parent_message\":null}\npublish thread-members:7"));
    assert_null(strstr(world->seen.data, "secret"));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_new_message_goes_to_the_room_and_to_its_members, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_new_reply_goes_to_the_room_and_to_its_thread, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_message_in_an_embedded_room_goes_to_the_room_alone, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_message_that_comes_back_is_new_and_may_have_replies, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            an_invisible_message_is_no_message, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(deleted_at_may_be_a_boolean, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            events_are_sent_without_facts_too, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(ids_beyond_2_to_53_stay_exact, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(keys_may_be_text_of_any_kind, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_message_reaches_those_whose_rows_come_later_in_its_transaction, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            an_edited_message_is_told_to_the_room, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            an_edited_reply_is_told_to_the_room_and_to_its_thread, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            an_update_that_no_payload_shows_is_no_event, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            each_column_that_the_payload_shows_counts_as_an_update, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_message_that_moves_is_deleted_here_and_new_there, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_deleted_root_message_has_no_parent, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_deleted_reply_shows_its_parent_in_two_shapes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_parent_that_is_deleted_itself_is_not_shown, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
