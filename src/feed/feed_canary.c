/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "feed_internal.h"

/*
 * A canary is a row that no client sees.  It goes the way of all rows, writers' doorbell included,
 * and ends at the workers, which note how long it took: so the lag is known while nobody writes.
 * Each daemon knows its own by name.
 */
struct pgc_feed_canary {
    struct pgc_timer *timer;
    struct pgc_metric *sent;
    char name[24];
};

static void
canary_sent(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_log_err(PGC_LOG_WARN, 0, err, "write a canary");
    } else {
        pgc_metric_add(feed->canary->sent, 1);
    }
}

static void
canary_send(void *arg)
{
    struct pgc_feed *feed = arg;

    pgc_timer_set(feed->canary->timer, feed->conf.canary_ms);
    if (feed->state < FEED_ADVANCING) {
        return;
    }
    pgc_feed_query(feed, feed->asker,
        &(struct pgc_feed_query){.sql = "select pgcable.canary($1)",
            .params = {feed->canary->name},
            .done = canary_sent});
}

bool
pgc_feed_canary_is_own(const struct pgc_feed *feed, const char *name)
{
    return name != NULL && strcmp(name, feed->canary->name) == 0;
}

struct pgc_feed_canary *
pgc_feed_canary_new(struct pgc_feed *feed, struct pgc_metrics *metrics)
{
    struct pgc_feed_canary *canary = pgc_xcalloc(1, sizeof(*canary));
    uint64_t random;

    pgc_random(&random, sizeof(random));
    snprintf(canary->name, sizeof(canary->name), "%016llx", (unsigned long long)random);
    canary->sent = pgc_counter(metrics, "pgcable_canary_sent_total", "",
        "Canaries written; as many should be counted by pgcable_canary_seconds on each worker.");
    canary->timer = pgc_timer_new(feed->loop, canary_send, feed);
    if (feed->conf.canary_ms > 0) {
        pgc_timer_set(canary->timer, feed->conf.canary_ms);
    }
    return canary;
}

void
pgc_feed_canary_free(struct pgc_feed_canary *canary)
{
    pgc_timer_free(canary->timer);
    free(canary);
}
