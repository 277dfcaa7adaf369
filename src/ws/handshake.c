/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <strings.h>

#include "pgcable/mem.h"

#include "ws_handshake.h"

enum { HANDSHAKE_CONNECTION_BYTES = 126 }; /* libwebsockets reads no more of it */

bool
ws_rules_init(struct ws_rules *rules, const struct pgc_ws_conf *conf, struct pgc_err *err)
{
    struct ws_origins *origins = ws_origins_new(conf->origins, err);

    if (origins == NULL) {
        return false;
    }
    *rules = (struct ws_rules){
        .is_tls = conf->tls != NULL,
        .path = pgc_xstrdup(conf->path),
        .events_path = pgc_xstrdup(conf->events_path != NULL ? conf->events_path : ""),
        .origins = origins,
        .same_origin = conf->same_origin,
        .no_origin = conf->no_origin,
        .query_token = conf->query_token,
    };
    return true;
}

void
ws_rules_fini(struct ws_rules *rules)
{
    free(rules->path);
    free(rules->events_path);
    ws_origins_free(rules->origins);
    *rules = (struct ws_rules){0};
}

/* "/cable" is also reached as "/cable/". */
static bool
handshake_is_our_path(const char *ours, const char *path)
{
    size_t length = strlen(ours);

    return path != NULL && strncmp(path, ours, length) == 0 &&
           (path[length] == '\0' || strcmp(path + length, "/") == 0);
}

/* Is `word` an item of the comma list? */
static bool
handshake_lists(const char *list, const char *word)
{
    while (*list != '\0') {
        size_t length;

        list += strspn(list, ", \t");
        length = strcspn(list, ", \t");
        if (length == strlen(word) && strncasecmp(list, word, length) == 0) {
            return true;
        }
        list += length;
    }
    return false;
}

/* 16 bytes in base64. */
static bool
handshake_is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return strspn(key, digits) == 22 && strcmp(key + 22, "==") == 0;
}

static bool
handshake_is_websocket(const struct ws_request *request)
{
    return request->is_get && request->is_http_1_1 && !request->has_body &&
           request->upgrade != NULL && strcasecmp(request->upgrade, "websocket") == 0 &&
           request->host != NULL && strchr(request->host, ',') == NULL &&
           request->connection != NULL &&
           strlen(request->connection) <= HANDSHAKE_CONNECTION_BYTES &&
           handshake_lists(request->connection, "upgrade") && request->key != NULL &&
           handshake_is_key(request->key);
}

/* With us, or behind a proxy that ended TLS?  The headers are Rack's; no page can set them. */
static bool
handshake_is_https(const struct ws_request *request)
{
    const char *proto = request->forwarded_proto;

    if (request->is_tls ||
        (request->forwarded_ssl != NULL && strcasecmp(request->forwarded_ssl, "on") == 0)) {
        return true;
    }
    return proto != NULL && strncasecmp(proto, "https", 5) == 0 && strcspn(proto, ", \t") == 5;
}

/* The token of "Authorization: Bearer <token>", or NULL for another scheme. */
static const char *
handshake_bearer(const struct ws_request *request)
{
    static const char scheme[] = "Bearer";
    const char *value = request->authorization;

    if (value == NULL || strncasecmp(value, scheme, strlen(scheme)) != 0) {
        return NULL;
    }
    value += strlen(scheme);
    return *value == '\0' || *value == ' ' ? value + strspn(value, " ") : NULL;
}

static enum ws_verdict
handshake_judge_origin(const struct ws_rules *rules, const struct ws_request *request)
{
    if (request->origin == NULL) {
        /* A browser that gets something from where the page is from names no origin, but says so;
         * and no page can make it say so. */
        if (rules->same_origin && request->fetch_site != NULL &&
            strcmp(request->fetch_site, "same-origin") == 0) {
            return WS_ACCEPTED;
        }
        /* No page sends a handshake without Origin; a script of a page cannot add a header either,
         * so one that carries a token is a program's. */
        bool by_program = handshake_bearer(request) != NULL || request->x_jid != NULL;

        return rules->no_origin == PGC_NO_ORIGIN_ALWAYS ||
                       (rules->no_origin == PGC_NO_ORIGIN_HEADER && by_program)
                   ? WS_ACCEPTED
                   : WS_NO_ORIGIN;
    }
    if (strchr(request->origin, ',') != NULL) {
        return WS_WRONG_ORIGIN;
    }
    if (rules->same_origin && request->host != NULL &&
        ws_origin_is_of_host(request->origin, request->host, handshake_is_https(request))) {
        return WS_ACCEPTED;
    }
    return ws_origins_has(rules->origins, request->origin) ? WS_ACCEPTED : WS_WRONG_ORIGIN;
}

enum ws_verdict
ws_handshake_judge(const struct ws_rules *rules, const struct ws_request *request)
{
    if (rules->is_tls && !request->is_tls) {
        return WS_PLAIN_TEXT;
    }
    if (!handshake_is_our_path(rules->path, request->path)) {
        return WS_WRONG_PATH;
    }
    if (!handshake_is_websocket(request)) {
        return WS_NO_WEBSOCKET;
    }
    if (request->version == NULL || strcmp(request->version, "13") != 0) {
        return WS_WRONG_VERSION;
    }
    return handshake_judge_origin(rules, request);
}

enum ws_verdict
ws_handshake_judge_events(const struct ws_rules *rules, const struct ws_request *request)
{
    if (rules->is_tls && !request->is_tls) {
        return WS_PLAIN_TEXT;
    }
    if (rules->events_path[0] == '\0' ||
        !handshake_is_our_path(rules->events_path, request->path)) {
        return WS_WRONG_PATH;
    }
    if (request->has_body) {
        return WS_NO_WEBSOCKET;
    }
    return handshake_judge_origin(rules, request);
}

static struct ws_token
handshake_token_of(const char *text)
{
    return (struct ws_token){.text = text, .length = strlen(text)};
}

struct ws_token
ws_handshake_token(
    const struct ws_rules *rules, const struct ws_request *request, const struct pgc_offer *offer)
{
    const char *bearer = handshake_bearer(request);

    if (bearer != NULL) {
        return handshake_token_of(bearer);
    }
    if (request->x_jid != NULL) {
        return handshake_token_of(request->x_jid);
    }
    if (offer->token != NULL) {
        return (struct ws_token){.text = offer->token, .length = offer->token_length};
    }
    if (rules->query_token && request->query_jid != NULL) {
        return handshake_token_of(request->query_jid);
    }
    if (rules->query_token && request->query_token != NULL) {
        return handshake_token_of(request->query_token);
    }
    return (struct ws_token){0};
}
