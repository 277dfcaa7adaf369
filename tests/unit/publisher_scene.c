/* SPDX-License-Identifier: PostgreSQL */
#include "publisher_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/mem.h"

struct scene *the_scene;

/* ---- what comes out of the stream ---- */

static void
scene_piece(struct scene *scene, const struct codec_packet *head)
{
    struct piece *piece = &scene->pieces[scene->count++];
    struct pgc_err err = {0};
    struct pgc_batch *batch = pgc_codec_read_batch(scene->bytes.data, scene->bytes.length, &err);

    assert_true(scene->count < PIECES_MAX);
    if (batch == NULL) {
        fail_msg("%s", err.message);
        return;
    }
    assert_int_equal(batch->tick, head->tick);
    assert_int_equal(batch->nonce, head->nonce);
    assert_int_equal(batch->ends_tick, head->ends);
    piece->head = *head;
    piece->ops = batch->count;
    if (batch->count > 0) {
        piece->ban = batch->ops[0].ban;
    }
    pgc_batch_unref(batch);
    pgc_buf_clear(&scene->bytes);
}

static void
scene_packet(const struct pgc_nats_packet *packet, void *arg)
{
    struct scene *scene = arg;
    struct codec_packet head;
    struct pgc_err err = {0};

    if (!pgc_codec_read_packet(packet->bytes.data, packet->bytes.length, &head, &err)) {
        fail_msg("%s", err.message);
    }
    if (head.fragment == 0) {
        pgc_buf_clear(&scene->bytes);
    }
    pgc_buf_add(&scene->bytes, head.bytes, head.length);
    if (head.fragment + 1 == head.fragments) {
        scene_piece(scene, &head);
    }
}

/* ---- daemons ---- */

static void
daemon_found(const struct pgc_bus_place *place, void *arg)
{
    struct daemon *daemon = arg;

    daemon->founds++;
    daemon->place = *place;
}

static void
daemon_fenced(const struct pgc_err *why, void *arg)
{
    struct daemon *daemon = arg;

    daemon->fences++;
    daemon->why = *why;
}

static void
daemon_asked(struct pgc_port *port, struct pgc_ask *ask, void *arg)
{
    struct daemon *daemon = arg;

    (void)port;
    assert_true(daemon->ask_count < ASKS_MAX);
    daemon->asks[daemon->ask_count++] = ask;
}

void
daemon_start(struct scene *scene, struct daemon *daemon)
{
    static const struct pgc_publisher_ops ops = {.found = daemon_found, .fenced = daemon_fenced};
    const struct pgc_bus_conf conf = {.url = getenv("PGC_TEST_NATS"),
        .prefix = scene->world->prefix,
        .replicas = 1,
        .retention_s = 600};

    daemon->metrics = pgc_metrics_new();
    daemon->publisher = pgc_publisher_new(scene->world->loop, &conf, daemon->metrics, &ops, daemon);
}

static void
daemon_drop_port(struct daemon *daemon)
{
    if (daemon->port != NULL) {
        pgc_publisher_rest(daemon->publisher);
        pgc_port_close_feed(daemon->port);
        pgc_port_free(daemon->port);
        daemon->port = NULL;
    }
    for (unsigned i = 0; i < daemon->ask_count; i++) {
        pgc_ask_free(daemon->asks[i]);
    }
    daemon->ask_count = 0;
}

static bool
one_has_found(const struct world *world)
{
    return the_scene->one.founds == world->target;
}

static bool
two_has_found(const struct world *world)
{
    return the_scene->two.founds == world->target;
}

void
daemon_stand(struct scene *scene, struct daemon *daemon, int64_t term)
{
    daemon_drop_port(daemon);
    daemon->port = pgc_port_new();
    pgc_port_open_feed(daemon->port, scene->world->loop, daemon_asked, daemon);
    pgc_publisher_lead(daemon->publisher, daemon->port, term);
}

void
daemon_lead(struct scene *scene, struct daemon *daemon, int64_t term)
{
    daemon_stand(scene, daemon, term);
    world_wait_for(
        scene->world, daemon == &scene->one ? one_has_found : two_has_found, daemon->founds + 1);
}

static void
daemon_stop(struct daemon *daemon)
{
    daemon_drop_port(daemon);
    pgc_publisher_free(daemon->publisher);
    pgc_metrics_free(daemon->metrics);
    *daemon = (struct daemon){0};
}

/* ---- what the feed says ---- */

struct pgc_batch *
batch_of(int64_t tick, bool ends)
{
    struct pgc_batch *batch = pgc_batch_new(tick);

    batch->nonce = NONCE;
    batch->at_us = tick * 1000;
    batch->ends_tick = ends;
    return batch;
}

void
hand_down(struct daemon *daemon, struct pgc_batch *batch)
{
    pgc_port_take_down_batch(daemon->port, batch);
    pgc_batch_unref(batch);
}

void
hand_down_tick(struct daemon *daemon, int64_t tick, size_t text_bytes)
{
    struct pgc_batch *batch = batch_of(tick, true);
    const struct pgc_position position = {.tick = tick, .id = 1, .nonce = NONCE};
    char *text = pgc_xmalloc(text_bytes + 3);
    struct pgc_msg *msg;

    memset(text, 'x', text_bytes + 2);
    text[0] = '"';
    text[text_bytes + 1] = '"';
    text[text_bytes + 2] = '\0';
    msg = pgc_msg_new(&position, 1, text, text_bytes + 2);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room:1", NULL, msg);
    pgc_msg_unref(msg);
    free(text);
    hand_down(daemon, batch);
}

void
hand_down_beginning(struct daemon *daemon, int64_t tick)
{
    struct pgc_batch *batch = batch_of(tick, true);

    pgc_batch_add(batch, PGC_OP_BEGIN, NULL, NULL, NULL);
    hand_down(daemon, batch);
}

/* ---- what is waited for ---- */

bool
has_pieces(const struct world *world)
{
    return the_scene->count >= world->target;
}

bool
one_is_at(const struct world *world)
{
    struct pgc_bus_status status;

    pgc_publisher_status(the_scene->one.publisher, &status);
    return status.ready && status.tick == world->target && status.waiting == 0;
}

bool
one_is_down(const struct world *world)
{
    struct pgc_bus_status status;

    (void)world;
    pgc_publisher_status(the_scene->one.publisher, &status);
    return !status.ready;
}

bool
one_is_fenced(const struct world *world)
{
    (void)world;
    return the_scene->one.fences > 0;
}

static bool
edge_is_up(const struct world *world)
{
    return pgc_nats_is_up(world->edge.nats);
}

static bool
edge_has_published(const struct world *world)
{
    const struct end *edge = &world->edge;

    return edge->stored + edge->refused + edge->unreachable == world->target;
}

void
add_packet(struct scene *scene, uint64_t last, const struct pgc_nats_bytes *bytes)
{
    struct end *edge = &scene->world->edge;

    edge->take = NULL;
    do { /* there may be no stream yet */
        world_wait(scene->world, edge_is_up);
        pgc_nats_publish(edge->nats, last, bytes, 0);
        world_wait_for(
            scene->world, edge_has_published, edge->stored + edge->refused + edge->unreachable + 1);
    } while (edge->stored + edge->refused == 0);
}

void
add_garbage(struct scene *scene, uint64_t last)
{
    add_packet(
        scene, last, &(struct pgc_nats_bytes){(const unsigned char *)"garbage", strlen("garbage")});
}

bool
has_asks(const struct world *world)
{
    return the_scene->one.ask_count == world->target;
}

bool
has_answers(const struct world *world)
{
    return world->edge.answers + world->edge.failures == world->target;
}

void
assert_piece(const struct scene *scene, unsigned i, int64_t tick, uint32_t piece)
{
    assert_int_equal(scene->pieces[i].head.tick, tick);
    assert_int_equal(scene->pieces[i].head.piece, piece);
}

/* ---- what the edge asks ---- */

static void
answer_done(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg)
{
    struct scene *scene = arg;
    struct end *edge = &scene->world->edge;

    if (err != NULL) {
        edge->failures++;
        edge->failure = *err;
    } else {
        edge->answers++;
        pgc_buf_clear(&scene->answer);
        pgc_buf_add(&scene->answer, answer->data, answer->length);
    }
}

void
ask(struct scene *scene, const char *what, const struct pgc_buf *bytes, int64_t timeout_ms)
{
    pgc_nats_request(scene->world->edge.nats, what,
        &(struct pgc_nats_bytes){(const unsigned char *)bytes->data, bytes->length}, timeout_ms,
        answer_done, scene);
}

void
ask_access(struct scene *scene)
{
    struct pgc_ask *asks[] = {pgc_ask_new(70, PGC_STREAM_MEMBER, "7", NULL, NULL),
        pgc_ask_new(71, PGC_STREAM_ROOM, "7", "5", NULL)};
    struct codec_asks question = {.edge = 99, .count = 2, .asks = asks};
    struct pgc_buf bytes = {0};

    pgc_codec_write_asks(&bytes, &question);
    ask(scene, "ask", &bytes, WORLD_DEADLINE_MS);
    pgc_buf_fini(&bytes);
    pgc_ask_free(asks[0]);
    pgc_ask_free(asks[1]);
    world_wait_for(scene->world, has_asks, scene->one.ask_count + 2);
}

void
ask_rooms(struct scene *scene, uint64_t ticket, size_t count, int64_t timeout_ms)
{
    struct pgc_ask **asks = pgc_xcalloc(count, sizeof(struct pgc_ask *));
    struct codec_asks question = {.edge = 99, .count = count, .asks = asks};
    struct pgc_buf bytes = {0};

    for (size_t i = 0; i < count; i++) {
        asks[i] = pgc_ask_new(ticket + i, PGC_STREAM_ROOM, "7", "5", NULL);
    }
    pgc_codec_write_asks(&bytes, &question);
    ask(scene, "ask", &bytes, timeout_ms);
    pgc_buf_fini(&bytes);
    for (size_t i = 0; i < count; i++) {
        pgc_ask_free(asks[i]);
    }
    free(asks);
}

void
ask_state(struct scene *scene, int64_t timeout_ms)
{
    struct pgc_buf bytes = {0};

    pgc_codec_write_place(&bytes, CODEC_STATE_ASK, &(struct codec_place){0});
    ask(scene, "state", &bytes, timeout_ms);
    pgc_buf_fini(&bytes);
}

/* ---- setup ---- */

int
scene_setup(void **state)
{
    struct scene *scene = pgc_xcalloc(1, sizeof(*scene));

    the_scene = scene;
    scene->world = world_new();
    daemon_start(scene, &scene->one);
    daemon_lead(scene, &scene->one, 1); /* and so there is a stream */
    scene->world->edge.take = scene_packet;
    scene->world->edge.take_arg = scene;
    world_connect(scene->world, &scene->world->edge,
        &(struct pgc_nats_conf){
            .url = getenv("PGC_TEST_NATS"), .prefix = scene->world->prefix, .name = "edge"});
    pgc_nats_follow(scene->world->edge.nats, &(struct pgc_nats_since){.time_us = 1});
    *state = scene;
    return 0;
}

int
scene_teardown(void **state)
{
    struct scene *scene = *state;
    void *world = scene->world;

    daemon_stop(&scene->one);
    daemon_stop(&scene->two);
    world_teardown(&world);
    pgc_buf_fini(&scene->bytes);
    pgc_buf_fini(&scene->answer);
    free(scene);
    return 0;
}
