/* SPDX-License-Identifier: PostgreSQL */
/*
 * One GET to the admin address, in HTTP/1.0: the answer ends where the connection does.
 */
#include "ask_daemon.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pgcable/clock.h"
#include "pgcable/json.h"
#include "pgcable/mem.h"

enum { ASK_LIMIT_MS = 2000, ASK_MAX_BYTES = 8 << 20, ASK_MAX_LINE_BYTES = 4096 };

static bool
ask_fail(const struct pgc_conf *conf, struct pgc_err *err, const char *why)
{
    return pgc_err_set(err, PGC_ERR_SYS, "the daemon at %s:%" PRId64 " does not answer (%s)",
        conf->admin_address, conf->admin_port, why);
}

/* EAGAIN is what the kernel says when the time is over. */
static const char *
ask_why(int error)
{
    return error == EAGAIN || error == EINPROGRESS ? "in 2 s" : strerror(error);
}

/* The first address only: what the daemon listens on, too. */
static int
ask_connect(const struct pgc_conf *conf, struct pgc_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    const struct timeval limit = {.tv_sec = ASK_LIMIT_MS / 1000};
    struct addrinfo *where = NULL;
    char port[24];
    int fd;
    int rc;

    (void)snprintf(port, sizeof(port), "%" PRId64, conf->admin_port);
    rc = getaddrinfo(conf->admin_address, port, &hints, &where);
    if (rc != 0) {
        ask_fail(conf, err, gai_strerror(rc));
        return -1;
    }
    fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
        connect(fd, where->ai_addr, where->ai_addrlen) < 0) {
        ask_fail(conf, err, ask_why(errno));
        if (fd >= 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(where);
    return fd;
}

/* By an address and localhost alone the daemon may be asked without a token. */
static bool
ask_send(int fd, const struct pgc_conf *conf, const struct pgc_trace *trace, struct pgc_err *err)
{
    struct pgc_buf request = {0};
    bool ok;

    pgc_buf_addf(&request,
        "GET /delivered?xid=%" PRIu64 "&id=%" PRId64 " HTTP/1.0\r\nHost: localhost\r\n", trace->xid,
        trace->id);
    if (conf->admin_token[0] != '\0') {
        pgc_buf_addf(&request, "Authorization: Bearer %s\r\n", conf->admin_token);
    }
    pgc_buf_adds(&request, "\r\n");
    ok = send(fd, request.data, request.length, MSG_NOSIGNAL) == (ssize_t)request.length ||
         ask_fail(conf, err, ask_why(errno));
    pgc_wipe(request.data, request.length);
    pgc_buf_fini(&request);
    return ok;
}

static bool
ask_receive(int fd, const struct pgc_conf *conf, struct pgc_buf *answer, struct pgc_err *err)
{
    const int64_t until_ms = pgc_monotonic_ms() + ASK_LIMIT_MS;
    char bytes[8192];
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        pgc_buf_add(answer, bytes, (size_t)got);
        if (answer->length > ASK_MAX_BYTES || pgc_monotonic_ms() > until_ms) {
            return ask_fail(conf, err, "to the end");
        }
    }
    return got == 0 || ask_fail(conf, err, ask_why(errno));
}

/* 0 if it is no answer. */
static long
ask_status(const char *answer)
{
    const char *version = "HTTP/";
    const char *status = strchr(answer, ' ');

    return strncmp(answer, version, strlen(version)) == 0 && status != NULL
               ? strtol(status, NULL, 10)
               : 0;
}

static bool
ask_check_status(const struct pgc_conf *conf, const struct pgc_buf *answer, struct pgc_err *err)
{
    long status = ask_status(pgc_buf_str(answer));

    if (status == 200) {
        return true;
    }
    return pgc_err_set(err, PGC_ERR_DATA, "the daemon at %s:%" PRId64 " %s (HTTP status %ld)",
        conf->admin_address, conf->admin_port,
        status == 401 || status == 403 ? "wants its admin_token in these settings"
                                       : "does not answer as one of this version does",
        status);
}

static void
ask_read_event(struct app_delivered *delivered, const struct pgc_json *json)
{
    struct pgc_recent_event event = {0};
    size_t length;
    const char *stream = pgc_json_string(json, "stream", &length);
    const char *name = pgc_json_string(json, "event", &length);
    int64_t clients = 0;

    if (stream == NULL || name == NULL || !pgc_json_int(json, "clients", &clients)) {
        return;
    }
    (void)snprintf(event.stream, sizeof(event.stream), "%s", stream);
    (void)snprintf(event.name, sizeof(event.name), "%s", name);
    event.clients = (uint64_t)clients;
    delivered->events =
        pgc_xrealloc(delivered->events, (delivered->count + 1) * sizeof(*delivered->events));
    delivered->events[delivered->count++] = event;
}

/* Each event has a line of its own. */
static void
ask_read_events(struct app_delivered *delivered, char *body)
{
    char *rest = NULL;

    for (char *line = strtok_r(body, "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        size_t length = strlen(line);
        struct pgc_err ignored = {0}; /* what is no event is none of ours */
        struct pgc_json *json;

        length -= line[length - 1] == ',' ? 1 : 0;
        json = pgc_json_parse(line, length, ASK_MAX_LINE_BYTES, &ignored);
        if (json != NULL) {
            ask_read_event(delivered, json);
        }
        pgc_json_free(json);
    }
}

bool
app_ask_delivered(const struct pgc_conf *conf, const struct pgc_trace *trace,
    struct app_delivered *delivered, struct pgc_err *err)
{
    struct pgc_buf answer = {0};
    bool ok = false;
    int fd = -1;

    app_delivered_fini(delivered);
    if (conf->admin_port <= 0) {
        return pgc_err_set(
            err, PGC_ERR_CONF, "these settings name no admin_port at which to ask a daemon");
    }
    fd = ask_connect(conf, err);
    if (fd < 0) {
        return false;
    }
    ok = ask_send(fd, conf, trace, err) && ask_receive(fd, conf, &answer, err) &&
         ask_check_status(conf, &answer, err);
    if (ok) {
        ask_read_events(delivered, answer.data);
    }
    close(fd);
    pgc_buf_fini(&answer);
    return ok;
}

bool
app_take_delivered(struct app_delivered *delivered, const char *stream, const struct pgc_msg *msg,
    uint64_t *clients)
{
    struct pgc_recent_event wanted = {0};

    pgc_recent_name(&wanted, stream, msg);
    for (size_t i = 0; i < delivered->count; i++) {
        struct pgc_recent_event *event = &delivered->events[i];

        if (strcmp(event->stream, wanted.stream) == 0 && strcmp(event->name, wanted.name) == 0) {
            *clients = event->clients;
            event->stream[0] = '\0'; /* no stream is called so */
            return true;
        }
    }
    return false;
}

void
app_delivered_fini(struct app_delivered *delivered)
{
    free(delivered->events);
    *delivered = (struct app_delivered){0};
}
