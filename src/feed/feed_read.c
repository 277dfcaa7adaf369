/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/clock.h"

#include "feed_internal.h"

/*
 * A tick is read as a stream and goes down in pieces, so that a transaction of a million rows takes
 * no more memory than one of a thousand.  Between two pieces the stream is paused:
 *
 *   rows -> builder .. full or at the end -> facts (asker) -> raise -> down -> rows
 */
#define READ_PIECE_ROWS  512
#define READ_PIECE_BYTES ((size_t)1 << 20)
/* A worker with so many batches before it is slow: wait for it. */
#define READ_PORT_DEPTH 64
#define READ_WAIT_MS    1

static void
read_fact(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *what = pgc_pg_text(row, 0);
    const char *key = pgc_pg_text(row, 1);
    const char *data = pgc_pg_text(row, 2);

    if (what != NULL && key != NULL && data != NULL) {
        pgc_builder_fact(feed->builder, what, key, data, pgc_pg_length(row, 2));
    }
}

static bool
read_is_clogged(const struct pgc_feed *feed)
{
    for (size_t i = 0; i < feed->port_count; i++) {
        if (pgc_port_depth(feed->ports[i]) > READ_PORT_DEPTH) {
            return true;
        }
    }
    return false;
}

/* The piece is down: on to the next one, when the workers can take it. */
void
pgc_feed_read_on(struct pgc_feed *feed)
{
    if (read_is_clogged(feed)) {
        pgc_timer_set(feed->timer, READ_WAIT_MS);
    } else if (feed->reading.begun) {
        pgc_pg_resume(feed->reader);
    } else {
        pgc_feed_read_next(feed);
    }
}

static void
read_mapping_loaded(struct pgc_feed *feed)
{
    feed->reading.mapping_is_stale = false;
    pgc_feed_read_on(feed);
}

/* Noted before any waiting, so that a lost connection cannot make it go down twice. */
static void
read_tick_is_down(struct pgc_feed *feed)
{
    feed->place = feed->reading.place;
    pgc_metric_observe_us(feed->metrics.batch_seconds, pgc_monotonic_us() - feed->reading.begun_us);
    feed->reading = (struct pgc_feed_reading){0};
}

void
pgc_feed_hand_down(struct pgc_feed *feed, struct pgc_batch *batch)
{
    int64_t now_us = pgc_wall_us();

    for (size_t i = 0; i < feed->port_count; i++) {
        pgc_port_take_down_batch(feed->ports[i], batch);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct pgc_msg *msg = batch->ops[i].msg;

        if (msg != NULL) {
            pgc_metric_add(feed->metrics.events, 1);
            pgc_metric_observe_us(feed->metrics.lag_seconds,
                now_us > msg->committed_us ? now_us - msg->committed_us : 0);
        }
    }
}

static void
read_raise(struct pgc_feed *feed)
{
    struct pgc_batch *batch = pgc_batch_new(feed->reading.place.tick);

    batch->ends_tick = feed->reading.ends;
    pgc_builder_raise(feed->builder, feed->reading.ends, batch);
    pgc_feed_use_new_mapping(feed);
    if (batch->ends_tick || batch->count > 0) {
        pgc_feed_hand_down(feed, batch);
    }
    pgc_batch_unref(batch);
    if (feed->reading.ends) {
        read_tick_is_down(feed);
    }
    if (feed->reading.mapping_is_stale) {
        pgc_feed_load_mapping(feed, read_mapping_loaded);
    } else {
        pgc_feed_read_on(feed);
    }
}

static void read_facts_done(const struct pgc_err *err, void *arg);

/* Facts are asked for until none are missing: some follow from others. */
static void
read_finish_piece(struct pgc_feed *feed)
{
    struct pgc_buf needs = {0};

    if (!pgc_builder_needs(feed->builder, feed->reading.ends, &needs)) {
        read_raise(feed);
    } else {
        pgc_metric_add(feed->metrics.facts_queries, 1);
        pgc_feed_query(feed, feed->asker,
            &(struct pgc_feed_query){.sql = "select what, key, data from pgcable.facts($1::json)",
                .params = {pgc_buf_str(&needs)},
                .row = read_fact,
                .done = read_facts_done});
    }
    pgc_buf_fini(&needs);
}

/* Without facts an event lacks some fields; without the event the client would know nothing. */
static void
read_facts_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;
    char text[sizeof(err->message) + 128];

    if (err == NULL) {
        pgc_builder_answered(feed->builder);
        read_finish_piece(feed);
        return;
    }
    snprintf(text, sizeof(text), "sent without what pgcable.facts() should add: %s", err->message);
    pgc_feed_complain(text, feed);
    read_raise(feed);
}

static const char *
read_text(const struct pgc_pg_row *row, int column)
{
    const char *text = pgc_pg_text(row, column);

    return text != NULL ? text : "";
}

static void
read_add(struct pgc_feed *feed, const struct pgc_pg_row *row)
{
    struct pgc_row added = {
        .id = pgc_pg_int(row, 0),
        .xid = strtoull(read_text(row, 1), NULL, 10),
        .kind = read_text(row, 2),
        .op = read_text(row, 3)[0],
        .stream = pgc_pg_text(row, 4),
        .new_row = {pgc_pg_text(row, 5), pgc_pg_length(row, 5)},
        .old_row = {pgc_pg_text(row, 6), pgc_pg_length(row, 6)},
        .at_us = pgc_pg_int(row, 7),
    };

    pgc_metric_add(feed->metrics.rows, 1);
    pgc_builder_add(feed->builder, &added);
}

static void
read_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    int64_t id = pgc_pg_int(row, 0);

    if (id <= feed->reading.last_id) {
        return; /* the builder has it, from before the connection was lost */
    }
    feed->reading.last_id = id;
    if (strcmp(read_text(row, 2), "mapping") == 0) {
        feed->reading.mapping_is_stale = true;
    } else {
        read_add(feed, row);
    }
    if (feed->reading.mapping_is_stale || pgc_builder_rows(feed->builder) >= READ_PIECE_ROWS ||
        pgc_builder_bytes(feed->builder) >= READ_PIECE_BYTES) {
        pgc_pg_pause(feed->reader);
        read_finish_piece(feed);
    }
}

static void
read_batch_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "read a tick's rows"); /* and then this tick again */
    } else {
        feed->reading.ends = true;
        read_finish_piece(feed);
    }
}

/* A position holds only the uuid's first 32 bits. */
static uint32_t
read_nonce_start(const char *nonce)
{
    char digits[9] = {0};

    snprintf(digits, sizeof(digits), "%.8s", nonce);
    return (uint32_t)strtoul(digits, NULL, 16);
}

void
pgc_feed_read(struct pgc_feed *feed)
{
    struct pgc_feed_reading *reading = &feed->reading;
    char number[32];

    feed->state = FEED_READING;
    reading->ends = false;
    if (!reading->begun) {
        reading->begun = true;
        reading->last_id = INT64_MIN;
        reading->begun_us = pgc_monotonic_us();
        pgc_builder_begin(
            feed->builder, reading->place.tick, read_nonce_start(reading->place.nonce));
    }
    snprintf(number, sizeof(number), "%lld", (long long)reading->place.tick);
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){
            .sql = "select id, xid, kind, op, stream, new, old, at_us from pgcable.batch($1)",
            .params = {number},
            .timeout_ms = PGC_FEED_BATCH_MS,
            .row = read_row,
            .done = read_batch_done,
        });
}
