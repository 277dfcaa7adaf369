/* SPDX-License-Identifier: PostgreSQL */
/* A connection with many subscriptions: each is found by its identifier, and only while it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cable_world.h"

enum { MANY = 30 };

static void
subscribe(struct world *world, struct socket *socket, int room)
{
    const struct pgc_ask *ask;
    char text[32];

    socket_say_room(socket, "subscribe", room);
    ask = world_wait_for_ask(world, world->feed.ask_count + 1);
    (void)snprintf(text, sizeof(text), "%d", room);
    assert_string_equal(ask->room, text);
    (void)snprintf(text, sizeof(text), "chat-room-%d-channel", room);
    world_answer(world, ask->ticket, text, NULL);
}

/* How many subscriptions get a message in that room. */
static int64_t
listeners(struct world *world, int room)
{
    int64_t before = world_counted(world, "pgcable_deliveries_total");
    char stream[32];

    (void)snprintf(stream, sizeof(stream), "chat-room-%d-channel", room);
    world_publish(world, stream, "1");
    return world_counted(world, "pgcable_deliveries_total") - before;
}

static void
come_and_go(struct world *world, const char *protocol)
{
    struct socket socket;

    socket_open(world, &socket, "42", protocol);
    for (int room = 1; room <= MANY; room++) {
        subscribe(world, &socket, room);
    }
    for (int room = 1; room <= MANY; room++) {
        socket_say_room(&socket, "subscribe", room); /* is there: nobody is asked, as is seen ... */
    }
    for (int room = 1; room <= MANY; room += 2) {
        socket_say_room(&socket, "unsubscribe", room);
        socket_say_room(&socket, "unsubscribe", room);
    }
    for (int room = 1; room <= MANY; room++) {
        assert_int_equal(listeners(world, room), room % 2 == 0 ? 1 : 0);
    }
    subscribe(world, &socket, 1); /* ... here: this is the next question */
    assert_int_equal(listeners(world, 1), 1);
    assert_int_equal(pgc_hub_sub_count(world->hub), MANY / 2 + 1);
    for (int room = 1; room <= MANY; room++) {
        socket_say_room(&socket, "unsubscribe", room);
    }
    assert_int_equal(pgc_hub_sub_count(world->hub), 0);
    subscribe(world, &socket, 7);
    assert_int_equal(listeners(world, 7), 1);
    socket_hang_up(&socket);
}

static void
each_of_many_is_found_by_its_identifier(void **state)
{
    come_and_go(*state, "actioncable-v1-json");
}

/* There a confirmed one has another object for its identifier than one that waits. */
static void
each_of_many_is_found_in_the_extended_dialect(void **state)
{
    come_and_go(*state, "actioncable-v1-ext-json");
}

static void
connection_with_many_subscriptions_may_end_at_once(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open_42(world, &socket);
    for (int room = 1; room <= MANY; room++) {
        subscribe(world, &socket, room);
    }
    socket_hang_up(&socket);
    assert_int_equal(pgc_hub_sub_count(world->hub), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_of_many_is_found_by_its_identifier),
        TEST(each_of_many_is_found_in_the_extended_dialect),
        TEST(connection_with_many_subscriptions_may_end_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
