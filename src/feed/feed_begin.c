/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>

#include "pgcable/clock.h"

#include "feed_internal.h"

/* What a row takes in a worker's memory at least: more rows need not be read once more. */
#define BEGIN_ROW_BYTES 256
/* Clients give up on a subscription after ten seconds, and nobody is answered before all is read.
 */
#define BEGIN_MOST_ROWS 32768

/*
 * What workers keep begins behind the place.  If history broke, clients are told only now that the
 * place is known: who reloads sees at least what we pass over.
 */
static void
begin_tell(struct pgc_feed *feed)
{
    struct pgc_batch *batch = pgc_feed_new_batch(&feed->place);

    batch->ends_tick = true;
    pgc_batch_add(batch, feed->broke ? PGC_OP_RELOAD : PGC_OP_BEGIN, NULL, NULL, NULL);
    pgc_feed_hand_down(feed, batch);
    pgc_batch_unref(batch);
}

static void
begin_rights_told(struct pgc_feed *feed)
{
    pgc_bell_reset(&feed->bell, feed->hello.has_prepared, pgc_monotonic_ms());
    pgc_feed_outbox_wake(feed->outbox);
    pgc_feed_cycle(feed);
}

/* Before anybody is answered: what was revoked up to the place stands in no row that will come. */
static void
begin_ready(struct pgc_feed *feed)
{
    pgc_feed_load_rights(feed, begin_rights_told);
}

static void
begin_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *nonce = pgc_pg_text(row, 1);

    feed->found = (struct pgc_feed_place){
        .tick = pgc_pg_int(row, 0),
        .at_us = pgc_pg_int(row, 2),
    };
    snprintf(feed->found.nonce, sizeof(feed->found.nonce), "%s", nonce != NULL ? nonce : "");
}

/* The found place is ours. */
static void
begin_here(struct pgc_feed *feed)
{
    pgc_builder_free(feed->builder);
    feed->builder = pgc_feed_new_builder(feed);
    pgc_feed_use_new_mapping(feed);
    pgc_feed_forget_viewers(feed);
    feed->reading = (struct pgc_feed_reading){0};
    feed->place = feed->found;
    feed->is_placed = true;
}

static void
begin_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "look where to begin");
        return;
    }
    if (feed->found.nonce[0] == '\0') {
        struct pgc_err why = {0};

        pgc_err_set(&why, PGC_ERR_DATA, "tick %lld is not kept", (long long)feed->found.tick);
        pgc_feed_trouble(feed, &why, "look where to begin");
        return;
    }
    begin_here(feed);
    feed->is_refilling = !feed->broke;
    begin_tell(feed);
    feed->broke = false;
    begin_ready(feed);
}

static void
begin_after(struct pgc_feed *feed, int64_t tick)
{
    char number[32];

    snprintf(number, sizeof(number), "%lld", (long long)tick);
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){.sql = "select $1::bigint, pgcable.tick_info($1::bigint), 0",
            .params = {number},
            .row = begin_row,
            .done = begin_done});
}

/* The tick that was handed on last, and the one before it. */
static void
begin_goes_on_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const struct pgc_feed_after *after = &feed->conf.goes_on;
    const char *nonce = pgc_pg_text(row, 1);
    int64_t tick = pgc_pg_int(row, 0);

    if (tick == after->tick) {
        snprintf(feed->found_nonce, sizeof(feed->found_nonce), "%s", nonce != NULL ? nonce : "");
    }
    if (tick == (after->is_whole ? after->tick : after->tick - 1)) {
        begin_row(row, arg);
    }
}

static void begin_anew(struct pgc_feed *feed);

/* The others' workers need not be told of a beginning, only what was revoked meanwhile. */
static void
begin_goes_on_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;
    const struct pgc_feed_after *after = &feed->conf.goes_on;
    char nonce[16];

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "look where to go on");
        return;
    }
    snprintf(nonce, sizeof(nonce), "%08" PRIx32, after->nonce);
    if (strncmp(feed->found_nonce, nonce, strlen(nonce)) == 0 && feed->found.tick > 0) {
        begin_here(feed);
        begin_ready(feed);
        return;
    }
    pgc_log(PGC_LOG_WARN, 0,
        "tick %lld, which was handed on last, is not there any more (failover, restore, or away "
        "for longer than retention_s): telling all clients to reload",
        (long long)after->tick);
    feed->broke = true;
    begin_anew(feed);
}

static void
begin_go_on(struct pgc_feed *feed)
{
    char number[32];

    snprintf(number, sizeof(number), "%lld", (long long)feed->conf.goes_on.tick);
    feed->found_nonce[0] = '\0';
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){
            .sql = "select tick, nonce, at_us from pgcable.tick_and_before($1)",
            .params = {number},
            .row = begin_goes_on_row,
            .done = begin_goes_on_done});
}

/* So far back that what workers keep in memory is there again; after a break, at the newest tick:
 * who reloads now needs nothing of what came before. */
static void
begin_anew(struct pgc_feed *feed)
{
    size_t most = feed->conf.history_bytes / BEGIN_ROW_BYTES;
    char keep[32];
    char rows[32];
    char bytes[32];

    feed->found = (struct pgc_feed_place){0};
    if (feed->conf.looks_after > 0 && !feed->broke) {
        begin_after(feed, feed->conf.looks_after);
        return;
    }
    if (feed->conf.goes_on.tick > 0 && !feed->broke) {
        begin_go_on(feed);
        return;
    }
    if (most > BEGIN_MOST_ROWS && !feed->conf.looks_on) {
        most = BEGIN_MOST_ROWS;
    }
    snprintf(
        keep, sizeof(keep), "%lld seconds", feed->broke ? 0LL : (long long)feed->conf.history_s);
    snprintf(rows, sizeof(rows), "%zu", most);
    snprintf(bytes, sizeof(bytes), "%zu", feed->conf.history_bytes);
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){
            .sql = "select tick, nonce, at_us"
                   " from pgcable.beginning($1::interval, $2::bigint, $3::bigint)",
            .params = {keep, rows, bytes},
            .row = begin_row,
            .done = begin_done});
}

static void
begin_lineage_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "check where we were");
    } else if (strcmp(feed->found_nonce, feed->place.nonce) == 0) {
        begin_ready(feed);
    } else {
        pgc_log(PGC_LOG_WARN, 0,
            "tick %lld is not there any more (failover, restore, or away for longer than "
            "retention_s): telling all clients to reload",
            (long long)feed->place.tick);
        feed->broke = true;
        begin_anew(feed);
    }
}

void
pgc_feed_begin(struct pgc_feed *feed)
{
    if (feed->is_placed) {
        pgc_feed_ask_nonce(feed, feed->place.tick, begin_lineage_done);
    } else {
        begin_anew(feed);
    }
}
