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
static const char wrong_version[] =
    "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\nSec-WebSocket-Version: 13\r\n"
    "Connection: close\r\nContent-Length: 16\r\n\r\nUpgrade required";

/* Where what is read of a request is copied to: one piece of memory, wiped as a whole, for a token
 * may be anywhere in it. */
struct upgrade_text {
    struct lws *wsi;
    char *data;
    size_t used;
    size_t size;
};

/* Room for `length` bytes and a '\0', not yet taken; NULL if there is none. */
static char *
upgrade_room(const struct upgrade_text *text, int length)
{
    return length > 0 && (size_t)length < text->size - text->used ? text->data + text->used : NULL;
}

static const char *
upgrade_header(struct upgrade_text *text, enum lws_token_indexes token)
{
    int length = lws_hdr_total_length(text->wsi, token);
    char *value = upgrade_room(text, length);

    if (value == NULL || lws_hdr_copy(text->wsi, value, length + 1, token) < 0) {
        return NULL;
    }
    text->used += (size_t)length + 1;
    return value;
}

/* One that the library has no name for; `name` is lower case and ends in ":". */
static const char *
upgrade_custom_header(struct upgrade_text *text, const char *name)
{
    int name_length = (int)strlen(name);
    int length = lws_hdr_custom_length(text->wsi, name, name_length);
    char *value = upgrade_room(text, length);

    if (value == NULL || lws_hdr_custom_copy(text->wsi, value, length + 1, name, name_length) < 0) {
        return NULL;
    }
    text->used += (size_t)length + 1;
    return value;
}

/* The value of the first "<name>=" in the query; `name` has its "=". */
static const char *
upgrade_query(struct upgrade_text *text, const char *name)
{
    size_t name_length = strlen(name);
    int length;

    for (int i = 0; (length = lws_hdr_fragment_length(text->wsi, WSI_TOKEN_HTTP_URI_ARGS, i)) > 0;
         i++) {
        char *item = upgrade_room(text, length);

        if (item != NULL &&
            lws_hdr_copy_fragment(text->wsi, item, length + 1, WSI_TOKEN_HTTP_URI_ARGS, i) >= 0 &&
            strncmp(item, name, name_length) == 0) {
            text->used += (size_t)length + 1;
            return item + name_length;
        }
    }
    return NULL;
}

static struct ws_request
upgrade_read(struct upgrade_text *text)
{
    return (struct ws_request){
        .is_get = lws_hdr_total_length(text->wsi, WSI_TOKEN_GET_URI) > 0,
        .path = upgrade_header(text, WSI_TOKEN_GET_URI),
        .host = upgrade_header(text, WSI_TOKEN_HOST),
        .upgrade = upgrade_header(text, WSI_TOKEN_UPGRADE),
        .connection = upgrade_header(text, WSI_TOKEN_CONNECTION),
        .key = upgrade_header(text, WSI_TOKEN_KEY),
        .version = upgrade_header(text, WSI_TOKEN_VERSION),
        .origin = upgrade_header(text, WSI_TOKEN_ORIGIN),
        .protocol = upgrade_header(text, WSI_TOKEN_PROTOCOL),
        .authorization = upgrade_header(text, WSI_TOKEN_HTTP_AUTHORIZATION),
        .x_jid = upgrade_custom_header(text, "x-jid:"),
        .forwarded_proto = upgrade_custom_header(text, "x-forwarded-proto:"),
        .forwarded_ssl = upgrade_custom_header(text, "x-forwarded-ssl:"),
        .query_jid = upgrade_query(text, "jid="),
        .query_token = upgrade_query(text, "token="),
    };
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

static int
upgrade_answer(struct ws_conn *conn, const char *answer, struct pgc_metric *reason)
{
    size_t length = strlen(answer);
    unsigned char *bytes = conn->ws->buffer + LWS_PRE;

    pgc_metric_add(reason, 1);
    memcpy(bytes, answer, length);
    (void)lws_write(conn->wsi, bytes, length, LWS_WRITE_HTTP);
    ws_conn_move(conn, WS_CLOSING); /* that it ends now is not the client's fault */
    return -1;
}

static void
upgrade_log_origin(struct ws_conn *conn, const struct ws_request *request)
{
    char address[128];
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
    pgc_log_err(
        PGC_LOG_WARN, conn->id, &err, "refuse %s", ws_conn_address(conn, address, sizeof(address)));
}

static void
upgrade_log_admission(struct ws_conn *conn, const struct ws_request *request,
    const struct ws_admission *admission, const struct pgc_err *err)
{
    const char *protocol = pgc_proto_name(admission->offer.chosen);
    char address[128];
    unsigned suppressed = 0;

    if (admission->result == PGC_AUTH_OK) {
        pgc_log(PGC_LOG_INFO, conn->id, "opened member=%s address=%s origin=%s protocol=%s",
            admission->identity.member, ws_conn_address(conn, address, sizeof(address)),
            request->origin != NULL ? request->origin : "-", protocol != NULL ? protocol : "-");
    } else if (pgc_log_allowed(&conn->ws->token_limit, &suppressed)) {
        pgc_log_err(PGC_LOG_INFO, conn->id, err, "refuse the token of %s (%u more refused)",
            ws_conn_address(conn, address, sizeof(address)), suppressed);
    }
}

/* Accept the handshake, with what is to be done with it once it is open. */
static int
upgrade_admit(struct ws_conn *conn, const struct ws_request *request)
{
    struct pgc_ws *ws = conn->ws;
    struct ws_admission *admission = pgc_xcalloc(1, sizeof(*admission));
    const char *offered = request->protocol != NULL ? request->protocol : "";
    const char *chosen = NULL;
    struct pgc_err err = {0};
    struct ws_token token;

    admission->protocol = pgc_xstrdup(offered);
    pgc_offer_parse(admission->protocol, strlen(offered), &admission->offer);
    token = ws_handshake_token(&ws->rules, request, &admission->offer);
    if (token.text != NULL) {
        admission->result = pgc_auth_verify(
            ws->auth, token.text, token.length, pgc_wall_s(), &admission->identity, &err);
    } else {
        admission->result = PGC_AUTH_INVALID;
        (void)pgc_err_set(&err, PGC_ERR_AUTH, "there is none");
    }
    upgrade_log_admission(conn, request, admission, &err);
    chosen = pgc_proto_name(admission->offer.chosen);
    lws_ws_choose_protocol(conn->wsi, chosen != NULL ? chosen : "");
    ws_admission_free(conn->admission);
    conn->admission = admission;
    return 0;
}

static int
upgrade_decide(struct ws_conn *conn, const struct ws_request *request)
{
    const struct ws_stats *stats = &conn->ws->stats;

    switch (ws_handshake_judge(&conn->ws->rules, request)) {
    case WS_ACCEPTED:
        return upgrade_admit(conn, request);
    case WS_WRONG_VERSION:
        return upgrade_answer(conn, wrong_version, stats->refused_request);
    case WS_WRONG_ORIGIN:
    case WS_NO_ORIGIN:
        upgrade_log_origin(conn, request);
        return upgrade_answer(conn, not_found, stats->refused_origin);
    case WS_WRONG_PATH:
    case WS_NO_WEBSOCKET:
        return upgrade_answer(conn, not_found, stats->refused_request);
    }
    abort();
}

int
ws_upgrade_confirm(struct ws_conn *conn)
{
    struct upgrade_text text = {
        .wsi = conn->wsi,
        .size = 2 * conn->ws->conf.max_header_bytes, /* and all headers together are no longer */
    };
    struct ws_request request;
    int result;

    text.data = pgc_xmalloc(text.size);
    request = upgrade_read(&text);
    result = upgrade_decide(conn, &request);
    pgc_wipe(text.data, text.used);
    free(text.data);
    return result;
}

int
ws_upgrade_refuse_http(struct ws_conn *conn)
{
    bool is_head = lws_hdr_total_length(conn->wsi, WSI_TOKEN_HEAD_URI) > 0;

    return upgrade_answer(
        conn, is_head ? not_found_head : not_found, conn->ws->stats.refused_request);
}
