/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "publisher_internal.h"

/* Of an encoded batch in one packet; servers take 1 MB by default. */
#define PUBLISHER_FRAGMENT_BYTES ((size_t)256 << 10)

/* Every edge says who listens within so long by itself, and at once when it hears of a leader. */
#define PUBLISHER_HEARD_ALL_MS 11000
#define PUBLISHER_GREET_MS     1000

/* ---- status ---- */

void
pgc_publisher_set_status(struct pgc_publisher *publisher, const struct pgc_err *why)
{
    struct pgc_bus_status *status = &publisher->status;

    pthread_mutex_lock(&publisher->status_lock);
    status->ready = why == NULL;
    if (why == NULL) {
        status->why[0] = '\0';
        status->since_ms = pgc_monotonic_ms();
    } else {
        pgc_err_text(why, status->why);
    }
    pthread_mutex_unlock(&publisher->status_lock);
}

void
pgc_publisher_status(struct pgc_publisher *publisher, struct pgc_bus_status *status)
{
    pthread_mutex_lock(&publisher->status_lock);
    *status = publisher->status;
    pthread_mutex_unlock(&publisher->status_lock);
    status->waiting = (size_t)pgc_metric_get(publisher->metrics.unconfirmed);
}

void
pgc_publisher_set_stored(struct pgc_publisher *publisher, const struct codec_place *place)
{
    publisher->stored = *place;
    pthread_mutex_lock(&publisher->status_lock);
    publisher->status.tick = place->tick;
    pthread_mutex_unlock(&publisher->status_lock);
}

/* ---- pieces ---- */

/* Tells edges that there is a leader, and how far it is. */
static void
publisher_tell_lead(void *arg)
{
    struct pgc_publisher *publisher = arg;
    struct pgc_buf bytes = {0};

    pgc_codec_write_place(&bytes, CODEC_LEAD, &publisher->stored);
    pgc_nats_tell(publisher->nats, "lead",
        &(struct pgc_nats_bytes){(const unsigned char *)bytes.data, bytes.length});
    pgc_buf_fini(&bytes);
    pgc_timer_set(publisher->lead, CODEC_LEAD_MS);
}

/* Cut to packets, each of which the stream's servers take. */
static void
publisher_send(struct pgc_publisher *publisher, struct pgc_batch *batch, bool late, bool has_state)
{
    struct pgc_buf bytes = {0};
    struct codec_packet packet = {.term = publisher->term,
        .tick = batch->tick,
        .nonce = batch->nonce,
        .at_us = batch->at_us,
        .piece = publisher->place.piece,
        .ends = batch->ends_tick,
        .late = late,
        .begins = pgc_codec_begins(batch),
        .has_state = has_state};
    const struct codec_place none = {0};

    pgc_codec_write_batch(&bytes, batch);
    packet.fragments =
        (uint32_t)((bytes.length + PUBLISHER_FRAGMENT_BYTES - 1) / PUBLISHER_FRAGMENT_BYTES);
    for (; packet.fragment < packet.fragments; packet.fragment++) {
        size_t at = packet.fragment * PUBLISHER_FRAGMENT_BYTES;
        size_t left = bytes.length - at;
        bool is_last = packet.fragment + 1 == packet.fragments;
        struct pgc_buf out = {0};

        packet.bytes = (const unsigned char *)bytes.data + at;
        packet.length = is_last ? left : PUBLISHER_FRAGMENT_BYTES;
        pgc_codec_write_packet(&out, &packet);
        pgc_publisher_send_take(
            publisher, &out, is_last && batch->ends_tick ? &publisher->place : &none);
    }
    pgc_buf_fini(&bytes);
}

/* Numbers begin anew with each tick and each leader. */
static void
publisher_number(struct pgc_publisher *publisher, const struct pgc_batch *batch)
{
    struct codec_place *place = &publisher->place;

    place->piece = publisher->has_sent && place->tick == batch->tick ? place->piece + 1 : 0;
    place->tick = batch->tick;
    place->nonce = batch->nonce;
    publisher->at_us = batch->at_us;
    publisher->has_sent = true;
}

static void
publisher_take_batch(struct pgc_publisher *publisher, struct pgc_batch *batch)
{
    bool late = !batch->ends_tick && batch->tick <= publisher->ended;

    pgc_publisher_desk_move(publisher);
    pgc_banned_note(publisher->banned, batch);
    publisher->knows_rights = publisher->knows_rights || !pgc_codec_begins(batch);
    publisher_number(publisher, batch);
    publisher_send(publisher, batch, late, false);
    if (batch->ends_tick) {
        publisher->ended = batch->tick;
    }
}

void
pgc_publisher_add(struct pgc_publisher *publisher, struct pgc_batch *batch, bool has_state)
{
    batch->tick = publisher->place.tick;
    batch->nonce = publisher->place.nonce;
    batch->at_us = publisher->at_us;
    publisher_number(publisher, batch);
    publisher_send(publisher, batch, batch->tick <= publisher->ended, has_state);
}

static void
publisher_received(struct pgc_down *down, void *arg)
{
    struct pgc_publisher *publisher = arg;

    if (publisher->state == PUBLISHER_LEADING && down->batch != NULL) {
        publisher_take_batch(publisher, down->batch);
    } else if (publisher->state == PUBLISHER_LEADING && down->answer != NULL) {
        pgc_publisher_desk_answer(publisher, down->answer);
        down->answer = NULL;
    }
    pgc_down_free(down);
}

/* ---- who leads ---- */

static void
publisher_begin(struct pgc_publisher *publisher)
{
    struct pgc_bus_place found = {.tick = publisher->place.tick,
        .nonce = publisher->place.nonce,
        .is_whole = publisher->place.tick == publisher->ended};

    publisher->state = PUBLISHER_LEADING;
    pgc_publisher_viewers_tell(publisher);
    pgc_publisher_desk_open(publisher);
    publisher->queue.is_failing = false;
    pgc_publisher_set_status(publisher, NULL);
    publisher->ops->found(&found, publisher->arg);
}

static void
publisher_lead_timer(void *arg)
{
    struct pgc_publisher *publisher = arg;

    if (publisher->state == PUBLISHER_GREETING) {
        publisher_begin(publisher);
    }
    if (publisher->state == PUBLISHER_LEADING) {
        publisher_tell_lead(publisher);
    }
}

/* What shows one member's view is built for those who listen: hear first who does.  Of a stream
 * that has never held anything no edge knows. */
static void
publisher_greet(struct pgc_publisher *publisher, bool is_new)
{
    publisher->state = PUBLISHER_GREETING;
    publisher_tell_lead(publisher);
    if (is_new ||
        (publisher->up_ms > 0 && pgc_monotonic_ms() - publisher->up_ms > PUBLISHER_HEARD_ALL_MS)) {
        publisher_begin(publisher);
    } else {
        pgc_timer_set(publisher->lead, PUBLISHER_GREET_MS);
    }
}

void
pgc_publisher_found(struct pgc_publisher *publisher, const struct pgc_nats_last *last)
{
    struct codec_packet packet = {0};
    struct pgc_err err = {0};

    if (last->packet != NULL && !pgc_codec_read_packet(last->packet->bytes.data,
                                    last->packet->bytes.length, &packet, &err)) {
        (void)pgc_err_wrap(&err, "packet %llu of the stream", (unsigned long long)last->last);
        (void)pgc_err_hint(&err, "delete the stream: the daemon makes a new one");
        pgc_publisher_fence(publisher, &err);
        return;
    }
    if (packet.term >= publisher->term) { /* ours, before we were fenced and led again */
        publisher->term = packet.term + 1;
    }
    publisher->place =
        (struct codec_place){.term = publisher->term, .tick = packet.tick, .nonce = packet.nonce};
    publisher->at_us = packet.at_us;
    publisher->ended =
        packet.late || codec_packet_is_whole(&packet) ? packet.tick : packet.tick - 1;
    if (last->packet == NULL) {
        publisher->ended = 0;
    }
    pgc_publisher_set_stored(
        publisher, &(struct codec_place){
                       .term = publisher->term, .tick = publisher->ended, .nonce = packet.nonce});
    publisher_greet(publisher, last->last == 0);
}

void
pgc_publisher_fence(struct pgc_publisher *publisher, const struct pgc_err *why)
{
    publisher->state = PUBLISHER_FENCED;
    pgc_timer_cancel(publisher->lead);
    pgc_publisher_desk_close(publisher);
    pgc_publisher_send_forget(publisher);
    pgc_publisher_set_status(publisher, why);
    publisher->ops->fenced(why, publisher->arg);
}

void
pgc_publisher_lead(struct pgc_publisher *publisher, struct pgc_port *port, int64_t term)
{
    pgc_publisher_rest(publisher);
    publisher->state = PUBLISHER_LOOKING;
    publisher->port = port;
    publisher->term = term;
    publisher->has_sent = false;
    publisher->knows_rights = false;
    publisher->banned = pgc_banned_new();
    pgc_port_open_worker(port, publisher->loop, publisher_received, publisher);
    pgc_publisher_send_look(publisher);
}

void
pgc_publisher_rest(struct pgc_publisher *publisher)
{
    if (publisher->state == PUBLISHER_RESTING) {
        return;
    }
    publisher->state = PUBLISHER_RESTING;
    pgc_timer_cancel(publisher->lead);
    pgc_publisher_desk_close(publisher);
    pgc_publisher_send_forget(publisher);
    pgc_port_close_worker(publisher->port);
    publisher->port = NULL;
    pgc_banned_free(publisher->banned);
    publisher->banned = NULL;
    if (publisher->up_ms > 0) {
        pgc_publisher_set_status(publisher, NULL); /* standing by */
    }
}

/* ---- what NATS says ---- */

static void
publisher_up(void *arg)
{
    struct pgc_publisher *publisher = arg;

    publisher->up_ms = pgc_monotonic_ms();
    pgc_log(PGC_LOG_INFO, 0, "connected to NATS");
    if (publisher->state == PUBLISHER_RESTING) {
        pgc_publisher_set_status(publisher, NULL);
    }
    pgc_publisher_send_up(publisher);
}

static void
publisher_down(const struct pgc_err *why, void *arg)
{
    struct pgc_publisher *publisher = arg;
    char text[PGC_ERR_TEXT];
    bool is_news;

    pgc_err_text(why, text);
    pthread_mutex_lock(&publisher->status_lock);
    is_news = publisher->up_ms > 0 || strcmp(publisher->status.why, text) != 0;
    pthread_mutex_unlock(&publisher->status_lock);
    if (is_news) {
        pgc_log_err(PGC_LOG_ERROR, 0, why, "nothing is published");
    }
    publisher->up_ms = 0;
    publisher->queue.is_failing = true;
    pgc_publisher_set_status(publisher, why);
}

static void
publisher_published(
    uint64_t cookie, enum pgc_nats_outcome outcome, const struct pgc_err *err, void *arg)
{
    pgc_publisher_send_done(arg, cookie, outcome, err);
}

static void
publisher_asked(struct pgc_nats_asked *asked, const char *what,
    const struct pgc_nats_bytes *question, void *arg)
{
    pgc_publisher_desk_asked(arg, asked, what, question);
}

static void
publisher_told(const char *what, const struct pgc_nats_bytes *bytes, void *arg)
{
    (void)what;
    pgc_publisher_viewers_told(arg, bytes);
}

/* ---- life ---- */

static void
publisher_register(struct pgc_publisher *publisher, struct pgc_metrics *metrics)
{
    struct publisher_metrics *mine = &publisher->metrics;

    mine->packets = pgc_counter(metrics, "pgcable_bus_packets_total", "",
        "Packets that were published and that the stream has stored.");
    mine->bytes = pgc_counter(
        metrics, "pgcable_bus_bytes_total", "direction=\"out\"", "Bytes of these packets.");
    mine->confirmed_seconds = pgc_histogram(metrics, "pgcable_bus_stored_seconds", "",
        "From sending a packet to the stream's word that it is stored.");
    mine->unconfirmed = pgc_gauge(
        metrics, "pgcable_bus_unconfirmed_packets", "", "Packets that are not known to be stored.");
    mine->again = pgc_counter(metrics, "pgcable_bus_failed_packets_total", "",
        "Sendings of packets that failed, or of which nothing was heard.");
    mine->edges =
        pgc_gauge(metrics, "pgcable_bus_edges", "", "Edges that have told who listens there.");
    mine->asks = pgc_counter(
        metrics, "pgcable_bus_asks_total", "", "Requests for access that came from edges.");
}

struct pgc_publisher *
pgc_publisher_new(struct pgc_loop *loop, const struct pgc_bus_conf *conf,
    struct pgc_metrics *metrics, const struct pgc_publisher_ops *ops, void *arg)
{
    static const struct pgc_nats_ops nats_ops = {
        .up = publisher_up,
        .down = publisher_down,
        .published = publisher_published,
        .asked = publisher_asked,
        .told = publisher_told,
    };
    const struct pgc_nats_conf nats_conf = {.url = conf->url,
        .prefix = conf->prefix,
        .name = "pgcable feed",
        .credentials = conf->credentials,
        .tls_ca = conf->tls_ca,
        .tls_certificate = conf->tls_certificate,
        .tls_key = conf->tls_key,
        .keeps_stream = true,
        .replicas = conf->replicas,
        .retention_s = conf->retention_s};
    struct pgc_publisher *publisher = pgc_xcalloc(1, sizeof(*publisher));

    publisher->loop = loop;
    publisher->ops = ops;
    publisher->arg = arg;
    pthread_mutex_init(&publisher->status_lock, NULL);
    snprintf(publisher->status.why, sizeof(publisher->status.why), "connecting to NATS");
    publisher_register(publisher, metrics);
    publisher->lead = pgc_timer_new(loop, publisher_lead_timer, publisher);
    pgc_publisher_send_init(publisher);
    pgc_publisher_desk_init(publisher);
    pgc_publisher_viewers_init(publisher);
    publisher->nats = pgc_nats_new(loop, &nats_conf, &nats_ops, publisher);
    pgc_nats_listen(publisher->nats, "viewers");
    return publisher;
}

void
pgc_publisher_free(struct pgc_publisher *publisher)
{
    if (publisher == NULL) {
        return;
    }
    pgc_publisher_rest(publisher);
    pgc_nats_free(publisher->nats);
    pgc_publisher_viewers_fini(publisher);
    pgc_publisher_desk_fini(publisher);
    pgc_publisher_send_fini(publisher);
    pgc_timer_free(publisher->lead);
    pthread_mutex_destroy(&publisher->status_lock);
    free(publisher);
}
