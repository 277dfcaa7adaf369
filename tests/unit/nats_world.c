/* SPDX-License-Identifier: PostgreSQL */
#include "nats_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

enum { PEEK_MS = 2 };

void
world_copy(char out[64], const struct pgc_nats_bytes *bytes)
{
    size_t length = bytes->length < 63 ? bytes->length : 63;

    memcpy(out, bytes->data, length);
    out[length] = '\0';
}

static void
end_up(void *arg)
{
    ((struct end *)arg)->ups++;
}

static void
end_down(const struct pgc_err *why, void *arg)
{
    struct end *end = arg;

    end->downs++;
    end->down_err = *why;
}

static void
end_published(uint64_t cookie, enum pgc_nats_outcome outcome, const struct pgc_err *err, void *arg)
{
    struct end *end = arg;

    (void)cookie;
    end->stored += outcome == PGC_NATS_STORED;
    end->refused += outcome == PGC_NATS_REFUSED;
    end->unreachable += outcome == PGC_NATS_UNREACHABLE;
    if (err != NULL) {
        end->publish_err = *err;
    }
}

static void
end_packet(const struct pgc_nats_packet *packet, void *arg)
{
    struct end *end = arg;

    assert_true(end->packets < WORLD_PACKETS_MAX);
    end->sequences[end->packets++] = packet->sequence;
    world_copy(end->text, &packet->bytes);
    if (end->take != NULL) {
        end->take(packet, end->take_arg);
    }
}

static void
end_lost(const struct pgc_err *why, void *arg)
{
    struct end *end = arg;

    end->lost++;
    end->lost_err = *why;
}

static void
end_asked(struct pgc_nats_asked *asked, const char *what, const struct pgc_nats_bytes *question,
    void *arg)
{
    struct end *end = arg;
    char *text = pgc_xasprintf("%s? %.*s!", what, (int)question->length, question->data);
    const struct pgc_nats_bytes bytes = {(const unsigned char *)text, strlen(text)};

    end->asked++;
    pgc_nats_take_reply(end->nats, asked, end->is_mute ? NULL : &bytes);
    free(text);
}

static void
end_told(const char *what, const struct pgc_nats_bytes *bytes, void *arg)
{
    struct end *end = arg;

    end->told++;
    snprintf(end->told_what, sizeof(end->told_what), "%s", what);
    world_copy(end->told_text, bytes);
    end->told_length = bytes->length;
}

void
world_connect(struct world *world, struct end *end, const struct pgc_nats_conf *conf)
{
    static const struct pgc_nats_ops ops = {
        .up = end_up,
        .down = end_down,
        .published = end_published,
        .packet = end_packet,
        .lost = end_lost,
        .asked = end_asked,
        .told = end_told,
    };

    end->world = world;
    end->nats = pgc_nats_new(world->loop, conf, &ops, end);
}

static void
world_peek(void *arg)
{
    struct world *world = arg;

    if (world->is_true(world)) {
        pgc_loop_stop(world->loop);
        return;
    }
    if (pgc_monotonic_ms() > world->deadline_ms) {
        fail_msg("it never became true; feed: %u ups, %u downs \"%s\"; edge: %u ups, %u downs "
                 "\"%s\", %u packets",
            world->feed.ups, world->feed.downs, world->feed.down_err.message, world->edge.ups,
            world->edge.downs, world->edge.down_err.message, world->edge.packets);
    }
    pgc_timer_set(world->peek, PEEK_MS);
}

void
world_wait(struct world *world, bool (*is_true)(const struct world *world))
{
    world->is_true = is_true;
    world->deadline_ms = pgc_monotonic_ms() + WORLD_DEADLINE_MS;
    pgc_timer_set(world->peek, 0);
    pgc_loop_run(world->loop);
}

void
world_wait_for(struct world *world, bool (*is_true)(const struct world *world), unsigned target)
{
    world->target = target;
    world_wait(world, is_true);
}

static bool
has_published(const struct world *world)
{
    const struct end *feed = &world->feed;

    return feed->stored + feed->refused + feed->unreachable == world->target;
}

void
world_publish(struct world *world, uint64_t expected_last, const char *text)
{
    const struct pgc_nats_bytes bytes = {(const unsigned char *)text, strlen(text)};
    const struct end *feed = &world->feed;

    pgc_nats_publish(world->feed.nats, expected_last, &bytes, 0);
    world_wait_for(world, has_published, feed->stored + feed->refused + feed->unreachable + 1);
}

bool
world_has_no_server(void)
{
    if (getenv("PGC_TEST_NATS") != NULL) {
        return false;
    }
    fputs("SKIPPED: PGC_TEST_NATS is not set; run it through tests/unit/with-nats\n", stderr);
    return true;
}

void
world_server(const char *what)
{
    char *command = pgc_xasprintf("%s %s", getenv("PGC_TEST_NATS_DO"), what);

    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): the command is with-nats' own */
    free(command);
}

struct world *
world_new(void)
{
    struct world *world = pgc_xcalloc(1, sizeof(*world));
    uint32_t salt;

    pgc_random(&salt, sizeof(salt));
    snprintf(world->prefix, sizeof(world->prefix), "test-%u", (unsigned)salt);
    world->loop = pgc_loop_new();
    world->peek = pgc_timer_new(world->loop, world_peek, world);
    return world;
}

static bool
are_up(const struct world *world)
{
    return pgc_nats_is_up(world->feed.nats) && pgc_nats_is_up(world->edge.nats);
}

int
world_setup(void **state)
{
    struct world *world = world_new();
    struct pgc_nats_conf conf = {.url = getenv("PGC_TEST_NATS"),
        .prefix = world->prefix,
        .name = "pgcable feed",
        .keeps_stream = true,
        .replicas = 1,
        .retention_s = 600};

    world_connect(world, &world->feed, &conf);
    conf.keeps_stream = false;
    conf.name = "pgcable edge";
    world_connect(world, &world->edge, &conf);
    world_wait(world, are_up);
    *state = world;
    return 0;
}

int
world_teardown(void **state)
{
    struct world *world = *state;

    pgc_nats_free(world->edge.nats);
    pgc_nats_free(world->feed.nats);
    pgc_timer_free(world->peek);
    pgc_loop_free(world->loop);
    free(world);
    return 0;
}
