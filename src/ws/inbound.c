/* SPDX-License-Identifier: PostgreSQL */
/*
 * inbound.c - from the socket to the session.
 *
 * The library unmasks, checks framing (1002), announces each frame and hands over what has arrived
 * of it, in pieces of at most its receive buffer.  Here the pieces become messages, within limits:
 * a length that is announced counts before its bytes arrive.  UTF-8 is checked here, too: the
 * library's own check takes pongs for text and misses characters that a message's end cuts off.
 */
#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/utf8.h"

#include "ws_internal.h"

static void
inbound_forget(struct ws_inbound *inbound)
{
    pgc_buf_fini(&inbound->text);
    *inbound = (struct ws_inbound){0};
}

static void
inbound_refuse(struct ws_conn *conn, int code, const char *reason, struct pgc_metric *metric)
{
    char address[WS_PEER_TEXT];

    inbound_forget(&conn->inbound);
    pgc_log(PGC_LOG_WARN, conn->id, "closing: %s", reason);
    pgc_recent_refuse(
        conn->ws->conf.recent, conn->id, ws_peer_write(&conn->peer, address), "closed: %s", reason);
    pgc_metric_add(metric, 1);
    ws_conn_close(conn, code, reason);
}

/* Something came that leads to nothing: the session has no budget for it, so there is one here. */
static void
inbound_count_idle(struct ws_conn *conn, const char *reason)
{
    if (++conn->idle_count > conn->ws->conf.max_control_frames) {
        inbound_refuse(conn, WS_CLOSE_FLOOD, reason, conn->ws->stats.ended_control);
    }
}

/* We have said goodbye, and the peer has not heard it yet, or does not care: -1 to hang up. */
static int
inbound_count_late(struct ws_conn *conn, size_t length)
{
    conn->late_bytes += length;
    return ++conn->late_count > WS_MAX_LATE || conn->late_bytes > WS_MAX_LATE_BYTES ? -1 : 0;
}

/* A frame of data begins. */
int
ws_inbound_frame(struct ws_conn *conn, size_t announced)
{
    struct ws_inbound *inbound = &conn->inbound;
    struct ws_stats *stats = &conn->ws->stats;
    size_t limit = conn->ws->conf.max_message_bytes;

    if (conn->state != WS_OPEN) {
        return inbound_count_late(conn, 0);
    }
    if (inbound->fragments++ == 0) {
        inbound->since_ms = pgc_monotonic_ms();
    }
    if (announced > limit || inbound->text.length > limit - announced) {
        inbound_refuse(conn, WS_CLOSE_TOO_BIG, "message too big", stats->ended_big);
    } else if (inbound->fragments > conn->ws->conf.max_fragments) {
        inbound_refuse(conn, WS_CLOSE_POLICY, "too many fragments", stats->ended_fragments);
    }
    return 0;
}

/* To Rails binary is no command, whatever it holds; but some clients of other makes send their
 * commands so, and Rails' own never does. */
static void
inbound_deliver(struct ws_conn *conn, const char *text, size_t length)
{
    pgc_metric_add(conn->ws->stats.received_messages, 1);
    if (conn->is_rails && lws_frame_is_binary(conn->wsi)) {
        inbound_count_idle(conn, "too many binary messages");
    } else {
        pgc_session_receive(conn->session, text, length);
    }
}

/* As soon as it can be told; until the message is whole it may end within a character. */
static bool
inbound_is_utf8(struct ws_inbound *inbound, const char *text, size_t length, bool is_whole)
{
    size_t rest;

    inbound->checked += pgc_utf8_span(text + inbound->checked, length - inbound->checked);
    rest = length - inbound->checked;
    return rest == 0 || (!is_whole && rest < PGC_UTF8_BYTES);
}

/* A piece of a frame; most messages come as one. */
int
ws_inbound_receive(struct ws_conn *conn, const char *bytes, size_t length)
{
    struct ws_inbound *inbound = &conn->inbound;
    bool is_last = lws_is_final_fragment(conn->wsi);

    conn->bytes_in += length;
    pgc_metric_add(conn->ws->stats.received_bytes, (int64_t)length);
    if (conn->state != WS_OPEN) {
        return inbound_count_late(conn, length);
    }
    if (!is_last || inbound->text.length > 0) {
        pgc_buf_add(&inbound->text, bytes, length);
        bytes = pgc_buf_str(&inbound->text);
        length = inbound->text.length;
    }
    if (!lws_frame_is_binary(conn->wsi) && !inbound_is_utf8(inbound, bytes, length, is_last)) {
        inbound_refuse(conn, WS_CLOSE_NOT_UTF8, "not UTF-8", conn->ws->stats.ended_text);
    } else if (is_last) {
        struct ws_inbound whole = *inbound;

        *inbound = (struct ws_inbound){0};
        inbound_deliver(conn, bytes, length);
        inbound_forget(&whole);
    }
    return 0;
}

/* A ping or pong has arrived; the library answers pings. */
int
ws_inbound_control(struct ws_conn *conn)
{
    ws_outbound_is_shared(conn);
    if (conn->state != WS_OPEN) {
        return inbound_count_late(conn, 0);
    }
    inbound_count_idle(conn, "too many pings");
    return 0;
}

/* Most codes that nobody may send the library has replaced by 1002. */
static int
inbound_close_code(const char *payload, size_t length)
{
    int code;

    if (length == 0) {
        return WS_CLOSE_NORMAL;
    }
    if (length == 1) {
        return WS_CLOSE_PROTOCOL;
    }
    code = (unsigned char)payload[0] << 8 | (unsigned char)payload[1];
    return code <= WS_CLOSE_LAST ? code : WS_CLOSE_PROTOCOL;
}

/*
 * The peer wants to close, or answers our close frame: then we are done.  Otherwise its code is
 * sent back (1000 if it gave none), and the library hangs up.  It has seen to it that no part of a
 * frame is on its way.
 */
int
ws_inbound_close(struct ws_conn *conn, const char *payload, size_t length)
{
    const char *reason = length > 2 ? payload + 2 : "";
    size_t reason_length = length > 2 ? length - 2 : 0;
    struct pgc_frame *answer = NULL;

    if (conn->state != WS_OPEN) {
        return -1;
    }
    conn->close_code = inbound_close_code(payload, length);
    if (pgc_utf8_span(reason, reason_length) < reason_length) {
        conn->close_code = WS_CLOSE_NOT_UTF8;
        reason_length = 0;
    }
    answer = ws_close_frame_new(conn->close_code, reason, reason_length);
    ws_queue_clear(&conn->queue);
    ws_queue_push(&conn->queue, answer, pgc_monotonic_ms());
    pgc_frame_unref(answer);
    (void)ws_outbound_flush(conn);
    return -1;
}

void
ws_inbound_beat(struct ws_conn *conn, int64_t now_ms)
{
    conn->idle_count = 0;
    if (conn->inbound.fragments > 0 &&
        now_ms - conn->inbound.since_ms > conn->ws->conf.message_ms) {
        inbound_refuse(
            conn, WS_CLOSE_POLICY, "message took too long", conn->ws->stats.ended_unfinished);
    }
}
