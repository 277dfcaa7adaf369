/* SPDX-License-Identifier: PostgreSQL */
/*
 * leader.c - stands for the lease while NATS is there; with it, a feed and a publisher at two ends
 * of a port.
 *
 *   NATS up -> want the lease -> won -> the stream's end found -> feed -> lost, fenced or NATS down
 *
 * All of it is taken down after any of the last three, and begun anew: the next one, here or
 * elsewhere, goes on behind what the stream ends with.
 */
#include "leader.h"

#include <pthread.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"

#define LEADER_LOOK_MS 250
/* NATS may be restarted, or elect a leader of its own, without another feed taking over. */
#define LEADER_PATIENCE_MS 3000

struct app_leader {
    struct pgc_loop *loop;
    struct pgc_feed_conf feed_conf;
    char *database;
    struct pgc_metrics *metrics;
    struct pgc_metric *leads;
    struct pgc_timer *timer;
    struct app_lease *lease;
    struct pgc_publisher *publisher;
    struct pgc_port *port; /* while we lead */
    int64_t nats_ms;       /* when NATS was last seen to be up */
    char ended[256];       /* why all has to be taken down; "" = it has not */

    pthread_mutex_t lock; /* what is asked for from other threads */
    struct pgc_feed *feed;
    struct app_status status;
};

/* ---- leading ---- */

/* Here and not where it is noticed: that may be inside a callback of what is freed. */
static void
leader_take_down(struct app_leader *leader)
{
    struct pgc_feed *feed = leader->feed;

    if (leader->port != NULL) {
        pgc_log(PGC_LOG_WARN, 0, "standing by: %s", leader->ended);
    }
    pthread_mutex_lock(&leader->lock);
    leader->feed = NULL;
    pthread_mutex_unlock(&leader->lock);
    pgc_feed_free(feed);
    pgc_publisher_rest(leader->publisher);
    pgc_port_free(leader->port);
    leader->port = NULL;
    leader->ended[0] = '\0';
    pgc_metric_set(leader->leads, 0);
}

static void
leader_end(struct app_leader *leader, const char *why)
{
    snprintf(leader->ended, sizeof(leader->ended), "%.200s", why);
    pgc_timer_set(leader->timer, 0);
}

static void
leader_lease_won(int64_t term, void *arg)
{
    struct app_leader *leader = arg;

    if (leader->ended[0] != '\0') {
        leader_take_down(leader);
    }
    pgc_log(PGC_LOG_INFO, 0, "leading, term %lld", (long long)term);
    leader->port = pgc_port_new();
    pgc_publisher_lead(leader->publisher, leader->port, term);
}

static void
leader_lease_lost(void *arg)
{
    struct app_leader *leader = arg;
    const struct app_lease_status *lease = app_lease_status(leader->lease);

    leader_end(leader, lease->why[0] != '\0' ? lease->why : "another daemon leads");
}

static void
leader_found(const struct pgc_bus_place *place, void *arg)
{
    struct app_leader *leader = arg;
    struct pgc_feed *feed;

    if (leader->ended[0] != '\0' || leader->port == NULL) {
        return;
    }
    leader->feed_conf.goes_on = (struct pgc_feed_after){
        .tick = place->tick,
        .nonce = place->nonce,
        .is_whole = place->is_whole,
    };
    feed = pgc_feed_new(leader->loop, &leader->feed_conf, &leader->port, 1, leader->metrics);
    pthread_mutex_lock(&leader->lock);
    leader->feed = feed;
    pthread_mutex_unlock(&leader->lock);
    pgc_metric_set(leader->leads, 1);
}

static void
leader_fenced(const struct pgc_err *why, void *arg)
{
    leader_end(arg, why->message);
}

/* ---- looking after it ---- */

static void
leader_tell_status(struct app_leader *leader, const struct pgc_bus_status *bus)
{
    const struct app_lease_status *lease = app_lease_status(leader->lease);
    struct app_status status = {.feed = {.tick = bus->tick, .since_ms = lease->since_ms}};

    if (!bus->ready) {
        snprintf(status.feed.why, sizeof(status.feed.why), "%s", bus->why);
    } else if (lease->why[0] != '\0') {
        snprintf(status.feed.why, sizeof(status.feed.why), "%s", lease->why);
    } else if (leader->port != NULL) {
        snprintf(status.feed.why, sizeof(status.feed.why), "looking where the stream ends");
    } else {
        status.feed.ready = true;
        snprintf(status.note, sizeof(status.note), "standing by, %s leads", lease->leader);
    }
    pthread_mutex_lock(&leader->lock);
    leader->status = status;
    pthread_mutex_unlock(&leader->lock);
}

/* Who gives the lease up has a new term when it comes back. */
static void
leader_look(void *arg)
{
    struct app_leader *leader = arg;
    struct pgc_bus_status bus = {0};
    int64_t now_ms = pgc_monotonic_ms();

    pgc_timer_set(leader->timer, LEADER_LOOK_MS);
    pgc_publisher_status(leader->publisher, &bus);
    leader->nats_ms = bus.ready ? now_ms : leader->nats_ms;
    if (leader->ended[0] == '\0' && leader->port != NULL &&
        now_ms - leader->nats_ms > LEADER_PATIENCE_MS) {
        snprintf(leader->ended, sizeof(leader->ended), "%.200s", bus.why);
    }
    if (leader->ended[0] != '\0') {
        app_lease_want(leader->lease, false);
        leader_take_down(leader);
    } else {
        app_lease_want(leader->lease, bus.ready || leader->port != NULL);
    }
    leader_tell_status(leader, &bus);
}

void
app_leader_status(struct app_leader *leader, struct app_status *status)
{
    struct pgc_bus_status bus = {0};

    pgc_publisher_status(leader->publisher, &bus);
    pthread_mutex_lock(&leader->lock);
    *status = leader->status;
    if (leader->feed != NULL && bus.ready) {
        pgc_feed_status(leader->feed, &status->feed);
        status->reads = true;
    }
    pthread_mutex_unlock(&leader->lock);
    status->feed.batches_waiting += bus.waiting;
}

/* ---- life ---- */

struct app_leader *
app_leader_new(struct pgc_loop *loop, const struct pgc_feed_conf *feed_conf,
    const struct pgc_bus_conf *bus_conf, struct pgc_metrics *metrics)
{
    static const struct pgc_publisher_ops publisher_ops = {
        .found = leader_found,
        .fenced = leader_fenced,
    };
    static const struct app_lease_ops lease_ops = {
        .won = leader_lease_won,
        .lost = leader_lease_lost,
    };
    struct app_leader *leader = pgc_xcalloc(1, sizeof(*leader));

    leader->loop = loop;
    leader->metrics = metrics;
    leader->database = pgc_xstrdup(feed_conf->database);
    leader->feed_conf = *feed_conf;
    leader->feed_conf.database = leader->database;
    leader->leads = pgc_gauge(metrics, "pgcable_bus_leads", "",
        "1 while this daemon reads and publishes; 0 while it stands by.");
    pthread_mutex_init(&leader->lock, NULL);
    leader->publisher = pgc_publisher_new(loop, bus_conf, metrics, &publisher_ops, leader);
    leader->lease = app_lease_new(loop, leader->database, &lease_ops, leader);
    leader->timer = pgc_timer_new(loop, leader_look, leader);
    leader_look(leader);
    return leader;
}

void
app_leader_free(struct app_leader *leader)
{
    if (leader == NULL) {
        return;
    }
    pgc_timer_free(leader->timer);
    pgc_feed_free(leader->feed);
    pgc_publisher_free(leader->publisher);
    pgc_port_free(leader->port);
    app_lease_free(leader->lease);
    pthread_mutex_destroy(&leader->lock);
    pgc_wipe(leader->database, strlen(leader->database));
    free(leader->database);
    free(leader);
}
