/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "feed_internal.h"

/*
 * Rights end by rows of the outbox, at their place in the order.  What was revoked before we came,
 * or while changes were dropped, stands in a table; and a rule may look at what raises no rows.  So
 * all of it is looked up again when a connection is new, after a pause, and now and then.
 */
struct pgc_feed_rights {
    struct pgc_timer *timer;
    struct pgc_batch *batch; /* of the rows so far */
    void (*then)(struct pgc_feed *feed);
};

static struct pgc_batch *
rights_batch(struct pgc_feed_rights *rights)
{
    if (rights->batch == NULL) {
        rights->batch = pgc_batch_new(0);
    }
    return rights->batch;
}

static void
rights_forget(struct pgc_feed_rights *rights)
{
    pgc_batch_unref(rights->batch);
    rights->batch = NULL;
}

/* One row of rights(). */
static void
rights_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    struct pgc_batch *batch = rights_batch(feed->rights);
    const struct pgc_ban ban = {.before_s = pgc_pg_int(row, 2), .until_s = pgc_pg_int(row, 3)};
    const char *what = pgc_pg_text(row, 0);
    const char *id = pgc_pg_text(row, 1);

    if (what == NULL || id == NULL) {
        return;
    }
    if (strcmp(what, "token") == 0) {
        pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, id, &ban);
    } else if (strcmp(what, "member") == 0) {
        pgc_batch_add_ban(batch, PGC_OP_BAN_MEMBER, id, &ban);
    } else {
        pgc_batch_add(batch, PGC_OP_REVIEW, NULL, id, NULL);
    }
}

/* At the place where the workers are, as another piece of that tick. */
static void
rights_hand_down(struct pgc_feed *feed)
{
    struct pgc_feed_rights *rights = feed->rights;

    if (rights->batch != NULL) {
        pgc_feed_place_batch(
            rights->batch, feed->reading.begun ? &feed->reading.place : &feed->place);
        pgc_feed_hand_down(feed, rights->batch);
        rights_forget(rights);
    }
}

static void
rights_loaded(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "read what was revoked");
        return;
    }
    (void)rights_batch(feed->rights); /* that there is nothing is worth knowing, too */
    rights_hand_down(feed);
    feed->rights->then(feed);
}

static void
rights_reviewed(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_log_err(PGC_LOG_WARN, 0, err, "look again at what was revoked");
        rights_forget(feed->rights);
    } else {
        rights_hand_down(feed);
    }
}

static void
rights_query(
    struct pgc_feed *feed, const char *all, void (*done)(const struct pgc_err *err, void *feed))
{
    pgc_feed_query(feed, feed->asker,
        &(struct pgc_feed_query){
            .sql = "select what, id, before_s, until_s from pgcable.rights($1)",
            .params = {all},
            .row = rights_row,
            .done = done,
        });
}

void
pgc_feed_load_rights(struct pgc_feed *feed, void (*then)(struct pgc_feed *feed))
{
    feed->rights->then = then;
    rights_forget(feed->rights); /* what a lost connection left */
    rights_query(feed, "true", rights_loaded);
}

static void
rights_review(void *arg)
{
    struct pgc_feed *feed = arg;

    pgc_timer_set(feed->rights->timer, feed->conf.reauthorize_s * 1000);
    if (feed->state >= FEED_ADVANCING) {
        rights_query(feed, "false", rights_reviewed);
    }
}

struct pgc_feed_rights *
pgc_feed_rights_new(struct pgc_feed *feed)
{
    struct pgc_feed_rights *rights = pgc_xcalloc(1, sizeof(*rights));

    rights->timer = pgc_timer_new(feed->loop, rights_review, feed);
    if (feed->conf.reauthorize_s > 0) {
        pgc_timer_set(rights->timer, feed->conf.reauthorize_s * 1000);
    }
    return rights;
}

void
pgc_feed_rights_free(struct pgc_feed_rights *rights)
{
    pgc_timer_free(rights->timer);
    rights_forget(rights);
    free(rights);
}
