/* SPDX-License-Identifier: PostgreSQL */
/*
 * arrival.c - between accept() and the library: whose connection is it, and may it come in?
 *
 * The address is the socket's, unless that is one of our proxies'.  Then it is what the PROXY
 * header says, which is read here before the library sees a byte, or X-Forwarded-For, which comes
 * with the request; until then a proxy's connections count in total only.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "ws_internal.h"

struct ws_arrival {
    int fd; /* -1: somebody else's by now */
    struct pgc_watch *watch;
    size_t length;
    char bytes[WS_PROXY_BYTES];
};

static bool
arrival_is_of_proxy(const struct pgc_ws *ws, const struct ws_peer *peer)
{
    return ws_networks_has(ws->proxies, peer);
}

/* What concerns all is told by the metric; who is refused for what he does is named. */
static void
arrival_log(struct pgc_ws *ws, enum ws_entry entry, const struct ws_peer *peer)
{
    char address[WS_PEER_TEXT];
    unsigned suppressed = 0;
    struct pgc_err err = {0};

    if (entry == WS_ENTRY_FULL || entry == WS_ENTRY_HANDSHAKES || entry == WS_ENTRY_RATE ||
        !pgc_log_allowed(&ws->entry_limit, &suppressed)) {
        return;
    }
    (void)pgc_err_set(
        &err, PGC_ERR_LIMIT, "%s (%u more refused)", ws_entry_text(entry), suppressed);
    (void)pgc_err_hint(&err, entry == WS_ENTRY_NO_HEADER
                                 ? "let it send one, or set proxy_protocol to off"
                                 : "if that is a proxy of yours, add it to trusted_proxies");
    pgc_log_err(PGC_LOG_WARN, 0, &err, "refuse %s", ws_peer_write(peer, address));
    pgc_recent_refuse(ws->conf.recent, 0, address, "%s", err.message);
}

/* By its address, if that is known by now. */
static enum ws_entry
arrival_judge_address(struct pgc_ws *ws, struct ws_ticket *ticket, const struct ws_peer *peer)
{
    if (ticket->has_address || arrival_is_of_proxy(ws, peer)) {
        return WS_ENTRY_OK;
    }
    return ws_places_come_from(ws->conf.places, ticket, peer);
}

/* Ends it; the descriptor, which nothing watches any more, is the caller's. */
static int
arrival_release(struct ws_conn *conn)
{
    int fd = conn->arrival->fd;

    conn->arrival->fd = -1;
    ws_arrival_end(conn);
    return fd;
}

/* One who has come and is not the library's yet. */
static void
arrival_turn_away(struct ws_conn *conn, enum ws_entry entry)
{
    arrival_log(conn->ws, entry, &conn->peer);
    ws_entry_refuse(conn->ws, arrival_release(conn), entry);
    ws_conn_move(conn, WS_CLOSING); /* or it would count as incomplete, too */
    ws_conn_gone(conn);
}

/* The whole header has come, and not a byte behind it has been read. */
static void
arrival_go_on(struct ws_conn *conn)
{
    enum ws_entry entry = arrival_judge_address(conn->ws, &conn->ticket, &conn->peer);

    if (entry != WS_ENTRY_OK) {
        arrival_turn_away(conn, entry);
    } else {
        ws_conn_adopt(conn, arrival_release(conn));
    }
}

/* Look first, and then take what belongs to the header: the rest is for the library. */
static void
arrival_ready(int ready PGC_UNUSED, void *arg)
{
    struct ws_conn *conn = arg;
    struct ws_arrival *arrival = conn->arrival;
    char *next = arrival->bytes + arrival->length;
    ssize_t seen =
        recv(arrival->fd, next, sizeof(arrival->bytes) - arrival->length, MSG_PEEK | MSG_DONTWAIT);
    size_t used = arrival->length + (seen > 0 ? (size_t)seen : 0);
    enum ws_proxy found;

    if (seen < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    found = seen > 0 ? ws_proxy_read(arrival->bytes, used, &used, &conn->peer) : WS_PROXY_BAD;
    if (seen <= 0 || (found != WS_PROXY_BAD &&
                         recv(arrival->fd, next, used - arrival->length, MSG_DONTWAIT) < 0)) {
        ws_conn_kill(conn);
        return;
    }
    arrival->length = used;
    if (found == WS_PROXY_BAD) {
        arrival_turn_away(conn, WS_ENTRY_NO_HEADER);
    } else if (found == WS_PROXY_DONE) {
        arrival_go_on(conn);
    }
}

static void
arrival_await_header(struct ws_conn *conn, int fd)
{
    struct ws_arrival *arrival = pgc_xcalloc(1, sizeof(*arrival));

    arrival->fd = fd;
    arrival->watch = pgc_watch_new(conn->ws->loop, fd, arrival_ready, conn);
    conn->arrival = arrival;
    pgc_watch_want(arrival->watch, PGC_READABLE);
}

void
ws_arrival_end(struct ws_conn *conn)
{
    struct ws_arrival *arrival = conn->arrival;

    conn->arrival = NULL;
    pgc_watch_free(arrival->watch);
    if (arrival->fd >= 0) {
        (void)close(arrival->fd);
    }
    free(arrival);
}

void
ws_arrival_end_all(struct pgc_ws *ws)
{
    struct ws_conn *conn = TAILQ_FIRST(&ws->fresh);

    while (conn != NULL) {
        struct ws_conn *next = TAILQ_NEXT(conn, entry);

        if (conn->arrival != NULL) {
            ws_conn_kill(conn);
        }
        conn = next;
    }
}

/* In the order that lets nobody spoil anything for others: a crowd of one address, once refused
 * for that, takes nothing from the rate that all share. */
static enum ws_entry
arrival_judge(struct pgc_ws *ws, struct ws_ticket *ticket, const struct ws_peer *peer)
{
    enum ws_entry entry = ws_places_enter(ws->conf.places, ticket);

    if (entry == WS_ENTRY_OK && ws->conf.proxy_protocol && !arrival_is_of_proxy(ws, peer)) {
        entry = WS_ENTRY_NO_PROXY;
    }
    if (entry == WS_ENTRY_OK) {
        entry = arrival_judge_address(ws, ticket, peer);
    }
    if (entry == WS_ENTRY_OK && !ws_pace_admits(&ws->handshakes, pgc_monotonic_ms())) {
        entry = WS_ENTRY_RATE;
    }
    return entry;
}

void
ws_arrive(struct pgc_ws *ws, int fd, const struct sockaddr *from)
{
    struct ws_ticket ticket = {0};
    struct ws_peer peer = {0};
    struct ws_conn *conn;
    enum ws_entry entry;

    (void)ws_peer_from_socket(&peer, from);
    entry = arrival_judge(ws, &ticket, &peer);
    if (entry != WS_ENTRY_OK) {
        ws_places_leave(ws->conf.places, &ticket);
        arrival_log(ws, entry, &peer);
        ws_entry_refuse(ws, fd, entry);
        return;
    }
    conn = ws_conn_new(ws, &peer, &ticket);
    if (ws->conf.proxy_protocol) {
        arrival_await_header(conn, fd);
    } else {
        ws_conn_adopt(conn, fd);
    }
}

enum ws_entry
ws_arrival_forwarded(struct ws_conn *conn, const char *header)
{
    struct pgc_ws *ws = conn->ws;
    enum ws_entry entry;

    ws_peer_forwarded(&conn->peer, ws->proxies, header);
    entry = arrival_judge_address(ws, &conn->ticket, &conn->peer);
    if (entry != WS_ENTRY_OK) {
        arrival_log(ws, entry, &conn->peer);
    }
    return entry;
}
