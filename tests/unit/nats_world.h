/* SPDX-License-Identifier: PostgreSQL */
/* nats_world.h - a loop, connections to the NATS server of with-nats, and what they told. */
#ifndef PGCABLE_NATS_WORLD_H
#define PGCABLE_NATS_WORLD_H

#include "pgcable/err.h"
#include "pgcable/loop.h"

#include "bus_nats.h"

enum { WORLD_DEADLINE_MS = 120000, WORLD_PACKETS_MAX = 400 };

/* One connection, and what it told. */
struct end {
    struct world *world;
    struct pgc_nats *nats;
    unsigned ups;
    unsigned downs;
    struct pgc_err down_err;

    unsigned stored;
    unsigned refused;
    unsigned unreachable;
    struct pgc_err publish_err;

    unsigned lasts;
    bool last_failed;
    bool has_last;
    uint64_t last;
    char last_text[64];

    unsigned packets;
    uint64_t sequences[WORLD_PACKETS_MAX];
    char text[64];                                                 /* of the newest packet */
    void (*take)(const struct pgc_nats_packet *packet, void *arg); /* or NULL */
    void *take_arg;
    unsigned lost;
    struct pgc_err lost_err;

    unsigned answers;
    unsigned failures;
    struct pgc_err failure;
    char answer[64];
    unsigned asked;
    bool is_mute;
    unsigned told;
    char told_what[16];
    char told_text[64];
    size_t told_length;
};

struct world {
    char prefix[32]; /* nobody else's: each has a stream of its own */
    struct pgc_loop *loop;
    struct pgc_timer *peek;
    bool (*is_true)(const struct world *world);
    int64_t deadline_ms;
    unsigned target; /* for what is waited for */
    struct end feed; /* keeps the stream */
    struct end edge;
};

bool world_has_no_server(void); /* says so */
/* stop, start, freeze, thaw, forget */
void world_server(const char *what);

int world_setup(void **state); /* both ends are up, the stream is empty and new */
int world_teardown(void **state);
struct world *world_new(void);
void world_connect(struct world *world, struct end *end, const struct pgc_nats_conf *conf);

/* Run the loop until it is true; fails the test if that takes too long. */
void world_wait(struct world *world, bool (*is_true)(const struct world *world));
void world_wait_for(
    struct world *world, bool (*is_true)(const struct world *world), unsigned target);

void world_copy(char out[64], const struct pgc_nats_bytes *bytes); /* as text, cut */

/* Publish, and wait for what comes of it. */
void world_publish(struct world *world, uint64_t expected_last, const char *text);

#endif
