/* SPDX-License-Identifier: PostgreSQL */
/*
 * drain.c - the end that a service manager asks for, a few clients at a time.
 *
 * Who is told server_restart comes back at once, to whatever serves there by then; ten thousand who
 * are told in one breath come back in one breath.  So they are told at an even pace, which leaves
 * the last of them a fifth of the time to answer, and whoever has not been told is served on.
 */
#include "pgcable/clock.h"

#include "ws_internal.h"

static size_t
drain_count(const struct pgc_ws *ws)
{
    const struct ws_conn *conn;
    size_t count = 0;

    for (int i = 0; i < WS_SLOTS; i++) {
        TAILQ_FOREACH(conn, &ws->slots[i], entry) {
            count++;
        }
    }
    return count;
}

void
ws_drained(struct pgc_ws *ws)
{
    void (*done)(void *arg) = ws->drain.done;

    ws->drain.done = NULL;
    if (done != NULL) {
        done(ws->drain.arg);
    }
}

static void
drain_tell(struct pgc_ws *ws, size_t due)
{
    struct ws_conn *conn;

    for (int i = 0; i < WS_SLOTS; i++) {
        while (ws->drain.told < due && (conn = TAILQ_FIRST(&ws->slots[i])) != NULL) {
            pgc_session_disconnect(conn->session, "server_restart", true);
            ws_conn_close(conn, WS_CLOSE_NORMAL, ""); /* if the session has not done so */
            ws->drain.told++;
        }
    }
}

void
ws_drain_turn(struct pgc_ws *ws, int64_t now_ms)
{
    const struct ws_drain *drain = &ws->drain;
    const int64_t elapsed_ms = now_ms - drain->since_ms;

    if (drain->done == NULL) {
        return;
    }
    drain_tell(ws, ws_pace_gone(drain->total, elapsed_ms, drain->limit_ms / 5 * 4));
    if (elapsed_ms >= drain->limit_ms) {
        ws_drained(ws);
    }
}

void
pgc_ws_drain(struct pgc_ws *ws, int64_t limit_ms, void (*done)(void *arg), void *arg)
{
    struct ws_conn *conn;

    ws_listener_close(ws);
    while ((conn = TAILQ_FIRST(&ws->fresh)) != NULL) {
        ws_conn_move(conn, WS_CLOSING);
        ws_conn_kill(conn);
    }
    ws->drain = (struct ws_drain){
        .done = done,
        .arg = arg,
        .since_ms = pgc_monotonic_ms(),
        .limit_ms = limit_ms,
        .total = drain_count(ws),
    };
    ws_drain_turn(ws, ws->drain.since_ms);
    ws_schedule_turn(ws);
}
