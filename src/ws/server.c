/* SPDX-License-Identifier: PostgreSQL */
/*
 * server.c - the library's context, its callback, and the start and end of it all.
 */
#include <stdlib.h>
#include <unistd.h>

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

    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
        struct pgc_ws *ws = lws_context_user(lws_get_context(wsi));

        return pgc_tls_govern(user, &ws->conf.tls) ? 0 : -1; /* it is an SSL_CTX */
    }
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
server_log(lws_log_cx_t *cx, int level, const char *line, size_t length PGC_UNUSED)
{
    struct pgc_ws *ws = cx->opaque;
    unsigned suppressed = 0;

    if (pgc_log_allowed(&ws->library_limit, &suppressed)) {
        pgc_log(level == LLL_ERR ? PGC_LOG_WARN : PGC_LOG_DEBUG, 0, "libwebsockets: %.*s (%u more)",
            (int)strcspn(line, "\n"), line, suppressed);
    }
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

/* With TLS: who comes without it is let in as far as to be told so. */
static uint64_t
server_options(const struct pgc_ws *ws)
{
    const uint64_t plain = LWS_SERVER_OPTION_LIBEVENT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    /* NOLINTBEGIN(misc-redundant-expression): some of them contain others */
    const uint64_t tls = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                         LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
                         LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT |
                         LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER;
    /* NOLINTEND(misc-redundant-expression) */

    return ws->conf.tls != NULL ? plain | tls : plain;
}

static bool
server_create_context(struct pgc_ws *ws, struct pgc_err *err)
{
    void *loops[] = {pgc_loop_base(ws->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = server_options(ws),
        .user = ws,
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
    ws->fd_limit = sysconf(_SC_OPEN_MAX); /* as the library asks, once; it may be raised later */
    ws->context = lws_create_context(&info);
    if (ws->context != NULL) {
        info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
        info.vhost_name = "cable";
        ws->vhost = lws_create_vhost(ws->context, &info);
    }
    if (ws->vhost == NULL) {
        return pgc_err_set(err, PGC_ERR_SYS, "start libwebsockets: no %s",
            ws->context == NULL ? "context" : "virtual host");
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
    ws_pace_init(&ws->handshakes, conf->handshakes_per_s, pgc_monotonic_ms());
    TAILQ_INIT(&ws->fresh);
    TAILQ_INIT(&ws->closing);
    TAILQ_INIT(&ws->gone);
    STAILQ_INIT(&ws->dirty);
    for (int i = 0; i < WS_SLOTS; i++) {
        TAILQ_INIT(&ws->slots[i]);
    }
    return ws;
}

static bool
server_read_proxies(struct pgc_ws *ws, const struct pgc_ws_conf *conf, struct pgc_err *err)
{
    ws->proxies = ws_networks_new(conf->trusted_proxies != NULL ? conf->trusted_proxies : "", err);
    if (ws->proxies != NULL && conf->proxy_protocol && ws_networks_is_empty(ws->proxies)) {
        (void)pgc_err_set(err, PGC_ERR_CONF, "proxy_protocol is on, and nobody may send it");
        return pgc_err_hint(err, "list your proxies in trusted_proxies, such as 127.0.0.1");
    }
    return ws->proxies != NULL;
}

struct pgc_ws *
pgc_ws_new(struct pgc_loop *loop, const struct pgc_ws_conf *conf, struct pgc_cable *cable,
    const struct pgc_auth *auth, struct pgc_metrics *metrics, struct pgc_err *err)
{
    struct pgc_ws *ws = server_new(loop, conf);

    ws->auth = auth;
    ws->cable = cable;
    ws_stats_init(&ws->stats, metrics);
    ws->memory.total = ws->stats.queue_total;
    if (!server_read_proxies(ws, conf, err) || !ws_rules_init(&ws->rules, conf, err) ||
        !server_create_context(ws, err) || !ws_listener_open(ws, err)) {
        pgc_ws_free(ws);
        return NULL;
    }
    /* The texts are the caller's; what is needed of them has been copied. */
    ws->conf.address = ws->conf.path = ws->conf.events_path = NULL;
    ws->conf.origins = ws->conf.version = ws->conf.trusted_proxies = NULL;
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
    ws->conf.tls = conf->tls;
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
    ws_memory_tell(&ws->memory);
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
pgc_ws_free(struct pgc_ws *ws)
{
    struct ws_conn *conn;

    if (ws == NULL) {
        return;
    }
    ws_listener_close(ws);
    pgc_timer_free(ws->wheel);
    ws_arrival_end_all(ws);
    lws_context_destroy(ws->context);
    STAILQ_FOREACH(conn, &ws->dirty, dirty_entry) {
        conn->is_dirty = false;
    }
    STAILQ_INIT(&ws->dirty);
    ws_conn_sweep(ws);
    ws_memory_tell(&ws->memory);
    ws_rules_fini(&ws->rules);
    ws_networks_free(ws->proxies);
    if (ws->turn_scheduled) {
        ws->is_freed = true; /* the loop still has our address */
    } else {
        free(ws);
    }
}
