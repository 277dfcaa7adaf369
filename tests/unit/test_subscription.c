/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"

#include "cable_world.h"

/* As in limits.c: when a repetition is confirmed again, and when it is so once more. */
enum { RIGHT_AFTER_MS = 400, SOON_AGAIN_MS = 2000 };

static void
question_says_who_wants_what(void **state)
{
    struct world *world = *state;
    struct socket socket;
    const struct pgc_ask *ask;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    ask = world_wait_for_ask(world, 1);
    assert_int_equal(ask->kind, PGC_STREAM_ROOM);
    assert_string_equal(ask->member, "42");
    assert_string_equal(ask->room, "7");
    assert_null(ask->room_uuid);
    socket_say(&socket,
        SUBSCRIBE("{\\\"channel\\\":\\\"Chats::RoomChannel\\\",\\\"uuid\\\":\\\"0b6f\\\"}"));
    ask = world_wait_for_ask(world, 2);
    assert_null(ask->room);
    assert_string_equal(ask->room_uuid, "0b6f");
    socket_say(&socket, SUBSCRIBE(NOTIFICATIONS));
    ask = world_wait_for_ask(world, 3);
    assert_int_equal(ask->kind, PGC_STREAM_NOTIFICATIONS);
    assert_null(ask->room);
    socket_hang_up(&socket);
}

static void
confirmation_comes_with_the_answer_and_before_messages(void **state)
{
    struct world *world = *state;
    struct socket socket;
    uint64_t ticket;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE(NOTIFICATIONS));
    ticket = world_wait_for_ask(world, 1)->ticket;
    world_publish(world, "notification-channel-42", "\"early\"");
    assert_string_equal(socket_next(&socket), "");
    world_answer(world, ticket, "notification-channel-42", NULL);
    world_publish(world, "notification-channel-42", "{\"event\":\"x\"}");
    assert_string_equal(socket_next(&socket), CONFIRMED(NOTIFICATIONS));
    assert_string_equal(socket_next(&socket), MESSAGE(NOTIFICATIONS, "{\"event\":\"x\"}"));
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(world_counted(world, "pgcable_subscriptions"), 1);
    assert_int_equal(world_counted(world, "pgcable_streams"), 1);
    assert_int_equal(world_counted(world, "pgcable_deliveries_total"), 1);
    assert_int_equal(world_counted(world, "pgcable_fanout_seconds_count"), 1);
    socket_hang_up(&socket);
    assert_int_equal(world_counted(world, "pgcable_streams"), 0);
}

static void
further_topics_of_the_answer_are_attached(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE(MEMBER));
    world_answer(
        world, world_wait_for_ask(world, 1)->ticket, "chat-room-channel-42", "room-members:7");
    world_publish(world, "room-members:7", "7");
    world_publish(world, "room-members:8", "8");
    world_send_op(world, PGC_OP_JOIN, "room-members:8", "chat-room-channel-42", NULL);
    world_publish(world, "room-members:8", "9");
    assert_string_equal(socket_next(&socket), CONFIRMED(MEMBER));
    assert_string_equal(socket_next(&socket), MESSAGE(MEMBER, "7"));
    assert_string_equal(socket_next(&socket), MESSAGE(MEMBER, "9"));
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
denied_subscription_is_rejected_and_may_be_tried_again(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    for (size_t i = 1; i <= 2; i++) {
        socket_say(&socket, SUBSCRIBE(ROOM_7));
        world_answer(world, world_wait_for_ask(world, i)->ticket, NULL, NULL);
        assert_string_equal(socket_next(&socket), REJECTED(ROOM_7));
    }
    world_subscribe_room_7(world, &socket);
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_rejected_total{reason=\"denied\"}"), 2);
    socket_hang_up(&socket);
}

static void
own_channel_is_asked_for_by_class_and_identifier(void **state)
{
    static const char orders[] = "{\\\"n\\\": 9007199254740993.10,"
                                 " \\\"channel\\\":\\\"OrdersChannel\\\"}";
    struct world *world = *state;
    struct socket socket;
    const struct pgc_ask *ask;
    char text[256];

    socket_open_42(world, &socket);
    snprintf(text, sizeof(text), SUBSCRIBE("%s"), orders);
    socket_say(&socket, text);
    ask = world_wait_for_ask(world, 1);
    assert_int_equal(ask->kind, PGC_STREAM_CUSTOM);
    assert_string_equal(ask->member, "42");
    assert_string_equal(ask->channel_class, "OrdersChannel");
    assert_string_equal(ask->params, "{\"n\": 9007199254740993.10, \"channel\":\"OrdersChannel\"}");
    assert_null(ask->room);
    world_answer(world, ask->ticket, NULL, NULL);
    snprintf(text, sizeof(text), REJECTED("%s"), orders);
    assert_string_equal(socket_next(&socket), text);
    socket_hang_up(&socket);
}

static void
own_channel_delivers_what_its_stream_carries(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    world_subscribe(world, &socket, SUBSCRIBE("{\\\"channel\\\":\\\"Orders\\\"}"), "orders-5",
        CONFIRMED("{\\\"channel\\\":\\\"Orders\\\"}"));
    world_publish(world, "orders-6", "6");
    world_publish(world, "orders-5", "5");
    assert_string_equal(socket_next(&socket), MESSAGE("{\\\"channel\\\":\\\"Orders\\\"}", "5"));
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
nonsense_is_rejected_without_asking(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE("NotificationChannel"));
    assert_string_equal(socket_next(&socket), REJECTED("NotificationChannel"));
    socket_say(&socket, SUBSCRIBE("{\\\"channel\\\":\\\"An Object\\\"}"));
    assert_string_equal(socket_next(&socket), REJECTED("{\\\"channel\\\":\\\"An Object\\\"}"));
    socket_say(&socket, SUBSCRIBE(""));
    assert_string_equal(socket_next(&socket), REJECTED(""));
    socket_say(&socket, SUBSCRIBE(NOTIFICATIONS));
    world_wait_for_ask(world, 1);
    assert_int_equal(world->feed.ask_count, 1);
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_rejected_total{reason=\"bad_identifier\"}"), 2);
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_rejected_total{reason=\"unknown_channel\"}"),
        1);
    socket_hang_up(&socket);
}

static void
another_members_stream_is_rejected_without_asking(void **state)
{
    static const char identifier[] =
        SUBSCRIBE("{\\\"channel\\\":\\\"NotificationChannel\\\",\\\"community_member_id\\\":43}");
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    socket_say(&socket, identifier);
    assert_string_equal(socket_next(&socket),
        REJECTED("{\\\"channel\\\":\\\"NotificationChannel\\\",\\\"community_member_id\\\":43}"));
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_rejected_total{reason=\"other_member\"}"), 1);
    socket_hang_up(&socket);
}

static void
identifier_is_echoed_as_it_came(void **state)
{
    static const char spaced[] = SUBSCRIBE("{ \\\"x\\\": \\\"\\u00e9 <b>&\\\","
                                           " \\\"channel\\\": \\\"NotificationChannel\\\" }");
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    world_subscribe(world, &socket, spaced, "notification-channel-42",
        CONFIRMED("{ \\\"x\\\": \\\"\xc3\xa9 <b>&\\\","
                  " \\\"channel\\\": \\\"NotificationChannel\\\" }"));
    socket_hang_up(&socket);
}

static void
identifier_without_a_string_is_ignored_and_counted(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    socket_say(&socket, "{\"command\":\"subscribe\"}");
    socket_say(&socket, "{\"command\":\"subscribe\",\"identifier\":null}");
    socket_say(&socket, "{\"command\":\"subscribe\",\"identifier\":5}");
    socket_say(&socket, "{\"command\":\"unsubscribe\",\"identifier\":5}");
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(world_counted(world, "pgcable_bad_frames_total"), 3);
    socket_hang_up(&socket);
}

static void
bad_frames_do_not_end_the_connection(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    for (int i = 0; i < 50; i++) {
        socket_say(&socket, "nope");
    }
    world_subscribe_room_7(world, &socket);
    assert_int_equal(world_counted(world, "pgcable_bad_frames_total"), 50);
    socket_hang_up(&socket);
}

static void
commands_without_an_answer_are_counted(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    socket_say(&socket, "{\"command\":\"pong\"}");
    socket_say(
        &socket, "{\"command\":\"message\",\"identifier\":\"" NOTIFICATIONS "\",\"data\":\"{}\"}");
    socket_say(&socket, "{\"command\":\"whisper\",\"identifier\":\"" NOTIFICATIONS "\"}");
    socket_say(&socket, "{\"action\":\"message\",\"data\":\"Hello Server!\"}");
    socket_say(&socket, UNSUBSCRIBE(NOTIFICATIONS));
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(world_counted(world, "pgcable_commands_total{command=\"pong\"}"), 1);
    assert_int_equal(world_counted(world, "pgcable_commands_total{command=\"message\"}"), 1);
    assert_int_equal(world_counted(world, "pgcable_commands_total{command=\"other\"}"), 2);
    assert_int_equal(world_counted(world, "pgcable_commands_total{command=\"unsubscribe\"}"), 1);
    assert_int_equal(world_counted(world, "pgcable_bad_frames_total"), 0);
    socket_hang_up(&socket);
}
/* ---- order and repetition ---- */

static void
repetition_while_the_answer_is_awaited_is_swallowed(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    world_answer(world, world_wait_for_ask(world, 1)->ticket, "chat-room-7-channel", NULL);
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(world->feed.ask_count, 1);
    socket_hang_up(&socket);
}

static void
repetition_right_after_the_confirmation_is_silent_and_doubles_nothing(void **state)
{
    struct world *world = *state;
    struct socket socket;
    bool in_time = false;

    while (!in_time) {
        size_t asks = world->feed.ask_count;
        int64_t before_ms = pgc_monotonic_ms();

        socket_open_42(world, &socket);
        world_subscribe_room_7(world, &socket);
        socket_say(&socket, SUBSCRIBE(ROOM_7));
        in_time = pgc_monotonic_ms() - before_ms <= RIGHT_AFTER_MS; /* or the machine slept */
        if (in_time) {
            world_publish(world, "chat-room-7-channel", "1");
            assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7, "1"));
            assert_string_equal(socket_next(&socket), "");
        }
        assert_int_equal(world->feed.ask_count, asks + 1);
        socket_hang_up(&socket);
    }
}

struct repeater {
    struct socket *socket;
    bool done;
};

static void
repeater_fire(void *arg)
{
    struct repeater *repeater = arg;

    socket_say(repeater->socket, SUBSCRIBE(ROOM_7));
    repeater->done = true;
}

static bool
repeater_is_done(void *arg)
{
    const struct repeater *repeater = arg;

    return repeater->done;
}

static void
later_repetition_of_a_rails_client_is_confirmed_again_but_not_each_time(void **state)
{
    struct world *world = *state;
    struct socket socket;
    struct repeater repeater = {.socket = &socket};
    struct pgc_timer *timer = pgc_timer_new(world->loop, repeater_fire, &repeater);
    bool in_time = false;

    while (!in_time) {
        int64_t before_ms = pgc_monotonic_ms();

        socket_open_42(world, &socket);
        world_subscribe_room_7(world, &socket);
        for (int i = 0; i < 2; i++) {
            repeater.done = false;
            pgc_timer_set(timer, RIGHT_AFTER_MS + 50);
            world_run_until(world, repeater_is_done, &repeater);
            in_time = pgc_monotonic_ms() - before_ms < SOON_AGAIN_MS; /* or the machine slept */
            if (i == 0 || in_time) {
                assert_string_equal(socket_next(&socket), i == 0 ? CONFIRMED(ROOM_7) : "");
            }
        }
        socket_hang_up(&socket);
    }
    pgc_timer_free(timer);
}

static void
unsubscribe_is_silent_and_ends_the_messages(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    world_subscribe_room_7(world, &socket);
    world_subscribe(world, &socket, SUBSCRIBE(NOTIFICATIONS), "notification-channel-42",
        CONFIRMED(NOTIFICATIONS));
    socket_say(&socket, UNSUBSCRIBE(ROOM_7));
    world_publish(world, "chat-room-7-channel", "1");
    world_publish(world, "notification-channel-42", "2");
    assert_string_equal(socket_next(&socket), MESSAGE(NOTIFICATIONS, "2"));
    assert_string_equal(socket_next(&socket), "");
    world_subscribe_room_7(world, &socket);
    world_publish(world, "chat-room-7-channel", "3");
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7, "3"));
    socket_hang_up(&socket);
}

static void
unsubscribe_cancels_what_is_still_pending(void **state)
{
    struct world *world = *state;
    struct socket socket;
    uint64_t first;
    uint64_t second;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    socket_say(&socket, UNSUBSCRIBE(ROOM_7));
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    second = world_wait_for_ask(world, 2)->ticket;
    first = world_wait_for_ask(world, 1)->ticket;
    world_answer(world, first, "chat-room-7-channel", NULL);
    assert_string_equal(socket_next(&socket), "");
    world_answer(world, second, "chat-room-7-channel", NULL);
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(pgc_hub_sub_count(world->hub), 1);
    socket_hang_up(&socket);
}

static void
other_spelling_is_another_subscription(void **state)
{
    static const char other[] =
        "{\\\"chat_room_id\\\":7,\\\"channel\\\":\\\"Chats::RoomChannel\\\"}";
    struct world *world = *state;
    struct socket socket;
    char expected[256];

    socket_open_42(world, &socket);
    world_subscribe_room_7(world, &socket);
    world_subscribe(world, &socket,
        SUBSCRIBE("{\\\"chat_room_id\\\":7,\\\"channel\\\":\\\"Chats::RoomChannel\\\"}"),
        "chat-room-7-channel",
        CONFIRMED("{\\\"chat_room_id\\\":7,\\\"channel\\\":\\\"Chats::RoomChannel\\\"}"));
    world_publish(world, "chat-room-7-channel", "1");
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7, "1"));
    snprintf(expected, sizeof(expected), MESSAGE("%s", "1"), other);
    assert_string_equal(socket_next(&socket), expected);
    socket_hang_up(&socket);
}

static void
answer_after_the_client_has_gone_finds_nobody(void **state)
{
    struct world *world = *state;
    struct socket socket;
    uint64_t ticket;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    ticket = world_wait_for_ask(world, 1)->ticket;
    socket_hang_up(&socket);
    world_answer(world, ticket, "chat-room-7-channel", NULL);
    assert_int_equal(pgc_hub_sub_count(world->hub), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(question_says_who_wants_what),
        TEST(confirmation_comes_with_the_answer_and_before_messages),
        TEST(further_topics_of_the_answer_are_attached),
        TEST(denied_subscription_is_rejected_and_may_be_tried_again),
        TEST(own_channel_is_asked_for_by_class_and_identifier),
        TEST(own_channel_delivers_what_its_stream_carries),
        TEST(nonsense_is_rejected_without_asking),
        TEST(another_members_stream_is_rejected_without_asking),
        TEST(identifier_is_echoed_as_it_came),
        TEST(identifier_without_a_string_is_ignored_and_counted),
        TEST(bad_frames_do_not_end_the_connection),
        TEST(commands_without_an_answer_are_counted),
        TEST(repetition_while_the_answer_is_awaited_is_swallowed),
        TEST(repetition_right_after_the_confirmation_is_silent_and_doubles_nothing),
        TEST(later_repetition_of_a_rails_client_is_confirmed_again_but_not_each_time),
        TEST(unsubscribe_is_silent_and_ends_the_messages),
        TEST(unsubscribe_cancels_what_is_still_pending),
        TEST(other_spelling_is_another_subscription),
        TEST(answer_after_the_client_has_gone_finds_nobody),
    };

    return cmocka_run_group_tests_name("subscription", tests, NULL, NULL);
}
