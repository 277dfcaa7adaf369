/* SPDX-License-Identifier: PostgreSQL */
/*
 * source.c - where the workers' batches come from, in a thread of its own: a feed, or a follower of
 * one on another machine; or, without workers, a feed for such followers.
 */
#include <pthread.h>
#include <stdlib.h>

#include "pgcable/bus.h"
#include "pgcable/clock.h"
#include "pgcable/feed.h"
#include "pgcable/loop.h"
#include "pgcable/mem.h"

#include "leader.h"

enum { SOURCE_STALE_MS = 10000 };

struct app_source {
    struct pgc_loop *loop;
    pthread_t thread;
    bool started;

    /* One of them. */
    struct pgc_feed *feed;
    struct app_leader *leader;
    struct pgc_follower *follower;
};

static struct pgc_feed_conf
source_feed_conf(const struct pgc_conf *conf, struct pgc_recent *recent)
{
    return (struct pgc_feed_conf){
        .database = conf->database,
        .poll_ms = conf->poll_ms,
        .retention_s = conf->retention_s,
        .history_s = conf->history_s,
        .history_bytes = (size_t)conf->history_bytes,
        .outbox_max_bytes = conf->outbox_max_bytes,
        .canary_ms = conf->canary_ms,
        .reauthorize_s = conf->reauthorize_s,
        .notify = (enum pgc_notify_mode)conf->notify,
        .envelope = (enum pgc_envelope)conf->envelope,
        .max_payload_bytes = (size_t)conf->max_payload_bytes,
        .recent = recent,
    };
}

static struct pgc_bus_conf
source_bus_conf(const struct pgc_conf *conf, struct pgc_recent *recent)
{
    return (struct pgc_bus_conf){
        .url = conf->nats_url,
        .prefix = conf->nats_prefix,
        .credentials = conf->nats_credentials,
        .tls_ca = conf->nats_tls_ca,
        .tls_certificate = conf->nats_tls_certificate,
        .tls_key = conf->nats_tls_key,
        .replicas = (unsigned)conf->nats_replicas,
        .retention_s = conf->retention_s,
        .history_s = conf->history_s,
        .recent = recent,
    };
}

struct app_source *
app_source_new(const struct app_source_conf *conf)
{
    const struct pgc_feed_conf feed_conf = source_feed_conf(conf->settings, conf->recent);
    const struct pgc_bus_conf bus_conf = source_bus_conf(conf->settings, conf->recent);
    struct app_source *source = pgc_xcalloc(1, sizeof(*source));

    source->loop = pgc_loop_new();
    switch ((enum pgc_role)conf->settings->role) {
    case PGC_ROLE_ALL:
        source->feed =
            pgc_feed_new(source->loop, &feed_conf, conf->ports, conf->port_count, conf->metrics);
        break;
    case PGC_ROLE_FEED:
        source->leader = app_leader_new(source->loop, &feed_conf, &bus_conf, conf->metrics);
        break;
    case PGC_ROLE_EDGE:
        source->follower =
            pgc_follower_new(source->loop, &bus_conf, conf->ports, conf->port_count, conf->metrics);
        break;
    }
    return source;
}

static void *
source_main(void *arg)
{
    struct app_source *source = arg;

    (void)pthread_setname_np(pthread_self(), "feed"); /* for top -H */
    pgc_loop_run(source->loop);
    return NULL;
}

bool
app_source_start(struct app_source *source, struct pgc_err *err)
{
    int error = pthread_create(&source->thread, NULL, source_main, source);

    source->started = error == 0;
    return source->started ||
           pgc_err_set(err, PGC_ERR_SYS, "start the feed thread: %s", strerror(error));
}

static void
source_follower_status(struct pgc_follower *follower, struct app_status *status)
{
    struct pgc_bus_status bus = {0};

    pgc_follower_status(follower, &bus);
    status->feed.ready = bus.ready;
    snprintf(status->feed.why, sizeof(status->feed.why), "%s", bus.why);
    status->feed.tick = bus.tick;
    status->feed.since_ms = bus.since_ms;
    status->feed.batches_waiting = bus.waiting;
}

/* A follower says itself when it has heard nothing for so long; this is for one that is stuck. */
static void
source_doubt(const struct app_source *source, struct pgc_feed_status *status)
{
    int64_t limit_ms = source->follower != NULL ? 2 * SOURCE_STALE_MS : SOURCE_STALE_MS;

    if (status->ready && pgc_monotonic_ms() - status->since_ms > limit_ms) {
        status->ready = false;
        snprintf(status->why, sizeof(status->why),
            "no look at %s has succeeded for more than %lld s",
            source->follower != NULL ? "NATS" : "the database", (long long)limit_ms / 1000);
    }
}

void
app_source_status(struct app_source *source, struct app_status *status)
{
    struct pgc_feed_status *feed = &status->feed;

    *status = (struct app_status){.reads = source->feed != NULL};
    if (source->feed != NULL) {
        pgc_feed_status(source->feed, feed);
    } else if (source->leader != NULL) {
        app_leader_status(source->leader, status);
    } else {
        source_follower_status(source->follower, status);
    }
    source_doubt(source, feed);
}

void
app_source_free(struct app_source *source)
{
    if (source == NULL) {
        return;
    }
    if (source->started) {
        pgc_loop_wake_stop(source->loop);
        pthread_join(source->thread, NULL);
    }
    pgc_feed_free(source->feed);
    app_leader_free(source->leader);
    pgc_follower_free(source->follower);
    pgc_loop_free(source->loop);
    free(source);
}
