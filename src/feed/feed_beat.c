/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "feed_internal.h"

/*
 * A connection on which nothing is asked tells nothing about the other end: a stopped server, or a
 * network that drops everything, looks like one that is idle.  So both are asked now and then; what
 * does not answer is given up, and /ready says so, within BEAT_MS + BEAT_ANSWER_MS.  A connection
 * on which something is under way is watched by that query's own timeout.
 */
#define BEAT_MS        2500
#define BEAT_ANSWER_MS 5000

struct pgc_feed_beat {
    struct pgc_timer *timer;
};

static void
beat_answered(const struct pgc_err *err, void *arg)
{
    if (err == NULL) {
        pgc_feed_note_alive(arg);
    }
}

static void
beat_ask(struct pgc_feed *feed, struct pgc_pg *pg)
{
    if (pgc_pg_is_idle(pg)) {
        pgc_feed_query(feed, pg,
            &(struct pgc_feed_query){
                .sql = "select 1", .timeout_ms = BEAT_ANSWER_MS, .done = beat_answered});
    }
}

static void
beat(void *arg)
{
    struct pgc_feed *feed = arg;

    pgc_timer_set(feed->beat->timer, BEAT_MS);
    if (feed->state >= FEED_ADVANCING) {
        beat_ask(feed, feed->reader);
        beat_ask(feed, feed->asker);
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
