/* SPDX-License-Identifier: PostgreSQL */
/*
 * upgrade.c - from the library's parsed request to the verdict, and to the answer.
 *
 * A handshake that is refused gets plain HTTP.  One whose only fault is its token is accepted and
 * then told so in a frame: clients take an HTTP error for a server that is down, and retry for
 * ever.
 */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "ws_internal.h"

#define NOT_FOUND                                                                                  \
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\n"                  \
    "Content-Length: 14\r\n\r\n"

/* Rails' answer to all that is not for its cable, byte for byte but for "Connection". */
static const char not_found[] = NOT_FOUND "Page not found";
static const char not_found_head[] = NOT_FOUND;
static const char plain_text[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    "Content-Length: 38\r\n\r\nThis port speaks TLS: use wss or https";
static const char wrong_version[] =
    "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\nSec-WebSocket-Version: 13\r\n"
    "Connection: close\r\nContent-Length: 16\r\n\r\nUpgrade required";

bool
ws_admission_is_good(const struct ws_admission *admission)
{
    return admission->result == PGC_AUTH_OK && !admission->is_crowded;
}

void
ws_admission_free(struct ws_admission *admission)
{
    if (admission != NULL) {
        pgc_wipe(admission->protocol, strlen(admission->protocol));
        free(admission->protocol);
        free(admission);
    }
}

int
ws_upgrade_answer(struct ws_conn *conn, const char *answer, struct pgc_metric *reason)
{
    size_t length = strlen(answer);
    unsigned char *bytes = conn->ws->buffer + LWS_PRE;

    if (reason != NULL) {
        pgc_metric_add(reason, 1);
    }
    memcpy(bytes, answer, length);
    (void)lws_write(conn->wsi, bytes, length, LWS_WRITE_HTTP);
    ws_conn_move(conn, WS_CLOSING); /* that it ends now is not the client's fault */
    return -1;
}

void
ws_upgrade_log_origin(struct ws_conn *conn, const struct ws_request *request)
{
    char address[WS_PEER_TEXT];
    unsigned suppressed = 0;
    struct pgc_err err = {0};

    if (!pgc_log_allowed(&conn->ws->origin_limit, &suppressed)) {
        return;
    }
    if (request->origin == NULL) {
        (void)pgc_err_set(&err, PGC_ERR_AUTH, "no Origin (%u more refused)", suppressed);
        (void)pgc_err_hint(
            &err, "send the token in an Authorization header, or set allow_no_origin");
    } else {
        (void)pgc_err_set(&err, PGC_ERR_AUTH, "Origin \"%s\" is not allowed (%u more refused)",
            request->origin, suppressed);
        (void)pgc_err_hint(&err, "if that is a page of yours, add it to allowed_origins");
    }
    pgc_log_err(PGC_LOG_WARN, conn->id, &err, "refuse %s", ws_peer_write(&conn->peer, address));
    pgc_recent_refuse(conn->ws->conf.recent, conn->id, address, "%s", err.message);
}

static void
upgrade_check_token(struct ws_conn *conn, const struct ws_token *token,
    struct ws_admission *admission, struct pgc_err *err)
{
    struct pgc_ws *ws = conn->ws;

    admission->result = PGC_AUTH_INVALID;
    if (token->text == NULL) {
        (void)pgc_err_set(err, PGC_ERR_AUTH, "there is none");
        return;
    }
    if (token->length > ws->conf.max_token_bytes) {
        (void)pgc_err_set(err, PGC_ERR_LIMIT, "it is over %zu bytes", ws->conf.max_token_bytes);
        (void)pgc_err_hint(err, "put less into it, or raise max_token_bytes");
        return;
    }
    admission->result = pgc_auth_verify(
        ws->auth, token->text, token->length, pgc_wall_s(), &admission->identity, err);
    if (admission->result == PGC_AUTH_OK && pgc_cable_is_banned(ws->cable, &admission->identity)) {
        admission->result = PGC_AUTH_INVALID;
        (void)pgc_err_set(err, PGC_ERR_AUTH, "it was revoked");
    }
}

static void
upgrade_log_admission(struct ws_conn *conn, const struct ws_request *request,
    const struct ws_admission *admission, const struct pgc_err *err)
{
    const char *protocol =
        conn->is_events ? "text/event-stream" : pgc_proto_name(admission->offer.chosen);
    char address[WS_PEER_TEXT];
    unsigned suppressed = 0;

    if (ws_admission_is_good(admission)) {
        pgc_log(PGC_LOG_INFO, conn->id, "opened member=%s address=%s origin=%s protocol=%s",
            admission->identity.member, ws_peer_write(&conn->peer, address),
            request->origin != NULL ? request->origin : "-", protocol != NULL ? protocol : "-");
    } else if (pgc_log_allowed(&conn->ws->token_limit, &suppressed)) {
        pgc_log_err(PGC_LOG_INFO, conn->id, err, "refuse the token of %s (%u more refused)",
            ws_peer_write(&conn->peer, address), suppressed);
        pgc_recent_refuse(conn->ws->conf.recent, conn->id, address, "token: %s (%u more refused)",
            err->message, suppressed);
    }
}

void
ws_upgrade_admit(struct ws_conn *conn, const struct ws_request *request)
{
    struct pgc_ws *ws = conn->ws;
    struct ws_admission *admission = pgc_xcalloc(1, sizeof(*admission));
    const char *offered = request->protocol != NULL ? request->protocol : "";
    struct pgc_err err = {0};
    struct ws_token token;

    admission->protocol = pgc_xstrdup(offered);
    pgc_offer_parse(admission->protocol, strlen(offered), &admission->offer);
    if (conn->is_events) {
        admission->offer.chosen = PGC_PROTO_EVENTS;
    }
    token = ws_handshake_token(&ws->rules, request, &admission->offer);
    upgrade_check_token(conn, &token, admission, &err);
    if (admission->result == PGC_AUTH_OK &&
        !ws_places_belong_to(ws->conf.places, &conn->ticket, admission->identity.member)) {
        admission->is_crowded = true;
        (void)pgc_err_set(&err, PGC_ERR_LIMIT, "member \"%s\" has too many connections",
            admission->identity.member);
        (void)pgc_err_hint(&err, "if it needs that many, raise max_connections_per_member");
    }
    upgrade_log_admission(conn, request, admission, &err);
    ws_admission_free(conn->admission);
    conn->admission = admission;
}

int
ws_upgrade_refuse_plain(struct ws_conn *conn)
{
    return ws_upgrade_answer(conn, plain_text, conn->ws->stats.refused_request);
}

/* Accept the handshake, with what is to be done with it once it is open. */
static int
upgrade_accept(struct ws_conn *conn, const struct ws_request *request)
{
    const char *chosen;

    ws_upgrade_admit(conn, request);
    chosen = pgc_proto_name(conn->admission->offer.chosen);
    lws_ws_choose_protocol(conn->wsi, chosen != NULL ? chosen : "");
    return 0;
}

int
ws_upgrade_no_entry(struct ws_conn *conn, enum ws_entry entry)
{
    char answer[WS_ENTRY_BYTES];

    ws_entry_answer(entry, answer);
    return ws_upgrade_answer(conn, answer, conn->ws->stats.no_entry[entry]);
}

static int
upgrade_decide(struct ws_conn *conn, const struct ws_request *request)
{
    const struct ws_stats *stats = &conn->ws->stats;
    enum ws_entry entry = ws_arrival_forwarded(conn, request->forwarded_for);

    if (entry != WS_ENTRY_OK) {
        return ws_upgrade_no_entry(conn, entry);
    }
    switch (ws_handshake_judge(&conn->ws->rules, request)) {
    case WS_ACCEPTED:
        return upgrade_accept(conn, request);
    case WS_PLAIN_TEXT:
        return ws_upgrade_refuse_plain(conn);
    case WS_WRONG_VERSION:
        return ws_upgrade_answer(conn, wrong_version, stats->refused_request);
    case WS_WRONG_ORIGIN:
    case WS_NO_ORIGIN:
        ws_upgrade_log_origin(conn, request);
        return ws_upgrade_answer(conn, not_found, stats->refused_origin);
    case WS_WRONG_PATH:
    case WS_NO_WEBSOCKET:
        return ws_upgrade_answer(conn, not_found, stats->refused_request);
    }
    abort();
}

int
ws_upgrade_confirm(struct ws_conn *conn)
{
    struct ws_request_text text;
    struct ws_request request = ws_request_read(&text, conn);
    int result = upgrade_decide(conn, &request);

    ws_request_fini(&text);
    return result;
}

int
ws_upgrade_refuse_http(struct ws_conn *conn)
{
    bool is_head = lws_hdr_total_length(conn->wsi, WSI_TOKEN_HEAD_URI) > 0;

    return ws_upgrade_answer(
        conn, is_head ? not_found_head : not_found, conn->ws->stats.refused_request);
}
