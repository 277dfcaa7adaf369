/* SPDX-License-Identifier: PostgreSQL */
/*
 * accept.c - our own listener: the library's spins when there are no descriptors left.
 *
 * One descriptor is held in reserve.  When accept() finds none, it is given up to accept one
 * client, tell it 503 and hang up; then nothing is accepted for a moment.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "ws_internal.h"

enum {
    ACCEPT_BACKLOG = 4096,
    ACCEPT_BATCH = 64,           /* per turn */
    ACCEPT_PAUSE_MS = 100,       /* without descriptors */
    ACCEPT_SEND_BYTES = 262144,  /* or a client that does not read hides megabytes in the kernel */
    ACCEPT_USER_TIMEOUT = 30000, /* ms until a peer that acknowledges nothing is dead */
};

union accept_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static void
accept_take_reserve(struct ws_listener *listener)
{
    listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
accept_resume(void *arg)
{
    struct pgc_ws *ws = arg;

    if (ws->listener.reserve < 0) {
        accept_take_reserve(&ws->listener);
    }
    pgc_watch_want(ws->listener.watch, PGC_READABLE);
}

static void
accept_without_descriptors(struct pgc_ws *ws, int error)
{
    struct ws_listener *listener = &ws->listener;
    unsigned suppressed = 0;
    struct pgc_err err = {0};

    pgc_metric_add(ws->stats.accept_errors, 1);
    if (pgc_log_allowed(&listener->log_limit, &suppressed)) {
        (void)pgc_err_set(&err, PGC_ERR_SYS, "%s (%u more like this)", strerror(error), suppressed);
        (void)pgc_err_hint(&err, "raise the limit of open files above max_connections");
        pgc_log_err(PGC_LOG_ERROR, 0, &err, "accept a connection");
    }
    if (listener->reserve >= 0) {
        int fd;

        (void)close(listener->reserve);
        fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            ws_entry_refuse(ws, fd, WS_ENTRY_DESCRIPTORS);
        }
        accept_take_reserve(listener);
    }
    pgc_watch_want(listener->watch, 0);
    pgc_timer_set(listener->pause, ACCEPT_PAUSE_MS);
}

static void
accept_ready(int ready PGC_UNUSED, void *arg)
{
    struct pgc_ws *ws = arg;

    for (int i = 0; i < ACCEPT_BATCH; i++) {
        union accept_address from = {.v6 = {0}};
        socklen_t length = sizeof(from);
        int fd = accept4(ws->listener.fd, &from.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                accept_without_descriptors(ws, errno);
            }
            return; /* else it has gone again, or there is none */
        }
        if (fd >= ws->fd_limit) {
            ws_entry_refuse(ws, fd, WS_ENTRY_DESCRIPTORS);
            continue;
        }
        ws_arrive(ws, fd, &from.any);
    }
}

/*
 * SO_REUSEPORT lets each worker have its own listener.  The first one gets it only after it is
 * bound, so that the port of another pgcable is in use like any other program's.
 */
static bool
accept_share_port(int fd)
{
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
}

/* Accepted sockets inherit these. */
static bool
accept_set_options(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {SOL_SOCKET, SO_REUSEADDR, 1},
        {SOL_SOCKET, SO_SNDBUF, ACCEPT_SEND_BYTES},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, ACCEPT_USER_TIMEOUT},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                sizeof(options[i].value)) < 0) {
            return false;
        }
    }
    return true;
}

static int
accept_port_of(int fd)
{
    union accept_address address = {.v6 = {0}};
    socklen_t length = sizeof(address);

    if (getsockname(fd, &address.any, &length) < 0) {
        return 0;
    }
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static bool
accept_bind(struct pgc_ws *ws, const struct addrinfo *where, struct pgc_err *err)
{
    struct ws_listener *listener = &ws->listener;

    listener->fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0 || !accept_set_options(listener->fd) ||
        (ws->conf.joins && !accept_share_port(listener->fd)) ||
        bind(listener->fd, where->ai_addr, where->ai_addrlen) < 0 ||
        !accept_share_port(listener->fd) || listen(listener->fd, ACCEPT_BACKLOG) < 0) {
        int error = errno;

        (void)pgc_err_set(err, PGC_ERR_SYS, "listen on %s port %d: %s", ws->conf.address,
            ws->conf.port, strerror(error));
        if (error == EADDRINUSE) {
            (void)pgc_err_hint(err, "another program has that port: stop it, or set listen_port");
        }
        return false;
    }
    ws->port = accept_port_of(listener->fd);
    return true;
}

bool
ws_listener_open(struct pgc_ws *ws, struct pgc_err *err)
{
    struct ws_listener *listener = &ws->listener;
    const struct addrinfo want = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
    };
    struct addrinfo *where = NULL;
    char port[16];
    bool ok;

    listener->fd = -1;
    listener->reserve = -1;
    (void)snprintf(port, sizeof(port), "%d", ws->conf.port);
    if (getaddrinfo(ws->conf.address, port, &want, &where) != 0) {
        (void)pgc_err_set(
            err, PGC_ERR_CONF, "listen_address: \"%s\" is no address", ws->conf.address);
        return pgc_err_hint(err, "an IPv4 or IPv6 address in numbers; 0.0.0.0 or :: for all");
    }
    ok = accept_bind(ws, where, err);
    freeaddrinfo(where);
    if (!ok) {
        return false;
    }
    accept_take_reserve(listener);
    listener->pause = pgc_timer_new(ws->loop, accept_resume, ws);
    listener->watch = pgc_watch_new(ws->loop, listener->fd, accept_ready, ws);
    pgc_watch_want(listener->watch, PGC_READABLE);
    return true;
}

void
ws_listener_close(struct pgc_ws *ws)
{
    struct ws_listener *listener = &ws->listener;

    pgc_watch_free(listener->watch);
    pgc_timer_free(listener->pause);
    if (listener->fd >= 0) {
        (void)close(listener->fd);
    }
    if (listener->reserve >= 0) {
        (void)close(listener->reserve);
    }
    *listener = (struct ws_listener){.fd = -1, .reserve = -1};
}
