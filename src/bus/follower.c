/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "follower_internal.h"

#define FOLLOWER_BEAT_MS 1000
#define FOLLOWER_ALL_MS  10000 /* between two lists of all who listen */
#define FOLLOWER_LATE_MS 10000 /* what was sent has to have come by then */

/* Clients give up on a subscription sooner, and try again. */
static const struct follower_patience follower_patience = {
    .ask_ms = 15000,
    .answer_ms = 3000,
    .promise_ms = 2000,
    .silence_ms = 10000,
};

/* ---- is it ready? ---- */

static bool
follower_hears(const struct pgc_follower *follower, struct pgc_err *why)
{
    int64_t now_ms = pgc_monotonic_ms();
    int64_t silent_ms = now_ms - follower->heard_ms;

    if (silent_ms > follower->patience.silence_ms) {
        pgc_err_set(why, PGC_ERR_BUS, "no feed has been heard of for %" PRId64 " seconds",
            silent_ms / 1000);
        return pgc_err_hint(why, "is a daemon with role = feed running, and ready?");
    }
    if (follower->late_ms != 0 && now_ms - follower->late_ms > FOLLOWER_LATE_MS) {
        return pgc_err_set(why, PGC_ERR_BUS,
            "what the feed sent %" PRId64 " seconds ago has not all come: now at tick %" PRId64,
            (now_ms - follower->late_ms) / 1000, follower->chain.tick);
    }
    return true;
}

static bool
follower_is_well(const struct pgc_follower *follower, struct pgc_err *why)
{
    if (!pgc_nats_is_up(follower->nats)) {
        *why = follower->down;
        return false;
    }
    if (!pgc_nats_follows(follower->nats)) {
        pgc_err_set(why, PGC_ERR_BUS,
            "connected to NATS, which has not begun to send the stream from behind tick %" PRId64,
            follower->chain.tick);
        return pgc_err_hint(why, "is NATS choosing a leader, or has it lost most of its nodes?");
    }
    if (follower->is_told) {
        return follower_hears(follower, why);
    }
    if (follower->state_err.code != PGC_ERR_NONE) {
        *why = follower->state_err;
        pgc_err_wrap(why, "ask a feed what was revoked");
        return pgc_err_hint(why, "is a daemon with role = feed running, and ready?");
    }
    return pgc_err_set(why, PGC_ERR_BUS, "catching up with the stream");
}

void
pgc_follower_look(struct pgc_follower *follower)
{
    struct pgc_bus_status *status = &follower->status;
    struct pgc_err why = {0};
    bool ready = follower_is_well(follower, &why);
    bool is_news;
    char text[PGC_ERR_TEXT];

    pgc_err_text(&why, text);
    pthread_mutex_lock(&follower->status_lock);
    is_news = status->ready != ready || (!ready && status->why[0] == '\0');
    status->ready = ready;
    status->tick = follower->chain.tick;
    status->since_ms = follower->alive_ms;
    memcpy(status->why, text, sizeof(text));
    pthread_mutex_unlock(&follower->status_lock);
    pgc_metric_set(follower->metrics.up, ready ? 1 : 0);
    if (is_news && ready) {
        pgc_log(PGC_LOG_INFO, 0, "ready: following the stream, now at tick %" PRId64,
            follower->chain.tick);
    } else if (is_news) {
        pgc_log_err(PGC_LOG_ERROR, 0, &why, "not ready");
    }
}

void
pgc_follower_status(struct pgc_follower *follower, struct pgc_bus_status *status)
{
    pthread_mutex_lock(&follower->status_lock);
    *status = follower->status;
    pthread_mutex_unlock(&follower->status_lock);
    for (size_t i = 0; i < follower->port_count; i++) {
        status->waiting += pgc_port_depth(follower->ports[i]);
    }
}

/* ---- a leader speaks ---- */

/* What a new leader does not know, it is told; and what the one before was asked, it is asked. */
static void
follower_greet(struct pgc_follower *follower)
{
    follower->has_promise = false;
    follower->asked_ms = 0;
    pgc_follower_tell_viewers(follower);
    pgc_follower_hurry_asks(follower);
    pgc_follower_want_state(follower);
}

static void
follower_told(const char *what PGC_UNUSED, const struct pgc_nats_bytes *bytes, void *arg)
{
    struct pgc_follower *follower = arg;
    struct codec_place place;
    bool is_new;

    if (!pgc_codec_read_place(bytes->data, bytes->length, CODEC_LEAD, &place, NULL)) {
        return;
    }
    is_new = !follower->has_heard || place.term != follower->term;
    follower->has_heard = true;
    follower->heard_ms = pgc_monotonic_ms();
    follower->alive_ms = follower->heard_ms;
    if (place.tick <= follower->chain.tick || !follower->chain.is_placed) {
        follower->late_ms = 0;
    } else if (follower->late_ms == 0) {
        follower->late_ms = follower->heard_ms;
    }
    if (is_new) {
        follower->term = place.term;
        follower_greet(follower);
    }
    pgc_follower_look(follower);
}

/* ---- connections ---- */

/* Whoever leads may have changed, and who listens as well. */
static void
follower_up(void *arg)
{
    struct pgc_follower *follower = arg;

    pgc_err_clear(&follower->down);
    follower->alive_ms = pgc_monotonic_ms();
    follower->asked_ms = 0;
    pgc_follower_tell_viewers(follower);
    pgc_follower_hurry_asks(follower);
    pgc_follower_want_state(follower);
    pgc_follower_look(follower);
}

static void
follower_down(const struct pgc_err *why, void *arg)
{
    struct pgc_follower *follower = arg;

    follower->down = *why;
    pgc_follower_look(follower);
}

/* Much has been sent and nothing comes: then the stream is not the one that we wait for. */
static void
follower_doubt(struct pgc_follower *follower, int64_t now_ms)
{
    struct pgc_err why = {0};

    if (follower->late_ms != 0 && now_ms - follower->late_ms > FOLLOWER_LATE_MS &&
        now_ms - follower->packet_ms > FOLLOWER_LATE_MS && !follower->is_held) {
        pgc_err_set(&why, PGC_ERR_BUS,
            "nothing comes behind tick %" PRId64 " of what the feed has sent",
            follower->chain.tick);
        pgc_follower_lost(&why, follower);
    }
}

static void
follower_beat(void *arg)
{
    struct pgc_follower *follower = arg;
    int64_t now_ms = pgc_monotonic_ms();

    pgc_timer_set(follower->beat, FOLLOWER_BEAT_MS);
    if (pgc_nats_is_up(follower->nats)) {
        follower_doubt(follower, now_ms);
    }
    pgc_follower_refuse_asks(follower);
    pgc_follower_send_asks(follower);
    pgc_follower_want_state(follower);
    if (pgc_nats_is_up(follower->nats) &&
        now_ms - follower->viewers.told_all_ms >= FOLLOWER_ALL_MS) {
        pgc_follower_tell_viewers(follower);
    }
    pgc_follower_look(follower);
}

/* ---- life ---- */

static void
follower_register_metrics(struct follower_metrics *own, struct pgc_metrics *metrics)
{
    *own = (struct follower_metrics){
        .up = pgc_gauge(metrics, "pgcable_edge_up", "",
            "1 while NATS is connected, the stream is followed and a feed is heard of."),
        .tick = pgc_gauge(metrics, "pgcable_edge_tick", "", "Newest tick handed to the workers."),
        .lag_seconds = pgc_histogram(metrics, "pgcable_edge_lag_seconds", "",
            "From a tick made in the database to all of it handed to the workers of an edge."),
        .bytes = pgc_counter(
            metrics, "pgcable_edge_bytes_total", "", "Bytes of packets that came by the stream."),
        .breaks = pgc_counter(metrics, "pgcable_edge_breaks_total", "",
            "Times something of the stream was missing, and clients were told to reload."),
        .answer_seconds = pgc_histogram(metrics, "pgcable_edge_answer_seconds", "",
            "From a request for access to its answer, at its place in the order."),
        .asked_again = pgc_counter(metrics, "pgcable_edge_asks_again_total", "",
            "Requests for access asked again, since the answer may not hold any more."),
        .refused = pgc_counter(metrics, "pgcable_edge_asks_refused_total", "",
            "Requests for access refused because no feed answered in time."),
    };
}

static struct pgc_nats *
follower_connect(struct pgc_follower *follower, const struct pgc_bus_conf *conf)
{
    static const struct pgc_nats_ops ops = {
        .up = follower_up,
        .down = follower_down,
        .packet = pgc_follower_packet,
        .lost = pgc_follower_lost,
        .told = follower_told,
    };
    const struct pgc_nats_conf nats_conf = {
        .url = conf->url,
        .prefix = conf->prefix,
        .name = "pgcable edge",
        .credentials = conf->credentials,
        .tls_ca = conf->tls_ca,
        .tls_certificate = conf->tls_certificate,
        .tls_key = conf->tls_key,
    };

    return pgc_nats_new(follower->loop, &nats_conf, &ops, follower);
}

struct pgc_follower *
pgc_follower_new(struct pgc_loop *loop, const struct pgc_bus_conf *conf,
    struct pgc_port *const *ports, size_t port_count, struct pgc_metrics *metrics)
{
    struct pgc_follower *follower = pgc_xcalloc(1, sizeof(*follower));

    follower->loop = loop;
    follower->ports = ports;
    follower->port_count = port_count;
    follower->history_s = conf->history_s;
    follower->recent = conf->recent;
    follower->patience = follower_patience;
    pgc_random(&follower->edge, sizeof(follower->edge));
    follower_register_metrics(&follower->metrics, metrics);
    pthread_mutex_init(&follower->status_lock, NULL);
    pgc_err_set(&follower->down, PGC_ERR_BUS, "connecting to NATS");
    snprintf(follower->status.why, sizeof(follower->status.why), "connecting to NATS");
    follower->moves = pgc_moves_new();
    pgc_chain_init(&follower->chain, &pgc_follower_chain_ops, follower);
    pgc_follower_init_asks(follower);
    pgc_follower_init_viewers(follower);
    follower->beat = pgc_timer_new(loop, follower_beat, follower);
    follower->unclog = pgc_timer_new(loop, pgc_follower_unclog, follower);
    for (size_t i = 0; i < port_count; i++) {
        pgc_port_watch_viewers(ports[i], pgc_follower_viewer_changed, follower);
        pgc_port_open_feed(ports[i], loop, pgc_follower_asked, follower);
    }
    follower->nats = follower_connect(follower, conf);
    pgc_nats_listen(follower->nats, "lead");
    pgc_follower_begin(follower);
    pgc_timer_set(follower->beat, FOLLOWER_BEAT_MS);
    return follower;
}

void
pgc_follower_free(struct pgc_follower *follower)
{
    if (follower == NULL) {
        return;
    }
    for (size_t i = 0; i < follower->port_count; i++) {
        pgc_port_close_feed(follower->ports[i]);
    }
    pgc_nats_free(follower->nats);
    pgc_timer_free(follower->beat);
    pgc_timer_free(follower->unclog);
    pgc_follower_fini_asks(follower);
    pgc_follower_fini_viewers(follower);
    pgc_chain_fini(&follower->chain);
    pgc_moves_free(follower->moves);
    pthread_mutex_destroy(&follower->status_lock);
    free(follower);
}
