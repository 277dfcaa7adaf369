/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "cable_world.h"

static void
same_identifier_shares_one_frame(void **state)
{
    enum { MANY = 200 };
    struct world *world = *state;
    struct socket *sockets = pgc_xcalloc(MANY, sizeof(*sockets));
    struct socket *first = &sockets[0];

    for (size_t i = 0; i < MANY; i++) {
        socket_open_42(world, &sockets[i]);
        world_subscribe_room_7(world, &sockets[i]);
    }
    world_publish(world, "chat-room-7-channel", "1");
    world_publish(world, "chat-room-7-channel", "2");
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(sockets[i].frame_count, 4);
        assert_ptr_equal(sockets[i].frames[2], first->frames[2]);
        assert_ptr_equal(sockets[i].frames[3], first->frames[3]);
        assert_string_equal(socket_next(&sockets[i]), MESSAGE(ROOM_7, "1"));
        assert_string_equal(socket_next(&sockets[i]), MESSAGE(ROOM_7, "2"));
    }
    /* Nothing but the sockets themselves keeps a frame when all have got it. */
    assert_int_equal(first->frames[3]->refs, MANY);
    for (size_t i = 0; i < MANY; i++) {
        socket_hang_up(&sockets[i]);
    }
    free(sockets);
}

static void
messages_of_one_batch_each_have_their_own_frame(void **state)
{
    static const struct pgc_position position = {.tick = 1};
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct socket socket;

    for (int i = 1; i <= 2; i++) {
        struct pgc_msg *msg = pgc_msg_new(&position, 0, i == 1 ? "1" : "2", 1);

        pgc_batch_add(batch, PGC_OP_PUBLISH, "chat-room-7-channel", NULL, msg);
        pgc_msg_unref(msg);
    }
    socket_open_42(world, &socket);
    world_subscribe_room_7(world, &socket);
    world_send_batch(world, batch);
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7, "1"));
    assert_string_equal(socket_next(&socket), MESSAGE(ROOM_7, "2"));
    assert_int_equal(world_counted(world, "pgcable_deliveries_total"), 2);
    socket_hang_up(&socket);
}

/* Whatever the log wants. */
static void
each_message_is_timed_once(void **state)
{
    static const struct pgc_position position = {.tick = 1};
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct socket sockets[2];

    for (size_t i = 0; i < 2; i++) {
        struct pgc_msg *msg = pgc_msg_new(&position, 7 + (int64_t)i, "1", 1);

        pgc_batch_add(batch, PGC_OP_PUBLISH, "chat-room-7-channel", NULL, msg);
        pgc_msg_unref(msg);
        socket_open_42(world, &sockets[i]);
        world_subscribe_room_7(world, &sockets[i]);
    }
    world_send_batch(world, pgc_batch_ref(batch));
    assert_int_equal(world_counted(world, "pgcable_delivery_seconds_count"), 2);
    pgc_log_setup(PGC_LOG_DEBUG, PGC_LOG_TEXT);
    world_send_batch(world, batch);
    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_TEXT);
    assert_int_equal(world_counted(world, "pgcable_delivery_seconds_count"), 4);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sockets[i].frames[2]->count, 2);
        assert_int_equal(sockets[i].frames[2]->committed_us, 7);
        socket_hang_up(&sockets[i]);
    }
}

static void
revoked_right_sends_the_client_away_to_ask_again(void **state)
{
    struct world *world = *state;
    struct socket removed;
    struct socket stays;

    socket_open_42(world, &removed);
    socket_open(world, &stays, "43", "");
    world_subscribe_room_7(world, &removed);
    world_subscribe_room_7(world, &stays);
    world_subscribe(world, &removed, SUBSCRIBE(NOTIFICATIONS), "notification-channel-42",
        CONFIRMED(NOTIFICATIONS));
    world_send_op(world, PGC_OP_REVOKE, "chat-room-7-channel", "42", NULL);
    world_publish(world, "chat-room-7-channel", "1");
    world_publish(world, "notification-channel-42", "2");
    assert_string_equal(socket_next(&removed),
        "{\"type\":\"disconnect\",\"reason\":\"remote\",\"reconnect\":true}");
    assert_string_equal(socket_next(&removed), "");
    assert_int_equal(removed.close_code, 1000);
    assert_string_equal(socket_next(&stays), MESSAGE(ROOM_7, "1"));
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_ended_total{reason=\"revoked\"}"), 1);
    socket_hang_up(&removed);
    socket_hang_up(&stays);
}

static void
expelled_member_is_sent_away_for_good(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    world_subscribe_room_7(world, &socket);
    world_subscribe(world, &socket, SUBSCRIBE(NOTIFICATIONS), "notification-channel-42",
        CONFIRMED(NOTIFICATIONS));
    world_send_op(world, PGC_OP_EXPEL, NULL, "42", NULL);
    assert_string_equal(socket_next(&socket),
        "{\"type\":\"disconnect\",\"reason\":\"remote\",\"reconnect\":false}");
    assert_string_equal(socket_next(&socket), "");
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_ended_total{reason=\"member_gone\"}"), 1);
    socket_hang_up(&socket);
}

static void
expelled_member_is_sent_away_from_an_idle_connection_too(void **state)
{
    struct world *world = *state;
    struct socket idle;
    struct socket waiting;
    struct socket other;

    socket_open_42(world, &idle);
    socket_open_42(world, &waiting);
    socket_open(world, &other, "43", "");
    socket_say(&waiting, SUBSCRIBE(ROOM_7));
    world_send_op(world, PGC_OP_EXPEL, NULL, "42", NULL);
    assert_int_equal(idle.close_code, 1000);
    assert_int_equal(waiting.close_code, 1000);
    assert_int_equal(other.close_code, 0);
    socket_hang_up(&idle);
    socket_hang_up(&waiting);
    socket_hang_up(&other);
}

static void
broken_history_makes_everybody_start_afresh(void **state)
{
    struct world *world = *state;
    struct socket a;
    struct socket b;

    socket_open_42(world, &a);
    socket_open(world, &b, "43", "");
    world_subscribe_room_7(world, &a);
    world_subscribe_room_7(world, &b);
    world_send_op(world, PGC_OP_RELOAD, NULL, NULL, NULL);
    assert_string_equal(socket_next(&a),
        "{\"type\":\"disconnect\",\"reason\":\"history_reset\",\"reconnect\":true}");
    assert_string_equal(socket_next(&b),
        "{\"type\":\"disconnect\",\"reason\":\"history_reset\",\"reconnect\":true}");
    assert_int_equal(
        world_counted(world, "pgcable_subscriptions_ended_total{reason=\"history_reset\"}"), 2);
    socket_hang_up(&a);
    socket_hang_up(&b);
}

static void
viewer_is_counted_from_the_question_to_the_end(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    socket_say(&socket, SUBSCRIBE(MEMBER));
    world_wait_for_ask(world, 1);
    assert_true(pgc_port_has_viewer(world->port, "42"));
    world_answer(world, world->feed.asks[0]->ticket, NULL, NULL);
    socket_say(&socket, SUBSCRIBE(ROOM_7));
    world_wait_for_ask(world, 2);
    assert_false(pgc_port_has_viewer(world->port, "42"));

    socket_say(&socket, SUBSCRIBE(MEMBER));
    world_answer(world, world_wait_for_ask(world, 3)->ticket, "chat-room-channel-42", NULL);
    socket_say_room(&socket, "subscribe", 8);
    world_wait_for_ask(world, 4);
    assert_true(pgc_port_has_viewer(world->port, "42"));
    socket_say(&socket, UNSUBSCRIBE(MEMBER));
    socket_say_room(&socket, "subscribe", 9);
    world_wait_for_ask(world, 5);
    assert_false(pgc_port_has_viewer(world->port, "42"));
    socket_hang_up(&socket);
}

static void
socket_may_die_in_the_middle_of_a_delivery(void **state)
{
    struct world *world = *state;
    struct socket dying;
    struct socket other;

    socket_open_42(world, &dying);
    socket_open_42(world, &other);
    world_subscribe_room_7(world, &dying);
    world_subscribe_room_7(world, &other);
    dying.dies_on_send = true;
    world_publish(world, "chat-room-7-channel", "1");
    assert_null(dying.session);
    assert_string_equal(socket_next(&other), MESSAGE(ROOM_7, "1"));
    socket_hang_up(&dying);
    socket_hang_up(&other);
}

static void
socket_may_die_while_it_is_told_something(void **state)
{
    struct world *world = *state;
    struct socket confirmed;
    struct socket revoked;

    socket_open_42(world, &confirmed);
    socket_say(&confirmed, SUBSCRIBE(ROOM_7));
    confirmed.dies_on_send = true;
    world_answer(world, world_wait_for_ask(world, 1)->ticket, "chat-room-7-channel", NULL);
    assert_null(confirmed.session);

    socket_open_42(world, &revoked);
    world_subscribe_room_7(world, &revoked);
    revoked.dies_on_send = true;
    world_send_op(world, PGC_OP_REVOKE, "chat-room-7-channel", "42", NULL);
    assert_null(revoked.session);
    assert_int_equal(revoked.close_code, 0);
    socket_hang_up(&confirmed);
    socket_hang_up(&revoked);
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_identifier_shares_one_frame),
        TEST(messages_of_one_batch_each_have_their_own_frame),
        TEST(each_message_is_timed_once),
        TEST(revoked_right_sends_the_client_away_to_ask_again),
        TEST(expelled_member_is_sent_away_for_good),
        TEST(expelled_member_is_sent_away_from_an_idle_connection_too),
        TEST(broken_history_makes_everybody_start_afresh),
        TEST(viewer_is_counted_from_the_question_to_the_end),
        TEST(socket_may_die_in_the_middle_of_a_delivery),
        TEST(socket_may_die_while_it_is_told_something),
    };

    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
