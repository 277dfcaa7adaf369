/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/clock.h"

#include "feed_internal.h"

/* Those of batches(), and then those of an answer. */
#define CYCLE_COLUMNS                                                                              \
    "select tick, nonce, tick_at_us, id, xid, kind, op, stream, new, old, at_us, req, topic"

/*
 * One turn of the feed: advance, read every tick that is new, answer those who asked, wait.
 */
static void
cycle_end(struct pgc_feed *feed)
{
    int64_t took_us = pgc_monotonic_us() - feed->advance_us;

    feed->is_refilling = false;
    pgc_bell_served(&feed->bell, took_us / 1000, feed->tick_rows, pgc_monotonic_ms());
    pgc_asks_land(&feed->asks);
    pgc_feed_set_ready(feed);
    pgc_feed_go_on(feed);
}

/* Every tick up to the target, some at a time: another daemon may have made many. */
void
pgc_feed_read_next(struct pgc_feed *feed)
{
    if (feed->place.tick == feed->target.tick) {
        cycle_end(feed);
    } else {
        pgc_feed_read(feed);
    }
}

static void
cycle_advance_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *nonce = pgc_pg_text(row, 1);

    feed->target.tick = pgc_pg_int(row, 0);
    snprintf(feed->target.nonce, sizeof(feed->target.nonce), "%s", nonce != NULL ? nonce : "");
    if (pgc_pg_text(row, 11) != NULL) {
        pgc_asks_row(&feed->asks, pgc_pg_int(row, 11), pgc_pg_text(row, 7), pgc_pg_text(row, 12));
    } else {
        pgc_feed_read_ahead(feed, row);
    }
}

/* Perhaps it was one of the asks: the next tick is made without any. */
static void
cycle_stumbled(struct pgc_feed *feed, const struct pgc_err *err)
{
    char text[sizeof(err->message) + 64];

    snprintf(text, sizeof(text), "a request for access failed in the database: %s", err->message);
    pgc_feed_complain(text, feed);
    pgc_asks_stumbled(&feed->asks);
    feed->asks_rest = true;
    pgc_feed_cycle(feed);
}

static void
cycle_advanced(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;
    bool is_new = feed->target.tick > feed->place.tick;

    pgc_metric_observe_us(feed->metrics.advance_seconds, pgc_monotonic_us() - feed->advance_us);
    if (err != NULL && feed->asks.flying > 0 && feed->ahead == AHEAD_NONE) {
        cycle_stumbled(feed, err);
        return;
    }
    if (err != NULL) {
        pgc_feed_trouble(feed, err, "make the next tick");
        return;
    }
    if (feed->target.tick < feed->place.tick ||
        (!is_new && strcmp(feed->target.nonce, feed->place.nonce) != 0)) {
        pgc_feed_lineage_broke(feed);
        return;
    }
    pgc_bell_polled(&feed->bell, is_new, pgc_monotonic_ms());
    pgc_feed_read_committed(feed);
}

void
pgc_feed_cycle(struct pgc_feed *feed)
{
    struct pgc_buf requests = {0};
    bool has_asks = pgc_asks_waiting(&feed->asks) && !feed->asks_rest;
    char after[32];

    if (has_asks) {
        pgc_asks_fly(&feed->asks, &requests);
    }
    feed->state = FEED_ADVANCING;
    pgc_bell_polling(&feed->bell);
    feed->asks_rest = false;
    feed->advance_us = pgc_monotonic_us();
    feed->known_us = feed->advance_us;
    snprintf(after, sizeof(after), "%lld", (long long)pgc_feed_read_ahead_of(feed));
    pgc_timer_cancel(feed->timer);
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){
            .sql = has_asks ? CYCLE_COLUMNS " from pgcable.advance($2::json, $1)"
                            : CYCLE_COLUMNS " from pgcable.advance(null, $1)",
            .params = {after, has_asks ? pgc_buf_str(&requests) : NULL},
            .whole = true, /* the topics of the asks that fly */
            .early = true,
            .row = cycle_advance_row,
            .done = cycle_advanced,
        });
    pgc_buf_fini(&requests);
}

static void
cycle_rang(struct pgc_feed *feed, const struct pgc_err *err, bool loud)
{
    if (err != NULL) {
        pgc_feed_trouble(feed, err, "tell the writers when to notify");
        return;
    }
    pgc_bell_rung(&feed->bell, loud, feed->ring_sent_ms);
    pgc_feed_go_on(feed);
}

static void
cycle_rang_loud(const struct pgc_err *err, void *arg)
{
    cycle_rang(arg, err, true);
}

static void
cycle_rang_quiet(const struct pgc_err *err, void *arg)
{
    cycle_rang(arg, err, false);
}

static void
cycle_ring(struct pgc_feed *feed, bool loud)
{
    char seconds[16];

    snprintf(seconds, sizeof(seconds), "%d", loud ? PGC_BELL_LEASE_S : 0);
    feed->ring_sent_ms = pgc_monotonic_ms();
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){.sql = "select pgcable.ring($1)",
            .params = {seconds},
            .done = loud ? cycle_rang_loud : cycle_rang_quiet});
}

static void
cycle_writer_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *writer = pgc_pg_text(row, 0);

    if (writer != NULL) {
        pgc_bell_holder(&feed->bell, writer);
    }
}

static void
cycle_looked(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "see who is writing");
        return;
    }
    pgc_bell_looked(&feed->bell);
    pgc_feed_go_on(feed);
}

void
pgc_feed_go_on(struct pgc_feed *feed)
{
    struct pgc_bell_move move;

    if (pgc_asks_waiting(&feed->asks)) {
        pgc_feed_cycle(feed);
        return;
    }
    move = pgc_bell_next(&feed->bell, pgc_monotonic_ms());
    pgc_metric_set(feed->metrics.asleep, feed->bell.state == BELL_ASLEEP);
    feed->state = FEED_RINGING;
    switch (move.step) {
    case BELL_WAIT:
        feed->state = FEED_RESTING;
        pgc_timer_set(feed->timer, move.delay_ms);
        break;
    case BELL_POLL:
        pgc_feed_cycle(feed);
        break;
    case BELL_LOUD:
        cycle_ring(feed, true);
        break;
    case BELL_QUIET:
        cycle_ring(feed, false);
        break;
    case BELL_LOOK:
        pgc_feed_query(feed, feed->reader,
            &(struct pgc_feed_query){.sql = "select * from pgcable.writers()",
                .row = cycle_writer_row,
                .done = cycle_looked});
        break;
    }
}
