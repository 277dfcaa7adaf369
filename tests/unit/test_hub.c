/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/hub.h"

static const struct pgc_position position = {.tick = 1};

struct world {
    struct pgc_loop *loop;
    struct pgc_hub *hub;
};

/* One subscriber: what it got, and what it does while it is being served. */
struct listener {
    struct pgc_hub *hub;
    struct pgc_sub *sub;
    char heard[256];
    int ended;
    enum pgc_sub_end why;
    struct listener *removes;    /* on delivery or end: unsubscribe this one */
    struct listener *subscribes; /* on delivery: subscribe this one to "room" */
};

static void
listener_leave(struct listener *listener)
{
    if (listener->sub != NULL) {
        pgc_hub_unsubscribe(listener->hub, listener->sub);
        listener->sub = NULL;
    }
}

static void listener_join(
    struct listener *listener, struct pgc_hub *hub, const char *stream, const char *member);

static void
listener_deliver(void *owner, struct pgc_sub *sub, struct pgc_msg *msg)
{
    struct listener *listener = owner;
    size_t used = strlen(listener->heard);

    assert_ptr_equal(sub, listener->sub);
    snprintf(listener->heard + used, sizeof(listener->heard) - used, "%s ", msg->text);
    if (listener->removes != NULL) {
        listener_leave(listener->removes);
    }
    if (listener->subscribes != NULL && listener->subscribes->sub == NULL) {
        listener_join(listener->subscribes, listener->hub, "room", "9");
    }
}

static void
listener_ended(void *owner, struct pgc_sub *sub, enum pgc_sub_end why)
{
    struct listener *listener = owner;

    assert_ptr_equal(sub, listener->sub);
    listener->sub = NULL;
    listener->ended++;
    listener->why = why;
    if (listener->removes != NULL) {
        listener_leave(listener->removes);
    }
}

static const struct pgc_sub_ops listener_ops = {
    .deliver = listener_deliver,
    .ended = listener_ended,
};

static void
listener_join(
    struct listener *listener, struct pgc_hub *hub, const char *stream, const char *member)
{
    listener->hub = hub;
    listener->sub = pgc_hub_subscribe(hub, stream, member, &listener_ops, listener);
}

static size_t
apply(struct world *world, enum pgc_op_kind kind, const char *topic, const char *via,
    const char *text)
{
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_msg *msg = text != NULL ? pgc_msg_new(&position, 0, text, strlen(text)) : NULL;
    size_t deliveries;

    batch->ends_tick = true;
    pgc_batch_add(batch, kind, topic, via, msg);
    pgc_msg_unref(msg);
    deliveries = pgc_hub_apply(world->hub, batch);
    pgc_batch_unref(batch);
    return deliveries;
}

static size_t
publish(struct world *world, const char *topic, const char *text)
{
    return apply(world, PGC_OP_PUBLISH, topic, NULL, text);
}

static void
stop(void *arg)
{
    pgc_loop_stop(arg);
}

/* Let the loop's turn end, which is when the dead are swept. */
static void
turn(struct world *world)
{
    pgc_loop_defer(world->loop, stop, world->loop);
    pgc_loop_run(world->loop);
}

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->loop = pgc_loop_new();
    world->hub = pgc_hub_new(world->loop);
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;

    pgc_hub_free(world->hub);
    pgc_loop_free(world->loop);
    free(world);
    return 0;
}

static void
message_goes_to_those_on_its_topic_only(void **state)
{
    struct listener ann = {0};
    struct listener bob = {0};

    listener_join(&ann, ((struct world *)*state)->hub, "room", "1");
    listener_join(&bob, ((struct world *)*state)->hub, "other", "2");

    assert_int_equal(publish(*state, "room", "a"), 1);
    assert_int_equal(publish(*state, "nobody", "b"), 0);
    assert_string_equal(ann.heard, "a ");
    assert_string_equal(bob.heard, "");
    listener_leave(&ann);
    listener_leave(&bob);
}

static void
message_goes_out_in_order_of_subscription(void **state)
{
    struct world *world = *state;
    struct listener listeners[4] = {0};

    for (int i = 0; i < 4; i++) {
        listener_join(&listeners[i], world->hub, "room", "1");
        /* Each ends the one before it, so each hears the message only if it comes in order. */
        listeners[i].removes = i > 0 ? &listeners[i - 1] : NULL;
    }
    assert_int_equal(publish(world, "room", "a"), 4);
    assert_int_equal(publish(world, "room", "b"), 1);
    assert_string_equal(listeners[0].heard, "a ");
    assert_string_equal(listeners[3].heard, "a b ");
    listener_leave(&listeners[3]);
}

static void
subscriber_may_leave_while_it_is_being_served(void **state)
{
    struct world *world = *state;
    struct listener fickle = {.removes = &fickle};
    struct listener loyal = {0};

    listener_join(&fickle, world->hub, "room", "1");
    listener_join(&loyal, world->hub, "room", "2");

    assert_int_equal(publish(world, "room", "a"), 2);
    assert_int_equal(publish(world, "room", "b"), 1);
    assert_string_equal(fickle.heard, "a ");
    assert_string_equal(loyal.heard, "a b ");
    listener_leave(&loyal);
}

static void
subscriber_removed_during_a_publish_gets_nothing_more(void **state)
{
    struct world *world = *state;
    struct listener rude = {0};
    struct listener victim = {0};

    listener_join(&rude, world->hub, "room", "1");
    listener_join(&victim, world->hub, "room", "2");
    rude.removes = &victim;

    assert_int_equal(publish(world, "room", "a"), 1);
    assert_string_equal(victim.heard, "");
    listener_leave(&rude);
}

static void
newcomer_during_a_publish_waits_for_the_next_message(void **state)
{
    struct world *world = *state;
    struct listener newcomer = {0};
    struct listener host = {.subscribes = &newcomer};

    listener_join(&host, world->hub, "room", "1");

    assert_int_equal(publish(world, "room", "a"), 1);
    assert_string_equal(newcomer.heard, "");
    assert_int_equal(publish(world, "room", "b"), 2);
    assert_string_equal(newcomer.heard, "b ");
    listener_leave(&host);
    listener_leave(&newcomer);
}

static void
topic_attached_twice_gives_one_copy(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    listener_join(&ann, world->hub, "member", "1");
    pgc_hub_attach(world->hub, ann.sub, "room-members:7");
    pgc_hub_attach(world->hub, ann.sub, "room-members:7");
    pgc_hub_attach(world->hub, ann.sub, "member");

    assert_int_equal(publish(world, "room-members:7", "a"), 1);
    assert_int_equal(publish(world, "member", "b"), 1);
    assert_string_equal(ann.heard, "a b ");
    listener_leave(&ann);
}

static void
join_and_leave_move_all_subscriptions_of_a_stream(void **state)
{
    struct world *world = *state;
    struct listener phone = {0};
    struct listener tab = {0};
    struct listener other = {0};

    listener_join(&phone, world->hub, "member-1", "1");
    listener_join(&tab, world->hub, "member-1", "1");
    listener_join(&other, world->hub, "member-2", "2");

    apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    assert_int_equal(publish(world, "room-members:7", "a"), 2);
    apply(world, PGC_OP_LEAVE, "room-members:7", "member-1", NULL);
    assert_int_equal(publish(world, "room-members:7", "b"), 0);
    apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    assert_int_equal(publish(world, "room-members:7", "c"), 2);
    assert_string_equal(phone.heard, "a c ");
    assert_string_equal(tab.heard, "a c ");
    assert_string_equal(other.heard, "");
    listener_leave(&phone);
    listener_leave(&tab);
    listener_leave(&other);
}

static void
join_reaches_only_those_whose_own_stream_it_is(void **state)
{
    struct world *world = *state;
    struct listener owner = {0};
    struct listener guest = {0};

    listener_join(&owner, world->hub, "member-1", "1");
    listener_join(&guest, world->hub, "member-2", "2");
    pgc_hub_attach(world->hub, guest.sub, "member-1");

    apply(world, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    assert_int_equal(publish(world, "room-members:7", "a"), 1);
    assert_string_equal(guest.heard, "");
    listener_leave(&owner);
    listener_leave(&guest);
}

static void
leave_does_not_take_a_stream_from_its_own_subscribers(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    listener_join(&ann, world->hub, "member-1", "1");
    apply(world, PGC_OP_LEAVE, "member-1", "member-1", NULL);
    assert_int_equal(publish(world, "member-1", "a"), 1);
    listener_leave(&ann);
}

static void
batch_is_applied_in_its_order(void **state)
{
    struct world *world = *state;
    struct pgc_msg *before = pgc_msg_new(&position, 0, "before", 6);
    struct pgc_msg *after = pgc_msg_new(&position, 0, "after", 5);
    struct pgc_batch *batch = pgc_batch_new(1);
    struct listener ann = {0};

    listener_join(&ann, world->hub, "member-1", "1");
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-members:7", NULL, before);
    pgc_batch_add(batch, PGC_OP_JOIN, "room-members:7", "member-1", NULL);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-members:7", NULL, after);

    assert_int_equal(pgc_hub_apply(world->hub, batch), 1);
    assert_string_equal(ann.heard, "after ");
    pgc_batch_unref(batch);
    pgc_msg_unref(before);
    pgc_msg_unref(after);
    listener_leave(&ann);
}

static void
revoked_member_loses_that_stream_only(void **state)
{
    struct world *world = *state;
    struct listener in_room = {0};
    struct listener in_other = {0};
    struct listener neighbour = {0};

    listener_join(&in_room, world->hub, "room-7", "1");
    listener_join(&in_other, world->hub, "room-8", "1");
    listener_join(&neighbour, world->hub, "room-7", "2");

    apply(world, PGC_OP_REVOKE, "room-7", "1", NULL);
    assert_int_equal(in_room.ended, 1);
    assert_int_equal(in_room.why, PGC_SUB_REVOKED);
    assert_int_equal(in_other.ended, 0);
    assert_int_equal(publish(world, "room-7", "a"), 1);
    assert_string_equal(in_room.heard, "");
    assert_string_equal(neighbour.heard, "a ");
    listener_leave(&in_other);
    listener_leave(&neighbour);
}

/* A room that is deleted together with its people still says so to them. */
static void
revoked_member_is_told_when_the_tick_has_ended(void **state)
{
    struct world *world = *state;
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_batch *last = pgc_batch_new(1);
    struct pgc_msg *said = pgc_msg_new(&position, 0, "said", 4);
    struct pgc_msg *gone = pgc_msg_new(&position, 0, "gone", 4);
    struct listener in_room = {0};
    struct listener leaver = {0};
    struct listener own = {0};

    listener_join(&in_room, world->hub, "room-7", "1");
    listener_join(&leaver, world->hub, "room-7", "1");
    listener_join(&own, world->hub, "member-1", "1");

    pgc_batch_add(batch, PGC_OP_REVOKE, "room-7", "1", NULL);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-7", NULL, said);
    pgc_batch_add(batch, PGC_OP_REVOKE, "room-7", "1", NULL);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "member-1", NULL, gone);
    assert_int_equal(pgc_hub_apply(world->hub, batch), 1);
    assert_int_equal(in_room.ended + leaver.ended, 0);
    assert_string_equal(own.heard, "gone ");

    turn(world);
    last->ends_tick = true;
    pgc_hub_apply(world->hub, last);
    assert_string_equal(in_room.heard, "");
    assert_int_equal(in_room.ended + leaver.ended, 2);
    assert_int_equal(own.ended, 0);
    pgc_batch_unref(batch);
    pgc_batch_unref(last);
    pgc_msg_unref(said);
    pgc_msg_unref(gone);
    listener_leave(&own);
}

static void
revoke_of_what_nobody_has_is_harmless(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    listener_join(&ann, world->hub, "room-7", "1");
    apply(world, PGC_OP_REVOKE, "room-9", "1", NULL);
    apply(world, PGC_OP_REVOKE, "room-7", "9", NULL);
    apply(world, PGC_OP_EXPEL, NULL, "9", NULL);
    apply(world, PGC_OP_JOIN, "room-members:7", "nobody", NULL);
    apply(world, PGC_OP_LEAVE, "room-members:7", "room-7", NULL);
    assert_int_equal(ann.ended, 0);
    assert_int_equal(pgc_hub_topic_count(world->hub), 1);
    listener_leave(&ann);
}

static void
expelled_member_loses_everything(void **state)
{
    struct world *world = *state;
    struct listener a = {0};
    struct listener b = {0};
    struct listener neighbour = {0};

    listener_join(&a, world->hub, "room-7", "1");
    listener_join(&b, world->hub, "member-1", "1");
    listener_join(&neighbour, world->hub, "room-7", "2");

    apply(world, PGC_OP_EXPEL, NULL, "1", NULL);
    assert_int_equal(a.ended + b.ended, 2);
    assert_int_equal(a.why, PGC_SUB_EXPELLED);
    assert_int_equal(neighbour.ended, 0);
    assert_int_equal(pgc_hub_sub_count(world->hub), 1);
    listener_leave(&neighbour);
}

static void
end_of_one_subscription_may_end_the_next(void **state)
{
    struct world *world = *state;
    struct listener first = {0};
    struct listener second = {0};

    listener_join(&first, world->hub, "room-7", "1");
    listener_join(&second, world->hub, "room-8", "1");
    first.removes = &second;

    apply(world, PGC_OP_EXPEL, NULL, "1", NULL);
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
        listener_join(&listeners[i], world->hub, "room", member);
    }
    apply(world, PGC_OP_RELOAD, NULL, NULL, NULL);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(listeners[i].ended, 1);
        assert_int_equal(listeners[i].why, PGC_SUB_RELOAD);
    }
}

static void
topic_without_subscribers_is_forgotten(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    listener_join(&ann, world->hub, "member-1", "1");
    pgc_hub_attach(world->hub, ann.sub, "room-members:7");
    assert_int_equal(pgc_hub_topic_count(world->hub), 2);
    apply(world, PGC_OP_LEAVE, "room-members:7", "member-1", NULL);
    turn(world);
    assert_int_equal(pgc_hub_topic_count(world->hub), 1);
    listener_leave(&ann);
    turn(world);
    assert_int_equal(pgc_hub_topic_count(world->hub), 0);
}

static void
topic_may_be_used_again_before_it_is_swept(void **state)
{
    struct world *world = *state;
    struct listener ann = {0};

    listener_join(&ann, world->hub, "room", "1");
    listener_leave(&ann);
    listener_join(&ann, world->hub, "room", "1");
    turn(world);
    assert_int_equal(publish(world, "room", "a"), 1);
    assert_string_equal(ann.heard, "a ");
    listener_leave(&ann);
}

static void
member_with_many_rooms_is_attached_and_removed_quickly(void **state)
{
    enum { ROOMS = 20000 };
    struct world *world = *state;
    struct listener ann = {0};
    char topic[32];

    listener_join(&ann, world->hub, "member-1", "1");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ROOMS; i++) {
            snprintf(topic, sizeof(topic), "room-members:%d", i);
            pgc_hub_attach(world->hub, ann.sub, topic);
        }
    }
    assert_int_equal(pgc_hub_topic_count(world->hub), ROOMS + 1);
    assert_int_equal(publish(world, "room-members:19999", "a"), 1);
    listener_leave(&ann);
    turn(world);
    assert_int_equal(pgc_hub_topic_count(world->hub), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(revoked_member_loses_that_stream_only),
        TEST(revoked_member_is_told_when_the_tick_has_ended),
        TEST(revoke_of_what_nobody_has_is_harmless),
        TEST(expelled_member_loses_everything),
        TEST(end_of_one_subscription_may_end_the_next),
        TEST(reload_ends_all_subscriptions),
        TEST(topic_without_subscribers_is_forgotten),
        TEST(topic_may_be_used_again_before_it_is_swept),
        TEST(member_with_many_rooms_is_attached_and_removed_quickly),
    };

    return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
