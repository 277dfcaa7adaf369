/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cable_world.h"

/* ---- greeting and goodbye ---- */

static void
welcome_is_the_first_frame(void **state)
{
    static const char *const protocols[] = {
        "", "graphql-ws", "actioncable-v1-json", "actioncable-unsupported, actioncable-v1-json"};
    struct socket socket;

    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        socket_open(*state, &socket, "42", protocols[i]);
        assert_int_equal(socket.frame_count, 1);
        socket.read = 0;
        assert_string_equal(socket_next(&socket), "{\"type\":\"welcome\"}");
        assert_string_equal(pgc_session_member(socket.session), "42");
        socket_hang_up(&socket);
    }
}

static void
refused_client_is_told_why_and_closed(void **state)
{
    struct world *world = *state;
    struct socket socket = {0};
    struct pgc_session_conf conf = {
        .conn = 1, .refusal = "unauthorized", .ops = &socket_ops, .sink = &socket};

    socket.session = pgc_session_open(world->cable, &conf);
    assert_string_equal(socket_next(&socket),
        "{\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}");
    assert_int_equal(socket.close_code, 1000);
    assert_string_equal(pgc_session_member(socket.session), "");
    socket_say(&socket, SUBSCRIBE(NOTIFICATIONS));
    socket_say(&socket, "nope");
    pgc_session_disconnect(socket.session, "server_restart", true);
    assert_int_equal(socket.frame_count, 1);
    socket_hang_up(&socket);
}

static void
welcome_carries_a_sid_if_wanted(void **state)
{
    struct world *world = *state;
    struct pgc_port *port = pgc_port_new();
    struct socket socket = {0};
    struct pgc_identity identity = {.member = "42", .expires_s = 2000000000};
    struct pgc_session_conf conf = {
        .conn = 1, .identity = &identity, .ops = &socket_ops, .sink = &socket};
    struct pgc_cable *cable;
    const char *welcome;

    world->conf.welcome_sid = true;
    cable = pgc_cable_new(world->loop, world->hub, port, &world->conf, world->metrics);
    socket.session = pgc_session_open(cable, &conf);
    welcome = socket_next(&socket);
    assert_memory_equal(welcome, "{\"type\":\"welcome\",\"sid\":\"", 25);
    assert_int_equal(strlen(welcome), 25 + 21 + 2);
    socket_hang_up(&socket);
    pgc_cable_free(cable);
    pgc_port_free(port);
}

static void
ping_goes_ahead_of_what_is_queued(void **state)
{
    struct pgc_frame *ping = pgc_frame_ping(PGC_WIRE_WEBSOCKET, 1729855056);
    struct socket socket;

    socket_open_42(*state, &socket);
    pgc_session_beat(socket.session, ping, 1729855056);
    assert_int_equal(socket.ahead_count, 1);
    assert_ptr_equal(socket.frames[1], ping);
    pgc_frame_unref(ping);
    socket_hang_up(&socket);
}

static void
expired_token_ends_the_connection_as_the_client_understands_it(void **state)
{
    struct pgc_frame *ping = pgc_frame_ping(PGC_WIRE_WEBSOCKET, 2000000000);
    struct socket rails;
    struct socket anycable;

    socket_open(*state, &rails, "42", "actioncable-v1-json, actioncable-unsupported");
    socket_open(*state, &anycable, "42", "actioncable-v1-json");
    pgc_session_beat(rails.session, ping, 1999999999);
    assert_int_equal(rails.close_code, 0);
    assert_string_equal(socket_next(&rails), "{\"type\":\"ping\",\"message\":2000000000}");

    pgc_session_beat(rails.session, ping, 2000000000);
    pgc_session_beat(anycable.session, ping, 2000000000);
    assert_string_equal(socket_next(&rails),
        "{\"type\":\"disconnect\",\"reason\":\"token_expired\",\"reconnect\":true}");
    assert_string_equal(socket_next(&anycable),
        "{\"type\":\"disconnect\",\"reason\":\"token_expired\",\"reconnect\":false}");
    assert_int_equal(rails.close_code, 1000);
    pgc_session_beat(rails.session, ping, 2000000003);
    assert_string_equal(socket_next(&rails), "");
    assert_int_equal(world_counted(*state, "pgcable_tokens_expired_total"), 2);
    pgc_frame_unref(ping);
    socket_hang_up(&rails);
    socket_hang_up(&anycable);
}

static void
disconnect_ends_subscriptions_and_is_said_once(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    world_subscribe_room_7(world, &socket);
    pgc_session_disconnect(socket.session, "server_restart", true);
    pgc_session_disconnect(socket.session, "server_restart", true);
    assert_string_equal(socket_next(&socket),
        "{\"type\":\"disconnect\",\"reason\":\"server_restart\",\"reconnect\":true}");
    world_publish(world, "chat-room-7-channel", "1");
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(pgc_hub_sub_count(world->hub), 0);
    socket_hang_up(&socket);
}
/* ---- limits ---- */

static void
identifier_over_the_limit_is_rejected(void **state)
{
    struct world *world = *state;
    struct socket socket;
    char command[1024];

    socket_open_42(world, &socket);
    snprintf(command, sizeof(command), SUBSCRIBE("%0513d"), 0);
    socket_say(&socket, command);
    assert_memory_equal(socket_next(&socket), "{\"identifier\":\"0000", 19);
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_rejected_total{reason=\"too_long\"}"), 1);
    snprintf(command, sizeof(command), SUBSCRIBE("%0512d"), 0);
    socket_say(&socket, command);
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_rejected_total{reason=\"too_long\"}"), 1);
    socket_hang_up(&socket);
}

static void
subscriptions_are_bounded_pending_ones_too(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    for (int room = 1; room <= 65; room++) {
        socket_say_room(&socket, "subscribe", room);
    }
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_rejected_total{reason=\"too_many\"}"), 1);
    assert_int_equal(socket.frame_count, 2);
    socket_say_room(&socket, "unsubscribe", 1);
    socket_say_room(&socket, "subscribe", 65);
    world_wait_for_ask(world, 65);
    assert_int_equal(socket.frame_count, 2);
    socket_hang_up(&socket);
}

/* How many of them one may send before one is sent away for it. */
static int
commands_until_the_end(struct world *world, const char *command)
{
    struct socket socket;
    int count = 0;

    socket_open_42(world, &socket);
    while (socket.close_code == 0 && count < 100000) {
        socket_say(&socket, command);
        count++;
    }
    assert_int_equal(socket.close_code, 1008);
    assert_string_equal(socket_next(&socket),
        "{\"type\":\"disconnect\",\"reason\":\"rate_limited\",\"reconnect\":true}");
    socket_hang_up(&socket);
    return count;
}

static void
flood_of_commands_ends_the_connection(void **state)
{
    struct world *world = *state;

    assert_true(commands_until_the_end(world, "nope") > 100);
    assert_int_equal(world_counted(world, "pgcable_rate_limited_total"), 1);
}

static void
long_commands_end_it_sooner_whether_they_are_any_or_not(void **state)
{
    static const char ping[] = "{\"command\":\"ping\",\"padding\":\"";
    char text[16000];

    memset(text, '[', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(commands_until_the_end(*state, text) < 50);
    memcpy(text, ping, sizeof(ping) - 1);
    memcpy(text + sizeof(text) - 3, "\"}", 2);
    assert_true(commands_until_the_end(*state, text) < 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(welcome_is_the_first_frame),
        TEST(refused_client_is_told_why_and_closed),
        TEST(welcome_carries_a_sid_if_wanted),
        TEST(ping_goes_ahead_of_what_is_queued),
        TEST(expired_token_ends_the_connection_as_the_client_understands_it),
        TEST(disconnect_ends_subscriptions_and_is_said_once),
        TEST(identifier_over_the_limit_is_rejected),
        TEST(subscriptions_are_bounded_pending_ones_too),
        TEST(flood_of_commands_ends_the_connection),
        TEST(long_commands_end_it_sooner_whether_they_are_any_or_not),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
