/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <stdlib.h>

#include "pgcable/cable.h"
#include "pgcable/hub.h"
#include "pgcable/log.h"
#include "pgcable/mailbox.h"
#include "pgcable/mem.h"
#include "pgcable/ws.h"

#include "app.h"

enum worker_order_kind { WORKER_RELOAD, WORKER_DRAIN };

/* Nobody has had a reason to change it. */
enum { WORKER_CLOSING_MS = 2000 };

/* What the main thread tells a worker. */
struct worker_order {
    enum worker_order_kind kind;
    struct app_generation *generation; /* RELOAD: one reference */
    int64_t deadline_ms;               /* DRAIN */
};

struct app_worker {
    struct app_worker_conf conf;
    struct app_generation *generation; /* the one in force; the worker's thread's */
    struct pgc_loop *loop;
    struct pgc_hub *hub;
    struct pgc_cable *cable;
    struct pgc_ws *ws;
    struct pgc_mailbox *orders; /* main -> worker */
    struct pgc_mailbox *news;   /* worker -> main: the worker itself, once it has drained */
    pthread_t thread;
    bool started;
};

/* Of what is for all workers together; a limit stays one. */
static int64_t
worker_share(const struct app_worker *worker, int64_t total)
{
    return (total + worker->conf.share - 1) / worker->conf.share;
}

static struct pgc_ws_conf
worker_ws_conf(const struct app_worker *worker, const struct app_generation *generation)
{
    const struct pgc_conf *conf = generation->conf;

    return (struct pgc_ws_conf){
        .address = conf->listen_address,
        .port = worker->conf.listen_port,
        .joins = worker->conf.joins,
        .tls = generation->tls,
        .path = conf->cable_path,
        .events_path = conf->sse_path,
        .origins = conf->allowed_origins,
        .same_origin = conf->allow_same_origin,
        .no_origin = (enum pgc_no_origin)conf->allow_no_origin,
        .query_token = conf->token_query,
        .trusted_proxies = conf->trusted_proxies,
        .proxy_protocol = conf->proxy_protocol,
        .places = worker->conf.places,
        .handshakes_per_s = worker_share(worker, conf->handshakes_per_s),
        .max_header_bytes = (size_t)conf->max_header_bytes,
        .max_token_bytes = (size_t)conf->max_token_bytes,
        .max_message_bytes = (size_t)conf->max_message_bytes,
        .queue_bytes = (size_t)conf->queue_bytes,
        .queue_messages = (unsigned)conf->queue_messages,
        .queue_age_ms = conf->queue_age_ms,
        .queue_total_bytes = (size_t)conf->queue_total_bytes,
        .queue_share_bytes = (size_t)worker_share(worker, conf->queue_total_bytes),
        .max_fragments = (unsigned)conf->max_fragments,
        .max_control_frames = (unsigned)conf->max_control_frames,
        .handshake_ms = conf->handshake_ms,
        .message_ms = conf->message_ms,
        .closing_ms = WORKER_CLOSING_MS,
        .version = PGC_VERSION,
        .recent = worker->conf.recent,
        .next_conn = worker->conf.next_conn,
    };
}

static struct pgc_cable_conf
worker_cable_conf(const struct app_worker *worker, const struct pgc_conf *conf)
{
    return (struct pgc_cable_conf){
        .recent = worker->conf.recent,
        .max_identifier_bytes = (size_t)conf->max_identifier_bytes,
        .max_message_bytes = (size_t)conf->max_message_bytes,
        .max_subscriptions = (unsigned)conf->max_subscriptions,
        .commands_burst = (unsigned)conf->commands_burst,
        .commands_per_s = (unsigned)conf->commands_per_s,
        .duplicate_subscribe = (enum pgc_duplicate)conf->duplicate_subscribe,
        .welcome_sid = conf->welcome_sid,
    };
}

/* Live messages need room behind it, and those for other clients beside it. */
static size_t
worker_replay_bytes(const struct pgc_conf *conf)
{
    int64_t own = conf->queue_bytes / 2;
    int64_t of_all = conf->queue_total_bytes / 8;

    return (size_t)(own < of_all ? own : of_all);
}

static struct pgc_hub_conf
worker_hub_conf(const struct app_worker *worker, const struct pgc_conf *conf)
{
    return (struct pgc_hub_conf){
        .history_s = conf->history_s,
        .history_bytes = (size_t)conf->history_bytes,
        .history_messages = (unsigned)conf->history_messages,
        .replay_messages = (unsigned)conf->replay_messages,
        .replay_bytes = worker_replay_bytes(conf),
        .metrics = worker->conf.metrics,
        .recent = worker->conf.recent,
    };
}

static void
worker_drained(void *arg)
{
    struct app_worker *worker = arg;

    pgc_mailbox_send(worker->news, worker);
}

/* Worker's thread. */
static void
worker_order(void *item, void *arg)
{
    struct app_worker *worker = arg;
    struct worker_order *order = item;

    switch (order->kind) {
    case WORKER_RELOAD: {
        struct pgc_ws_conf conf = worker_ws_conf(worker, order->generation);

        pgc_ws_reload(worker->ws, &conf, order->generation->auth);
        app_generation_unref(worker->generation);
        worker->generation = order->generation;
        break;
    }
    case WORKER_DRAIN:
        pgc_ws_drain(worker->ws, order->deadline_ms, worker_drained, worker);
        break;
    }
    free(order);
}

static void
worker_discard_order(void *item)
{
    struct worker_order *order = item;

    app_generation_unref(order->generation);
    free(order);
}

/* Main thread. */
static void
worker_news(void *item PGC_UNUSED, void *arg)
{
    struct app_worker *worker = arg;

    worker->conf.ended(worker->conf.arg);
}

struct app_worker *
app_worker_new(const struct app_worker_conf *conf, struct pgc_err *err)
{
    struct app_worker *worker = pgc_xcalloc(1, sizeof(*worker));
    struct pgc_conf *settings = conf->generation->conf;
    struct pgc_cable_conf cable_conf;
    struct pgc_hub_conf hub_conf;
    struct pgc_ws_conf ws_conf;

    worker->conf = *conf;
    worker->generation = app_generation_ref(conf->generation);
    worker->loop = pgc_loop_new();
    worker->orders = pgc_mailbox_new(worker->loop, worker_order, worker);
    worker->news = pgc_mailbox_new(conf->main_loop, worker_news, worker);
    hub_conf = worker_hub_conf(worker, settings);
    worker->hub = pgc_hub_new(worker->loop, &hub_conf);
    cable_conf = worker_cable_conf(worker, settings);
    worker->cable =
        pgc_cable_new(worker->loop, worker->hub, conf->port, &cable_conf, conf->metrics);
    ws_conf = worker_ws_conf(worker, conf->generation);
    worker->ws = pgc_ws_new(
        worker->loop, &ws_conf, worker->cable, worker->generation->auth, conf->metrics, err);
    if (worker->ws == NULL) {
        app_worker_free(worker);
        return NULL;
    }
    return worker;
}

int
app_worker_port(const struct app_worker *worker)
{
    return pgc_ws_port(worker->ws);
}

static void *
worker_main(void *arg)
{
    struct app_worker *worker = arg;

    (void)pthread_setname_np(pthread_self(), "worker");
    pgc_loop_run(worker->loop);
    return NULL;
}

bool
app_worker_start(struct app_worker *worker, struct pgc_err *err)
{
    int error = pthread_create(&worker->thread, NULL, worker_main, worker);

    if (error != 0) {
        return pgc_err_set(err, PGC_ERR_SYS, "start a worker thread: %s", strerror(error));
    }
    worker->started = true;
    return true;
}

static void
worker_send(struct app_worker *worker, const struct worker_order *order)
{
    pgc_mailbox_send(worker->orders, pgc_xmemdup(order, sizeof(*order)));
}

void
app_worker_reload(struct app_worker *worker, struct app_generation *generation)
{
    worker_send(worker, &(struct worker_order){
                            .kind = WORKER_RELOAD,
                            .generation = app_generation_ref(generation),
                        });
}

void
app_worker_drain(struct app_worker *worker, int64_t deadline_ms)
{
    worker_send(worker, &(struct worker_order){.kind = WORKER_DRAIN, .deadline_ms = deadline_ms});
}

static void
worker_discard_nothing(void *item PGC_UNUSED)
{
}

void
app_worker_free(struct app_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->started) {
        pgc_loop_wake_stop(worker->loop);
        pthread_join(worker->thread, NULL);
    }
    pgc_ws_free(worker->ws);
    pgc_cable_free(worker->cable);
    pgc_hub_free(worker->hub);
    pgc_mailbox_free(worker->orders, worker_discard_order);
    pgc_mailbox_free(worker->news, worker_discard_nothing);
    pgc_loop_free(worker->loop);
    app_generation_unref(worker->generation);
    free(worker);
}
