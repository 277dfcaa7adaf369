/* SPDX-License-Identifier: PostgreSQL */
/*
 * outbound.c - from the queue to the socket.
 *
 * Publishing only appends a reference to each subscriber's queue and marks the connection dirty. At
 * the end of the turn the dirty ones are flushed, each with all its pending frames in one write, a
 * bounded number of them; then the loop looks at input again.  Under load this puts more and more
 * frames into one write by itself.
 *
 * Frames are written as they are, header included (LWS_WRITE_HTTP adds nothing), and directly, not
 * only when the library reports that the socket is writable: to the socket itself where there is no
 * TLS, and what that does not take to the library, which keeps it.  What keeps that in order: whole
 * frames only, one thread, and nothing while the library still holds a part of the last write
 * (lws_partial_buffered); its WRITEABLE callback resumes it.
 */
#include <sys/socket.h>

#include <inttypes.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"

#include "ws_internal.h"

void
ws_outbound_touch(struct ws_conn *conn)
{
    struct pgc_ws *ws = conn->ws;

    if (!conn->is_dirty) {
        conn->is_dirty = true;
        STAILQ_INSERT_TAIL(&ws->dirty, conn, dirty_entry);
        ws_schedule_turn(ws);
    }
}

/* The library's memory of a connection is most likely in no cache, so it is asked only if need be.
 */
static bool
outbound_is_blocked(struct ws_conn *conn)
{
    if (conn->is_clear) {
        return false;
    }
    if (lws_partial_buffered(conn->wsi)) {
        if (conn->blocked_ms == 0) {
            conn->blocked_ms = pgc_monotonic_ms();
        }
        return true;
    }
    conn->blocked_ms = 0;
    conn->is_clear = !conn->is_shared;
    ws_queue_hold(&conn->queue, 0);
    return false;
}

void
ws_outbound_is_shared(struct ws_conn *conn)
{
    conn->is_shared = true;
    conn->is_clear = false;
}

/* How much of it the socket has taken, past the library, which would do the same in four functions
 * and with much of its memory that is in no cache.  What goes wrong here goes wrong there, too. */
static size_t
outbound_send_plain(const struct ws_conn *conn, const unsigned char *bytes, size_t length)
{
    ssize_t sent = conn->fd >= 0 ? send(conn->fd, bytes, length, MSG_NOSIGNAL) : 0;

    return sent > 0 ? (size_t)sent : 0;
}

static bool
outbound_write(struct ws_conn *conn, unsigned char *bytes, size_t length, unsigned frames)
{
    size_t sent = outbound_send_plain(conn, bytes, length);

    conn->is_clear = conn->is_clear && sent == length;
    if (sent < length && lws_write(conn->wsi, bytes + sent, length - sent, LWS_WRITE_HTTP) < 0) {
        return false;
    }
    if (sent < length && lws_partial_buffered(conn->wsi)) {
        ws_queue_hold(&conn->queue, length - sent); /* how much of it the library does not say */
    }
    conn->bytes_out += length;
    ws_sent_add(conn->ws, frames, length);
    return true;
}

/* A single frame, or one that is too large to be put together with others, is not copied: written
 * from where it is, of which the library only reads. */
static bool
outbound_write_one(struct ws_conn *conn)
{
    struct pgc_frame *frame = ws_queue_pop(&conn->queue);
    bool ok = outbound_write(conn, (unsigned char *)frame->bytes, frame->length, frame->count);

    ws_sent_time(conn->ws, frame->committed_us);
    pgc_frame_unref(frame);
    return ok;
}

static bool
outbound_write_many(struct ws_conn *conn)
{
    unsigned char *start = conn->ws->buffer + LWS_PRE;
    size_t length = 0;
    unsigned frames = 0;
    int64_t oldest_us = 0;
    bool ok;

    while (ws_queue_first_length(&conn->queue) > 0 &&
           ws_queue_first_length(&conn->queue) <= WS_WRITE_BYTES - length) {
        struct pgc_frame *frame = ws_queue_pop(&conn->queue);

        memcpy(start + length, frame->bytes, frame->length);
        length += frame->length;
        frames += frame->count;
        oldest_us = oldest_us != 0 ? oldest_us : frame->committed_us;
        pgc_frame_unref(frame);
    }
    ok = outbound_write(conn, start, length, frames);
    ws_sent_time(conn->ws, oldest_us);
    return ok;
}

static bool
outbound_write_next(struct ws_conn *conn)
{
    const struct ws_queue *queue = &conn->queue;
    unsigned waiting = queue->count + (queue->ahead != NULL ? 1 : 0);

    if (waiting == 1 || ws_queue_first_length(queue) > WS_WRITE_BYTES) {
        return outbound_write_one(conn);
    }
    return outbound_write_many(conn);
}

static bool
outbound_flush(struct ws_conn *conn)
{
    if (conn->is_mute || conn->wsi == NULL || conn->state == WS_FRESH) {
        return true;
    }
    for (int writes = 0; ws_queue_first_length(&conn->queue) > 0; writes++) {
        if (outbound_is_blocked(conn)) {
            return true;
        }
        if (writes == WS_TURN_WRITES) {
            (void)lws_callback_on_writable(conn->wsi);
            return true;
        }
        if (!outbound_write_next(conn)) {
            return false;
        }
    }
    /* A websocket is ended by the peer's close frame, this by us, when all has gone out. */
    return outbound_is_blocked(conn) || !conn->is_events || conn->state != WS_CLOSING;
}

bool
ws_outbound_flush(struct ws_conn *conn)
{
    bool ok = outbound_flush(conn);

    ws_sent_tell(conn->ws);
    return ok;
}

/* What waits is freed at once; the goodbye is left to the end of the turn, for this one's session
 * may be in the middle of something, or somebody walks the list that it is in. */
void
ws_outbound_give_up(struct ws_conn *conn, const char *why, struct pgc_metric *metric)
{
    char address[WS_PEER_TEXT];

    if (conn->state != WS_OPEN || conn->is_slow) {
        return;
    }
    pgc_log(PGC_LOG_WARN, conn->id, "cut off: %s (%u messages and %zu bytes were waiting)", why,
        conn->queue.messages, conn->queue.bytes);
    pgc_recent_refuse(
        conn->ws->conf.recent, conn->id, ws_peer_write(&conn->peer, address), "cut off: %s", why);
    pgc_metric_add(metric, 1);
    ws_queue_clear(&conn->queue);
    conn->is_slow = true;
    ws_outbound_touch(conn);
}

static void
outbound_give_up_slow(struct ws_conn *conn)
{
    ws_outbound_give_up(conn, "the client reads too slowly", conn->ws->stats.ended_slow);
}

/* One last frame that says why, instead of what could not be sent. */
static void
outbound_cut_off(struct ws_conn *conn)
{
    struct pgc_frame *goodbye;

    if (conn->state != WS_OPEN) {
        return;
    }
    goodbye = pgc_frame_disconnect(ws_conn_wire(conn), "too_slow", true);
    ws_queue_push(&conn->queue, goodbye, pgc_monotonic_ms());
    pgc_frame_unref(goodbye);
    ws_conn_close(conn, WS_CLOSE_TOO_SLOW, "too slow");
}

/* The next one, while the kernel works for this one. */
static void
outbound_fetch(const struct ws_conn *conn)
{
    for (size_t i = 0; conn != NULL && i < offsetof(struct ws_conn, id); i += PGC_CACHE_LINE) {
        PGC_FETCH((const char *)conn + i);
    }
}

void
ws_outbound_turn(struct pgc_ws *ws)
{
    for (int i = 0; i < WS_TURN_CLIENTS && !STAILQ_EMPTY(&ws->dirty); i++) {
        struct ws_conn *conn = STAILQ_FIRST(&ws->dirty);

        STAILQ_REMOVE_HEAD(&ws->dirty, dirty_entry);
        outbound_fetch(STAILQ_FIRST(&ws->dirty));
        conn->is_dirty = false;
        if (conn->is_slow) {
            outbound_cut_off(conn);
        }
        if (!outbound_flush(conn)) {
            ws_conn_kill(conn);
        }
    }
    ws_sent_tell(ws); /* of all of them at once */
    if (!STAILQ_EMPTY(&ws->dirty)) {
        ws_schedule_turn(ws);
    }
}

void
ws_outbound_beat(struct ws_conn *conn, int64_t now_ms)
{
    int64_t oldest = ws_queue_oldest_ms(&conn->queue);

    if (conn->blocked_ms != 0 && conn->blocked_ms < oldest) {
        oldest = conn->blocked_ms;
    }
    if (oldest != INT64_MAX && now_ms - oldest > conn->ws->conf.queue_age_ms) {
        outbound_give_up_slow(conn);
    }
}

static void
outbound_note_height(struct pgc_ws *ws, const struct ws_queue *queue)
{
    if ((int64_t)queue->bytes > pgc_metric_get(ws->stats.queue_highest)) {
        pgc_metric_set(ws->stats.queue_highest, (int64_t)queue->bytes);
    }
}

static bool
outbound_has_room(const struct ws_conn *conn, const struct pgc_frame *frame)
{
    const struct pgc_ws_conf *conf = &conn->ws->conf;

    return ws_queue_has_room(&conn->queue, frame, conf->queue_bytes, conf->queue_messages);
}

/* session ops: send */
static void
outbound_send(void *sink, struct pgc_frame *frame, bool ahead)
{
    struct ws_conn *conn = sink;

    if (conn->state != WS_OPEN || conn->is_slow || conn->is_mute) {
        return;
    }
    ws_outbound_touch(conn);
    if (ahead) {
        ws_queue_put_ahead(&conn->queue, frame);
        return;
    }
    if (!outbound_has_room(conn, frame)) {
        /* Perhaps much was published in this turn, and the client has not had its chance.  What
         * goes wrong here goes wrong again at the end of the turn, and is dealt with there. */
        (void)ws_outbound_flush(conn);
    }
    if (!outbound_has_room(conn, frame)) {
        outbound_give_up_slow(conn);
        return;
    }
    ws_queue_push(&conn->queue, frame, pgc_monotonic_rough_ms());
    outbound_note_height(conn->ws, &conn->queue);
    ws_shed(conn->ws);
}

static void
outbound_close(void *sink, int code, const char *reason)
{
    ws_conn_close(sink, code, reason);
}

const struct pgc_session_ops ws_session_ops = {
    .send = outbound_send,
    .close = outbound_close,
};
