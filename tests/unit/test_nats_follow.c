/* SPDX-License-Identifier: PostgreSQL */
/*
 * What is lost on the way, or gone from the stream, is noticed.  The test has a connection of its
 * own to do to the stream what its operator may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "nats_internal.h"
#include "nats_world.h"

enum { LARGE = 256 * 1024 };

/* ---- the operator ---- */

struct operator
{
    natsConnection *connection;
    jsCtx *stream;
};

static struct operator operator_come(void)
{
    struct operator operator= {0};

    assert_int_equal(
        natsConnection_ConnectTo(&operator.connection, getenv("PGC_TEST_NATS")), NATS_OK);
    assert_int_equal(
        natsConnection_JetStream(&operator.stream, operator.connection, NULL), NATS_OK);
    return operator;
}

static void operator_leave(struct operator* operator)
{
    jsCtx_Destroy(operator->stream);
    natsConnection_Destroy(operator->connection);
}

static void
delete_packet(const struct world *world, uint64_t sequence)
{
    struct operator operator= operator_come();

    assert_int_equal(js_DeleteMsg(operator.stream, world->prefix, sequence, NULL, NULL), NATS_OK);
    operator_leave(&operator);
}

/* Of the stream, there is only one. */
static void
delete_consumers(const struct world *world)
{
    struct operator operator= operator_come();
    jsConsumerInfoList *list = NULL;

    assert_int_equal(js_Consumers(&list, operator.stream, world->prefix, NULL, NULL), NATS_OK);
    assert_int_not_equal(list->Count, 0);
    for (int i = 0; i < list->Count; i++) {
        assert_int_equal(
            js_DeleteConsumer(operator.stream, world->prefix, list->List[i]->Name, NULL, NULL),
            NATS_OK);
    }
    jsConsumerInfoList_Destroy(list);
    operator_leave(&operator);
}

static void
assert_stream(const struct world *world, int64_t retention_s)
{
    struct operator operator= operator_come();
    jsStreamInfo *info = NULL;
    char subject[64];

    snprintf(subject, sizeof(subject), "%s.batch", world->prefix);
    assert_int_equal(js_GetStreamInfo(&info, operator.stream, world->prefix, NULL, NULL), NATS_OK);
    assert_int_equal(info->Config->MaxAge, retention_s * 1000000000);
    assert_int_equal(info->Config->Replicas, 1);
    assert_int_equal(info->Config->Storage, js_FileStorage);
    assert_int_equal(info->Config->SubjectsLen, 1);
    assert_string_equal(info->Config->Subjects[0], subject);
    jsStreamInfo_Destroy(info);
    operator_leave(&operator);
}

/* ---- what is waited for ---- */

static bool
has_packets(const struct world *world)
{
    return world->edge.packets >= world->target;
}

static bool
has_lost(const struct world *world)
{
    return world->edge.lost > 0;
}

static bool
has_answers(const struct world *world)
{
    return world->edge.answers + world->edge.failures >= world->target;
}

static bool
has_waiting(const struct world *world)
{
    return !TAILQ_EMPTY(&world->edge.nats->follow.waiting);
}

static bool
is_up_again(const struct world *world)
{
    return world->feed.ups == world->target;
}

static size_t
unread_bytes(const struct world *world)
{
    struct nats_wire *wire = &world->edge.nats->wire;
    size_t bytes;

    pthread_mutex_lock(&wire->lock);
    bytes = wire->unread_bytes;
    pthread_mutex_unlock(&wire->lock);
    return bytes;
}

static bool
has_much_unread(const struct world *world)
{
    return unread_bytes(world) > (size_t)16 << 20;
}

static bool
has_read_all(const struct world *world)
{
    return unread_bytes(world) == 0;
}

/* ---- helpers ---- */

static void
follow(struct world *world, uint64_t sequence, int64_t time_us)
{
    pgc_nats_follow(
        world->edge.nats, &(struct pgc_nats_since){.sequence = sequence, .time_us = time_us});
}

static void
answer_done(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg)
{
    struct end *end = arg;

    (void)err;
    (void)answer;
    end->failures++;
}

/* What the edge was told to do. */
static void
wait_until_done(struct world *world)
{
    const struct pgc_nats_bytes bytes = {(const unsigned char *)"", 0};

    pgc_nats_request(
        world->edge.nats, "nobody", &bytes, WORLD_DEADLINE_MS, answer_done, &world->edge);
    world_wait_for(world, has_answers, world->edge.failures + 1);
}

static void
publish_large(struct world *world, unsigned count)
{
    char *large = pgc_xmalloc(LARGE + 1);

    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    for (unsigned i = 0; i < count; i++) {
        world_publish(world, i, large);
    }
    free(large);
    assert_int_equal(world->feed.stored, count);
}

/* One packet has come. */
static struct nats_follow *
begin(struct world *world)
{
    world_publish(world, 0, "one");
    follow(world, 0, 1);
    world_wait_for(world, has_packets, 1);
    return &world->edge.nats->follow;
}

/* ---- on the way ---- */

static void
a_packet_that_was_lost_on_the_way_is_sent_again(void **state)
{
    struct world *world = *state;
    struct nats_follow *place = begin(world);

    place->next = 1; /* as if it had not come */
    place->received = 0;
    world_publish(world, 1, "two");
    world_wait_for(world, has_packets, 3);
    assert_int_equal(world->edge.sequences[1], 1);
    assert_int_equal(world->edge.sequences[2], 2);
    assert_int_equal(world->edge.lost, 0);
}

static void
the_last_packet_that_was_lost_on_the_way_is_sent_again(void **state)
{
    struct world *world = *state;
    struct nats_follow *place = begin(world);

    place->next = 1;
    place->received = 0;
    world_wait_for(world, has_packets, 2); /* nothing else is published */
    assert_int_equal(world->edge.sequences[1], 1);
}

static void
a_packet_that_is_known_does_not_come_twice(void **state)
{
    struct world *world = *state;
    struct nats_follow *place = begin(world);

    place->next = 3;
    world_publish(world, 1, "two");
    world_publish(world, 2, "three");
    world_wait_for(world, has_packets, 2);
    assert_int_equal(world->edge.sequences[1], 3);
}

static void
what_sends_to_us_is_made_again_when_it_is_gone(void **state)
{
    struct world *world = *state;

    (void)begin(world);
    delete_consumers(world);
    world_publish(world, 1, "two");
    world_wait_for(world, has_packets, 2);
    assert_int_equal(world->edge.sequences[1], 2);
    assert_int_equal(world->edge.lost, 0);
}

/* ---- in the stream ---- */

static void
a_packet_that_was_deleted_is_lost(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    world_publish(world, 1, "two");
    world_publish(world, 2, "three");
    delete_packet(world, 2);
    follow(world, 2, 0);
    world_wait(world, has_lost);
    assert_int_equal(world->edge.packets, 0);
    assert_non_null(strstr(world->edge.lost_err.message, "does not have packet 2"));
    world_publish(world, 3, "four");
    for (int i = 0; i < 3; i++) {
        wait_until_done(world);
    }
    assert_int_equal(world->edge.packets, 0); /* nothing is followed any more */
    assert_int_equal(world->edge.lost, 1);
}

static void
the_stream_keeps_what_it_is_told_to(void **state)
{
    struct world *world = *state;
    struct pgc_nats_conf conf = {
        .url = getenv("PGC_TEST_NATS"),
        .prefix = world->prefix,
        .name = "pgcable feed",
        .keeps_stream = true,
        .replicas = 1,
        .retention_s = 60, /* less than NATS looks for duplicates by itself */
    };

    assert_stream(world, 600);
    pgc_nats_free(world->feed.nats);
    world_connect(world, &world->feed, &conf);
    world_wait_for(world, is_up_again, 2);
    assert_stream(world, 60);
}

/* ---- begun anew ---- */

static void
what_waited_is_forgotten_when_it_begins_anew(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    world_publish(world, 1, "two");
    pgc_nats_hold(world->edge.nats, true);
    follow(world, 0, 1);
    world_wait(world, has_waiting);
    follow(world, 0, pgc_wall_us() + INT64_C(300000000));
    pgc_nats_hold(world->edge.nats, false);
    wait_until_done(world);
    world_publish(world, 2, "three");
    world_wait_for(world, has_packets, 1);
    assert_int_equal(world->edge.sequences[0], 3);
}

/* Five times at the first packet, while others are on their way. */
static void
begin_anew(const struct pgc_nats_packet *packet, void *arg)
{
    struct world *world = arg;

    if (packet->sequence == 1 && world->edge.packets <= 5) {
        follow(world, 0, 1);
    }
}

static void
what_is_not_read_any_more_makes_room(void **state)
{
    enum { COUNT = 40 };
    struct world *world = *state;

    publish_large(world, COUNT);
    world->edge.take = begin_anew;
    world->edge.take_arg = world;
    follow(world, 0, 1);
    world_wait_for(world, has_packets, COUNT);
    while (world->edge.sequences[world->edge.packets - 1] != COUNT) {
        world_wait_for(world, has_packets, world->edge.packets + 1);
    }
    world_wait(world, has_read_all);
}

static void
only_so_much_waits_on_our_side(void **state)
{
    enum { COUNT = 160 }; /* 40 MiB */
    struct world *world = *state;

    publish_large(world, COUNT);
    pgc_nats_hold(world->edge.nats, true);
    follow(world, 0, 1);
    world_wait(world, has_much_unread);
    wait_until_done(world);
    assert_in_range(unread_bytes(world), (size_t)16 << 20, ((size_t)16 << 20) + LARGE);
    pgc_nats_hold(world->edge.nats, false);
    world_wait_for(world, has_packets, COUNT);
    assert_int_equal(world->edge.packets, COUNT);
    world_wait(world, has_read_all);
}

static bool
a_second_has_just_begun(const struct world *world)
{
    int64_t beyond_us = pgc_wall_us() % 1000000;

    (void)world;
    return beyond_us > 15000 && beyond_us < 60000;
}

/* libnats takes 0.05 s for 0.5 s. */
static void
who_follows_from_the_beginning_of_a_second_misses_nothing(void **state)
{
    struct world *world = *state;
    int64_t since_us;

    world_wait(world, a_second_has_just_begun);
    since_us = pgc_wall_us();
    world_publish(world, 0, "one");
    follow(world, 0, since_us);
    world_wait_for(world, has_packets, 1);
    assert_int_equal(world->edge.sequences[0], 1);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_packet_that_was_lost_on_the_way_is_sent_again),
        WORLD_TEST(the_last_packet_that_was_lost_on_the_way_is_sent_again),
        WORLD_TEST(a_packet_that_is_known_does_not_come_twice),
        WORLD_TEST(what_sends_to_us_is_made_again_when_it_is_gone),
        WORLD_TEST(a_packet_that_was_deleted_is_lost),
        WORLD_TEST(the_stream_keeps_what_it_is_told_to),
        WORLD_TEST(what_waited_is_forgotten_when_it_begins_anew),
        WORLD_TEST(what_is_not_read_any_more_makes_room),
        WORLD_TEST(only_so_much_waits_on_our_side),
        WORLD_TEST(who_follows_from_the_beginning_of_a_second_misses_nothing),
    };

    if (world_has_no_server()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
