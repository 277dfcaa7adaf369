/* SPDX-License-Identifier: PostgreSQL */
/*
 * wheel.c - all that happens to connections because time passes, in one timer.
 *
 * Open connections are spread over the slots of a wheel, one of which is due every 100 ms: they get
 * their ping, and their limits of time are looked at.  (The library's timers are one sorted list.)
 */
#include "pgcable/clock.h"

#include "ws_internal.h"

/* Keys that are gone have had their time of grace. */
static void
wheel_beat_session(struct ws_conn *conn, struct pgc_frame *ping, int64_t now_s)
{
    if (conn->is_welcome && !pgc_auth_knows(conn->ws->auth, conn->key)) {
        pgc_session_lose_key(conn->session);
    } else {
        pgc_session_beat(conn->session, ping, now_s);
    }
}

static void
wheel_beat(struct ws_list *slot, int64_t now_ms)
{
    int64_t now_s = pgc_wall_s();
    struct pgc_frame *pings[2];
    struct ws_conn *conn = TAILQ_FIRST(slot);

    if (conn == NULL) {
        return;
    }
    for (enum pgc_wire wire = PGC_WIRE_WEBSOCKET; wire <= PGC_WIRE_EVENTS; wire++) {
        pings[wire] = pgc_frame_ping(wire, now_s);
    }
    while (conn != NULL) {
        struct ws_conn *next =
            TAILQ_NEXT(conn, entry); /* a beat may move its connection, no other */

        ws_inbound_beat(conn, now_ms);
        ws_outbound_beat(conn, now_ms);
        if (conn->state == WS_OPEN) {
            wheel_beat_session(conn, pings[ws_conn_wire(conn)], now_s);
        }
        conn = next;
    }
    pgc_frame_unref(pings[PGC_WIRE_WEBSOCKET]);
    pgc_frame_unref(pings[PGC_WIRE_EVENTS]);
}

/* End those at the head of `list` that have been in it for `limit_ms`. */
static void
wheel_expire(struct ws_list *list, int64_t limit_ms, int64_t now_ms)
{
    struct ws_conn *conn;

    while ((conn = TAILQ_FIRST(list)) != NULL && now_ms - conn->since_ms >= limit_ms) {
        ws_conn_move(conn, conn->state); /* to the tail: the library may need another turn */
        ws_conn_kill(conn);
    }
}

static void
wheel_turn(void *arg)
{
    struct pgc_ws *ws = arg;
    const int64_t around_ms = (int64_t)WS_SLOTS * WS_SLOT_MS;
    int64_t now_ms = pgc_monotonic_ms();

    if (now_ms - ws->wheel_ms > around_ms) { /* we slept: once around is enough */
        ws->wheel_ms = now_ms - around_ms + WS_SLOT_MS;
    }
    while (ws->wheel_ms <= now_ms) {
        wheel_beat(&ws->slots[ws->wheel_slot], now_ms);
        ws->wheel_slot = (ws->wheel_slot + 1) % WS_SLOTS;
        ws->wheel_ms += WS_SLOT_MS;
    }
    ws_shed(ws);
    ws_memory_tell(&ws->memory);
    wheel_expire(&ws->fresh, ws->conf.handshake_ms, now_ms);
    wheel_expire(&ws->closing, ws->conf.closing_ms, now_ms);
    ws_drain_turn(ws, now_ms);
    pgc_timer_set(ws->wheel, ws->wheel_ms - pgc_monotonic_ms());
}

void
ws_wheel_start(struct pgc_ws *ws)
{
    ws->wheel = pgc_timer_new(ws->loop, wheel_turn, ws);
    ws->wheel_ms = pgc_monotonic_ms() + WS_SLOT_MS;
    pgc_timer_set(ws->wheel, WS_SLOT_MS);
}
