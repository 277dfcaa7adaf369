/* SPDX-License-Identifier: PostgreSQL */
/*
 * fanout.c - ticks of four messages to 500 subscribers of a room, half of them with AnyCable's
 * protocol: from the batch into the queues of connections and out again, everything but the kernel.
 * What is counted is pgc_hub_apply().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cable_world.h"
#include "ws_queue.h"

enum { CLIENTS = 500, TICKS = 50, MESSAGES = 4, MESSAGE_BYTES = 600 };

static void
queue_send(void *sink, struct pgc_frame *frame, bool ahead PGC_UNUSED)
{
    struct ws_queue *queue = sink;

    ws_queue_push(queue, frame, 0);
    pgc_frame_unref(ws_queue_pop(queue));
}

static void
queue_close(void *sink PGC_UNUSED, int code, const char *reason PGC_UNUSED)
{
    fail_msg("closed with %d", code);
}

static const struct pgc_session_ops queue_ops = {.send = queue_send, .close = queue_close};

static struct pgc_session *
subscribe(struct world *world, struct ws_queue *queue, const char *protocol)
{
    const struct pgc_identity identity = {.member = "42", .expires_s = 2000000000};
    struct pgc_session_conf conf = {.identity = &identity, .ops = &queue_ops, .sink = queue};
    struct pgc_session *session;

    pgc_offer_parse(protocol, strlen(protocol), &conf.offer);
    session = pgc_session_open(world->cable, &conf);
    pgc_session_receive(session, SUBSCRIBE(ROOM_7), strlen(SUBSCRIBE(ROOM_7)));
    world_answer(world, world_wait_for_ask(world, world->feed.ask_count + 1)->ticket,
        "chat-room-7-channel", NULL);
    return session;
}

static struct pgc_batch *
make_tick(int64_t tick)
{
    struct pgc_batch *batch = pgc_batch_new(tick);
    char text[MESSAGE_BYTES];

    memset(text, '7', sizeof(text)); /* JSON, of a kind */
    batch->ends_tick = true;
    for (int i = 0; i < MESSAGES; i++) {
        const struct pgc_position place = {.tick = tick, .id = i + 1};
        struct pgc_msg *msg = pgc_msg_new(&place, 0, text, sizeof(text));

        pgc_batch_add(batch, PGC_OP_PUBLISH, "chat-room-7-channel", NULL, msg);
        pgc_msg_unref(msg);
    }
    return batch;
}

int
main(void)
{
    static struct ws_queue queues[CLIENTS];
    struct pgc_session *sessions[CLIENTS];
    struct world *world;

    world_setup((void **)&world);
    for (size_t i = 0; i < CLIENTS; i++) {
        sessions[i] = subscribe(
            world, &queues[i], i % 2 == 0 ? "actioncable-v1-json" : "actioncable-v1-ext-json");
    }
    for (int64_t tick = 1; tick <= TICKS; tick++) {
        world_send_batch(world, make_tick(tick));
    }
    assert_int_equal(world_counted(world, "pgcable_deliveries_total"), CLIENTS * TICKS * MESSAGES);
    for (size_t i = 0; i < CLIENTS; i++) {
        pgc_session_free(sessions[i]);
    }
    world_teardown((void **)&world);
    return 0;
}
