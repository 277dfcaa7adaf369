/* SPDX-License-Identifier: PostgreSQL */
#include "hub_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/hub.h"

const struct pgc_position hub_world_position = {.tick = 1};

void
hub_world_leave(struct listener *listener)
{
    if (listener->sub != NULL) {
        pgc_hub_unsubscribe(listener->hub, listener->sub);
        listener->sub = NULL;
    }
}

static void
listener_deliver(void *owner, struct pgc_sub *sub, const struct pgc_run *run)
{
    struct listener *listener = owner;

    assert_ptr_equal(sub, listener->sub);
    for (size_t i = 0; i < run->count; i++) {
        size_t used = strlen(listener->heard);

        snprintf(listener->heard + used, sizeof(listener->heard) - used, "%s ", run->msgs[i]->text);
    }
    listener->runs++;
    listener->seen = run->msgs[run->count - 1]->seen;
    if (listener->removes != NULL) {
        hub_world_leave(listener->removes);
    }
    if (listener->subscribes != NULL && listener->subscribes->sub == NULL) {
        hub_world_join(listener->subscribes, listener->hub, "room", "9");
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
        hub_world_leave(listener->removes);
    }
}

static const struct pgc_sub_ops listener_ops = {
    .deliver = listener_deliver,
    .ended = listener_ended,
};

void
hub_world_join(
    struct listener *listener, struct pgc_hub *hub, const char *stream, const char *member)
{
    listener->hub = hub;
    listener->sub = pgc_hub_subscribe(hub, stream, member, &listener_ops, listener);
}

size_t
hub_world_apply(struct world *world, enum pgc_op_kind kind, const char *topic, const char *via,
    const char *text)
{
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_msg *msg =
        text != NULL ? pgc_msg_new(&hub_world_position, 0, text, strlen(text)) : NULL;
    size_t deliveries;

    batch->ends_tick = true;
    pgc_batch_add(batch, kind, topic, via, msg);
    pgc_msg_unref(msg);
    deliveries = pgc_hub_apply(world->hub, batch);
    pgc_batch_unref(batch);
    return deliveries;
}

size_t
hub_world_publish(struct world *world, const char *topic, const char *text)
{
    return hub_world_apply(world, PGC_OP_PUBLISH, topic, NULL, text);
}

static void
stop(void *arg)
{
    pgc_loop_stop(arg);
}

/* Let the loop's turn end, which is when the dead are swept. */
void
hub_world_turn(struct world *world)
{
    pgc_loop_defer(world->loop, stop, world->loop);
    pgc_loop_run(world->loop);
}

int
hub_world_setup_with(void **state, const struct pgc_hub_conf *conf)
{
    struct world *world = calloc(1, sizeof(*world));
    struct pgc_hub_conf own = *conf;

    assert_non_null(world);
    world->loop = pgc_loop_new();
    world->metrics = pgc_metrics_new();
    own.metrics = world->metrics;
    world->hub = pgc_hub_new(world->loop, &own);
    *state = world;
    return 0;
}

int
hub_world_setup(void **state)
{
    return hub_world_setup_with(state, &(struct pgc_hub_conf){
                                           .history_s = 300,
                                           .history_bytes = 1 << 20,
                                           .history_messages = 1000,
                                           .replay_messages = 1000,
                                       });
}

int
hub_world_teardown(void **state)
{
    struct world *world = *state;

    pgc_hub_free(world->hub);
    pgc_loop_free(world->loop);
    pgc_metrics_free(world->metrics);
    free(world);
    return 0;
}
