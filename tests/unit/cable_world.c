/* SPDX-License-Identifier: PostgreSQL */
#include "cable_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

enum { WORLD_DEADLINE_MS = 60000 };

/* ---- the socket ---- */

static void
socket_send(void *sink, struct pgc_frame *frame, bool ahead)
{
    struct socket *socket = sink;

    assert_int_equal(socket->close_code, 0);
    assert_true(socket->frame_count < WORLD_MAX_FRAMES);
    socket->frames[socket->frame_count++] = pgc_frame_ref(frame);
    socket->ahead_count += ahead;
    if (socket->dies_on_send || socket->frame_count == socket->dies_at_frame) {
        pgc_session_free(socket->session);
        socket->session = NULL;
    }
}

static void
socket_close(void *sink, int code, const char *reason)
{
    struct socket *socket = sink;

    assert_int_equal(socket->close_code, 0);
    assert_string_equal(reason, "");
    socket->close_code = code;
}

const struct pgc_session_ops socket_ops = {.send = socket_send, .close = socket_close};

/* The payload of what stands at `bytes`: a websocket's frame, or an event with its empty line. */
static const char *
payload_of(const char *bytes, bool is_event, size_t *length)
{
    const unsigned char *header = (const unsigned char *)bytes;

    if (is_event) {
        *length = (size_t)(strstr(bytes, "\n\n") + 2 - bytes);
        return bytes;
    }
    assert_in_range(header[1], 0, 126); /* none is so large that it needs more */
    *length = header[1] < 126 ? header[1] : (size_t)header[2] << 8 | header[3];
    return bytes + (header[1] < 126 ? 2 : 4);
}

/* Several may stand in one frame. */
const char *
socket_next(struct socket *socket)
{
    static char text[4096];
    const struct pgc_frame *frame;
    const char *payload;
    size_t length;

    text[0] = '\0';
    if (socket->read == socket->frame_count) {
        return text;
    }
    frame = socket->frames[socket->read];
    payload = payload_of(frame->bytes + socket->inside, frame->header_bytes == 0, &length);
    assert_true(length < sizeof(text));
    memcpy(text, payload, length);
    text[length] = '\0';
    socket->inside = (size_t)(payload - frame->bytes) + length;
    assert_true(socket->inside <= frame->length);
    if (socket->inside == frame->length) {
        socket->inside = 0;
        socket->read++;
    }
    return text;
}

void
socket_open_with(struct world *world, struct socket *socket, const struct pgc_identity *identity,
    const char *protocols)
{
    struct pgc_session_conf conf = {
        .conn = 1, .identity = identity, .ops = &socket_ops, .sink = socket};

    *socket = (struct socket){.close_code = 0};
    pgc_offer_parse(protocols, strlen(protocols), &conf.offer);
    socket->session = pgc_session_open(world->cable, &conf);
}

void
socket_open(struct world *world, struct socket *socket, const char *member, const char *protocols)
{
    struct pgc_identity identity = {.expires_s = 2000000000};

    snprintf(identity.member, sizeof(identity.member), "%s", member);
    socket_open_with(world, socket, &identity, protocols);
    assert_non_null(strstr(socket_next(socket), "{\"type\":\"welcome\""));
}

void
socket_open_42(struct world *world, struct socket *socket)
{
    socket_open(world, socket, "42", "actioncable-v1-json, actioncable-unsupported");
}

void
socket_hang_up(struct socket *socket)
{
    pgc_session_free(socket->session);
    for (size_t i = 0; i < socket->frame_count; i++) {
        pgc_frame_unref(socket->frames[i]);
    }
    *socket = (struct socket){.close_code = 0};
}

void
socket_say(struct socket *socket, const char *text)
{
    pgc_session_receive(socket->session, text, strlen(text));
}

void
socket_sayf(struct socket *socket, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    socket_say(socket, text);
}

/* ---- the loop ---- */

struct wait {
    struct world *world;
    bool (*is_done)(void *arg);
    void *arg;
    bool too_late;
};

static void
wait_check(void *arg)
{
    struct wait *wait = arg;

    if (wait->too_late || wait->is_done(wait->arg)) {
        pgc_loop_stop(wait->world->loop);
    } else {
        pgc_loop_defer(wait->world->loop, wait_check, wait);
    }
}

static void
wait_expired(void *arg)
{
    struct wait *wait = arg;

    wait->too_late = true;
}

void
world_run_until(struct world *world, bool (*is_done)(void *arg), void *arg)
{
    struct wait wait = {.world = world, .is_done = is_done, .arg = arg};
    struct pgc_timer *deadline = pgc_timer_new(world->loop, wait_expired, &wait);

    pgc_timer_set(deadline, WORLD_DEADLINE_MS);
    pgc_loop_defer(world->loop, wait_check, &wait);
    pgc_loop_run(world->loop);
    pgc_timer_free(deadline);
    assert_false(wait.too_late);
}

/* ---- the feed ---- */

static void
feed_asked(struct pgc_port *port PGC_UNUSED, struct pgc_ask *ask, void *arg)
{
    struct feed *feed = arg;

    assert_true(feed->ask_count < WORLD_MAX_ASKS);
    feed->asks[feed->ask_count++] = ask;
}

struct asks_wanted {
    const struct feed *feed;
    size_t count;
};

static bool
feed_has_asks(void *arg)
{
    const struct asks_wanted *wanted = arg;

    return wanted->feed->ask_count >= wanted->count;
}

const struct pgc_ask *
world_wait_for_ask(struct world *world, size_t number)
{
    struct asks_wanted wanted = {.feed = &world->feed, .count = number};

    world_run_until(world, feed_has_asks, &wanted);
    return world->feed.asks[number - 1];
}

static bool
port_is_empty(void *arg)
{
    return pgc_port_depth(arg) == 0;
}

/* All that was sent down has been received. */
static void
settle(struct world *world)
{
    world_run_until(world, port_is_empty, world->port);
}

void
world_answer(struct world *world, uint64_t ticket, const char *stream, const char *topic)
{
    struct pgc_answer *item = pgc_answer_new(ticket, stream);

    if (topic != NULL) {
        pgc_answer_add_topic(item, topic);
    }
    pgc_port_take_down_answer(world->port, item);
    settle(world);
}

void
world_send_batch(struct world *world, struct pgc_batch *batch)
{
    pgc_port_take_down_batch(world->port, batch);
    pgc_batch_unref(batch);
    settle(world);
}

void
world_send_op(struct world *world, enum pgc_op_kind kind, const char *topic, const char *via,
    const char *text)
{
    static const struct pgc_position position = {.tick = 1};
    struct pgc_batch *batch = pgc_batch_new(1);
    struct pgc_msg *msg = text != NULL ? pgc_msg_new(&position, 0, text, strlen(text)) : NULL;

    batch->ends_tick = true;
    pgc_batch_add(batch, kind, topic, via, msg);
    pgc_msg_unref(msg);
    world_send_batch(world, batch);
}

void
world_publish(struct world *world, const char *topic, const char *text)
{
    world_send_op(world, PGC_OP_PUBLISH, topic, NULL, text);
}

struct pgc_position
world_place(int64_t tick)
{
    return (struct pgc_position){.tick = tick, .id = 1, .nonce = (uint32_t)(0xabc00000 + tick)};
}

static void
world_send_tick(struct world *world, int64_t tick, enum pgc_op_kind kind, const char *topic,
    struct pgc_msg *msg)
{
    struct pgc_batch *batch = pgc_batch_new(tick);

    batch->nonce = world_place(tick).nonce;
    batch->at_us = tick * 1000000;
    batch->ends_tick = true;
    pgc_batch_add(batch, kind, topic, NULL, msg);
    world_send_batch(world, batch);
}

void
world_tick(struct world *world, int64_t tick, const char *topic, const char *text)
{
    const struct pgc_position place = world_place(tick);
    struct pgc_msg *msg = pgc_msg_new(&place, tick * 1000000, text, strlen(text));

    world_send_tick(world, tick, PGC_OP_PUBLISH, topic, msg);
    pgc_msg_unref(msg);
}

void
world_begin(struct world *world, int64_t tick)
{
    world_send_tick(world, tick, PGC_OP_BEGIN, NULL, NULL);
}

void
world_subscribe(struct world *world, struct socket *socket, const char *command, const char *stream,
    const char *confirmed)
{
    socket_say(socket, command);
    world_answer(world, world_wait_for_ask(world, world->feed.ask_count + 1)->ticket, stream, NULL);
    assert_string_equal(socket_next(socket), confirmed);
}

void
world_subscribe_room_7(struct world *world, struct socket *socket)
{
    world_subscribe(world, socket, SUBSCRIBE(ROOM_7), "chat-room-7-channel", CONFIRMED(ROOM_7));
}

int64_t
world_counted(struct world *world, const char *name)
{
    struct pgc_buf text = {0};
    char line[128];
    const char *found;
    int64_t value;

    snprintf(line, sizeof(line), "\n%s ", name);
    pgc_metrics_write(world->metrics, &text);
    found = strstr(pgc_buf_str(&text), line);
    assert_non_null(found);
    value = strtoll(found + strlen(line), NULL, 10);
    pgc_buf_fini(&text);
    return value;
}

int
world_setup(void **state)
{
    struct pgc_hub_conf hub_conf = {
        .history_s = 300,
        .history_bytes = 1 << 20,
        .history_messages = 1000,
        .replay_messages = 1000,
        .replay_bytes = 1000,
    };
    struct world *world = pgc_xcalloc(1, sizeof(*world));

    world->conf = (struct pgc_cable_conf){
        .max_identifier_bytes = 512,
        .max_message_bytes = 16384,
        .max_subscriptions = 64,
        .commands_burst = 100,
        .commands_per_s = 20,
        .duplicate_subscribe = PGC_DUPLICATE_AUTO,
    };
    world->loop = pgc_loop_new();
    world->metrics = pgc_metrics_new();
    world->port = pgc_port_new();
    hub_conf.metrics = world->metrics;
    world->hub = pgc_hub_new(world->loop, &hub_conf);
    pgc_port_open_feed(world->port, world->loop, feed_asked, &world->feed);
    world->cable =
        pgc_cable_new(world->loop, world->hub, world->port, &world->conf, world->metrics);
    *state = world;
    return 0;
}

int
world_teardown(void **state)
{
    struct world *world = *state;

    assert_int_equal(pgc_hub_sub_count(world->hub), 0);
    assert_int_equal(world_counted(world, "pgcable_sessions"), 0);
    assert_int_equal(world_counted(world, "pgcable_subscriptions"), 0);
    pgc_cable_free(world->cable);
    pgc_hub_free(world->hub);
    pgc_port_close_feed(world->port);
    pgc_loop_free(world->loop);
    pgc_port_free(world->port);
    pgc_metrics_free(world->metrics);
    for (size_t i = 0; i < world->feed.ask_count; i++) {
        pgc_ask_free(world->feed.asks[i]);
    }
    free(world);
    return 0;
}
void
socket_say_room(struct socket *socket, const char *command, int room)
{
    char text[256];

    snprintf(text, sizeof(text),
        "{\"command\":\"%s\",\"identifier\":\"{\\\"channel\\\":\\\"Chats::RoomChannel\\\","
        "\\\"id\\\":%d}\"}",
        command, room);
    socket_say(socket, text);
}
