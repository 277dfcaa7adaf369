/* SPDX-License-Identifier: PostgreSQL */
/* hub_world.h - a hub on a loop, and subscribers that note what they hear. */
#ifndef PGCABLE_TEST_HUB_WORLD_H
#define PGCABLE_TEST_HUB_WORLD_H

#include "pgcable/hub.h"

extern const struct pgc_position hub_world_position;

struct world {
    struct pgc_loop *loop;
    struct pgc_metrics *metrics;
    struct pgc_hub *hub;
};

/* One subscriber: what it got, and what it does while it is being served. */
struct listener {
    struct pgc_hub *hub;
    struct pgc_sub *sub;
    char heard[256];
    int runs;             /* in so many pieces */
    struct pgc_seen seen; /* with the last one */
    int ended;
    enum pgc_sub_end why;
    struct listener *removes;    /* on delivery or end: unsubscribe this one */
    struct listener *subscribes; /* on delivery: subscribe this one to "room" */
};

void hub_world_leave(struct listener *listener);
void hub_world_join(
    struct listener *listener, struct pgc_hub *hub, const char *stream, const char *member);
size_t hub_world_apply(struct world *world, enum pgc_op_kind kind, const char *topic,
    const char *via, const char *text);
size_t hub_world_publish(struct world *world, const char *topic, const char *text);
void hub_world_turn(struct world *world);
int hub_world_setup(void **state);
int hub_world_setup_with(void **state, const struct pgc_hub_conf *conf);
int hub_world_teardown(void **state);

#endif
