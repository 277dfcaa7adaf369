/* SPDX-License-Identifier: PostgreSQL */
/* Rights that end while a connection is open: tokens that are revoked, rules that are asked again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "cable_world.h"

#define AWAY   "{\"type\":\"disconnect\",\"reason\":\"remote\",\"reconnect\":true}"
#define ORDERS "{\\\"channel\\\":\\\"OrdersChannel\\\",\\\"id\\\":5}"

static const struct pgc_position place = {.tick = 1};

static void
add_text(struct pgc_batch *batch, const char *topic, const char *text)
{
    struct pgc_msg *msg = pgc_msg_new(&place, 0, text, strlen(text));

    pgc_batch_add(batch, PGC_OP_PUBLISH, topic, NULL, msg);
    pgc_msg_unref(msg);
}

static void
add_ban(struct pgc_batch *batch, enum pgc_op_kind kind, const char *whom, int64_t before_s)
{
    pgc_batch_add_ban(
        batch, kind, whom, &(struct pgc_ban){.before_s = before_s, .until_s = pgc_wall_s() + 3600});
}

static void
send_ban(struct world *world, enum pgc_op_kind kind, const char *whom, int64_t before_s)
{
    struct pgc_batch *batch = pgc_batch_new(1);

    add_ban(batch, kind, whom, before_s);
    world_send_batch(world, batch);
}

/* Of member 42. */
static void
open_token(struct world *world, struct socket *socket, const char *jti, int64_t issued_s)
{
    struct pgc_identity identity = {.member = "42", .issued_s = issued_s, .expires_s = 2000000000};

    snprintf(identity.jti, sizeof(identity.jti), "%s", jti);
    socket_open_with(world, socket, &identity, "");
}

static void
assert_welcome(struct socket *socket)
{
    assert_string_equal(socket_next(socket), "{\"type\":\"welcome\"}");
}

static void
assert_refused(struct socket *socket)
{
    assert_string_equal(socket_next(socket),
        "{\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}");
    assert_int_equal(socket->close_code, 1000);
}

static void
revoked_token_gets_what_came_before_and_nothing_after(void **state)
{
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct socket revoked;
    struct socket idle;
    struct socket other;

    open_token(world, &revoked, "j-1", 0);
    open_token(world, &idle, "j-1", 0);
    open_token(world, &other, "j-2", 0);
    assert_welcome(&revoked);
    assert_welcome(&idle);
    assert_welcome(&other);
    world_subscribe_room_7(world, &revoked);
    world_subscribe_room_7(world, &other);
    add_text(batch, "chat-room-7-channel", "1");
    add_ban(batch, PGC_OP_BAN_TOKEN, "j-1", 0);
    add_ban(batch, PGC_OP_BAN_TOKEN, "j-3", 0);
    add_text(batch, "chat-room-7-channel", "2");
    world_send_batch(world, batch);
    assert_string_equal(socket_next(&revoked), MESSAGE(ROOM_7, "1"));
    assert_string_equal(socket_next(&revoked), AWAY);
    assert_string_equal(socket_next(&revoked), "");
    assert_string_equal(socket_next(&idle), AWAY);
    assert_int_equal(revoked.close_code, 1000);
    assert_string_equal(socket_next(&other), MESSAGE(ROOM_7, "1"));
    assert_string_equal(socket_next(&other), MESSAGE(ROOM_7, "2"));
    assert_int_equal(world_counted(world, "pgcable_rights_ended_total{right=\"token\"}"), 2);
    socket_hang_up(&revoked);
    socket_hang_up(&idle);
    socket_hang_up(&other);
}

static void
revoked_token_is_refused_from_then_on(void **state)
{
    struct world *world = *state;
    struct pgc_identity identity = {.member = "42", .jti = "j-1"};
    struct socket socket;

    assert_false(pgc_cable_is_banned(world->cable, &identity));
    send_ban(world, PGC_OP_BAN_TOKEN, "j-1", 0);
    assert_true(pgc_cable_is_banned(world->cable, &identity));
    open_token(world, &socket, "j-1", 0);
    assert_refused(&socket);
    socket_hang_up(&socket);
    open_token(world, &socket, "", 0);
    assert_welcome(&socket);
    socket_hang_up(&socket);
}

static void
members_tokens_end_by_their_date_of_issue(void **state)
{
    static const struct {
        int64_t issued_s;
        bool ends;
    } cases[] = {{0, true}, {1789999999, true}, {1790000000, true}, {1790000001, false}};
    struct world *world = *state;
    struct socket sockets[4];

    for (size_t i = 0; i < 4; i++) {
        open_token(world, &sockets[i], "j", cases[i].issued_s);
        assert_welcome(&sockets[i]);
    }
    send_ban(world, PGC_OP_BAN_MEMBER, "42", 1790000000);
    send_ban(world, PGC_OP_BAN_MEMBER, "42", 1780000000); /* an older one changes nothing */
    send_ban(world, PGC_OP_BAN_MEMBER, "j", 1900000000);  /* somebody else */
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(socket_next(&sockets[i]), cases[i].ends ? AWAY : "");
        socket_hang_up(&sockets[i]);
        open_token(world, &sockets[i], "j", cases[i].issued_s);
        if (cases[i].ends) {
            assert_refused(&sockets[i]);
        } else {
            assert_welcome(&sockets[i]);
        }
        socket_hang_up(&sockets[i]);
    }
}

/* Revoking goes on for ever; what has ended by itself does not have to be known. */
static void
bans_are_forgotten_when_all_they_are_about_has_ended(void **state)
{
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_identity identity = {.member = "42"};
    struct pgc_ban old = {.until_s = pgc_wall_s() - 3500};
    char name[32];

    pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, "late", &old);
    old.until_s -= 3600;
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "old %d", i);
        pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, name, &old);
        snprintf(name, sizeof(name), "new %d", i);
        add_ban(batch, PGC_OP_BAN_TOKEN, name, 0);
    }
    world_send_batch(world, batch);
    snprintf(identity.jti, sizeof(identity.jti), "late");
    assert_true(pgc_cable_is_banned(world->cable, &identity));
    snprintf(identity.jti, sizeof(identity.jti), "old 4999");
    assert_false(pgc_cable_is_banned(world->cable, &identity));
    for (int i = 0; i < 5000; i++) {
        snprintf(identity.jti, sizeof(identity.jti), "new %d", i);
        assert_true(pgc_cable_is_banned(world->cable, &identity));
    }
}

static void
key_that_is_gone_ends_the_session_as_if_the_token_had_expired(void **state)
{
    struct world *world = *state;
    struct socket rails;
    struct socket plain;

    socket_open_42(world, &rails);
    socket_open(world, &plain, "42", "");
    pgc_session_lose_key(rails.session);
    pgc_session_lose_key(plain.session);
    pgc_session_lose_key(plain.session);
    assert_string_equal(socket_next(&rails),
        "{\"type\":\"disconnect\",\"reason\":\"token_expired\",\"reconnect\":true}");
    assert_string_equal(socket_next(&plain),
        "{\"type\":\"disconnect\",\"reason\":\"token_expired\",\"reconnect\":false}");
    assert_string_equal(socket_next(&plain), "");
    assert_int_equal(world_counted(world, "pgcable_rights_ended_total{right=\"key\"}"), 2);
    socket_hang_up(&rails);
    socket_hang_up(&plain);
}

/* ---- rules ---- */

static void
subscribe_orders(struct world *world, struct socket *socket)
{
    world_subscribe(world, socket, SUBSCRIBE(ORDERS), "orders-5", CONFIRMED(ORDERS));
}

/* A batch with "1", the channel's rule to be asked again, and "2". */
static void
send_recheck(struct world *world, enum pgc_op_kind kind, const char *channel)
{
    struct pgc_batch *batch = pgc_batch_new(1);

    add_text(batch, "orders-5", "1");
    pgc_batch_add(batch, kind, NULL, channel, NULL);
    add_text(batch, "orders-5", "2");
    pgc_batch_add(batch, kind, NULL, channel, NULL);
    world_send_batch(world, batch);
}

static void
what_follows_waits_until_the_rule_has_been_asked_again(void **state)
{
    struct world *world = *state;
    struct socket stays;
    struct socket goes;
    const struct pgc_ask *asks[2];

    socket_open(world, &stays, "42", "");
    socket_open(world, &goes, "43", "");
    subscribe_orders(world, &stays);
    subscribe_orders(world, &goes);
    send_recheck(world, PGC_OP_RECHECK, "OrdersChannel");
    world_publish(world, "orders-5", "3");
    assert_string_equal(socket_next(&stays), MESSAGE(ORDERS, "1"));
    assert_string_equal(socket_next(&stays), "");
    assert_string_equal(socket_next(&goes), MESSAGE(ORDERS, "1"));
    assert_string_equal(socket_next(&goes), "");

    for (size_t i = 0; i < 2; i++) {
        asks[i] = world_wait_for_ask(world, 3 + i);
        assert_int_equal(asks[i]->kind, PGC_STREAM_CUSTOM);
        assert_string_equal(asks[i]->channel_class, "OrdersChannel");
        assert_string_equal(asks[i]->params, "{\"channel\":\"OrdersChannel\",\"id\":5}");
    }
    assert_int_equal(world->feed.ask_count, 4);
    for (size_t i = 0; i < 2; i++) {
        bool accepted = strcmp(asks[i]->member, "42") == 0;

        world_answer(world, asks[i]->ticket, accepted ? "orders-5" : NULL, NULL);
    }
    assert_string_equal(socket_next(&stays), MESSAGE(ORDERS, "2"));
    assert_string_equal(socket_next(&stays), MESSAGE(ORDERS, "3"));
    assert_string_equal(socket_next(&goes), AWAY);
    assert_string_equal(socket_next(&goes), "");
    world_publish(world, "orders-5", "4");
    assert_string_equal(socket_next(&stays), MESSAGE(ORDERS, "4"));
    assert_int_equal(world_counted(world, "pgcable_rights_ended_total{right=\"rule\"}"), 1);
    send_recheck(world, PGC_OP_RECHECK, "OrdersChannel"); /* another batch asks anew */
    assert_string_equal(socket_next(&stays), MESSAGE(ORDERS, "1"));
    world_answer(world, world_wait_for_ask(world, 5)->ticket, NULL, NULL);
    assert_string_equal(socket_next(&stays), AWAY);
    socket_hang_up(&stays);
    socket_hang_up(&goes);
}

static void
only_that_channel_is_asked_again(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open(world, &socket, "42", "");
    subscribe_orders(world, &socket);
    world_subscribe_room_7(world, &socket);
    send_recheck(world, PGC_OP_RECHECK, "OtherChannel");
    send_recheck(world, PGC_OP_RECHECK, "");
    assert_string_equal(socket_next(&socket), MESSAGE(ORDERS, "1"));
    assert_string_equal(socket_next(&socket), MESSAGE(ORDERS, "2"));
    assert_int_equal(world->feed.ask_count, 2);
    world_send_op(world, PGC_OP_RECHECK, NULL, "Chats::RoomChannel", NULL);
    assert_int_equal(world_wait_for_ask(world, 3)->kind, PGC_STREAM_ROOM);
    assert_string_equal(world_wait_for_ask(world, 3)->room, "7");
    socket_hang_up(&socket);
}

static void
rule_that_names_another_stream_now_ends_the_old_one(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open(world, &socket, "42", "");
    subscribe_orders(world, &socket);
    world_send_op(world, PGC_OP_RECHECK, NULL, "OrdersChannel", NULL);
    world_answer(world, world_wait_for_ask(world, 2)->ticket, "orders-6", NULL);
    assert_string_equal(socket_next(&socket), AWAY);
    socket_hang_up(&socket);
}

static void
review_without_a_reason_holds_nothing_back(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open(world, &socket, "42", "");
    subscribe_orders(world, &socket);
    send_recheck(world, PGC_OP_REVIEW, "OrdersChannel");
    assert_string_equal(socket_next(&socket), MESSAGE(ORDERS, "1"));
    assert_string_equal(socket_next(&socket), MESSAGE(ORDERS, "2"));
    world_wait_for_ask(world, 2);
    /* A reason comes while the question is under way: its answer will do. */
    world_send_op(world, PGC_OP_RECHECK, NULL, "OrdersChannel", NULL);
    world_publish(world, "orders-5", "3");
    assert_string_equal(socket_next(&socket), "");
    world_answer(world, world_wait_for_ask(world, 2)->ticket, "orders-5", NULL);
    assert_string_equal(socket_next(&socket), MESSAGE(ORDERS, "3"));
    world_send_op(world, PGC_OP_REVIEW, NULL, "OrdersChannel", NULL);
    world_answer(world, world_wait_for_ask(world, 3)->ticket, NULL, NULL);
    assert_int_equal(world->feed.ask_count, 3);
    assert_string_equal(socket_next(&socket), AWAY);
    socket_hang_up(&socket);
}

static void
who_is_asked_for_the_first_time_is_not_asked_twice(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open(world, &socket, "42", "");
    socket_say(&socket, SUBSCRIBE(ORDERS));
    world_wait_for_ask(world, 1);
    send_recheck(world, PGC_OP_RECHECK, "OrdersChannel");
    assert_int_equal(world->feed.ask_count, 1);
    world_answer(world, world_wait_for_ask(world, 1)->ticket, "orders-5", NULL);
    assert_string_equal(socket_next(&socket), CONFIRMED(ORDERS));
    world_publish(world, "orders-5", "3");
    assert_string_equal(socket_next(&socket), MESSAGE(ORDERS, "3"));
    socket_hang_up(&socket);
}

static void
who_leaves_while_asked_again_leaves_nothing_behind(void **state)
{
    struct world *world = *state;
    struct socket leaves;
    struct socket gone;
    uint64_t tickets[2];

    socket_open(world, &leaves, "42", "");
    socket_open(world, &gone, "42", "");
    subscribe_orders(world, &leaves);
    subscribe_orders(world, &gone);
    send_recheck(world, PGC_OP_RECHECK, "OrdersChannel");
    tickets[0] = world_wait_for_ask(world, 3)->ticket;
    tickets[1] = world_wait_for_ask(world, 4)->ticket;
    socket_say(&leaves, UNSUBSCRIBE(ORDERS));
    socket_hang_up(&gone);
    world_answer(world, tickets[0], "orders-5", NULL);
    world_answer(world, tickets[1], NULL, NULL);
    assert_string_equal(socket_next(&leaves), MESSAGE(ORDERS, "1"));
    assert_string_equal(socket_next(&leaves), "");
    assert_int_equal(leaves.close_code, 0);
    socket_hang_up(&leaves);
}

static void
connection_may_end_while_what_was_held_is_sent(void **state)
{
    struct world *world = *state;
    struct socket socket;

    socket_open(world, &socket, "42", "");
    subscribe_orders(world, &socket);
    send_recheck(world, PGC_OP_RECHECK, "OrdersChannel");
    world_publish(world, "orders-5", "3");
    socket.dies_at_frame = socket.frame_count + 1;
    world_answer(world, world_wait_for_ask(world, 2)->ticket, "orders-5", NULL);
    assert_int_equal(pgc_hub_sub_count(world->hub), 0);
    socket_hang_up(&socket);
}

/* A rule that is to be asked again, and `count` times that message. */
static void
send_to_hold(struct world *world, const char *text, size_t count)
{
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_msg *msg = pgc_msg_new(&place, 0, text, strlen(text));

    pgc_batch_add(batch, PGC_OP_RECHECK, NULL, "OrdersChannel", NULL);
    for (size_t i = 0; i < count; i++) {
        pgc_batch_add(batch, PGC_OP_PUBLISH, "orders-5", NULL, msg);
    }
    world_send_batch(world, batch);
    pgc_msg_unref(msg);
}

/* A database that does not answer must not fill the memory: the client comes back for the rest. */
static void
too_much_to_hold_sends_the_client_away(void **state)
{
    char *large = pgc_xmalloc((1 << 20) + 1);
    const struct {
        const char *text;
        size_t fits;
    } cases[] = {{"1", 4096}, {large, 32}};
    struct world *world = *state;
    struct socket socket;

    memset(large, '1', 1 << 20);
    large[1 << 20] = '\0';
    for (size_t i = 0; i < 2; i++) {
        socket_open(world, &socket, "42", "");
        subscribe_orders(world, &socket);
        send_to_hold(world, cases[i].text, cases[i].fits);
        world_wait_for_ask(world, 2 * i + 2);
        assert_string_equal(socket_next(&socket), "");
        world_publish(world, "orders-5", "2");
        assert_string_equal(socket_next(&socket), AWAY);
        socket_hang_up(&socket);
    }
    assert_int_equal(world_counted(world, "pgcable_held_overflows_total"), 2);
    free(large);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(revoked_token_gets_what_came_before_and_nothing_after),
        TEST(revoked_token_is_refused_from_then_on),
        TEST(members_tokens_end_by_their_date_of_issue),
        TEST(bans_are_forgotten_when_all_they_are_about_has_ended),
        TEST(key_that_is_gone_ends_the_session_as_if_the_token_had_expired),
        TEST(what_follows_waits_until_the_rule_has_been_asked_again),
        TEST(only_that_channel_is_asked_again),
        TEST(rule_that_names_another_stream_now_ends_the_old_one),
        TEST(review_without_a_reason_holds_nothing_back),
        TEST(who_is_asked_for_the_first_time_is_not_asked_twice),
        TEST(who_leaves_while_asked_again_leaves_nothing_behind),
        TEST(connection_may_end_while_what_was_held_is_sent),
        TEST(too_much_to_hold_sends_the_client_away),
    };

    return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
