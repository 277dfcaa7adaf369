/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/clock.h"

#include "feed_internal.h"

void
pgc_feed_register_metrics(struct pgc_feed *feed, struct pgc_metrics *metrics)
{
    feed->metrics = (struct pgc_feed_metrics){
        .up = pgc_gauge(metrics, "pgcable_feed_up", "",
            "1 while the database is connected, its schema is right and it is being read."),
        .reconnects = pgc_counter(metrics, "pgcable_feed_reconnects_total", "",
            "Times the database connections were made again."),
        .tick = pgc_gauge(metrics, "pgcable_feed_tick", "", "Newest tick handed to the workers."),
        .rows = pgc_counter(metrics, "pgcable_feed_rows_total", "", "Rows read from the outbox."),
        .events = pgc_counter(metrics, "pgcable_feed_events_total", "",
            "Messages handed to the workers, one for each topic."),
        .batch_seconds = pgc_histogram(metrics, "pgcable_feed_batch_seconds", "",
            "From a tick known to all of it handed down."),
        .lag_seconds = pgc_histogram(metrics, "pgcable_feed_lag_seconds", "",
            "From a row written by the application to its message handed down."),
        .asleep = pgc_gauge(metrics, "pgcable_feed_asleep", "",
            "1 while every commit rings, so that nobody has to look for rows."),
        .advance_seconds = pgc_histogram(metrics, "pgcable_feed_advance_seconds", "",
            "From asking for the next tick to its answer, access requests included."),
        .facts_queries = pgc_counter(metrics, "pgcable_feed_facts_queries_total", "",
            "Queries for what the rows do not hold."),
        .facts_seconds = pgc_histogram(metrics, "pgcable_feed_facts_seconds", "",
            "From asking for what the rows do not hold to its answer."),
        .complaints = pgc_counter(metrics, "pgcable_feed_complaints_total", "",
            "Events that could not be built as they should, and access requests that failed."),
    };
}

void
pgc_feed_set_ready(struct pgc_feed *feed)
{
    struct pgc_feed_status *status = &feed->status;
    bool was_ready;

    pthread_mutex_lock(&feed->status_lock);
    was_ready = status->ready;
    status->ready = true;
    status->why[0] = '\0';
    status->tick = feed->place.tick;
    status->since_ms = pgc_monotonic_ms();
    pthread_mutex_unlock(&feed->status_lock);
    pgc_metric_set(feed->metrics.up, 1);
    pgc_metric_set(feed->metrics.tick, feed->place.tick);
    if (!was_ready) {
        pgc_log(PGC_LOG_INFO, 0, "ready: reading the database, now at tick %lld",
            (long long)feed->place.tick);
    }
    feed->troubles = 0;
    feed->reported[0] = '\0';
}

void
pgc_feed_set_not_ready(struct pgc_feed *feed, const struct pgc_err *why)
{
    struct pgc_feed_status *status = &feed->status;

    pthread_mutex_lock(&feed->status_lock);
    status->ready = false;
    pgc_err_text(why, status->why);
    pthread_mutex_unlock(&feed->status_lock);
    pgc_metric_set(feed->metrics.up, 0);
}

/* A long tick, or a long sleep, is no silence. */
void
pgc_feed_note_alive(struct pgc_feed *feed)
{
    pthread_mutex_lock(&feed->status_lock);
    feed->status.since_ms = pgc_monotonic_ms();
    pthread_mutex_unlock(&feed->status_lock);
}

void
pgc_feed_status(struct pgc_feed *feed, struct pgc_feed_status *status)
{
    pthread_mutex_lock(&feed->status_lock);
    *status = feed->status;
    pthread_mutex_unlock(&feed->status_lock);
    for (size_t i = 0; i < feed->port_count; i++) {
        status->batches_waiting += pgc_port_depth(feed->ports[i]);
    }
}

void
pgc_feed_complain(const char *text, void *arg)
{
    struct pgc_feed *feed = arg;
    unsigned suppressed;

    pgc_metric_add(feed->metrics.complaints, 1);
    if (pgc_log_allowed(&feed->complaint_limit, &suppressed)) {
        pgc_log(PGC_LOG_WARN, 0, "%s%s", text,
            suppressed > 0 ? " (more such lines before this were left out)" : "");
    }
}
