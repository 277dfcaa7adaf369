/* SPDX-License-Identifier: PostgreSQL */
/*
 * events.c - the other way to listen: GET, and an answer without end (text/event-stream).
 *
 *   GET /events?channel=Chats::RoomChannel&chat_room_id=7
 *   GET /events?identifier=%7B%22channel%22%3A…%7D&history_since=1795358477
 *
 * The answer is one session with one subscription; it shares queue, limits and beat with the
 * websockets.  An EventSource gives up on any status but 200, and otherwise comes back by itself
 * with the id of the last event that it saw.
 */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "ws_internal.h"

/* Arguments that are not the identifier's. */
static const char *const events_own_arguments[] = {
    "history_since=", "identifier=", "jid=", "token="};

static void
events_add_origin(struct pgc_buf *head, const struct ws_request *request)
{
    if (request->origin != NULL) {
        pgc_buf_addf(head, "Access-Control-Allow-Origin: %s\r\nVary: Origin\r\n", request->origin);
    }
}

/* To one whose origin is allowed: a page may look at the answer. */
static int
events_refuse(struct ws_conn *conn, const struct ws_request *request, const char *status,
    const char *why, struct pgc_metric *reason)
{
    struct pgc_buf answer = {0};
    int result;

    pgc_buf_addf(&answer, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n", status);
    events_add_origin(&answer, request);
    pgc_buf_addf(&answer, "Connection: close\r\nContent-Length: %zu\r\n\r\n%s", strlen(why), why);
    result = ws_upgrade_answer(conn, pgc_buf_str(&answer), reason);
    pgc_buf_fini(&answer);
    return result;
}

/* A browser asks first whether a page may send these headers. */
static int
events_answer_preflight(struct ws_conn *conn, const struct ws_request *request)
{
    struct pgc_buf answer = {0};
    int result;

    pgc_buf_adds(&answer, "HTTP/1.1 204 No Content\r\n");
    events_add_origin(&answer, request);
    pgc_buf_adds(&answer, "Access-Control-Allow-Methods: GET\r\n"
                          "Access-Control-Allow-Headers: Authorization, X-Jid, Last-Event-ID\r\n"
                          "Access-Control-Max-Age: 600\r\nConnection: close\r\n\r\n");
    result = ws_upgrade_answer(conn, pgc_buf_str(&answer), NULL);
    pgc_buf_fini(&answer);
    return result;
}

static bool
events_is_own(const char *argument)
{
    for (size_t i = 0; i < sizeof(events_own_arguments) / sizeof(*events_own_arguments); i++) {
        if (strncmp(argument, events_own_arguments[i], strlen(events_own_arguments[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Either the argument of that name or, if there is none, an object of all the others. */
static void
events_read_identifier(struct ws_request_text *text, struct pgc_buf *identifier)
{
    const char *argument = ws_request_query(text, "identifier=");
    const char *before = "{";

    if (argument != NULL) {
        pgc_buf_adds(identifier, argument);
        return;
    }
    for (int i = 0; ws_request_argument(text, i, &argument); i++) {
        const char *value = strchr(argument, '=');

        if (value != NULL && !events_is_own(argument)) {
            pgc_buf_adds(identifier, before);
            pgc_buf_add_json(identifier, argument, (size_t)(value - argument));
            pgc_buf_addc(identifier, ':');
            pgc_buf_add_json(identifier, value + 1, strlen(value + 1));
            before = ",";
        }
    }
    pgc_buf_adds(identifier, before[0] == '{' ? "{}" : "}");
}

/* 0 if there is none or it is no time. */
static int64_t
events_read_since(struct ws_request_text *text)
{
    const char *value = ws_request_query(text, "history_since=");
    char *end = NULL;
    long long since;

    if (value == NULL) {
        return 0;
    }
    since = strtoll(value, &end, 10);
    return *end == '\0' && since > 0 ? since : 0;
}

/* The answer begins; it ends with the session. */
static int
events_begin(
    struct ws_conn *conn, const struct ws_request *request, const struct pgc_follow *follow)
{
    struct pgc_buf head = {0};
    int written;

    pgc_buf_adds(&head, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n");
    events_add_origin(&head, request);
    pgc_buf_adds(&head, "Connection: close\r\n\r\n");
    written = lws_write(conn->wsi, (unsigned char *)head.data, head.length, LWS_WRITE_HTTP);
    pgc_buf_fini(&head);
    if (written < 0) {
        return -1;
    }
    (void)lws_http_mark_sse(conn->wsi); /* the library forgets the headers, and its timeouts */
    conn->close_code = WS_CLOSE_NORMAL; /* of a client that hangs up: it has no other way */
    ws_conn_open(conn);
    pgc_session_follow(conn->session, follow);
    return 0;
}

static int
events_admit(
    struct ws_conn *conn, const struct ws_request *request, const struct pgc_follow *follow)
{
    const struct ws_stats *stats = &conn->ws->stats;

    if (!pgc_identifier_is_valid(follow->identifier, follow->length)) {
        return events_refuse(conn, request, "400 Bad Request",
            "Want ?channel=NAME and its parameters, or ?identifier=JSON", stats->refused_request);
    }
    conn->is_events = true;
    ws_upgrade_admit(conn, request);
    if (conn->admission->is_crowded) {
        return ws_upgrade_no_entry(conn, WS_ENTRY_MEMBER);
    }
    if (conn->admission->result != PGC_AUTH_OK) {
        return events_refuse(conn, request, "401 Unauthorized",
            "The token is missing, expired or wrong", stats->refused_token);
    }
    return events_begin(conn, request, follow);
}

static int
events_listen(struct ws_conn *conn, const struct ws_request *request, struct ws_request_text *text)
{
    struct pgc_buf identifier = {0};
    struct pgc_follow follow = {.event_id = request->event_id, .since_s = events_read_since(text)};
    int result;

    events_read_identifier(text, &identifier);
    follow.identifier = pgc_buf_str(&identifier);
    follow.length = identifier.length;
    result = events_admit(conn, request, &follow);
    pgc_buf_fini(&identifier);
    return result;
}

static int
events_decide(struct ws_conn *conn, const struct ws_request *request, struct ws_request_text *text)
{
    static const char forbidden[] =
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: 21\r\n\r\nOrigin is not allowed";
    enum ws_entry entry = ws_arrival_forwarded(conn, request->forwarded_for);

    if (entry != WS_ENTRY_OK) {
        return ws_upgrade_no_entry(conn, entry);
    }
    switch (ws_handshake_judge_events(&conn->ws->rules, request)) {
    case WS_ACCEPTED:
        return request->is_get ? events_listen(conn, request, text)
                               : events_answer_preflight(conn, request);
    case WS_PLAIN_TEXT:
        return ws_upgrade_refuse_plain(conn);
    case WS_WRONG_ORIGIN:
    case WS_NO_ORIGIN:
        ws_upgrade_log_origin(conn, request);
        return ws_upgrade_answer(conn, forbidden, conn->ws->stats.refused_origin);
    case WS_WRONG_PATH:
    case WS_NO_WEBSOCKET:
    case WS_WRONG_VERSION:
        return ws_upgrade_refuse_http(conn);
    }
    abort();
}

int
ws_events_request(struct ws_conn *conn)
{
    struct ws_request_text text;
    struct ws_request request = ws_request_read(&text, conn);
    int result = events_decide(conn, &request, &text);

    ws_request_fini(&text);
    return result;
}
