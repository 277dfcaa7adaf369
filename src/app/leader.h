/* SPDX-License-Identifier: PostgreSQL */
/*
 * leader.h - the part of a daemon with role = feed: one of several that publishes, or stands by.
 */
#ifndef PGCABLE_LEADER_H
#define PGCABLE_LEADER_H

#include "pgcable/bus.h"
#include "pgcable/feed.h"
#include "pgcable/loop.h"
#include "pgcable/metrics.h"

#include "app.h"

/* ---- lease.c ---- */

struct app_lease;

struct app_lease_ops {
    void (*won)(int64_t term, void *arg);
    void (*lost)(void *arg);
};

struct app_lease_status {
    char why[PGC_ERR_TEXT]; /* the database cannot be asked; "" = it answers */
    char leader[192];       /* who leads, or did last */
    int64_t since_ms;       /* monotonic time of the last answer */
};

struct app_lease *app_lease_new(
    struct pgc_loop *loop, const char *database, const struct app_lease_ops *ops, void *arg);
/* Stand for it from now on, or let it go without hearing that it is lost. */
void app_lease_want(struct app_lease *lease, bool wants);
const struct app_lease_status *app_lease_status(const struct app_lease *lease);
/* Lets it go, for which it runs the loop: of ours nothing else hangs on it any more.  NULL is fine.
 */
void app_lease_free(struct app_lease *lease);

/* ---- leader.c ---- */

struct app_leader;

struct app_leader *app_leader_new(struct pgc_loop *loop, const struct pgc_feed_conf *feed_conf,
    const struct pgc_bus_conf *bus_conf, struct pgc_metrics *metrics);
void app_leader_status(struct app_leader *leader, struct app_status *status); /* any thread */
void app_leader_free(struct app_leader *leader);                              /* NULL is fine */

#endif
