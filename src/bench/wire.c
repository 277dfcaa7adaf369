/* SPDX-License-Identifier: PostgreSQL */
#include "wire.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pgcable/tls.h"

enum {
    WIRE_TEXT = 1,
    WIRE_BINARY = 2,
    WIRE_CLOSE = 8,
    WIRE_PING = 9,
    WIRE_PONG = 10,
    WIRE_FIN = 0x80
};
enum { WIRE_MASKED = 0x80, WIRE_LENGTH_16 = 126, WIRE_LENGTH_64 = 127 };
enum { WIRE_MOST_OUT = 65535, WIRE_MOST_IN = 1 << 24 }; /* bytes of a frame */

/* Of several addresses the first that answers, or the first of all: nobody may listen at the one of
 * "localhost" that is of IPv6. */
static const struct addrinfo *
wire_choose(const struct addrinfo *found)
{
    const struct addrinfo *one = found->ai_next != NULL ? found : NULL;

    for (; one != NULL; one = one->ai_next) {
        const int fd = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool answers = fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) == 0;

        if (fd >= 0) {
            (void)close(fd);
        }
        if (answers) {
            return one;
        }
    }
    return found;
}

bool
wire_find(struct wire_port *port, const char *host, unsigned number, struct pgc_err *err)
{
    const struct addrinfo hints = {
        .ai_family = port->sources > 0 ? AF_INET : AF_UNSPEC, /* as the sources are */
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV,
    };
    const struct addrinfo *chosen;
    struct addrinfo *found = NULL;
    char service[16];
    int error;

    (void)snprintf(service, sizeof(service), "%u", number);
    error = getaddrinfo(host, service, &hints, &found);
    if (error != 0) {
        return pgc_err_set(err, PGC_ERR_CONF, "find host \"%s\" to connect to: %s", host,
            error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    }
    chosen = wire_choose(found);
    memcpy(&port->address, chosen->ai_addr, chosen->ai_addrlen);
    port->address_length = chosen->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

void
wire_init(struct wire *wire, struct wire_port *port, const struct wire_ops *ops, void *owner)
{
    *wire = (struct wire){.port = port, .ops = ops, .owner = owner, .fd = -1};
}

void
wire_close(struct wire *wire)
{
    if (wire->fd < 0) {
        return;
    }
    pgc_watch_free(wire->watch);
    pgc_tls_client_close(wire->tls);
    (void)close(wire->fd);
    wire->tls = NULL;
    pgc_buf_fini(&wire->request);
    wire->watch = NULL;
    wire->fd = -1;
}

static void
wire_end(struct wire *wire, enum wire_end why)
{
    if (wire->fd >= 0) {
        wire_close(wire);
        wire->ops->ended(wire->owner, why);
    }
}

/* These two are as send() and recv(), whether there is TLS or not. */
static ssize_t
wire_put(struct wire *wire, const void *bytes, size_t length)
{
    return wire->tls != NULL ? pgc_tls_client_write(wire->tls, bytes, length)
                             : send(wire->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t
wire_get(struct wire *wire, void *bytes, size_t size)
{
    return wire->tls != NULL ? pgc_tls_client_read(wire->tls, bytes, size)
                             : recv(wire->fd, bytes, size, MSG_DONTWAIT);
}

/* All of it, or the wire ends: what is said here is small. */
static void
wire_send(struct wire *wire, const void *bytes, size_t length)
{
    if (wire_put(wire, bytes, length) != (ssize_t)length) {
        wire_end(wire, WIRE_BROKEN);
    }
}

/* With a mask of zeros, which changes nothing: a mask is there to protect proxies. */
static void
wire_frame(struct wire *wire, int opcode, const char *payload, size_t length)
{
    unsigned char frame[8 + WIRE_MOST_OUT];
    size_t head = 6;

    assert(length <= WIRE_MOST_OUT);
    frame[0] = (unsigned char)(WIRE_FIN | opcode);
    if (length >= WIRE_LENGTH_16) {
        frame[1] = WIRE_MASKED | WIRE_LENGTH_16;
        frame[2] = (unsigned char)(length >> 8);
        frame[3] = (unsigned char)length;
        head = 8;
    } else {
        frame[1] = (unsigned char)(WIRE_MASKED | length);
    }
    memset(frame + head - 4, 0, 4);
    memcpy(frame + head, payload, length);
    wire_send(wire, frame, head + length);
}

void
wire_say(struct wire *wire, const char *text, size_t length)
{
    wire_frame(wire, WIRE_TEXT, text, length);
}

/* ---- in ---- */

/* How many bytes the answer takes; 0 if there is more to come. */
static size_t
wire_take_answer(struct wire *wire, const char *bytes, size_t length)
{
    static const char upgraded[] = "HTTP/1.1 101 ";
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);

    if (end == NULL) {
        return 0;
    }
    if (strncmp(bytes, upgraded, sizeof(upgraded) - 1) != 0) {
        wire_end(wire, WIRE_REFUSED);
        return 0;
    }
    wire->is_open = true;
    wire->ops->opened(wire->owner);
    return (size_t)(end - bytes) + 4;
}

static void
wire_obey(struct wire *wire, int opcode, const char *payload, size_t length)
{
    switch (opcode) {
    case WIRE_TEXT:
    case WIRE_BINARY:
        wire->ops->text(wire->owner, payload, length);
        break;
    case WIRE_PING:
        if (length < WIRE_LENGTH_16) {
            wire_frame(wire, WIRE_PONG, payload, length);
        } else {
            wire_end(wire, WIRE_BROKEN);
        }
        break;
    case WIRE_CLOSE:
        wire_frame(wire, WIRE_CLOSE, payload, length < 2 ? 0 : 2);
        wire_end(wire, WIRE_BROKEN);
        break;
    default:
        break;
    }
}

/* Head and payload of the frame that `bytes` begins with; a head of 0 if more of it is to come. */
static size_t
wire_measure(const unsigned char *bytes, size_t length, size_t *payload)
{
    size_t head = 2;

    if (length < head) {
        return 0;
    }
    *payload = bytes[1] & 0x7f;
    if (*payload >= WIRE_LENGTH_16) {
        head += *payload == WIRE_LENGTH_64 ? 8 : 2;
        if (length < head) {
            return 0;
        }
        *payload = 0;
        for (size_t i = 2; i < head; i++) {
            *payload = *payload << 8 | bytes[i];
        }
    }
    return length - head < *payload ? 0 : head;
}

/* How many bytes were used up, in whole frames. */
static size_t
wire_take(struct wire *wire, const char *bytes, size_t length)
{
    size_t used = wire->is_open ? 0 : wire_take_answer(wire, bytes, length);
    size_t payload = 0;
    size_t head;

    while (
        wire->fd >= 0 && wire->is_open &&
        (head = wire_measure((const unsigned char *)bytes + used, length - used, &payload)) > 0) {
        wire_obey(wire, bytes[used] & 0x0f, bytes + used + head, payload);
        used += head + payload;
    }
    return used;
}

static void
wire_keep_rest(struct wire *wire, size_t used)
{
    size_t rest = wire->in.length - used;

    if (rest == 0) {
        pgc_buf_fini(&wire->in); /* ten thousand wires, and most of the time nothing in any */
    } else if (used > 0) {
        memmove(wire->in.data, wire->in.data + used, rest);
        wire->in.length = rest;
    }
}

static void
wire_read(struct wire *wire)
{
    char *buffer = wire->port->buffer;
    ssize_t got = wire_get(wire, buffer, WIRE_BUFFER - 1);
    size_t used;

    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0 || wire->in.length > WIRE_MOST_IN) {
        wire_end(wire, WIRE_BROKEN);
        return;
    }
    buffer[got] = '\0'; /* numbers are read up to what is no digit */
    if (wire->in.length > 0) {
        pgc_buf_add(&wire->in, buffer, (size_t)got);
        used = wire_take(wire, wire->in.data, wire->in.length);
        wire_keep_rest(wire, used);
    } else {
        used = wire_take(wire, buffer, (size_t)got);
        pgc_buf_add(&wire->in, buffer + used, (size_t)got - used);
    }
}

/* ---- out ---- */

void
wire_write_request(const struct wire_port *port, const char *token, struct pgc_buf *out)
{
    const bool is_ipv6 = strchr(port->host, ':') != NULL;

    pgc_buf_addf(out,
        "GET %s HTTP/1.1\r\nHost: %s%s%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBpcyBub3QgcmFuZA==\r\n"
        "Sec-WebSocket-Protocol: %s\r\nAuthorization: Bearer %s\r\n\r\n",
        port->path, is_ipv6 ? "[" : "", port->host, is_ipv6 ? "]" : "", port->protocols, token);
}

/* With TLS its handshake comes first, and takes several turns. */
static void
wire_request(struct wire *wire)
{
    ssize_t put;
    int error = 0;
    socklen_t length = sizeof(error);

    (void)getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        wire_end(wire, WIRE_UNREACHABLE);
        return;
    }
    pgc_watch_want(wire->watch, PGC_READABLE);
    put = wire_put(wire, wire->request.data, wire->request.length);
    if (put == (ssize_t)wire->request.length) {
        wire->is_said = true;
        pgc_buf_fini(&wire->request);
    } else if (put >= 0 || errno != EAGAIN) {
        wire_end(wire, WIRE_BROKEN);
    }
}

static void
wire_ready(int ready, void *arg)
{
    struct wire *wire = arg;

    if (!wire->is_said) {
        wire_request(wire);
    } else if ((ready & PGC_READABLE) != 0) {
        wire_read(wire);
    }
}

static bool
wire_bind(const struct wire_port *port, int fd, unsigned source)
{
    const unsigned number = port->first_source + source % port->sources;
    const struct sockaddr_in from = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number - 1),
    };
    int on = 1;

    /* Or the kernel would choose a port that is free for all destinations. */
    return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == 0 &&
           bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0;
}

int
wire_connect(const struct wire_port *port, unsigned source)
{
    int fd = socket(port->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    /* As browsers do: or of two commands the second waits until the first is acknowledged. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if ((port->sources > 0 && !wire_bind(port, fd, source)) ||
        (connect(fd, (const struct sockaddr *)&port->address, port->address_length) < 0 &&
            errno != EINPROGRESS)) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

void
wire_open(struct wire *wire, unsigned source, const char *token)
{
    pgc_buf_fini(&wire->in);
    wire->is_said = false;
    wire->is_open = false;
    wire->fd = wire_connect(wire->port, source);
    if (wire->fd < 0) {
        wire->ops->ended(wire->owner, WIRE_UNREACHABLE);
        return;
    }
    if (wire->port->tls != NULL) {
        wire->tls = pgc_tls_client_open(wire->port->tls, wire->fd, wire->port->host);
    }
    wire_write_request(wire->port, token, &wire->request);
    wire->watch = pgc_watch_new(wire->port->loop, wire->fd, wire_ready, wire);
    pgc_watch_want(wire->watch, PGC_WRITABLE);
}
