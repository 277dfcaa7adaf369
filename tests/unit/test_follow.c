/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"
#include "pgcable/place.h"

#include "cable_world.h"

#define STREAM "chat-room-7-channel"

static void
answer_room_7(struct world *world)
{
    world_answer(world, world_wait_for_ask(world, 1)->ticket, STREAM, NULL);
}

/* Ticks 11 to 13, with a message each, in a history that begins behind tick 10. */
static void
make_history(struct world *world)
{
    world_begin(world, 10);
    world_tick(world, 11, STREAM, "11");
    world_tick(world, 12, STREAM, "12");
    world_tick(world, 13, STREAM, "13");
}

static void
open_events(struct world *world, struct socket *socket, const struct pgc_follow *follow)
{
    struct pgc_identity identity = {.member = "42", .expires_s = 2000000000};
    struct pgc_session_conf conf = {.conn = 1,
        .identity = &identity,
        .offer = {.chosen = PGC_PROTO_EVENTS},
        .ops = &socket_ops,
        .sink = socket};

    *socket = (struct socket){.close_code = 0};
    socket->session = pgc_session_open(world->cable, &conf);
    assert_string_equal(socket_next(socket), "event: welcome\ndata: {\"type\":\"welcome\"}\n\n");
    pgc_session_follow(socket->session, follow);
}

static struct pgc_follow
follow_room_7(const char *event_id, int64_t since_s)
{
    static const char room_7[] = "{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":7}";

    return (struct pgc_follow){.identifier = room_7,
        .length = sizeof(room_7) - 1,
        .event_id = event_id,
        .since_s = since_s};
}

/* An event's id; static memory. */
static const char *
event_id(int64_t tick)
{
    static char text[128];
    const struct pgc_position place = world_place(tick);
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    pgc_place_write(&place, epoch, &offset);
    (void)snprintf(text, sizeof(text), "%" PRId64 "/%s/" STREAM, offset, epoch);
    return text;
}

static void
expect_event(struct socket *socket, int64_t tick, const char *text)
{
    char *expected = pgc_xasprintf("data: %s\nid: %s\n\n", text, event_id(tick));

    assert_string_equal(socket_next(socket), expected);
    free(expected);
}

static void
events_go_on_behind_the_last_one_seen(void **state)
{
    struct world *world = *state;
    struct pgc_follow follow = follow_room_7(event_id(11), 5);
    struct socket socket;

    make_history(world);
    open_events(world, &socket, &follow);
    answer_room_7(world);
    world_tick(world, 14, STREAM, "14");
    assert_string_equal(
        socket_next(&socket), "event: confirm_subscription\ndata: " CONFIRMED(ROOM_7) "\n\n");
    expect_event(&socket, 12, "12");
    expect_event(&socket, 13, "13");
    assert_string_equal(
        socket_next(&socket), "event: confirm_history\ndata: " CONFIRMED_HISTORY(ROOM_7) "\n\n");
    expect_event(&socket, 14, "14");
    socket_hang_up(&socket);
}

static void
events_without_a_past_just_begin(void **state)
{
    struct world *world = *state;
    struct pgc_follow follow = follow_room_7(NULL, 0);
    struct socket socket;

    make_history(world);
    open_events(world, &socket, &follow);
    answer_room_7(world);
    world_tick(world, 14, STREAM, "14");
    assert_string_equal(
        socket_next(&socket), "event: confirm_subscription\ndata: " CONFIRMED(ROOM_7) "\n\n");
    expect_event(&socket, 14, "14");
    socket_hang_up(&socket);
}

static void
rejected_events_end_for_good(void **state)
{
    struct world *world = *state;
    struct pgc_follow follow = follow_room_7(NULL, 11);
    struct socket socket;

    make_history(world);
    open_events(world, &socket, &follow);
    world_answer(world, world_wait_for_ask(world, 1)->ticket, NULL, NULL);
    assert_string_equal(
        socket_next(&socket), "event: reject_subscription\ndata: " REJECTED(ROOM_7) "\n\n");
    assert_string_equal(socket_next(&socket),
        "event: disconnect\nretry: 31536000000\n"
        "data: {\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}\n\n");
    assert_int_equal(socket.close_code, 1000);
    socket_hang_up(&socket);
}

static void
events_of_another_member_are_rejected_unasked(void **state)
{
    static const char other[] = "{\"channel\":\"ChatRoomChannel\",\"community_member_id\":43}";
    struct pgc_follow follow = {.identifier = other, .length = sizeof(other) - 1};
    struct socket socket;

    assert_true(pgc_identifier_is_valid(other, sizeof(other) - 1));
    open_events(*state, &socket, &follow);
    assert_memory_equal(socket_next(&socket), "event: reject_subscription\n", 27);
    assert_int_equal(socket.close_code, 1000);
    socket_hang_up(&socket);
}

static void
identifier_is_an_object_that_names_a_channel(void **state PGC_UNUSED)
{
    static const char *const wrong[] = {"", "{}", "7", "\"x\"", "{\"channel\":7}",
        "{\"channel\":\"a b\"}", "{\"channel\":\"A\"", "{\"channel\":\"A\",\"channel\":\"A\"}"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(pgc_identifier_is_valid(wrong[i], strlen(wrong[i])));
    }
    assert_true(pgc_identifier_is_valid("{\"channel\":\"A\"}", 15));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_go_on_behind_the_last_one_seen),
        TEST(events_without_a_past_just_begin),
        TEST(rejected_events_end_for_good),
        TEST(events_of_another_member_are_rejected_unasked),
        TEST(identifier_is_an_object_that_names_a_channel),
    };

    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
