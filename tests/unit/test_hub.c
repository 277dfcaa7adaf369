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
message_goes_to_those_on_its_topic_only(void **state)
{
    struct listener ann = {0};
    struct listener bob = {0};

    hub_world_join(&ann, ((struct world *)*state)->hub, "room", "1");
    hub_world_join(&bob, ((struct world *)*state)->hub, "other", "2");

    assert_int_equal(hub_world_publish(*state, "room", "a"), 1);
    assert_int_equal(hub_world_publish(*state, "nobody", "b"), 0);
    assert_string_equal(ann.heard, "a ");
    assert_string_equal(bob.heard, "");
    hub_world_leave(&ann);
    hub_world_leave(&bob);
}

static void
message_goes_out_in_order_of_subscription(void **state)
{
    struct world *world = *state;
    struct listener listeners[4] = {0};

    for (int i = 0; i < 4; i++) {
        hub_world_join(&listeners[i], world->hub, "room", "1");
        /* Each ends the one before it, so each hears the message only if it comes in order. */
        listeners[i].removes = i > 0 ? &listeners[i - 1] : NULL;
    }
    assert_int_equal(hub_world_publish(world, "room", "a"), 4);
    assert_int_equal(hub_world_publish(world, "room", "b"), 1);
    assert_string_equal(listeners[0].heard, "a ");
    assert_string_equal(listeners[3].heard, "a b ");
    hub_world_leave(&listeners[3]);
}

static void
subscriber_may_leave_while_it_is_being_served(void **state)
{
    struct world *world = *state;
    struct listener fickle = {.removes = &fickle};
    struct listener loyal = {0};

    hub_world_join(&fickle, world->hub, "room", "1");
    hub_world_join(&loyal, world->hub, "room", "2");

    assert_int_equal(hub_world_publish(world, "room", "a"), 2);
    assert_int_equal(hub_world_publish(world, "room", "b"), 1);
    assert_string_equal(fickle.heard, "a ");
    assert_string_equal(loyal.heard, "a b ");
    hub_world_leave(&loyal);
}

static void
subscriber_removed_during_a_publish_gets_nothing_more(void **state)
{
    struct world *world = *state;
    struct listener rude = {0};
    struct listener victim = {0};

    hub_world_join(&rude, world->hub, "room", "1");
    hub_world_join(&victim, world->hub, "room", "2");
    rude.removes = &victim;

    assert_int_equal(hub_world_publish(world, "room", "a"), 1);
    assert_string_equal(victim.heard, "");
    hub_world_leave(&rude);
}

static void
newcomer_during_a_publish_waits_for_the_next_message(void **state)
{
    struct world *world = *state;
    struct listener newcomer = {0};
    struct listener host = {.subscribes = &newcomer};

    hub_world_join(&host, world->hub, "room", "1");

    assert_int_equal(hub_world_publish(world, "room", "a"), 1);
    assert_string_equal(newcomer.heard, "");
    assert_int_equal(hub_world_publish(world, "room", "b"), 2);
    assert_string_equal(newcomer.heard, "b ");
    hub_world_leave(&host);
    hub_world_leave(&newcomer);
}

static void
topic_attached_twice_gives_one_copy(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    hub_world_join(&ann, world->hub, "member", "1");
    pgc_hub_attach(world->hub, ann.sub, "room-members:7");
    pgc_hub_attach(world->hub, ann.sub, "room-members:7");
    pgc_hub_attach(world->hub, ann.sub, "member");

    assert_int_equal(hub_world_publish(world, "room-members:7", "a"), 1);
    assert_int_equal(hub_world_publish(world, "member", "b"), 1);
    assert_string_equal(ann.heard, "a b ");
    hub_world_leave(&ann);
}

static void
join_and_leave_move_all_subscriptions_of_a_stream(void **state)
{
    struct world *world = *state;
    struct listener phone = {0};
    struct listener tab = {0};
    struct listener other = {0};

    hub_world_join(&phone, world->hub, "member-1", "1");
    hub_world_join(&tab, world->hub, "member-1", "1");
    hub_world_join(&other, world->hub, "member-2", "2");

    hub_world_apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    hub_world_apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    assert_int_equal(hub_world_publish(world, "room-members:7", "a"), 2);
    hub_world_apply(world, PGC_OP_LEAVE, "room-members:7", "member-1", NULL);
    assert_int_equal(hub_world_publish(world, "room-members:7", "b"), 0);
    hub_world_apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    assert_int_equal(hub_world_publish(world, "room-members:7", "c"), 2);
    assert_string_equal(phone.heard, "a c ");
    assert_string_equal(tab.heard, "a c ");
    assert_string_equal(other.heard, "");
    hub_world_leave(&phone);
    hub_world_leave(&tab);
    hub_world_leave(&other);
}

static void
join_reaches_only_those_whose_own_stream_it_is(void **state)
{
    struct world *world = *state;
    struct listener owner = {0};
    struct listener guest = {0};

    hub_world_join(&owner, world->hub, "member-1", "1");
    hub_world_join(&guest, world->hub, "member-2", "2");
    pgc_hub_attach(world->hub, guest.sub, "member-1");

    hub_world_apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    assert_int_equal(hub_world_publish(world, "room-members:7", "a"), 1);
    assert_string_equal(guest.heard, "");
    hub_world_leave(&owner);
    hub_world_leave(&guest);
}

static void
leave_does_not_take_a_stream_from_its_own_subscribers(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    hub_world_join(&ann, world->hub, "member-1", "1");
    hub_world_apply(world, PGC_OP_LEAVE, "member-1", "member-1", NULL);
    assert_int_equal(hub_world_publish(world, "member-1", "a"), 1);
    hub_world_leave(&ann);
}

static void
batch_is_applied_in_its_order(void **state)
{
    struct world *world = *state;
    struct pgc_msg *before = pgc_msg_new(&hub_world_position, 0, "before", 6);
    struct pgc_msg *after = pgc_msg_new(&hub_world_position, 0, "after", 5);
    struct pgc_batch *batch = pgc_batch_new(1);
    struct listener ann = {0};

    hub_world_join(&ann, world->hub, "member-1", "1");
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-members:7", NULL, before);
    pgc_batch_add(batch, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-members:7", NULL, after);

    assert_int_equal(pgc_hub_apply(world->hub, batch), 1);
    assert_string_equal(ann.heard, "after ");
    pgc_batch_unref(batch);
    pgc_msg_unref(before);
    pgc_msg_unref(after);
    hub_world_leave(&ann);
}

static void
add(struct pgc_batch *batch, enum pgc_op_kind kind, const char *topic, const char *text)
{
    struct pgc_msg *msg = pgc_msg_new(&hub_world_position, 0, text, strlen(text));

    pgc_batch_add(batch, kind, topic, NULL, msg);
    pgc_msg_unref(msg);
}

static void
what_follows_each_other_on_a_topic_is_handed_over_together(void **state)
{
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct listener ann = {0};
    struct listener bob = {0};

    hub_world_join(&ann, world->hub, "room", "1");
    hub_world_join(&bob, world->hub, "other", "2");
    pgc_hub_attach(world->hub, bob.sub, "room");
    add(batch, PGC_OP_PUBLISH, "room", "a");
    add(batch, PGC_OP_PUBLISH, "nobody", "b");
    add(batch, PGC_OP_HOLE, "other", "c");
    add(batch, PGC_OP_PUBLISH, "room", "d");
    add(batch, PGC_OP_PUBLISH, "other", "e");
    add(batch, PGC_OP_PUBLISH, "room", "f");
    pgc_batch_add(batch, PGC_OP_REVOKE, "room", "1", NULL);
    add(batch, PGC_OP_PUBLISH, "room", "g");
    assert_int_equal(pgc_hub_apply(world->hub, batch), 8);
    assert_string_equal(ann.heard, "a d f ");
    assert_int_equal(ann.runs, 2);
    assert_string_equal(bob.heard, "a d e f g ");
    assert_int_equal(bob.runs, 4);
    pgc_batch_unref(batch);
    hub_world_leave(&ann);
    hub_world_leave(&bob);
}

static void
not_too_many_are_handed_over_together_nor_too_much(void **state)
{
    enum { LARGE = 20000 };
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct listener ann = {0};
    char *large = calloc(1, LARGE + 1);

    assert_non_null(large);
    memset(large, 'x', LARGE);
    hub_world_join(&ann, world->hub, "room", "1");
    for (int i = 0; i < 2 * PGC_RUN_MAX; i++) {
        add(batch, PGC_OP_PUBLISH, "room", "a");
    }
    add(batch, PGC_OP_PUBLISH, "room", large);
    add(batch, PGC_OP_PUBLISH, "room", large);
    assert_int_equal(pgc_hub_apply(world->hub, batch), 2 * PGC_RUN_MAX + 2);
    assert_int_equal(ann.runs, 4);
    pgc_batch_unref(batch);
    hub_world_leave(&ann);
    free(large);
}

static void
add_of_row(struct pgc_batch *batch, int64_t row, const char *topic)
{
    struct pgc_msg *msg = pgc_msg_new(&hub_world_position, 0, "{\"event\":\"x\"}", 13);

    msg->trace = (struct pgc_trace){.xid = 731, .id = row};
    pgc_batch_add(batch, PGC_OP_PUBLISH, topic, NULL, msg);
    pgc_msg_unref(msg);
}

static void
each_message_is_counted_for_those_it_went_to(void **state)
{
    static const char *const counted[] = {"\"clients\":2}", "\"clients\":0}", "\"clients\":1}"};
    struct world *world = *state;
    struct pgc_recent *recent = pgc_recent_new();
    struct pgc_hub *hub = pgc_hub_new(
        world->loop, &(struct pgc_hub_conf){.metrics = world->metrics, .recent = recent});
    struct pgc_batch *batch = pgc_batch_new(1);
    struct listener ann = {0};
    struct listener bo = {0};

    hub_world_join(&ann, hub, "room", "1");
    hub_world_join(&bo, hub, "room", "2");
    add_of_row(batch, 1, "room");
    add_of_row(batch, 2, "another room");
    pgc_batch_add(batch, PGC_OP_EXPEL, NULL, "1", NULL);
    add_of_row(batch, 3, "room");
    pgc_recent_note(recent, batch);
    assert_int_equal(pgc_hub_apply(hub, batch), 3);
    pgc_batch_unref(batch);
    for (int64_t row = 1; row <= 3; row++) {
        const struct pgc_trace trace = {.xid = 731, .id = row};
        struct pgc_buf told = {0};

        pgc_recent_write_row(recent, &trace, &told);
        assert_non_null(strstr(pgc_buf_str(&told), counted[row - 1]));
        pgc_buf_fini(&told);
    }
    hub_world_leave(&bo);
    hub_world_turn(world);
    pgc_hub_free(hub);
    pgc_recent_free(recent);
}

static void
topic_without_subscribers_is_forgotten(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    hub_world_join(&ann, world->hub, "member-1", "1");
    pgc_hub_attach(world->hub, ann.sub, "room-members:7");
    assert_int_equal(pgc_hub_topic_count(world->hub), 2);
    hub_world_apply(world, PGC_OP_LEAVE, "room-members:7", "member-1", NULL);
    hub_world_turn(world);
    assert_int_equal(pgc_hub_topic_count(world->hub), 1);
    hub_world_leave(&ann);
    hub_world_turn(world);
    assert_int_equal(pgc_hub_topic_count(world->hub), 0);
}

static void
topic_may_be_used_again_before_it_is_swept(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    hub_world_join(&ann, world->hub, "room", "1");
    hub_world_leave(&ann);
    hub_world_join(&ann, world->hub, "room", "1");
    hub_world_turn(world);
    assert_int_equal(hub_world_publish(world, "room", "a"), 1);
    assert_string_equal(ann.heard, "a ");
    hub_world_leave(&ann);
}

static void
member_with_many_rooms_is_attached_and_removed_quickly(void **state)
{
    enum { ROOMS = 20000 };
    struct world *world = *state;
    struct listener ann = {0};
    char topic[32];

    hub_world_join(&ann, world->hub, "member-1", "1");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ROOMS; i++) {
            snprintf(topic, sizeof(topic), "room-members:%d", i);
            pgc_hub_attach(world->hub, ann.sub, topic);
        }
    }
    assert_int_equal(pgc_hub_topic_count(world->hub), ROOMS + 1);
    assert_int_equal(hub_world_publish(world, "room-members:19999", "a"), 1);
    hub_world_leave(&ann);
    hub_world_turn(world);
    assert_int_equal(pgc_hub_topic_count(world->hub), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_world_setup, hub_world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message_goes_to_those_on_its_topic_only),
        TEST(message_goes_out_in_order_of_subscription),
        TEST(subscriber_may_leave_while_it_is_being_served),
        TEST(subscriber_removed_during_a_publish_gets_nothing_more),
        TEST(newcomer_during_a_publish_waits_for_the_next_message),
        TEST(topic_attached_twice_gives_one_copy),
        TEST(join_and_leave_move_all_subscriptions_of_a_stream),
        TEST(join_reaches_only_those_whose_own_stream_it_is),
        TEST(leave_does_not_take_a_stream_from_its_own_subscribers),
        TEST(batch_is_applied_in_its_order),
        TEST(what_follows_each_other_on_a_topic_is_handed_over_together),
        TEST(not_too_many_are_handed_over_together_nor_too_much),
        TEST(each_message_is_counted_for_those_it_went_to),
        TEST(topic_without_subscribers_is_forgotten),
        TEST(topic_may_be_used_again_before_it_is_swept),
        TEST(member_with_many_rooms_is_attached_and_removed_quickly),
    };

    return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
