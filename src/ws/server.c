/* SPDX-License-Identifier: PostgreSQL */
/*
 * server.c - the library's context, its callback, and the start and end of it all.
 */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "ws_internal.h"

enum {
    SERVER_RX_BYTES = 512,       /* per connection: commands are small */
    SERVER_TX_BYTES = 1 << 30,   /* as much as the socket takes */
    SERVER_HALF_OPEN = 4096,     /* handshakes whose headers are being read; others wait */
    SERVER_LEAST_TIMEOUT_S = 60, /* the library's own, behind the wheel's */
};

static int
server_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    struct ws_conn *conn = user;

    if (reason == LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED) {
        conn = lws_get_opaque_user_data(wsi);
        conn->wsi = wsi;
        lws_set_wsi_user(wsi, conn);
        return 0;
    }
    if (conn == NULL) {
        return 0; /* about the context, or a connection that is not ours yet */
    }
    switch ((int)reason) { /* of some hundred */
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return ws_upgrade_confirm(conn);
    case LWS_CALLBACK_HTTP:
        return ws_events_request(conn);
    case LWS_CALLBACK_RAW_ADOPT: /* what the library makes of CONNECT */
        return -1;
    case LWS_CALLBACK_ESTABLISHED:
        ws_conn_open(conn);
        return 0;
    case LWS_CALLBACK_RECEIVE_FRAME:
        return ws_inbound_frame(conn, length);
    case LWS_CALLBACK_RECEIVE:
        return ws_inbound_receive(conn, in, length);
    case LWS_CALLBACK_RECEIVE_PING:
    case LWS_CALLBACK_RECEIVE_PONG:
        return ws_inbound_control(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return ws_inbound_close(conn, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return ws_outbound_flush(conn) ? 0 : -1;
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        ws_conn_last_word(conn);
        ws_conn_ending(conn);
        return 0;
    case LWS_CALLBACK_CLOSED:
        ws_conn_ending(conn);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        ws_conn_gone(conn);
        return 0;
    default:
        return 0;
    }
}

/* The first one is for all who get no sub-protocol: its name is not sent. */
static const struct lws_protocols server_protocols[] = {
    {.name = "",
        .callback = server_callback,
        .rx_buffer_size = SERVER_RX_BYTES,
        .tx_packet_size = SERVER_TX_BYTES},
    {.name = "actioncable-v1-json",
        .callback = server_callback,
        .rx_buffer_size = SERVER_RX_BYTES,
        .tx_packet_size = SERVER_TX_BYTES},
    {.name = "actioncable-v1-ext-json",
        .callback = server_callback,
        .rx_buffer_size = SERVER_RX_BYTES,
        .tx_packet_size = SERVER_TX_BYTES},
    {.name = "actioncable-unsupported",
        .callback = server_callback,
        .rx_buffer_size = SERVER_RX_BYTES,
        .tx_packet_size = SERVER_TX_BYTES},
    LWS_PROTOCOL_LIST_TERM,
};

/* All zero: pings and idle times are the wheel's. */
static const lws_retry_bo_t server_no_retry = {0};

static void
server_log(lws_log_cx_t *cx, int level, const char *line, size_t length)
{
    struct pgc_ws *ws = cx->opaque;
    unsigned suppressed = 0;

    if (!pgc_log_allowed(&ws->library_limit, &suppressed)) {
        return;
    }
    pgc_log(level == LLL_ERR ? PGC_LOG_WARN : PGC_LOG_DEBUG, 0, "libwebsockets: %.*s (%u more)",
        (int)(length > 0 && line[length - 1] == '\n' ? length - 1 : length), line, suppressed);
}

static void *
server_allocate(void *ptr, size_t size, const char *reason PGC_UNUSED)
{
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return pgc_xrealloc(ptr, size);
}

static bool
server_create_context(struct pgc_ws *ws, struct pgc_err *err)
{
    void *loops[] = {pgc_loop_base(ws->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = LWS_SERVER_OPTION_LIBEVENT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .foreign_loops = loops,
        .max_http_header_data2 = (unsigned)ws->conf.max_header_bytes,
        .max_http_header_pool2 = SERVER_HALF_OPEN,
        .timeout_secs = SERVER_LEAST_TIMEOUT_S,
        .retry_and_idle_policy = &server_no_retry,
        .log_cx = &ws->log_cx,
        .protocols = server_protocols,
        .server_string = "",
    };

    /* The library's lines that name no context say nothing that we do not say ourselves. */
    lws_set_log_level(0, NULL);
    lws_set_allocator(server_allocate);
    ws->log_cx = (lws_log_cx_t){
        .u.emit_cx = server_log,
        .opaque = ws,
        .lll_flags = LLLF_LOG_CONTEXT_AWARE | LLL_ERR | LLL_WARN,
    };
    ws->context = lws_create_context(&info);
    if (ws->context == NULL) {
        return pgc_err_set(err, PGC_ERR_SYS, "start libwebsockets: no context");
    }
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.vhost_name = "cable";
    ws->vhost = lws_create_vhost(ws->context, &info);
    if (ws->vhost == NULL) {
        return pgc_err_set(err, PGC_ERR_SYS, "start libwebsockets: no virtual host");
    }
    return true;
}

/* With no socket and no connection yet. */
static struct pgc_ws *
server_new(struct pgc_loop *loop, const struct pgc_ws_conf *conf)
{
    struct pgc_ws *ws = pgc_xcalloc(1, sizeof(*ws));

    ws->conf = *conf;
    ws->loop = loop;
    ws->listener = (struct ws_listener){.fd = -1, .reserve = -1};
    ws->drain_ms = INT64_MAX;
    TAILQ_INIT(&ws->fresh);
    TAILQ_INIT(&ws->closing);
    TAILQ_INIT(&ws->gone);
    STAILQ_INIT(&ws->dirty);
    for (int i = 0; i < WS_SLOTS; i++) {
        TAILQ_INIT(&ws->slots[i]);
    }
    return ws;
}

struct pgc_ws *
pgc_ws_new(struct pgc_loop *loop, const struct pgc_ws_conf *conf, struct pgc_cable *cable,
    const struct pgc_auth *auth, struct pgc_metrics *metrics, struct pgc_err *err)
{
    struct pgc_ws *ws = server_new(loop, conf);

    ws->auth = auth;
    ws->cable = cable;
    ws_stats_init(&ws->stats, metrics);
    if (!ws_rules_init(&ws->rules, conf, err) || !server_create_context(ws, err) ||
        !ws_listener_open(ws, err)) {
        pgc_ws_free(ws);
        return NULL;
    }
    /* The texts are the caller's; what is needed of them has been copied. */
    ws->conf.address = ws->conf.path = ws->conf.events_path = NULL;
    ws->conf.origins = ws->conf.version = NULL;
    ws_wheel_start(ws);
    return ws;
}

int
pgc_ws_port(const struct pgc_ws *ws)
{
    return ws->port;
}

size_t
pgc_ws_connection_count(const struct pgc_ws *ws)
{
    return ws->conn_count;
}

void
pgc_ws_reload(struct pgc_ws *ws, const struct pgc_ws_conf *conf, const struct pgc_auth *auth)
{
    struct pgc_err err = {0};
    struct ws_origins *origins = ws_origins_new(conf->origins, &err);

    ws->auth = auth;
    if (origins == NULL) {
        pgc_log_err(PGC_LOG_ERROR, 0, &err, "keep the origins as they were");
    } else {
        ws_origins_free(ws->rules.origins);
        ws->rules.origins = origins;
    }
    ws->rules.same_origin = conf->same_origin;
    ws->rules.no_origin = conf->no_origin;
    ws->rules.query_token = conf->query_token;
}

void
ws_drained(struct pgc_ws *ws)
{
    void (*drained)(void *arg) = ws->drained;

    ws->drain_ms = INT64_MAX;
    ws->drained = NULL;
    if (drained != NULL) {
        drained(ws->drained_arg);
    }
}

static void
server_turn(void *arg)
{
    struct pgc_ws *ws = arg;

    ws->turn_scheduled = false;
    if (ws->is_freed) {
        free(ws);
        return;
    }
    ws_outbound_turn(ws);
    ws_conn_sweep(ws);
    if (ws->conn_count == 0) {
        ws_drained(ws);
    }
}

void
ws_schedule_turn(struct pgc_ws *ws)
{
    if (!ws->turn_scheduled) {
        ws->turn_scheduled = true;
        pgc_loop_defer(ws->loop, server_turn, ws);
    }
}

void
pgc_ws_drain(struct pgc_ws *ws, int64_t deadline_ms, void (*done)(void *arg), void *arg)
{
    struct ws_conn *conn;

    ws_listener_close(ws);
    ws->drained = done;
    ws->drained_arg = arg;
    ws->drain_ms = pgc_monotonic_ms() + deadline_ms;
    while ((conn = TAILQ_FIRST(&ws->fresh)) != NULL) {
        ws_conn_move(conn, WS_CLOSING);
        ws_conn_kill(conn);
    }
    for (int i = 0; i < WS_SLOTS; i++) {
        while ((conn = TAILQ_FIRST(&ws->slots[i])) != NULL) {
            pgc_session_disconnect(conn->session, "server_restart", true);
            ws_conn_close(conn, WS_CLOSE_NORMAL, ""); /* if the session has not done so */
        }
    }
    ws_schedule_turn(ws);
}

void
pgc_ws_free(struct pgc_ws *ws)
{
    if (ws == NULL) {
        return;
    }
    ws_listener_close(ws);
    pgc_timer_free(ws->wheel);
    lws_context_destroy(ws->context);
    while (!STAILQ_EMPTY(&ws->dirty)) {
        STAILQ_FIRST(&ws->dirty)->is_dirty = false;
        STAILQ_REMOVE_HEAD(&ws->dirty, dirty_entry);
    }
    ws_conn_sweep(ws);
    ws_rules_fini(&ws->rules);
    if (ws->turn_scheduled) {
        ws->is_freed = true; /* the loop still has our address */
    } else {
        free(ws);
    }
}
