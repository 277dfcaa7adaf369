/* SPDX-License-Identifier: PostgreSQL */
/*
 * What was revoked before our part of the stream began is in none of its packets.  So a leader is
 * asked to say it all again, in the stream; and once that has come, all that was sent before it has
 * come as well.  Nobody is answered before.
 */
#include "pgcable/clock.h"

#include "follower_internal.h"

/* A worker with so many batches before it is slow: the server keeps the rest. */
#define STREAM_PORT_DEPTH 64
#define STREAM_WAIT_MS    2

/* Before a leader is asked again: it did not promise it, or the stream did not say it yet: much may
 * come before. */
#define STREAM_AGAIN_MS 1000
#define STREAM_TELL_MS  30000

/* ---- down ---- */

static bool
stream_is_clogged(const struct pgc_follower *follower)
{
    for (size_t i = 0; i < follower->port_count; i++) {
        if (pgc_port_depth(follower->ports[i]) > STREAM_PORT_DEPTH) {
            return true;
        }
    }
    return false;
}

void
pgc_follower_unclog(void *arg)
{
    struct pgc_follower *follower = arg;
    bool hold = stream_is_clogged(follower);

    if (hold) {
        pgc_timer_set(follower->unclog, STREAM_WAIT_MS);
    }
    if (hold != follower->is_held) {
        follower->is_held = hold;
        pgc_nats_hold(follower->nats, hold);
    }
}

/* What comes while we catch up is late on purpose. */
static void
stream_note(struct pgc_follower *follower, struct pgc_batch *batch)
{
    pgc_recent_note(follower->recent, batch);
    if (batch->ends_tick) {
        pgc_metric_observe_us(follower->metrics.lag_seconds, pgc_wall_age_us(batch->at_us));
    }
}

static void
stream_down(struct pgc_batch *batch, void *arg)
{
    struct pgc_follower *follower = arg;

    pgc_moves_note(follower->moves, batch, pgc_monotonic_ms());
    if (follower->is_told) {
        stream_note(follower, batch);
    }
    for (size_t i = 0; i < follower->port_count; i++) {
        pgc_port_take_down_batch(follower->ports[i], batch);
    }
    if (pgc_codec_begins(batch)) {
        pgc_follower_recall_asks(follower);
    }
}

static void
stream_broke(const struct pgc_err *why, void *arg)
{
    struct pgc_follower *follower = arg;

    pgc_log(
        PGC_LOG_WARN, 0, "the stream is broken, telling all clients to reload: %s", why->message);
    pgc_metric_add(follower->metrics.breaks, 1);
    follower->is_told = false;
    follower->has_promise = false;
    follower->told = (struct codec_place){0};
    follower->asked_ms = 0;
    follower->late_ms = 0;
}

const struct chain_ops pgc_follower_chain_ops = {.down = stream_down, .broke = stream_broke};

/* ---- in ---- */

static int
stream_compare(const struct codec_place *a, const struct codec_place *b)
{
    if (a->term != b->term) {
        return a->term < b->term ? -1 : 1;
    }
    if (a->tick != b->tick) {
        return a->tick < b->tick ? -1 : 1;
    }
    return a->piece == b->piece ? 0 : a->piece < b->piece ? -1 : 1;
}

static void
stream_look_told(struct pgc_follower *follower)
{
    if (!follower->is_told && follower->has_promise && follower->chain.is_placed &&
        stream_compare(&follower->told, &follower->promise) >= 0) {
        follower->is_told = true;
        follower->has_promise = false;
        follower->heard_ms = pgc_monotonic_ms();
        pgc_follower_look(follower);
        pgc_follower_land_asks(follower);
    }
}

static void
stream_piece_done(struct pgc_follower *follower, const struct codec_packet *packet)
{
    if (packet->has_state) {
        follower->told = (struct codec_place){
            .term = packet->term,
            .tick = packet->tick,
            .nonce = packet->nonce,
            .piece = packet->piece,
        };
        stream_look_told(follower);
    }
    if (!follower->chain.is_half) {
        pgc_metric_set(follower->metrics.tick, follower->chain.tick);
        pgc_follower_land_asks(follower);
    }
}

void
pgc_follower_packet(const struct pgc_nats_packet *packet, void *arg)
{
    struct pgc_follower *follower = arg;
    struct codec_packet read;
    struct pgc_err err = {0};
    unsigned suppressed;

    follower->packet_ms = pgc_monotonic_ms();
    follower->alive_ms = follower->packet_ms;
    pgc_metric_add(follower->metrics.bytes, (int64_t)packet->bytes.length);
    if (!pgc_codec_read_packet(packet->bytes.data, packet->bytes.length, &read, &err)) {
        if (pgc_log_allowed(&follower->garbage_limit, &suppressed)) {
            pgc_log_err(PGC_LOG_ERROR, 0, &err, "packet %llu of the stream",
                (unsigned long long)packet->sequence);
        }
        return; /* if it should have been one of ours, the next one does not follow */
    }
    if (pgc_chain_take(&follower->chain, &read)) {
        stream_piece_done(follower, &read);
    }
    if (!follower->is_held) {
        pgc_follower_unclog(follower);
    }
    pgc_follower_want_state(follower);
}

/* ---- where it begins ---- */

void
pgc_follower_begin(struct pgc_follower *follower)
{
    struct pgc_nats_since since = {.time_us = pgc_wall_us() - follower->history_s * 1000000};

    pgc_nats_follow(follower->nats, &since);
}

/* The same as for a gap that we see ourselves; who reloads needs nothing of what came before. */
void
pgc_follower_lost(const struct pgc_err *why, void *arg)
{
    struct pgc_follower *follower = arg;
    struct pgc_nats_since since = {.time_us = pgc_wall_us()};

    pgc_chain_break(&follower->chain);
    stream_broke(why, follower);
    pgc_nats_follow(follower->nats, &since);
    pgc_follower_want_state(follower);
    pgc_follower_look(follower);
}

/* ---- what holds already ---- */

static void
stream_promised(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg)
{
    struct pgc_follower *follower = arg;

    follower->asks_state = false;
    pgc_err_clear(&follower->state_err);
    if (err != NULL) {
        follower->state_err = *err;
    } else if (pgc_codec_read_place(answer->data, answer->length, CODEC_STATE, &follower->promise,
                   &follower->state_err)) {
        follower->has_promise = true;
        stream_look_told(follower);
    }
    pgc_follower_look(follower);
}

void
pgc_follower_want_state(struct pgc_follower *follower)
{
    int64_t now_ms = pgc_monotonic_ms();
    int64_t patience_ms = follower->has_promise ? STREAM_TELL_MS : STREAM_AGAIN_MS;
    struct pgc_buf question = {0};
    struct pgc_nats_bytes bytes;

    if (follower->is_told || follower->asks_state || !pgc_nats_is_up(follower->nats) ||
        now_ms < follower->asked_ms + patience_ms) {
        return;
    }
    follower->asks_state = true;
    follower->asked_ms = now_ms;
    pgc_codec_write_place(&question, CODEC_STATE_ASK, &(struct codec_place){0});
    bytes.data = (const unsigned char *)question.data;
    bytes.length = question.length;
    pgc_nats_request(
        follower->nats, "state", &bytes, follower->patience.promise_ms, stream_promised, follower);
    pgc_buf_fini(&question);
}
