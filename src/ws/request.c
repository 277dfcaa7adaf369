/* SPDX-License-Identifier: PostgreSQL */
/*
 * request.c - what a request says, copied out of the library's headers.
 */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "ws_internal.h"

/* Room for `length` bytes and a '\0', not yet taken; NULL if there is none. */
static char *
request_room(const struct ws_request_text *text, int length)
{
    return length > 0 && (size_t)length < text->size - text->used ? text->data + text->used : NULL;
}

static const char *
request_header(struct ws_request_text *text, enum lws_token_indexes token)
{
    int length = lws_hdr_total_length(text->wsi, token);
    char *value = request_room(text, length);

    if (value == NULL || lws_hdr_copy(text->wsi, value, length + 1, token) < 0) {
        return NULL;
    }
    text->used += (size_t)length + 1;
    return value;
}

/* One that the library has no name for; `name` is lower case and ends in ":". */
static const char *
request_custom_header(struct ws_request_text *text, const char *name)
{
    int name_length = (int)strlen(name);
    int length = lws_hdr_custom_length(text->wsi, name, name_length);
    char *value = request_room(text, length);

    if (value == NULL || lws_hdr_custom_copy(text->wsi, value, length + 1, name, name_length) < 0) {
        return NULL;
    }
    text->used += (size_t)length + 1;
    return value;
}

bool
ws_request_argument(struct ws_request_text *text, int number, const char **argument)
{
    int length = lws_hdr_fragment_length(text->wsi, WSI_TOKEN_HTTP_URI_ARGS, number);
    char *item = request_room(text, length);

    if (item == NULL ||
        lws_hdr_copy_fragment(text->wsi, item, length + 1, WSI_TOKEN_HTTP_URI_ARGS, number) < 0) {
        return false;
    }
    *argument = item;
    return true;
}

const char *
ws_request_query(struct ws_request_text *text, const char *name)
{
    const char *argument;

    for (int i = 0; ws_request_argument(text, i, &argument); i++) {
        if (strncmp(argument, name, strlen(name)) == 0) {
            text->used += strlen(argument) + 1;
            return argument + strlen(name);
        }
    }
    return NULL;
}

/* Of the only methods that we answer to. */
static const char *
request_path(struct ws_request_text *text)
{
    const char *path = request_header(text, WSI_TOKEN_GET_URI);

    return path != NULL ? path : request_header(text, WSI_TOKEN_OPTIONS_URI);
}

static bool
request_is_http_1_1(struct ws_request_text *text)
{
    const char *version = request_header(text, WSI_TOKEN_HTTP);

    return version != NULL && strcmp(version, "HTTP/1.1") == 0;
}

static bool
request_has_body(struct ws_request_text *text)
{
    const char *length = request_header(text, WSI_TOKEN_HTTP_CONTENT_LENGTH);

    return lws_hdr_total_length(text->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
           (length != NULL && strcmp(length, "0") != 0);
}

struct ws_request
ws_request_read(struct ws_request_text *text, struct ws_conn *conn)
{
    text->wsi = conn->wsi;
    text->size = 2 * conn->ws->conf.max_header_bytes; /* and all headers together are no longer */
    text->used = 0;
    text->data = pgc_xmalloc(text->size);
    return (struct ws_request){
        .is_tls = lws_get_ssl(text->wsi) != NULL,
        .is_get = lws_hdr_total_length(text->wsi, WSI_TOKEN_GET_URI) > 0,
        .is_http_1_1 = request_is_http_1_1(text),
        .has_body = request_has_body(text),
        .path = request_path(text),
        .host = request_header(text, WSI_TOKEN_HOST),
        .upgrade = request_header(text, WSI_TOKEN_UPGRADE),
        .connection = request_header(text, WSI_TOKEN_CONNECTION),
        .key = request_header(text, WSI_TOKEN_KEY),
        .version = request_header(text, WSI_TOKEN_VERSION),
        .origin = request_header(text, WSI_TOKEN_ORIGIN),
        .protocol = request_header(text, WSI_TOKEN_PROTOCOL),
        .authorization = request_header(text, WSI_TOKEN_HTTP_AUTHORIZATION),
        .x_jid = request_custom_header(text, "x-jid:"),
        .forwarded_for = request_header(text, WSI_TOKEN_X_FORWARDED_FOR),
        .forwarded_proto = request_custom_header(text, "x-forwarded-proto:"),
        .forwarded_ssl = request_custom_header(text, "x-forwarded-ssl:"),
        .fetch_site = request_custom_header(text, "sec-fetch-site:"),
        .event_id = request_custom_header(text, "last-event-id:"),
        .query_jid = ws_request_query(text, "jid="),
        .query_token = ws_request_query(text, "token="),
    };
}

void
ws_request_fini(struct ws_request_text *text)
{
    pgc_wipe(text->data, text->size);
    free(text->data);
}
