/* SPDX-License-Identifier: PostgreSQL */
/*
 * shed.c - when what waits for all clients together is too much, those with the longest queues are
 * given up, down to half of the longest in each round, until it is an eighth below the bound.
 *
 * The bound is for all workers.  If it is overrun, one of them at least has more than its share,
 * and only such a one sheds: nobody pays for the clients of another worker.  A message that waits
 * for many is in memory once, so that giving up one queue may free nothing; then the next goes.
 */
#include "ws_internal.h"

enum { SHED_SPARE_PART = 8 };

/* Of both bounds, all but `spare` eighths. */
static bool
shed_is_over(const struct pgc_ws *ws, size_t spare)
{
    const size_t share = ws->conf.queue_share_bytes;
    const size_t total = ws->conf.queue_total_bytes;

    return ws->memory.own > share - share / SHED_SPARE_PART * spare &&
           ws_memory_total(&ws->memory) > total - total / SHED_SPARE_PART * spare;
}

static size_t
shed_longest(const struct pgc_ws *ws)
{
    const struct ws_conn *conn;
    size_t longest = 0;

    for (int i = 0; i < WS_SLOTS; i++) {
        TAILQ_FOREACH(conn, &ws->slots[i], entry) {
            size_t weight = ws_queue_weight(&conn->queue);

            longest = weight > longest ? weight : longest;
        }
    }
    return longest;
}

/* The client has not had its chance, perhaps: so it is given it first. */
static void
shed_one(struct ws_conn *conn, size_t least)
{
    if (!ws_outbound_flush(conn)) {
        ws_outbound_touch(conn); /* it is broken, which the end of the turn finds, too */
    }
    if (ws_queue_weight(&conn->queue) > least) {
        ws_outbound_give_up(
            conn, "too much is waiting for all clients together", conn->ws->stats.ended_shed);
    }
}

static void
shed_longer_than(struct pgc_ws *ws, const struct ws_list *slot, size_t weight)
{
    struct ws_conn *conn;

    TAILQ_FOREACH(conn, slot, entry) {
        if (shed_is_over(ws, 1) && ws_queue_weight(&conn->queue) > weight) {
            shed_one(conn, weight);
        }
    }
}

void
ws_shed(struct pgc_ws *ws)
{
    size_t longest;

    if (!shed_is_over(ws, 0)) {
        return;
    }
    while (shed_is_over(ws, 1) && (longest = shed_longest(ws)) > 0) {
        for (int i = 0; i < WS_SLOTS; i++) {
            shed_longer_than(ws, &ws->slots[i], longest / 2);
        }
    }
}
