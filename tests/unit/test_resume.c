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
#define SUBSCRIBE_WITH(identifier, history)                                                        \
    "{\"command\":\"subscribe\",\"identifier\":\"" identifier "\",\"history\":" history "}"
#define HISTORY(identifier, history)                                                               \
    "{\"command\":\"history\",\"identifier\":\"" identifier "\",\"history\":" history "}"
#define ROOM_7_SINCE_11                                                                            \
    "{\\\"channel\\\":\\\"Chats::RoomChannel\\\",\\\"chat_room_id\\\":7,\\\"history_since\\\":11}"

static void
open_extended(struct world *world, struct socket *socket)
{
    socket_open(world, socket, "42", "actioncable-v1-ext-json");
}

/* {"streams":{…}} from behind the message of that tick; static memory. */
static const char *
place_of(const char *stream, int64_t tick)
{
    static char text[256];
    const struct pgc_position place = world_place(tick);
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    pgc_place_write(&place, epoch, &offset);
    (void)snprintf(text, sizeof(text),
        "{\"streams\":{\"%s\":{\"epoch\":\"%s\",\"offset\":%" PRId64 "}}}", stream, epoch, offset);
    return text;
}

/* The next frame is the message of that tick. */
static void
expect_message(struct socket *socket, int64_t tick, const char *text)
{
    const struct pgc_position place = world_place(tick);
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;
    char *expected;

    pgc_place_write(&place, epoch, &offset);
    expected = pgc_xasprintf("{\"identifier\":\"" ROOM_7 "\",\"message\":%s,\"stream_id\":\"" STREAM
                             "\",\"epoch\":\"%s\",\"offset\":%" PRId64 "}",
        text, epoch, offset);
    assert_string_equal(socket_next(socket), expected);
    free(expected);
}

static void
answer_room_7(struct world *world, size_t ask)
{
    world_answer(world, world_wait_for_ask(world, ask)->ticket, STREAM, NULL);
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
extended_client_gets_a_sid_and_places(void **state)
{
    struct world *world = *state;
    struct socket socket;

    open_extended(world, &socket);
    socket.read = 0;
    assert_memory_equal(socket_next(&socket), "{\"type\":\"welcome\",\"sid\":\"", 25);
    world_begin(world, 10);
    world_subscribe_room_7(world, &socket);
    world_tick(world, 11, STREAM, "{\"n\":1}");
    expect_message(&socket, 11, "{\"n\":1}");
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
frames_with_places_are_shared_within_a_stream_only(void **state)
{
    struct world *world = *state;
    struct socket sockets[4];
    static const char *const streams[] = {"a", "a", "b", "b"};

    for (size_t i = 0; i < 4; i++) {
        open_extended(world, &sockets[i]);
        socket_say(&sockets[i], SUBSCRIBE(MEMBER));
        world_answer(world, world_wait_for_ask(world, i + 1)->ticket, streams[i], "room-members:7");
    }
    world_publish(world, "room-members:7", "1");
    assert_ptr_equal(sockets[0].frames[2], sockets[1].frames[2]);
    assert_ptr_equal(sockets[2].frames[2], sockets[3].frames[2]);
    assert_ptr_not_equal(sockets[1].frames[2], sockets[2].frames[2]);
    sockets[2].read = 2;
    assert_non_null(strstr(socket_next(&sockets[2]), "\"stream_id\":\"b\""));
    for (size_t i = 0; i < 4; i++) {
        socket_hang_up(&sockets[i]);
    }
}

static void
what_was_missed_comes_between_confirmation_and_what_is_new(void **state)
{
    struct world *world = *state;
    struct socket socket;

    make_history(world);
    open_extended(world, &socket);
    socket_sayf(&socket, SUBSCRIBE_WITH(ROOM_7, "%s"), place_of(STREAM, 11));
    world_tick(world, 14, STREAM, "14");
    assert_string_equal(socket_next(&socket), "");
    answer_room_7(world, 1);
    world_tick(world, 15, STREAM, "15");
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    expect_message(&socket, 12, "12");
    expect_message(&socket, 13, "13");
    expect_message(&socket, 14, "14");
    assert_string_equal(socket_next(&socket), CONFIRMED_HISTORY(ROOM_7));
    expect_message(&socket, 15, "15");
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(world_counted(world, "pgcable_deliveries_total"), 4);

    /* What is sent again is late on purpose: only the last one's way is timed. */
    assert_int_equal(world_counted(world, "pgcable_delivery_seconds_count"), 1);
    for (size_t i = 0; i < socket.frame_count; i++) {
        assert_int_equal(
            socket.frames[i]->committed_us, i == socket.frame_count - 1 ? 15000000 : 0);
    }
    socket_hang_up(&socket);
}

static void
time_without_a_place_brings_that_whole_second_and_all_after(void **state)
{
    struct world *world = *state;
    struct socket socket;

    make_history(world);
    open_extended(world, &socket);
    socket_say(&socket, SUBSCRIBE_WITH(ROOM_7,
                            "{\"since\":12,\"streams\":{\"x\":{\"epoch\":\"ab\",\"offset\":1}}}"));
    answer_room_7(world, 1);
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    expect_message(&socket, 12, "12");
    expect_message(&socket, 13, "13");
    assert_string_equal(socket_next(&socket), CONFIRMED_HISTORY(ROOM_7));
    socket_hang_up(&socket);
}

static void
place_that_cannot_be_gone_on_from_is_rejected_and_then_life_goes_on(void **state)
{
    struct world *world = *state;
    char wrong_epoch[256];
    char future[256];
    char pruned[256];
    const char *const wishes[] = {wrong_epoch, future, pruned, "{\"since\":5}",
        "{\"since\":\"yesterday\"}", "7", "{\"streams\":{\"" STREAM "\":{}}}"};
    struct socket socket;

    make_history(world);
    (void)snprintf(wrong_epoch, sizeof(wrong_epoch), "%s", place_of(STREAM, 12));
    memcpy(strstr(wrong_epoch, "abc"), "123", 3);
    (void)snprintf(future, sizeof(future), "%s", place_of(STREAM, 99));
    (void)snprintf(pruned, sizeof(pruned), "%s", place_of(STREAM, 9));
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        open_extended(world, &socket);
        socket_sayf(&socket, SUBSCRIBE_WITH(ROOM_7, "%s"), wishes[i]);
        answer_room_7(world, i + 1);
        world_tick(world, (int64_t)(14 + i), STREAM, "14");
        assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
        assert_string_equal(socket_next(&socket), REJECTED_HISTORY(ROOM_7));
        expect_message(&socket, (int64_t)(14 + i), "14");
        socket_hang_up(&socket);
    }
}

static void
what_does_not_fit_into_the_queue_is_rejected_at_once(void **state)
{
    struct world *world = *state;
    struct socket socket;
    char text[1000];

    make_history(world);
    (void)snprintf(text, sizeof(text), "\"%0994d\"", 0);
    world_tick(world, 14, STREAM, text);
    open_extended(world, &socket);
    socket_sayf(&socket, SUBSCRIBE_WITH(ROOM_7, "%s"), place_of(STREAM, 11));
    answer_room_7(world, 1);
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    expect_message(&socket, 12, "12");
    socket_say(&socket, UNSUBSCRIBE(ROOM_7));
    assert_int_equal(socket.frame_count, 6);
    socket_say(&socket, SUBSCRIBE_WITH(ROOM_7, "{\"since\":11}"));
    answer_room_7(world, 2);
    assert_int_equal(socket.frame_count, 8);
    socket.read = 7;
    assert_string_equal(socket_next(&socket), REJECTED_HISTORY(ROOM_7));
    assert_int_equal(world_counted(world, "pgcable_replays_total{result=\"too_long\"}"), 1);
    socket_hang_up(&socket);
}

static void
who_wishes_nothing_gets_nothing(void **state)
{
    struct world *world = *state;
    struct socket socket;

    make_history(world);
    open_extended(world, &socket);
    world_subscribe_room_7(world, &socket);
    assert_string_equal(socket_next(&socket), "");
    socket_say(&socket, UNSUBSCRIBE(ROOM_7));
    socket_say(&socket, SUBSCRIBE_WITH(ROOM_7, "{\"since\":false,\"streams\":{}}"));
    answer_room_7(world, 2);
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    assert_string_equal(socket_next(&socket), CONFIRMED_HISTORY(ROOM_7));
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
history_may_be_asked_for_later_or_before_the_answer(void **state)
{
    struct world *world = *state;
    struct socket socket;

    make_history(world);
    open_extended(world, &socket);
    socket_say(&socket, HISTORY(ROOM_7, "{\"since\":12}")); /* of what? */
    socket_say(&socket, SUBSCRIBE_WITH(ROOM_7, "{\"since\":11}"));
    socket_say(&socket, HISTORY(ROOM_7, "{\"since\":13}"));
    assert_string_equal(socket_next(&socket), "");
    answer_room_7(world, 1);
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    expect_message(&socket, 13, "13");
    assert_string_equal(socket_next(&socket), CONFIRMED_HISTORY(ROOM_7));

    world_tick(world, 14, STREAM, "14");
    expect_message(&socket, 14, "14");
    socket_sayf(&socket, HISTORY(ROOM_7, "%s"), place_of(STREAM, 12));
    expect_message(&socket, 13, "13");
    assert_string_equal(socket_next(&socket), CONFIRMED_HISTORY(ROOM_7));
    socket_say(&socket, "{\"command\":\"history\",\"identifier\":\"" ROOM_7 "\"}");
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
rejected_subscription_has_no_history(void **state)
{
    struct world *world = *state;
    struct socket socket;

    make_history(world);
    open_extended(world, &socket);
    socket_say(&socket, SUBSCRIBE_WITH(ROOM_7, "{\"since\":11}"));
    world_answer(world, world_wait_for_ask(world, 1)->ticket, NULL, NULL);
    assert_string_equal(socket_next(&socket), REJECTED(ROOM_7));
    assert_string_equal(socket_next(&socket), "");
    socket_say(&socket, SUBSCRIBE_WITH(ROOM_7, "{\"since\":11}"));
    socket_say(&socket, UNSUBSCRIBE(ROOM_7));
    answer_room_7(world, 2);
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
base_client_knows_nothing_of_this(void **state)
{
    struct world *world = *state;
    struct socket socket;

    make_history(world);
    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE_WITH(ROOM_7, "{\"since\":11}"));
    answer_room_7(world, 1);
    socket_say(&socket, HISTORY(ROOM_7, "{\"since\":11}"));
    socket_say(&socket, "{\"command\":\"ping\"}");
    world_tick(world, 14, STREAM, "14");
    assert_string_equal(socket_next(&socket), CONFIRMED(ROOM_7));
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7, "14"));
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
base_client_may_name_a_time_in_its_identifier(void **state)
{
    struct world *world = *state;
    struct socket socket;

    make_history(world);
    socket_open_42(world, &socket);
    world_subscribe(world, &socket, SUBSCRIBE(ROOM_7_SINCE_11), STREAM, CONFIRMED(ROOM_7_SINCE_11));
    world_tick(world, 14, STREAM, "14");
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7_SINCE_11, "11"));
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7_SINCE_11, "12"));
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7_SINCE_11, "13"));
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7_SINCE_11, "14"));
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
base_client_whose_time_is_too_long_ago_gets_nothing_and_is_counted(void **state)
{
    struct world *world = *state;
    struct socket socket;

    world_begin(world, 20);
    world_tick(world, 21, STREAM, "21");
    socket_open_42(world, &socket);
    world_subscribe(world, &socket, SUBSCRIBE(ROOM_7_SINCE_11), STREAM, CONFIRMED(ROOM_7_SINCE_11));
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(world_counted(world, "pgcable_replays_total{result=\"too_old\"}"), 1);
    socket_hang_up(&socket);
}

static void
extended_client_may_ask_whether_we_are_there(void **state)
{
    static const char *const silent[] = {
        "{\"command\":\"pong\"}",
        "{\"command\":\"whisper\",\"identifier\":\"" ROOM_7 "\",\"data\":{\"x\":1}}",
        "{\"command\":\"join\",\"identifier\":\"" ROOM_7 "\",\"presence\":{\"id\":\"7\"}}",
        "{\"command\":\"leave\",\"identifier\":\"" ROOM_7 "\"}",
        "{\"command\":\"presence\",\"identifier\":\"" ROOM_7 "\",\"data\":{}}",
    };
    struct socket socket;

    open_extended(*state, &socket);
    socket_say(&socket, "{\"command\":\"ping\"}");
    assert_string_equal(socket_next(&socket), "{\"type\":\"pong\"}");
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
        socket_say(&socket, silent[i]);
    }
    assert_string_equal(socket_next(&socket), "");
    socket_hang_up(&socket);
}

static void
replays_of_one_turn_share_their_frames(void **state)
{
    enum { MANY = 50 };
    struct world *world = *state;
    struct socket *sockets = pgc_xcalloc(MANY, sizeof(*sockets));

    make_history(world);
    for (size_t i = 0; i < MANY; i++) {
        open_extended(world, &sockets[i]);
        socket_say(&sockets[i], SUBSCRIBE_WITH(ROOM_7, "{\"since\":11}"));
    }
    world_wait_for_ask(world, MANY);
    for (size_t i = 0; i < MANY; i++) {
        pgc_port_take_down_answer(world->port, pgc_answer_new(world->feed.asks[i]->ticket, STREAM));
    }
    world_tick(world, 14, STREAM, "14"); /* behind all of them */
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(sockets[i].frame_count, 7);
        for (size_t frame = 2; frame < 5; frame++) {
            assert_ptr_equal(sockets[i].frames[frame], sockets[0].frames[frame]);
        }
    }
    assert_int_equal(sockets[0].frames[2]->refs, MANY);
    for (size_t i = 0; i < MANY; i++) {
        socket_hang_up(&sockets[i]);
    }
    free(sockets);
}

static void
socket_may_die_in_the_middle_of_a_replay(void **state)
{
    struct world *world = *state;

    make_history(world);
    for (size_t alive = 0; alive < 6; alive++) {
        struct socket socket;

        open_extended(world, &socket);
        socket_say(&socket, SUBSCRIBE_WITH(ROOM_7, "{\"since\":11}"));
        socket.dies_at_frame = 2 + alive; /* the confirmation, three messages, the end, none */
        answer_room_7(world, alive + 1);
        assert_int_equal(socket.frame_count, alive < 5 ? 2 + alive : 6);
        socket_hang_up(&socket);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(extended_client_gets_a_sid_and_places),
        TEST(frames_with_places_are_shared_within_a_stream_only),
        TEST(what_was_missed_comes_between_confirmation_and_what_is_new),
        TEST(time_without_a_place_brings_that_whole_second_and_all_after),
        TEST(place_that_cannot_be_gone_on_from_is_rejected_and_then_life_goes_on),
        TEST(what_does_not_fit_into_the_queue_is_rejected_at_once),
        TEST(who_wishes_nothing_gets_nothing),
        TEST(history_may_be_asked_for_later_or_before_the_answer),
        TEST(rejected_subscription_has_no_history),
        TEST(base_client_knows_nothing_of_this),
        TEST(base_client_may_name_a_time_in_its_identifier),
        TEST(base_client_whose_time_is_too_long_ago_gets_nothing_and_is_counted),
        TEST(extended_client_may_ask_whether_we_are_there),
        TEST(replays_of_one_turn_share_their_frames),
        TEST(socket_may_die_in_the_middle_of_a_replay),
    };

    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
