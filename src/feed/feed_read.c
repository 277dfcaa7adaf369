/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/clock.h"

#include "feed_internal.h"

/*
 * Ticks are read as a stream and go down in pieces, so that a transaction of a million rows takes
 * no more memory than one of a thousand.  Between two pieces the stream is paused:
 *
 *   rows -> builder .. full, or at a tick's end -> facts (asker) -> raise -> down -> rows
 */
#define READ_TICKS       64 /* in one stream */
#define READ_PIECE_ROWS  1024
#define READ_PIECE_BYTES ((size_t)1 << 20)
/* What advance() sends at most; under load it is not asked to, for the next tick is as large. */
#define READ_AHEAD_ROWS 128
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
    } else if (feed->is_streaming) {
        pgc_pg_resume(feed->reader);
    } else {
        pgc_feed_read_next(feed);
    }
}

static void
read_mapping_loaded(struct pgc_feed *feed)
{
    feed->reading.mapping_is_stale = false;
    pgc_feed_load_rights(feed, pgc_feed_read_on); /* rows about these may have been dropped, too */
}

/* Noted before any waiting, so that a lost connection cannot make it go down twice. */
static void
read_tick_is_down(struct pgc_feed *feed)
{
    feed->place = feed->reading.place;
    feed->tick_rows = feed->reading.rows;
    feed->ahead = AHEAD_NONE;
    pgc_metric_observe_us(feed->metrics.batch_seconds, pgc_monotonic_us() - feed->reading.begun_us);
    feed->reading = (struct pgc_feed_reading){0};
    feed->known_us = pgc_monotonic_us();
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
pgc_feed_place_batch(struct pgc_batch *batch, const struct pgc_feed_place *place)
{
    batch->tick = place->tick;
    batch->nonce = read_nonce_start(place->nonce);
    batch->at_us = place->at_us;
}

struct pgc_batch *
pgc_feed_new_batch(const struct pgc_feed_place *place)
{
    struct pgc_batch *batch = pgc_batch_new(place->tick);

    pgc_feed_place_batch(batch, place);
    return batch;
}

static void
read_note_event(struct pgc_feed *feed, const struct pgc_op *op, int64_t now_us)
{
    const struct pgc_msg *msg = op->msg;

    pgc_metric_add(feed->metrics.events, 1);
    pgc_metric_observe_us(
        feed->metrics.lag_seconds, now_us > msg->committed_us ? now_us - msg->committed_us : 0);
    if (pgc_log_wants(PGC_LOG_DEBUG)) {
        pgc_log_trace(PGC_LOG_DEBUG, 0, &msg->trace, "raised to %s, %zu bytes, in tick %lld",
            op->topic, msg->length, (long long)msg->position.tick);
    }
}

/* Before the workers have it: what is seen of it at their end must be found here. */
static void
read_note_batch(struct pgc_feed *feed, struct pgc_batch *batch)
{
    int64_t now_us = pgc_wall_us();

    pgc_recent_note(feed->conf.recent, batch);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i].kind == PGC_OP_PUBLISH) {
            read_note_event(feed, &batch->ops[i], now_us);
        }
    }
}

void
pgc_feed_hand_down(struct pgc_feed *feed, struct pgc_batch *batch)
{
    if (!feed->is_refilling) {
        read_note_batch(feed, batch);
    }
    for (size_t i = 0; i < feed->port_count; i++) {
        pgc_port_take_down_batch(feed->ports[i], batch);
    }
}

static void
read_raise(struct pgc_feed *feed)
{
    struct pgc_batch *batch = pgc_feed_new_batch(&feed->reading.place);

    batch->ends_tick = feed->reading.ends;
    batch->canary_us = feed->reading.ends ? feed->reading.canary_us : 0;
    pgc_builder_raise(feed->builder, feed->reading.ends, batch);
    pgc_feed_use_new_mapping(feed);
    pgc_feed_forget_viewers(feed);
    if (feed->reading.was_other_mapping) {
        pgc_batch_add(batch, PGC_OP_BEGIN, NULL, NULL, NULL);
        feed->reading.was_other_mapping = false;
    }
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

/* All there is to know of the piece is known. */
static void
read_piece_is_whole(struct pgc_feed *feed)
{
    if (feed->ahead == AHEAD_ASKING) {
        feed->ahead = AHEAD_WHOLE;
    } else {
        read_raise(feed);
    }
}

static void read_facts_done(const struct pgc_err *err, void *arg);

/* Facts are asked for until none are missing: some follow from others. */
static void
read_finish_piece(struct pgc_feed *feed)
{
    struct pgc_buf needs = {0};

    if (!pgc_builder_needs(feed->builder, feed->reading.ends, &needs)) {
        read_piece_is_whole(feed);
    } else {
        pgc_metric_add(feed->metrics.facts_queries, 1);
        feed->facts_us = pgc_monotonic_us();
        pgc_feed_query(feed, feed->asker,
            &(struct pgc_feed_query){.sql = "select what, key, data from pgcable.facts($1::json)",
                .params = {pgc_buf_str(&needs)},
                .whole = true,
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

    pgc_metric_observe_us(feed->metrics.facts_seconds, pgc_monotonic_us() - feed->facts_us);
    if (err == NULL) {
        pgc_builder_answered(feed->builder);
        read_finish_piece(feed);
        return;
    }
    snprintf(text, sizeof(text), "sent without what pgcable.facts() should add: %s", err->message);
    pgc_feed_complain(text, feed);
    read_piece_is_whole(feed);
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
        .id = pgc_pg_int(row, 3),
        .xid = strtoull(read_text(row, 4), NULL, 10),
        .kind = read_text(row, 5),
        .op = read_text(row, 6)[0],
        .stream = pgc_pg_text(row, 7),
        .new_row = {pgc_pg_text(row, 8), pgc_pg_length(row, 8)},
        .old_row = {pgc_pg_text(row, 9), pgc_pg_length(row, 9)},
        .at_us = pgc_pg_int(row, 10),
    };

    pgc_metric_add(feed->metrics.rows, 1);
    pgc_builder_add(feed->builder, &added);
}

/* Rows between daemons, and all others. */
static void
read_take(struct pgc_feed *feed, const struct pgc_pg_row *row)
{
    const char *kind = read_text(row, 5);

    if (strcmp(kind, "mapping") == 0) {
        feed->reading.mapping_is_stale = true;
        feed->reading.was_other_mapping = feed->is_refilling;
    } else if (strcmp(kind, "canary") != 0) {
        /* Before a reload rows were dropped, and one of the mapping may have been among them. */
        feed->reading.mapping_is_stale = strcmp(kind, "reload") == 0;
        read_add(feed, row);
    } else if (pgc_feed_canary_is_own(feed, pgc_pg_text(row, 7))) {
        feed->reading.canary_us = pgc_pg_int(row, 10);
    }
}

/* False if it does not go on from where we are: pruned before we came, or another history. */
static bool
read_takes_tick(struct pgc_feed *feed, const struct pgc_pg_row *row)
{
    struct pgc_feed_reading *reading = &feed->reading;
    struct pgc_feed_place place = {.tick = pgc_pg_int(row, 0), .at_us = pgc_pg_int(row, 2)};

    snprintf(place.nonce, sizeof(place.nonce), "%s", read_text(row, 1));
    if (reading->begun) {
        return place.tick == reading->place.tick && strcmp(place.nonce, reading->place.nonce) == 0;
    }
    if (place.tick != feed->place.tick + 1 ||
        (place.tick == feed->target.tick && strcmp(place.nonce, feed->target.nonce) != 0)) {
        return false;
    }
    *reading = (struct pgc_feed_reading){
        .begun = true,
        .place = place,
        .last_id = INT64_MIN,
        .begun_us = feed->known_us,
    };
    pgc_builder_begin(feed->builder, place.tick, read_nonce_start(place.nonce));
    return true;
}

/* A row of the tick, or (without an id) its end.  Returns whether a piece is due. */
static bool
read_take_next(struct pgc_feed *feed, const struct pgc_pg_row *row)
{
    struct pgc_feed_reading *reading = &feed->reading;
    int64_t id = pgc_pg_int(row, 3);

    if (pgc_pg_text(row, 3) == NULL) {
        reading->ends = true;
        return true;
    }
    if (id <= reading->last_id) {
        return false; /* the builder has it, from before the connection was lost */
    }
    reading->last_id = id;
    reading->rows++;
    read_take(feed, row);
    return reading->mapping_is_stale || pgc_builder_rows(feed->builder) >= READ_PIECE_ROWS ||
           pgc_builder_bytes(feed->builder) >= READ_PIECE_BYTES;
}

/* ---- what came with advance() ---- */

int64_t
pgc_feed_read_ahead_of(const struct pgc_feed *feed)
{
    bool is_due = feed->is_refilling || feed->reading.begun || feed->tick_rows > READ_AHEAD_ROWS;

    return is_due ? -1 : feed->place.tick;
}

void
pgc_feed_read_ahead(struct pgc_feed *feed, const struct pgc_pg_row *row)
{
    if (feed->ahead == AHEAD_NONE && pgc_pg_text(row, 3) != NULL) {
        feed->ahead = read_takes_tick(feed, row) ? AHEAD_TAKING : AHEAD_LEFT;
    }
    if (feed->ahead == AHEAD_TAKING && read_take_next(feed, row)) {
        feed->ahead = feed->reading.ends ? AHEAD_ASKING : AHEAD_LEFT;
    }
    if (feed->ahead == AHEAD_ASKING) {
        read_finish_piece(feed);
    }
}

void
pgc_feed_read_nothing_ahead(struct pgc_feed *feed)
{
    if (feed->ahead != AHEAD_NONE) {
        feed->reading = (struct pgc_feed_reading){0};
        feed->ahead = AHEAD_NONE;
    }
}

void
pgc_feed_read_committed(struct pgc_feed *feed)
{
    feed->state = FEED_READING;
    if (feed->ahead == AHEAD_WHOLE) {
        read_raise(feed);
    } else if (feed->ahead == AHEAD_ASKING) {
        feed->ahead = AHEAD_COMMITTED;
    } else {
        pgc_feed_read_nothing_ahead(feed);
        pgc_feed_read_next(feed);
    }
}

/* ---- what comes as a stream ---- */

static void
read_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;

    feed->is_broken = feed->is_broken || !read_takes_tick(feed, row);
    if (!feed->is_broken && read_take_next(feed, row)) {
        pgc_pg_pause(feed->reader);
        read_finish_piece(feed);
    }
}

static void
read_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    feed->is_streaming = false;
    if (err != NULL) {
        pgc_feed_trouble(feed, err, "read a tick's rows"); /* and then this tick again */
    } else if (feed->is_broken || feed->place.tick == feed->streamed_from) {
        pgc_feed_lineage_broke(feed);
    } else {
        pgc_feed_read_next(feed);
    }
}

void
pgc_feed_read(struct pgc_feed *feed)
{
    int64_t last = feed->place.tick + READ_TICKS;
    char after[32];
    char to[32];

    feed->state = FEED_READING;
    feed->is_streaming = true;
    feed->reading.ends = false;
    feed->is_broken = false;
    feed->streamed_from = feed->place.tick;
    feed->known_us = pgc_monotonic_us();
    snprintf(after, sizeof(after), "%lld", (long long)feed->place.tick);
    snprintf(
        to, sizeof(to), "%lld", (long long)(last < feed->target.tick ? last : feed->target.tick));
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){
            .sql = "select tick, nonce, tick_at_us, id, xid, kind, op, stream, new, old, at_us"
                   " from pgcable.batches($1, $2)",
            .params = {after, to},
            .timeout_ms = PGC_FEED_BATCH_MS,
            .row = read_row,
            .done = read_done,
        });
}
