/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/hub.h"

#include "hub_world.h"

static void
revoked_member_loses_that_stream_only(void **state)
{
    struct world *world = *state;
    struct listener in_room = {0};
    struct listener in_other = {0};
    struct listener neighbour = {0};

    hub_world_join(&in_room, world->hub, "room-7", "1");
    hub_world_join(&in_other, world->hub, "room-8", "1");
    hub_world_join(&neighbour, world->hub, "room-7", "2");

    hub_world_apply(world, PGC_OP_REVOKE, "room-7", "1", NULL);
    assert_int_equal(in_room.ended, 1);
    assert_int_equal(in_room.why, PGC_SUB_REVOKED);
    assert_int_equal(in_other.ended, 0);
    assert_int_equal(hub_world_publish(world, "room-7", "a"), 1);
    assert_string_equal(in_room.heard, "");
    assert_string_equal(neighbour.heard, "a ");
    hub_world_leave(&in_other);
    hub_world_leave(&neighbour);
}

/* A room that is deleted together with its people still says so to them. */
static void
revoked_member_is_told_when_the_tick_has_ended(void **state)
{
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_batch *last = pgc_batch_new(1);
    struct pgc_msg *said = pgc_msg_new(&hub_world_position, 0, "said", 4);
    struct pgc_msg *gone = pgc_msg_new(&hub_world_position, 0, "gone", 4);
    struct listener in_room = {0};
    struct listener leaver = {0};
    struct listener own = {0};

    hub_world_join(&in_room, world->hub, "room-7", "1");
    hub_world_join(&leaver, world->hub, "room-7", "1");
    hub_world_join(&own, world->hub, "member-1", "1");

    pgc_batch_add(batch, PGC_OP_REVOKE, "room-7", "1", NULL);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-7", NULL, said);
    pgc_batch_add(batch, PGC_OP_REVOKE, "room-7", "1", NULL);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "member-1", NULL, gone);
    assert_int_equal(pgc_hub_apply(world->hub, batch), 1);
    assert_int_equal(in_room.ended + leaver.ended, 0);
    assert_string_equal(own.heard, "gone ");

    hub_world_turn(world);
    last->ends_tick = true;
    pgc_hub_apply(world->hub, last);
    assert_string_equal(in_room.heard, "");
    assert_int_equal(in_room.ended + leaver.ended, 2);
    assert_int_equal(own.ended, 0);
    pgc_batch_unref(batch);
    pgc_batch_unref(last);
    pgc_msg_unref(said);
    pgc_msg_unref(gone);
    hub_world_leave(&own);
}

static void
revoke_of_what_nobody_has_is_harmless(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    hub_world_join(&ann, world->hub, "room-7", "1");
    hub_world_apply(world, PGC_OP_REVOKE, "room-9", "1", NULL);
    hub_world_apply(world, PGC_OP_REVOKE, "room-7", "9", NULL);
    hub_world_apply(world, PGC_OP_EXPEL, NULL, "9", NULL);
    hub_world_apply(world, PGC_OP_JOIN, "room-members:7", "nobody", NULL);
    hub_world_apply(world, PGC_OP_LEAVE, "room-members:7", "room-7", NULL);
    assert_int_equal(ann.ended, 0);
    assert_int_equal(pgc_hub_topic_count(world->hub), 1);
    hub_world_leave(&ann);
}

static void
expelled_member_loses_everything(void **state)
{
    struct world *world = *state;
    struct listener a = {0};
    struct listener b = {0};
    struct listener neighbour = {0};

    hub_world_join(&a, world->hub, "room-7", "1");
    hub_world_join(&b, world->hub, "member-1", "1");
    hub_world_join(&neighbour, world->hub, "room-7", "2");

    hub_world_apply(world, PGC_OP_EXPEL, NULL, "1", NULL);
    assert_int_equal(a.ended + b.ended, 2);
    assert_int_equal(a.why, PGC_SUB_EXPELLED);
    assert_int_equal(neighbour.ended, 0);
    assert_int_equal(pgc_hub_sub_count(world->hub), 1);
    hub_world_leave(&neighbour);
}

static void
end_of_one_subscription_may_end_the_next(void **state)
{
    struct world *world = *state;
    struct listener first = {0};
    struct listener second = {0};

    hub_world_join(&first, world->hub, "room-7", "1");
    hub_world_join(&second, world->hub, "room-8", "1");
    first.removes = &second;

    hub_world_apply(world, PGC_OP_EXPEL, NULL, "1", NULL);
    assert_int_equal(first.ended, 1);
    assert_int_equal(second.ended, 0);
    assert_int_equal(pgc_hub_sub_count(world->hub), 0);
}

static void
reload_ends_all_subscriptions(void **state)
{
    struct world *world = *state;
    struct listener listeners[50] = {0};
    char member[8];

    for (int i = 0; i < 50; i++) {
        snprintf(member, sizeof(member), "%d", i % 10);
        hub_world_join(&listeners[i], world->hub, "room", member);
    }
    hub_world_apply(world, PGC_OP_RELOAD, NULL, NULL, NULL);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(listeners[i].ended, 1);
        assert_int_equal(listeners[i].why, PGC_SUB_RELOAD);
    }
}

/* Ends the listener, which is in the middle of being served. */
static void
take_right(const struct pgc_op *op, void *arg)
{
    struct listener *listener = arg;

    assert_string_equal(op->via, "j-1");
    hub_world_leave(listener);
}

static void
what_is_about_connections_is_passed_on_in_its_place(void **state)
{
    static const struct pgc_ban ban = {.until_s = 1};
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_msg *msg = pgc_msg_new(&hub_world_position, 0, "a", 1);
    struct listener banned = {0};
    struct listener stays = {0};

    hub_world_join(&banned, world->hub, "room-7", "1");
    hub_world_join(&stays, world->hub, "room-7", "2");
    pgc_hub_pass_on(world->hub, take_right, &banned);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-7", NULL, msg);
    pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, "j-1", &ban);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-7", NULL, msg);
    assert_int_equal(pgc_hub_apply(world->hub, batch), 3);
    assert_string_equal(banned.heard, "a ");
    assert_string_equal(stays.heard, "a a ");
    pgc_hub_pass_on(world->hub, NULL, NULL);
    assert_int_equal(pgc_hub_apply(world->hub, batch), 2);
    pgc_batch_unref(batch);
    pgc_msg_unref(msg);
    hub_world_leave(&stays);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_world_setup, hub_world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(revoked_member_loses_that_stream_only),
        TEST(revoked_member_is_told_when_the_tick_has_ended),
        TEST(revoke_of_what_nobody_has_is_harmless),
        TEST(expelled_member_loses_everything),
        TEST(end_of_one_subscription_may_end_the_next),
        TEST(reload_ends_all_subscriptions),
        TEST(what_is_about_connections_is_passed_on_in_its_place),
    };

    return cmocka_run_group_tests_name("hub_end", tests, NULL, NULL);
}
