/* SPDX-License-Identifier: PostgreSQL */
/* Values that the database did not read, since they are too large to be sent. */
#include "event_world.h"

#define NEW_BODY      "\"" WORLD_OMITTED "new\""
#define OLD_BODY      "\"" WORLD_OMITTED "old\""
#define FACT          "\"" WORLD_OMITTED "\""
#define ROW(id, body) "{\"id\":" id ",\"chat_room_id\":8,\"chat_thread_id\":null,\"body\":" body "}"

static void
an_event_that_would_show_it_is_truncated(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', ROW("7", NEW_BODY), NULL);
    world_row(world, "message", 'I', ROW("8", "\"small\""), NULL);
    world_raise(world);
    assert_string_equal(
        world_message(world, 0)->text, "{\"event\":\"newMessage\",\"id\":7,\"truncated\":true}");
    assert_string_equal(world_message(world, 1)->text, world_message(world, 0)->text);
    assert_non_null(strstr(world_message(world, 2)->text, "\"body\":\"small\""));
    assert_string_equal(pgc_buf_str(&world->complaints),
        "newMessage of row 100: a value in it has more than max_payload_bytes = 1048576; sent as "
        "truncated, hint: raise max_payload_bytes or map fewer columns\n");
}

static void
an_event_that_does_not_show_it_is_whole(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'D', NULL, ROW("7", OLD_BODY));
    world_raises(world,
        "publish chat-room-8-channel "
        "{\"event\":\"deletedMessage\",\"id\":7,\"parent_message\":null}\n",
        NULL);
    assert_string_equal(pgc_buf_str(&world->complaints), "");
}

/* Nobody can tell how far they are the same. */
static void
one_that_is_changed_is_another_one(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'U', ROW("7", NEW_BODY), ROW("7", OLD_BODY));
    world_row(world, "room", 'U', "{\"id\":8,\"description\":" NEW_BODY "}",
        "{\"id\":8,\"description\":" OLD_BODY "}");
    world_raises(world,
        "publish chat-room-8-channel {\"event\":\"updatedMessage\",\"id\":7,\"truncated\":true}\n"
        "publish chat-room-8-channel {\"event\":\"chatRoomUpdated\",\"id\":8,\"truncated\":true}\n",
        NULL);
}

static void
facts_may_lack_it_however_deep(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'D', NULL,
        "{\"id\":7,\"chat_room_id\":8,\"parent_message_id\":5,\"body\":\"x\"}");
    world_row(world, "message", 'U', ROW("9", "\"new\""), ROW("9", "\"old\""));
    world_needs(world);
    world_fact(world, "message", "5", ROW("5", FACT));
    world_fact(world, "stats", "9",
        "{\"replies_count\":1,\"thread_participants_preview\":[{\"id\":4,\"name\":" FACT "}]}");
    world_raises(world,
        "publish chat-room-8-channel {\"event\":\"deletedMessage\",\"id\":7,\"truncated\":true}\n"
        "publish chat-room-8-channel {\"event\":\"updatedMessage\",\"id\":9,\"truncated\":true}\n",
        NULL);
}

static void
of_what_the_application_sends_there_are_names_left(void **state)
{
    struct event_world *world = *state;

    world_row(world, "broadcast", 'B',
        "{\"event\" : \"paid\", \"id\" : 7, \"data\" : {\"id\" : null, \"omitted\" : " FACT "}}",
        NULL);
    world_row(world, "event", 'B',
        "{\"event\" : \"paid\", \"id\" : null, \"data\" : {\"id\" : 7, \"omitted\" : " FACT "}}",
        NULL);
    world_row(world, "broadcast", 'B',
        "{\"event\" : \"broadcast\", \"id\" : null, \"data\" : {\"omitted\" : " FACT "}}", NULL);
    world_raises(world, "publish news {\"event\":\"paid\",\"id\":7,\"truncated\":true}\n",
        "publish news {\"event\":\"paid\",\"id\":7,\"truncated\":true}\n",
        "publish news {\"event\":\"broadcast\",\"id\":null,\"truncated\":true}\n", NULL);
}

/* Whoever knew the name could have other people's events truncated. */
static void
what_stands_for_it_is_not_told(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'I',
        "{\"id\":" NEW_BODY ",\"community_member_id\":15,\"action\":" NEW_BODY "}", NULL);
    world_needs(world);
    world_fact(world, "count", "15", "1");
    world_raises(world,
        "publish notification-channel-15 "
        "{\"event\":\"newNotification\",\"id\":null,\"truncated\":true}\n"
        "publish notification-channel-15 "
        "{\"event\":\"updateNewNotificationCount\",\"new_notifications_count\":1}\n",
        NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_event_that_would_show_it_is_truncated, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            an_event_that_does_not_show_it_is_whole, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            one_that_is_changed_is_another_one, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            facts_may_lack_it_however_deep, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            of_what_the_application_sends_there_are_names_left, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            what_stands_for_it_is_not_told, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
