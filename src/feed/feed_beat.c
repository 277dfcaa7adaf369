/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "feed_internal.h"

/*
 * A connection on which nothing is asked tells nothing about the other end: a stopped server, or a
 * network that drops everything, looks like one that is idle.  So both are asked now and then; what
 * does not answer is given up, and /ready says so, within BEAT_MS + BEAT_ANSWER_MS.  A connection
 * on which something is under way is watched by that query's own timeout.
 *
 * The asker asks for something worth knowing: whether the schema was migrated, while we read it, to
 * one that is not read like ours.
 */
#define BEAT_MS        2500
#define BEAT_ANSWER_MS 5000

struct pgc_feed_beat {
    struct pgc_timer *timer;
    int breaking_version;
};

static void
beat_answered(const struct pgc_err *err, void *arg)
{
    if (err == NULL) {
        pgc_feed_note_alive(arg);
    }
}

static void
beat_version_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;

    feed->beat->breaking_version = (int)pgc_pg_int(row, 0);
}

static void
beat_version_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;
    struct pgc_err why = {0};

    beat_answered(err, arg);
    if (err == NULL && feed->state >= FEED_ADVANCING &&
        feed->beat->breaking_version != feed->hello.breaking_version) {
        (void)pgc_err_set(&why, PGC_ERR_SCHEMA,
            "the database was migrated to version %d of pgcable's schema, a breaking one",
            feed->beat->breaking_version);
        pgc_feed_trouble(feed, &why, "go on with this database");
    }
}

static void
beat_ask(struct pgc_feed *feed, struct pgc_pg *pg, const struct pgc_feed_query *query)
{
    if (pgc_pg_is_idle(pg)) {
        pgc_feed_query(feed, pg, query);
    }
}

static void
beat(void *arg)
{
    struct pgc_feed *feed = arg;

    pgc_timer_set(feed->beat->timer, BEAT_MS);
    if (feed->state >= FEED_ADVANCING) {
        beat_ask(feed, feed->reader,
            &(struct pgc_feed_query){
                .sql = "select 1", .timeout_ms = BEAT_ANSWER_MS, .done = beat_answered});
        beat_ask(feed, feed->asker,
            &(struct pgc_feed_query){.sql = "select breaking_version from pgcable.hello()",
                .timeout_ms = BEAT_ANSWER_MS,
                .row = beat_version_row,
                .done = beat_version_done});
    }
}

struct pgc_feed_beat *
pgc_feed_beat_new(struct pgc_feed *feed)
{
    struct pgc_feed_beat *own = pgc_xcalloc(1, sizeof(*own));

    own->timer = pgc_timer_new(feed->loop, beat, feed);
    pgc_timer_set(own->timer, BEAT_MS);
    return own;
}

void
pgc_feed_beat_free(struct pgc_feed_beat *own)
{
    pgc_timer_free(own->timer);
    free(own);
}
