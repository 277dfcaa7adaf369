/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/feed.h"

#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "feed_internal.h"

#define FEED_TROUBLE_FIRST_MS 250
#define FEED_TROUBLE_LAST_MS  5000

void
pgc_feed_query(struct pgc_feed *feed, struct pgc_pg *pg, const struct pgc_feed_query *query)
{
    int param_count = 0;

    while (param_count < 3 && query->params[param_count] != NULL) {
        param_count++;
    }
    pgc_pg_query(
        pg, &(struct pgc_pg_query){
                .sql = query->sql,
                .param_count = param_count,
                .params = query->params,
                .timeout_ms = query->timeout_ms > 0 ? query->timeout_ms : PGC_FEED_QUERY_MS,
                .whole = query->whole,
                .early = query->early,
                .row = query->row,
                .done = query->done,
                .arg = feed,
            });
}

/* ---- trouble ---- */

/* Nothing is under way any more, and what flew comes back. */
static void
feed_halt(struct pgc_feed *feed, enum pgc_feed_state state)
{
    feed->state = state;
    feed->is_streaming = false;
    feed->reading.mapping_is_stale = false; /* it is loaded by the check that comes next */
    pgc_feed_read_nothing_ahead(feed);
    pgc_timer_cancel(feed->timer);
    pgc_asks_recall(&feed->asks);
}

void
pgc_feed_trouble(struct pgc_feed *feed, const struct pgc_err *why, const char *doing)
{
    struct pgc_err err = *why;
    int64_t delay_ms = FEED_TROUBLE_FIRST_MS;

    (void)pgc_err_wrap(&err, "%s", doing);
    if (!pgc_pg_is_idle(feed->reader)) {
        /* A stream is paused for what the asker failed at, and nothing else would be answered. */
        pgc_pg_drop(feed->reader, err.message);
    }
    if (feed->ahead == AHEAD_ASKING || feed->ahead == AHEAD_COMMITTED) {
        pgc_pg_drop(feed->asker, err.message); /* nobody waits for what it would answer now */
    }
    if (strcmp(feed->reported, err.message) != 0) {
        pgc_log_err(PGC_LOG_ERROR, 0, &err, "not ready");
        snprintf(feed->reported, sizeof(feed->reported), "%s", err.message);
    }
    feed_halt(feed, FEED_UNFIT);
    pgc_feed_set_not_ready(feed, &err);
    for (unsigned i = 0; i < feed->troubles && delay_ms < FEED_TROUBLE_LAST_MS; i++) {
        delay_ms *= 2;
    }
    feed->troubles++;
    pgc_timer_set(feed->timer, delay_ms < FEED_TROUBLE_LAST_MS ? delay_ms : FEED_TROUBLE_LAST_MS);
}

void
pgc_feed_lineage_broke(struct pgc_feed *feed)
{
    pgc_log(PGC_LOG_WARN, 0,
        "the database's history is not the one read so far (tick %lld): telling all clients to "
        "reload",
        (long long)feed->place.tick);
    feed->broke = true;
    feed->is_placed = false;
    feed_halt(feed, FEED_CHECKING);
    pgc_feed_check(feed);
}

/* ---- connections ---- */

static void
feed_up(void *arg)
{
    struct pgc_feed *feed = arg;

    if (!pgc_pg_is_up(feed->reader) || !pgc_pg_is_up(feed->asker)) {
        return;
    }
    if (feed->is_placed) {
        pgc_metric_add(feed->metrics.reconnects, 1);
    }
    pgc_feed_check(feed);
}

/* Also for each attempt that fails: its reason is the one to show. */
static void
feed_down(const struct pgc_err *why, void *arg)
{
    struct pgc_feed *feed = arg;
    bool was_down = feed->state == FEED_DOWN;

    feed_halt(feed, FEED_DOWN);
    pgc_feed_set_not_ready(feed, why);
    if (!was_down) {
        pgc_pg_drop(feed->reader, "the other connection was lost");
        pgc_pg_drop(feed->asker, "the other connection was lost");
    }
}

static void
feed_notified(const char *channel PGC_UNUSED, const char *payload, void *arg)
{
    struct pgc_feed *feed = arg;

    pgc_bell_notified(&feed->bell, strcmp(payload, "quiet") == 0, pgc_monotonic_ms());
    if (feed->state == FEED_RESTING) {
        pgc_timer_set(feed->timer, 0);
    }
}

static void
feed_asked(struct pgc_port *port, struct pgc_ask *ask, void *arg)
{
    struct pgc_feed *feed = arg;

    pgc_asks_take(&feed->asks, port, ask);
    if (feed->state == FEED_RESTING) {
        pgc_timer_set(feed->timer, 0);
    }
}

static void
feed_timer(void *arg)
{
    struct pgc_feed *feed = arg;

    switch (feed->state) {
    case FEED_RESTING:
        pgc_feed_go_on(feed);
        break;
    case FEED_READING:
        pgc_feed_read_on(feed);
        break;
    case FEED_UNFIT:
        pgc_feed_check(feed);
        break;
    case FEED_DOWN:
    case FEED_CHECKING:
    case FEED_ADVANCING:
    case FEED_RINGING:
        break;
    }
}

/* ---- life ---- */

struct pgc_builder *
pgc_feed_new_builder(struct pgc_feed *feed)
{
    struct pgc_builder *builder = pgc_builder_new(&(struct pgc_builder_conf){
        .envelope = feed->conf.envelope,
        .max_payload_bytes = feed->conf.max_payload_bytes,
        .has_viewer = pgc_feed_has_viewer,
        .arg = feed,
        .complaint = pgc_feed_complain,
    });

    pgc_builder_set_mapping(builder, feed->mapping);
    return builder;
}

struct pgc_feed *
pgc_feed_new(struct pgc_loop *loop, const struct pgc_feed_conf *conf, struct pgc_port *const *ports,
    size_t port_count, struct pgc_metrics *metrics)
{
    static const struct pgc_pg_ops ops = {
        .up = feed_up,
        .down = feed_down,
        .notified = feed_notified,
    };
    struct pgc_feed *feed = pgc_xcalloc(1, sizeof(*feed));

    feed->loop = loop;
    feed->conf = *conf;
    feed->database = pgc_xstrdup(conf->database);
    feed->conf.database = feed->database;
    feed->ports = ports;
    feed->port_count = port_count;
    pgc_feed_register_metrics(feed, metrics);
    pthread_mutex_init(&feed->status_lock, NULL);
    snprintf(feed->status.why, sizeof(feed->status.why), "connecting to the database");
    pgc_bell_init(&feed->bell, conf->notify, conf->poll_ms);
    feed->builder = pgc_feed_new_builder(feed);
    feed->timer = pgc_timer_new(loop, feed_timer, feed);
    feed->outbox = pgc_feed_outbox_new(feed, metrics);
    feed->canary = pgc_feed_canary_new(feed, metrics);
    feed->rights = pgc_feed_rights_new(feed);
    feed->beat = pgc_feed_beat_new(feed);
    for (size_t i = 0; i < port_count; i++) {
        pgc_port_linger(ports[i], conf->history_s * 1000);
        pgc_port_open_feed(ports[i], loop, feed_asked, feed);
    }
    feed->reader = pgc_pg_new(loop, feed->database, "reader", &ops, feed);
    feed->asker = pgc_pg_new(loop, feed->database, "asker", &ops, feed);
    pgc_pg_start(feed->reader);
    pgc_pg_start(feed->asker);
    return feed;
}

void
pgc_feed_free(struct pgc_feed *feed)
{
    if (feed == NULL) {
        return;
    }
    pgc_metric_set(feed->metrics.up, 0);
    for (size_t i = 0; i < feed->port_count; i++) {
        pgc_port_close_feed(feed->ports[i]);
    }
    pgc_pg_free(feed->reader);
    pgc_pg_free(feed->asker);
    pgc_timer_free(feed->timer);
    pgc_feed_outbox_free(feed->outbox);
    pgc_feed_canary_free(feed->canary);
    pgc_feed_rights_free(feed->rights);
    pgc_feed_beat_free(feed->beat);
    pgc_builder_free(feed->builder);
    pgc_mapping_free(feed->mapping);
    pgc_mapping_free(feed->new_mapping);
    pgc_feed_forget_viewers(feed);
    pgc_asks_fini(&feed->asks);
    pgc_bell_fini(&feed->bell);
    pthread_mutex_destroy(&feed->status_lock);
    pgc_wipe(feed->database, strlen(feed->database)); /* it may hold a password */
    free(feed->database);
    free(feed);
}
