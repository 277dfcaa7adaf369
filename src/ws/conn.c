/* SPDX-License-Identifier: PostgreSQL */
#include <sys/socket.h>

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "ws_internal.h"

static struct ws_list *
conn_home(struct ws_conn *conn, enum ws_state state)
{
    struct pgc_ws *ws = conn->ws;

    switch (state) {
    case WS_FRESH:
        return &ws->fresh;
    case WS_OPEN:
        return &ws->slots[conn->id % WS_SLOTS]; /* ids are handed out in turn: an even spread */
    case WS_CLOSING:
        return &ws->closing;
    case WS_GONE:
        return &ws->gone;
    }
    abort();
}

void
ws_conn_move(struct ws_conn *conn, enum ws_state state)
{
    if (conn->home != NULL) {
        TAILQ_REMOVE(conn->home, conn, entry);
        if (conn->state == WS_FRESH && state != WS_FRESH) {
            ws_places_end_handshake(conn->ws->conf.places, &conn->ticket);
        }
    }
    conn->state = state;
    conn->since_ms = pgc_monotonic_ms();
    conn->home = conn_home(conn, state);
    TAILQ_INSERT_TAIL(conn->home, conn, entry);
}

enum pgc_wire
ws_conn_wire(const struct ws_conn *conn)
{
    return conn->is_events ? PGC_WIRE_EVENTS : PGC_WIRE_WEBSOCKET;
}

struct ws_conn *
ws_conn_new(struct pgc_ws *ws, const struct ws_peer *peer, const struct ws_ticket *ticket)
{
    struct ws_conn *conn = pgc_xcalloc_lines(sizeof(*conn));

    conn->ws = ws;
    conn->id = atomic_fetch_add_explicit(ws->conf.next_conn, 1, memory_order_relaxed) + 1;
    conn->peer = *peer;
    conn->ticket = *ticket;
    conn->fd = -1;
    conn->queue.memory = &ws->memory;
    conn->close_code = WS_CLOSE_ABNORMAL;
    ws_conn_move(conn, WS_FRESH);
    ws->conn_count++;
    pgc_metric_add(ws->stats.accepted, 1);
    pgc_metric_add(ws->stats.connections, 1);
    return conn;
}

void
ws_conn_adopt(struct ws_conn *conn, int fd)
{
    const lws_adopt_desc_t info = {
        .vh = conn->ws->vhost,
        .type = (lws_adoption_type)(LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL),
        .fd = {.sockfd = fd},
        .opaque = conn,
    };

    /* From here on the library has told us of the socket's end if there is no socket (the callback
     * is WSI_DESTROY), but for the case that it did not even begin. */
    if (lws_adopt_descriptor_vhost_via_info(&info) == NULL && conn->state != WS_GONE) {
        ws_conn_gone(conn);
    }
}

static const char *
conn_refusal(const struct ws_admission *admission)
{
    if (admission->is_crowded) {
        return "too_many_connections";
    }
    return admission->result == PGC_AUTH_EXPIRED ? "token_expired" : "unauthorized";
}

/* What is counted now. */
static struct pgc_metric *
conn_opening(const struct ws_conn *conn)
{
    const struct ws_stats *stats = &conn->ws->stats;

    if (conn->admission->is_crowded) {
        return stats->no_entry[WS_ENTRY_MEMBER];
    }
    return conn->is_welcome ? stats->opened : stats->refused_token;
}

void
ws_conn_open(struct ws_conn *conn)
{
    struct ws_admission *admission = conn->admission;
    const struct pgc_session_conf conf = {
        .conn = conn->id,
        .identity = ws_admission_is_good(admission) ? &admission->identity : NULL,
        .refusal = conn_refusal(admission),
        .may_come_back = admission->is_crowded,
        .offer = admission->offer,
        .ops = &ws_session_ops,
        .sink = conn,
    };

    ws_conn_move(conn, WS_OPEN);
    conn->fd = lws_is_ssl(conn->wsi) ? -1 : lws_get_socket_fd(conn->wsi);
    conn->opened_ms = conn->since_ms;
    conn->is_welcome = conf.identity != NULL;
    conn->is_rails = admission->offer.is_rails;
    conn->key = admission->identity.key;
    pgc_metric_add(conn_opening(conn), 1);
    conn->session = pgc_session_open(conn->ws->cable, &conf);
    conn->admission = NULL;
    ws_admission_free(admission);
}

void
ws_conn_close(struct ws_conn *conn, int code, const char *reason)
{
    struct pgc_frame *frame = NULL;

    if (conn->state != WS_OPEN) {
        return;
    }
    conn->close_code = code;
    if (!conn->is_events) { /* its end is the end of the answer, and has no name */
        frame = ws_close_frame_new(code, reason, reason != NULL ? strlen(reason) : 0);
        ws_queue_push(&conn->queue, frame, pgc_monotonic_ms());
        pgc_frame_unref(frame);
    }
    ws_conn_move(conn, WS_CLOSING);
    ws_outbound_touch(conn);
}

void
ws_conn_kill(struct ws_conn *conn)
{
    if (conn->arrival != NULL) {
        ws_arrival_end(conn);
        ws_conn_gone(conn);
        return;
    }
    if (conn->wsi == NULL) {
        return;
    }
    conn->is_mute = true;
    if (lws_partial_buffered(conn->wsi)) {
        /* or the library would go on trying to get that out */
        (void)shutdown(lws_get_socket_fd(conn->wsi), SHUT_RDWR);
    }
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

static void
conn_log_end(const struct ws_conn *conn)
{
    double seconds = (double)(pgc_monotonic_ms() - conn->opened_ms) / 1000.0;

    /* The end of what never began is of no interest, and a stranger can bring it about. */
    pgc_log(conn->is_welcome ? PGC_LOG_INFO : PGC_LOG_DEBUG, conn->id,
        "closed code=%d after %.1f s, %" PRIu64 " bytes in, %" PRIu64 " bytes out",
        conn->close_code, seconds, conn->bytes_in, conn->bytes_out);
}

/* Whatever the peer did after our close frame: the library shall not send one more. */
void
ws_conn_last_word(struct ws_conn *conn)
{
    if (conn->state == WS_CLOSING && !conn->is_mute && ws_outbound_flush(conn) &&
        !lws_partial_buffered(conn->wsi)) {
        pgc_tls_say_end(lws_get_ssl(conn->wsi));
        (void)shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR);
    }
}

void
ws_conn_ending(struct ws_conn *conn)
{
    conn->is_mute = true;
    conn->fd = -1; /* soon the number may be another's */
    ws_queue_clear(&conn->queue);
    if (conn->session != NULL) {
        pgc_session_free(conn->session);
        conn->session = NULL;
        conn_log_end(conn);
    }
    if (conn->state == WS_OPEN) {
        ws_conn_move(conn, WS_CLOSING);
    }
}

void
ws_conn_gone(struct ws_conn *conn)
{
    if (conn->state == WS_FRESH) {
        pgc_metric_add(conn->ws->stats.refused_incomplete, 1);
    }
    ws_conn_ending(conn);
    conn->wsi = NULL;
    ws_conn_move(conn, WS_GONE);
    ws_schedule_turn(conn->ws);
}

static void
conn_free(struct ws_conn *conn)
{
    assert(conn->wsi == NULL && conn->session == NULL && !conn->is_dirty);
    ws_places_leave(conn->ws->conf.places, &conn->ticket);
    conn->ws->conn_count--;
    pgc_metric_add(conn->ws->stats.connections, -1);
    ws_admission_free(conn->admission);
    pgc_buf_fini(&conn->inbound.text);
    free(conn);
}

void
ws_conn_sweep(struct pgc_ws *ws)
{
    struct ws_conn *conn = TAILQ_FIRST(&ws->gone);

    while (conn != NULL) {
        struct ws_conn *next = TAILQ_NEXT(conn, entry);

        if (!conn->is_dirty) { /* or it waits for its turn to be taken out of that list */
            TAILQ_REMOVE(&ws->gone, conn, entry);
            conn_free(conn);
        }
        conn = next;
    }
}
