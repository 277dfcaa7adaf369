/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/http.h"

#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "pgcable/log.h"
#include "pgcable/mem.h"

enum {
    HTTP_MAX_BODY_BYTES = 1024,
    HTTP_MAX_HEADER_BYTES = 8192,
    HTTP_TIMEOUT_S = 10,
    HTTP_BACKLOG = 64,
    HTTP_PAUSE_MS = 1000,
    HTTP_UNAUTHORIZED = 401,
};

struct pgc_http {
    struct evhttp *server;
    struct evconnlistener *listener; /* the server's to free */
    struct pgc_timer *resume;
    int port;
    bool is_local;
    pgc_http_fn fn;
    void *arg;
};

static void
http_reply(struct evhttp_request *req, struct pgc_http_answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *body = evbuffer_new();
    char length[24];

    (void)snprintf(length, sizeof(length), "%zu", answer->body.length);
    (void)evhttp_add_header(headers, "Content-Type", answer->content_type);
    (void)evhttp_add_header(headers, "Content-Length", length);
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    (void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (answer->policy != NULL) {
        (void)evhttp_add_header(headers, "Content-Security-Policy", answer->policy);
        (void)evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    }
    if (answer->status == HTTP_UNAUTHORIZED) {
        (void)evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
    }
    if (body != NULL && evhttp_request_get_command(req) != EVHTTP_REQ_HEAD) {
        (void)evbuffer_add(body, pgc_buf_str(&answer->body), answer->body.length);
    }
    evhttp_send_reply(req, answer->status, NULL, body);
    if (body != NULL) {
        evbuffer_free(body);
    }
}

static struct pgc_http_request
http_request(struct evhttp_request *req)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

    return (struct pgc_http_request){
        .path = path != NULL && path[0] != '\0' ? path : "/",
        .query = uri != NULL ? evhttp_uri_get_query(uri) : NULL,
        .host = evhttp_find_header(headers, "Host"),
        .authorization = evhttp_find_header(headers, "Authorization"),
    };
}

static void
http_serve(struct evhttp_request *req, void *arg)
{
    struct pgc_http *http = arg;
    struct pgc_http_answer answer = {
        .status = HTTP_OK,
        .content_type = "text/plain; charset=utf-8",
    };
    enum evhttp_cmd_type command = evhttp_request_get_command(req);
    const struct pgc_http_request request = http_request(req);

    if (command != EVHTTP_REQ_GET && command != EVHTTP_REQ_HEAD) {
        (void)evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", "GET, HEAD");
        answer.status = HTTP_BADMETHOD;
        pgc_buf_adds(&answer.body, "only GET and HEAD are answered here\n");
    } else if (!http->fn(&request, &answer, http->arg)) {
        pgc_buf_fini(&answer.body);
        answer = (struct pgc_http_answer){
            .status = HTTP_NOTFOUND,
            .content_type = "text/plain; charset=utf-8",
        };
        pgc_buf_adds(&answer.body, "there is nothing at this path\n");
    }
    http_reply(req, &answer);
    pgc_buf_fini(&answer.body);
}

/*
 * Out of descriptors, most likely: if the listener stayed on, the loop would do nothing but try
 * again.  `arg` is evhttp's, not ours, so that what ends the pause cannot be started here.
 */
static void
http_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    pgc_log(PGC_LOG_WARN, 0, "accept on the admin address: %s; pausing for up to %d ms",
        strerror(errno), HTTP_PAUSE_MS);
    (void)evconnlistener_disable(listener);
}

/* Runs all the time; a listener that is on stays on. */
static void
http_resume(void *arg)
{
    struct pgc_http *http = arg;

    (void)evconnlistener_enable(http->listener);
    pgc_timer_set(http->resume, HTTP_PAUSE_MS);
}

static struct addrinfo *
http_resolve(const char *address, int port, struct pgc_err *err)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *found = NULL;
    char service[16];
    int rc;

    (void)snprintf(service, sizeof(service), "%d", port);
    rc = getaddrinfo(address, service, &hints, &found);
    if (rc != 0) {
        pgc_err_set(err, PGC_ERR_CONF, "listen on admin address \"%s\" port %d: %s", address, port,
            rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
        pgc_err_hint(err, "set admin_address to an address of this machine, such as 127.0.0.1");
        return NULL;
    }
    return found;
}

/* Where it listens in the end, whatever names and zeroes the settings have. */
static void
http_note_bound(struct pgc_http *http, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } bound = {0};
    socklen_t length = sizeof(bound);

    if (getsockname(fd, &bound.any, &length) < 0) {
        return;
    }
    if (bound.any.sa_family == AF_INET6) {
        http->port = ntohs(bound.in6.sin6_port);
        http->is_local = IN6_IS_ADDR_LOOPBACK(&bound.in6.sin6_addr);
    } else {
        http->port = ntohs(bound.in.sin_port);
        http->is_local = ntohl(bound.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
}

/* Bind and hand the socket to evhttp. */
static bool
http_listen(struct pgc_http *http, struct pgc_loop *loop, const char *address, int port,
    struct pgc_err *err)
{
    const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
    struct addrinfo *where = http_resolve(address, port, err);

    if (where == NULL) {
        return false;
    }
    http->listener = evconnlistener_new_bind(pgc_loop_base(loop), NULL, NULL, flags, HTTP_BACKLOG,
        where->ai_addr, (int)where->ai_addrlen);
    freeaddrinfo(where);
    if (http->listener == NULL) {
        pgc_err_set(err, PGC_ERR_SYS, "listen on admin address \"%s\" port %d: %s", address, port,
            strerror(errno));
        return pgc_err_hint(
            err, "set admin_address and admin_port to what is free on this machine");
    }
    if (evhttp_bind_listener(http->server, http->listener) == NULL) {
        evconnlistener_free(http->listener);
        return pgc_err_set(
            err, PGC_ERR_SYS, "serve admin address \"%s\" port %d: no memory", address, port);
    }
    evconnlistener_set_error_cb(http->listener, http_accept_failed);
    http_note_bound(http, evconnlistener_get_fd(http->listener));
    return true;
}

struct pgc_http *
pgc_http_open(struct pgc_loop *loop, const char *address, int port, pgc_http_fn fn, void *arg,
    struct pgc_err *err)
{
    struct pgc_http *http = pgc_xcalloc(1, sizeof(*http));

    http->fn = fn;
    http->arg = arg;
    http->resume = pgc_timer_new(loop, http_resume, http);
    http->server = evhttp_new(pgc_loop_base(loop));
    if (http->server == NULL) {
        pgc_err_set(err, PGC_ERR_SYS, "create the admin server: evhttp_new failed");
        goto fail;
    }
    /* All methods come to http_serve: evhttp itself would answer 501 to those it does not allow. */
    evhttp_set_allowed_methods(http->server, UINT16_MAX);
    evhttp_set_max_body_size(http->server, HTTP_MAX_BODY_BYTES);
    evhttp_set_max_headers_size(http->server, HTTP_MAX_HEADER_BYTES);
    evhttp_set_timeout(http->server, HTTP_TIMEOUT_S);
    evhttp_set_gencb(http->server, http_serve, http);
    if (!http_listen(http, loop, address, port, err)) {
        goto fail;
    }
    pgc_timer_set(http->resume, HTTP_PAUSE_MS);
    return http;

fail:
    pgc_http_close(http);
    return NULL;
}

int
pgc_http_port(const struct pgc_http *http)
{
    return http->port;
}

bool
pgc_http_is_local(const struct pgc_http *http)
{
    return http->is_local;
}

bool
pgc_http_param(const struct pgc_http_request *request, const char *name, char *out, size_t size)
{
    struct evkeyvalq params = {0};
    const char *value;
    bool found;

    if (request->query == NULL || evhttp_parse_query_str(request->query, &params) < 0) {
        return false;
    }
    value = evhttp_find_header(&params, name);
    found = value != NULL && strlen(value) < size;
    if (found) {
        memcpy(out, value, strlen(value) + 1);
    }
    evhttp_clear_headers(&params);
    return found;
}

bool
pgc_http_number(const struct pgc_http_request *request, const char *name, uint64_t *out)
{
    char text[24];
    uint64_t number;

    if (!pgc_http_param(request, name, text, sizeof(text)) || text[0] == '\0' ||
        text[strspn(text, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    number = strtoull(text, NULL, 10);
    if (errno != 0) {
        return false;
    }
    *out = number;
    return true;
}

void
pgc_http_close(struct pgc_http *http)
{
    if (http == NULL) {
        return;
    }
    pgc_timer_free(http->resume);
    if (http->server != NULL) {
        evhttp_free(http->server);
    }
    free(http);
}
