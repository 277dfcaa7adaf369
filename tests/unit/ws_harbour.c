/* SPDX-License-Identifier: PostgreSQL */
#include "ws_harbour.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mailbox.h"
#include "pgcable/mem.h"

#define HARBOUR_STREAM "notification-channel-42"
#define SECRET         "a secret that is long enough for HS256"

enum { DEADLINE_S = 60, LOOK_AGAIN_MS = 1 };

enum order_kind { ORDER_DRAIN, ORDER_RELOAD };

struct order {
    enum order_kind kind;
    int64_t deadline_ms;
    const struct pgc_ws_conf *conf;
};

struct harbour {
    struct pgc_loop *loop;
    struct pgc_metrics *metrics;
    struct pgc_port *port;
    struct pgc_hub *hub;
    struct pgc_cable *cable;
    struct pgc_auth *auth;
    struct pgc_places *places; /* NULL if they are the test's */
    struct pgc_ws *ws;
    struct pgc_mailbox *orders;
    char *token;
    char *expired_token;
    pthread_t thread;
    _Atomic uint64_t next_conn;
    _Atomic int orders_done;
    _Atomic bool drained;
    _Atomic int64_t left_when_drained; /* connections */
    int64_t tick;
};

struct pgc_ws_conf
harbour_conf(void)
{
    return (struct pgc_ws_conf){
        .address = "127.0.0.1",
        .port = 0,
        .path = "/cable",
        .events_path = "/events",
        .origins = HARBOUR_ORIGIN,
        .max_header_bytes = 16384,
        .max_token_bytes = 8192,
        .max_message_bytes = 16384,
        .queue_bytes = 64 << 20,
        .queue_messages = 1 << 20,
        .queue_age_ms = 600000,
        .queue_total_bytes = 1 << 30,
        .queue_share_bytes = 1 << 30,
        .max_fragments = 64,
        .max_control_frames = 100,
        .handshake_ms = 600000,
        .message_ms = 600000,
        .closing_ms = 600000,
        .version = "test",
    };
}

static void
harbour_answer(struct pgc_port *port, struct pgc_ask *ask, void *arg)
{
    (void)arg;
    pgc_port_take_down_answer(port, pgc_answer_new(ask->ticket, HARBOUR_STREAM));
    pgc_ask_free(ask);
}

static void
harbour_drained(void *arg)
{
    struct harbour *harbour = arg;

    harbour->left_when_drained = (int64_t)pgc_ws_connection_count(harbour->ws);
    harbour->drained = true;
}

static void
harbour_obey(void *item, void *arg)
{
    struct harbour *harbour = arg;
    struct order *order = item;

    switch (order->kind) {
    case ORDER_DRAIN:
        pgc_ws_drain(harbour->ws, order->deadline_ms, harbour_drained, harbour);
        break;
    case ORDER_RELOAD:
        pgc_ws_reload(harbour->ws, order->conf, harbour->auth);
        break;
    }
    free(order);
    harbour->orders_done++;
}

static void *
harbour_run(void *arg)
{
    struct harbour *harbour = arg;

    pgc_loop_run(harbour->loop);
    return NULL;
}

struct harbour *
harbour_open(const struct pgc_ws_conf *conf)
{
    struct harbour *harbour = pgc_xcalloc(1, sizeof(*harbour));
    const struct pgc_auth_conf auth_conf = {
        .hs256_secret = SECRET,
        .member_claim = "community_member_id",
    };
    const struct pgc_cable_conf cable_conf = {
        .max_identifier_bytes = 512,
        .max_message_bytes = conf->max_message_bytes,
        .max_subscriptions = 64,
        .commands_burst = 100,
        .commands_per_s = 20,
    };
    const struct pgc_places_conf places_conf = {.total = 1000, .handshakes_percent = 25};
    struct pgc_hub_conf hub_conf = {
        .history_s = 300,
        .history_bytes = 1 << 20,
        .history_messages = 1000,
        .replay_messages = 1000,
    };
    struct pgc_ws_conf ws_conf = *conf;
    struct pgc_err err = {0};

    ws_conf.next_conn = &harbour->next_conn;
    if (conf->places == NULL) {
        harbour->places = pgc_places_new(&places_conf);
        ws_conf.places = harbour->places;
    }
    harbour->loop = pgc_loop_new();
    harbour->metrics = pgc_metrics_new();
    harbour->port = pgc_port_new();
    hub_conf.metrics = harbour->metrics;
    harbour->hub = pgc_hub_new(harbour->loop, &hub_conf);
    harbour->orders = pgc_mailbox_new(harbour->loop, harbour_obey, harbour);
    pgc_port_open_feed(harbour->port, harbour->loop, harbour_answer, harbour);
    harbour->cable =
        pgc_cable_new(harbour->loop, harbour->hub, harbour->port, &cable_conf, harbour->metrics);
    harbour->auth = pgc_auth_new(&auth_conf, &err);
    assert_non_null(harbour->auth);
    harbour->token = pgc_auth_mint(SECRET, "community_member_id", "42", pgc_wall_s(), 3600, &err);
    harbour->expired_token =
        pgc_auth_mint(SECRET, "community_member_id", "42", pgc_wall_s() - 7200, 3600, &err);
    harbour->ws =
        pgc_ws_new(harbour->loop, &ws_conf, harbour->cable, harbour->auth, harbour->metrics, &err);
    if (harbour->ws == NULL) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(pthread_create(&harbour->thread, NULL, harbour_run, harbour), 0);
    return harbour;
}

void
harbour_close(struct harbour *harbour)
{
    pgc_loop_wake_stop(harbour->loop);
    assert_int_equal(pthread_join(harbour->thread, NULL), 0);
    pgc_ws_free(harbour->ws);
    assert_int_equal(harbour_counted(harbour, "pgcable_ws_connections"), 0);
    assert_int_equal(pgc_hub_sub_count(harbour->hub), 0);
    pgc_cable_free(harbour->cable);
    pgc_hub_free(harbour->hub);
    pgc_mailbox_free(harbour->orders, free);
    pgc_port_free(harbour->port);
    pgc_loop_free(harbour->loop);
    pgc_auth_free(harbour->auth);
    pgc_places_free(harbour->places);
    pgc_metrics_free(harbour->metrics);
    free(harbour->token);
    free(harbour->expired_token);
    free(harbour);
}

int
harbour_port(const struct harbour *harbour)
{
    return pgc_ws_port(harbour->ws);
}

const char *
harbour_token(const struct harbour *harbour)
{
    return harbour->token;
}

const char *
harbour_expired_token(const struct harbour *harbour)
{
    return harbour->expired_token;
}

static void
harbour_add(struct pgc_batch *batch, int64_t tick, const char *text)
{
    const struct pgc_position position = {.tick = tick, .id = (int64_t)batch->count + 1};
    struct pgc_msg *msg = pgc_msg_new(&position, 0, text, strlen(text));

    pgc_batch_add(batch, PGC_OP_PUBLISH, HARBOUR_STREAM, NULL, msg);
    pgc_msg_unref(msg);
}

void
harbour_publish(struct harbour *harbour, const char *text)
{
    struct pgc_batch *batch = pgc_batch_new(++harbour->tick);

    harbour_add(batch, harbour->tick, text);
    pgc_port_take_down_batch(harbour->port, batch);
    pgc_batch_unref(batch);
}

/* Looks again and again until it is so; the worker needs the processor more than we do. */
static void
harbour_wait(bool (*is_so)(void *arg), void *arg)
{
    int64_t deadline = pgc_monotonic_ms() + (int64_t)1000 * DEADLINE_S;

    while (!is_so(arg)) {
        if (pgc_monotonic_ms() > deadline) {
            fail_msg("it did not come about in %d s", DEADLINE_S);
        }
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
}

static bool
harbour_took_it_all(void *arg)
{
    const struct harbour *harbour = arg;

    return pgc_port_depth(harbour->port) == 0;
}

void
harbour_wait_until_taken(struct harbour *harbour)
{
    harbour_wait(harbour_took_it_all, harbour);
}

void
harbour_publish_numbers(struct harbour *harbour, int first, int count)
{
    struct pgc_batch *batch = pgc_batch_new(++harbour->tick);

    for (int i = first; i < first + count; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "{\"n\":%d}", i);
        harbour_add(batch, harbour->tick, text);
    }
    pgc_port_take_down_batch(harbour->port, batch);
    pgc_batch_unref(batch);
}

struct order_wait {
    struct harbour *harbour;
    int done;
};

static bool
harbour_order_is_done(void *arg)
{
    const struct order_wait *wait = arg;

    return wait->harbour->orders_done >= wait->done;
}

static void
harbour_order(struct harbour *harbour, const struct order *order)
{
    struct order_wait wait = {.harbour = harbour, .done = harbour->orders_done + 1};

    pgc_mailbox_send(harbour->orders, pgc_xmemdup(order, sizeof(*order)));
    harbour_wait(harbour_order_is_done, &wait);
}

void
harbour_drain(struct harbour *harbour, int64_t deadline_ms)
{
    harbour_order(harbour, &(struct order){.kind = ORDER_DRAIN, .deadline_ms = deadline_ms});
}

void
harbour_reload(struct harbour *harbour, const struct pgc_ws_conf *conf)
{
    harbour_order(harbour, &(struct order){.kind = ORDER_RELOAD, .conf = conf});
}

static bool
harbour_drained_flag(void *arg)
{
    return ((struct harbour *)arg)->drained;
}

int64_t
harbour_wait_until_drained(struct harbour *harbour)
{
    harbour_wait(harbour_drained_flag, harbour);
    return harbour->left_when_drained;
}

int64_t
harbour_counted(struct harbour *harbour, const char *name)
{
    struct pgc_buf text = {0};
    char *wanted = pgc_xasprintf("\n%s ", name);
    const char *line = NULL;
    int64_t value = 0;

    pgc_metrics_write(harbour->metrics, &text);
    line = strstr(pgc_buf_str(&text), wanted);
    if (line == NULL) {
        fail_msg("there is no metric %s", name);
    } else {
        value = strtoll(line + strlen(wanted), NULL, 10);
    }
    pgc_buf_fini(&text);
    free(wanted);
    return value;
}

struct metric_wait {
    struct harbour *harbour;
    const char *name;
    int64_t least;
    int64_t most;
};

static bool
harbour_metric_is_in(void *arg)
{
    const struct metric_wait *wait = arg;
    int64_t value = harbour_counted(wait->harbour, wait->name);

    return value >= wait->least && value <= wait->most;
}

void
harbour_wait_for(struct harbour *harbour, const char *name, int64_t least)
{
    struct metric_wait wait = {.harbour = harbour, .name = name, .least = least, .most = INT64_MAX};

    harbour_wait(harbour_metric_is_in, &wait);
}

void
harbour_wait_for_most(struct harbour *harbour, const char *name, int64_t most)
{
    struct metric_wait wait = {.harbour = harbour, .name = name, .least = INT64_MIN, .most = most};

    harbour_wait(harbour_metric_is_in, &wait);
}

void
harbour_wait_until_empty(struct harbour *harbour)
{
    harbour_wait_for_most(harbour, "pgcable_ws_connections", 0);
}
