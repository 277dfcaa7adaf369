/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "feed_internal.h"

/*
 * Every few seconds: what is old goes, a pause that may end does, and the numbers are looked at.
 */
#define OUTBOX_MS 5000

struct pgc_feed_outbox {
    struct pgc_timer *timer;
    struct pgc_metric *bytes;
    struct pgc_metric *age;
    struct pgc_metric *ticks;
    struct pgc_metric *paused;
    struct pgc_metric *notify_queue;
    char *missed; /* what was last said of updates that "update_of" misses */
};

static void
outbox_log_pause(const char *before, const char *now)
{
    if (strcmp(before, now) == 0) {
        return;
    }
    if (now[0] != '\0') {
        pgc_log(PGC_LOG_WARN, 0,
            "%s: changes are dropped, hint: \"pgcable doctor\" says what to do", now);
    } else {
        pgc_log(PGC_LOG_INFO, 0, "changes are captured again");
    }
}

/* Once, and again when it is about other triggers. */
static void
outbox_log_missed(struct pgc_feed_outbox *outbox, const char *missed)
{
    if (strcmp(outbox->missed, missed) == 0) {
        return;
    }
    free(outbox->missed);
    outbox->missed = pgc_xstrdup(missed);
    if (missed[0] != '\0') {
        pgc_log(PGC_LOG_WARN, 0, "mapping: %s", missed);
    }
}

/* One row of tend(). */
static void
outbox_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    struct pgc_feed_outbox *outbox = feed->outbox;
    struct pgc_feed_status *status = &feed->status;
    const char *pause = pgc_pg_text(row, 3);
    const char *missed = pgc_pg_text(row, 4);

    pause = pause != NULL ? pause : "";
    outbox_log_missed(outbox, missed != NULL ? missed : "");
    outbox_log_pause(status->pause, pause);
    pthread_mutex_lock(&feed->status_lock);
    status->outbox_bytes = pgc_pg_int(row, 0);
    status->outbox_age_s = pgc_pg_int(row, 1);
    status->outbox_ticks = pgc_pg_int(row, 2);
    snprintf(status->pause, sizeof(status->pause), "%s", pause);
    pthread_mutex_unlock(&feed->status_lock);
    pgc_metric_set(outbox->bytes, status->outbox_bytes);
    pgc_metric_set(outbox->age, status->outbox_age_s);
    pgc_metric_set(outbox->ticks, status->outbox_ticks);
    pgc_metric_set(outbox->paused, pause[0] != '\0');
    pgc_metric_set(outbox->notify_queue, pgc_pg_int(row, 5));
}

static void
outbox_tended(const struct pgc_err *err, void *arg PGC_UNUSED)
{
    if (err != NULL) {
        pgc_log_err(PGC_LOG_WARN, 0, err, "tend the outbox");
    }
}

static void
outbox_pruned(const struct pgc_err *err, void *arg PGC_UNUSED)
{
    if (err != NULL) {
        pgc_log_err(PGC_LOG_WARN, 0, err, "prune the outbox");
    }
}

static void
outbox_tend(void *arg)
{
    struct pgc_feed *feed = arg;
    char keep[32];
    char tick[32];
    char bytes[32];
    char payload[32];

    pgc_timer_set(feed->outbox->timer, OUTBOX_MS);
    if (feed->state < FEED_ADVANCING || feed->conf.looks_on) {
        return;
    }
    snprintf(keep, sizeof(keep), "%lld seconds", (long long)feed->conf.retention_s);
    snprintf(tick, sizeof(tick), "%lld", (long long)feed->place.tick);
    snprintf(bytes, sizeof(bytes), "%lld", (long long)feed->conf.outbox_max_bytes);
    snprintf(payload, sizeof(payload), "%zu", feed->conf.max_payload_bytes);
    pgc_feed_query(feed, feed->asker,
        &(struct pgc_feed_query){.sql = "select pgcable.prune($1, $2, $3)",
            .params = {keep, tick, bytes},
            .done = outbox_pruned});
    pgc_feed_query(feed, feed->asker,
        &(struct pgc_feed_query){.sql =
                                     "select bytes, age_s, ticks, pause, missed,"
                                     " (pg_catalog.pg_notification_queue_usage() * 1000000)::bigint"
                                     " from pgcable.tend($1, $2)",
            .params = {bytes, payload},
            .row = outbox_row,
            .done = outbox_tended});
}

struct pgc_feed_outbox *
pgc_feed_outbox_new(struct pgc_feed *feed, struct pgc_metrics *metrics)
{
    struct pgc_feed_outbox *outbox = pgc_xcalloc(1, sizeof(*outbox));

    outbox->bytes =
        pgc_gauge(metrics, "pgcable_outbox_bytes", "", "What the outbox's tables take on disk.");
    outbox->age =
        pgc_gauge(metrics, "pgcable_outbox_age_seconds", "", "Age of the oldest row that is kept.");
    outbox->ticks = pgc_gauge(metrics, "pgcable_outbox_ticks", "", "Ticks that are kept.");
    outbox->paused = pgc_gauge(metrics, "pgcable_paused", "",
        "1 while changes are dropped: pgcable.pause() was called, or the outbox is full.");
    outbox->notify_queue = pgc_ratio(metrics, "pgcable_notify_queue_ratio", "",
        "How full the server's queue of notifications is; 1 = writers' NOTIFY fails.");
    outbox->missed = pgc_xstrdup("");
    outbox->timer = pgc_timer_new(feed->loop, outbox_tend, feed);
    pgc_timer_set(outbox->timer, OUTBOX_MS);
    return outbox;
}

void
pgc_feed_outbox_wake(struct pgc_feed_outbox *outbox)
{
    pgc_timer_set(outbox->timer, 0);
}

void
pgc_feed_outbox_free(struct pgc_feed_outbox *outbox)
{
    pgc_timer_free(outbox->timer);
    free(outbox->missed);
    free(outbox);
}
