/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgcable-bare - the least that sending to all clients takes, for servers to be measured against.
 *
 * Says "listening on PORT" and answers handshakes.  Each line of its input is the text of a
 * message, framed once; a line that is
 *
 *   each       sends what has been read, by one send() for each message and client
 *   together   the same, by one send() for each client, of all messages in a row
 *
 * Each client is sent a ping every 3 s, a thirtieth of them every 100 ms, as the cable has it.
 * There are no queues: a client that does not take at once what is sent ends the program.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pgcable/compiler.h"

enum {
    BARE_CLIENTS = 65536,
    BARE_BYTES = 1 << 20, /* of messages that are sent together */
    BARE_MESSAGES = 256,
    BARE_EVENTS = 256,
    BARE_SEND_BYTES = 262144, /* as pgcable has it */
    BARE_TEXT = 0x81,
    BARE_LENGTH_16 = 126,
    BARE_SLOTS = 30, /* of pings */
    BARE_SLOT_MS = 100,
};

struct bare {
    int epoll;
    int listener;
    int clients[BARE_CLIENTS];
    size_t client_count;
    char frames[BARE_BYTES]; /* in a row */
    size_t starts[BARE_MESSAGES + 1];
    size_t count;
    int64_t ping_ms; /* when the next slot is due */
    unsigned ping_slot;
};

PGC_NORETURN PGC_PRINTF(1, 2) static void bare_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fputs("pgcable-bare: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("\n", stderr);
    va_end(args);
    exit(1);
}

static void
bare_watch(const struct bare *bare, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(bare->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        bare_die("watch descriptor %d: %s", fd, strerror(errno));
    }
}

static void
bare_listen(struct bare *bare)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);

    bare->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bare->listener < 0 || bind(bare->listener, (const struct sockaddr *)&address, length) < 0 ||
        listen(bare->listener, SOMAXCONN) < 0 ||
        getsockname(bare->listener, (struct sockaddr *)&address, &length) < 0) {
        bare_die("listen on 127.0.0.1: %s", strerror(errno));
    }
    bare_watch(bare, bare->listener);
    printf("listening on %d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
}

static void
bare_accept(struct bare *bare)
{
    const int on = 1;
    const int bytes = BARE_SEND_BYTES;
    int fd;

    while ((fd = accept4(bare->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
        bare_watch(bare, fd);
    }
    if (errno != EAGAIN) {
        bare_die("accept: %s", strerror(errno));
    }
}

static void
bare_send(int fd, const char *bytes, size_t length)
{
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

    if (sent != (ssize_t)length) {
        bare_die("send %zu bytes: %s", length, sent < 0 ? strerror(errno) : "some were taken only");
    }
}

static void
bare_part(struct bare *bare, int fd)
{
    size_t i = 0;

    while (i < bare->client_count && bare->clients[i] != fd) {
        i++;
    }
    if (i < bare->client_count) {
        bare->clients[i] = bare->clients[--bare->client_count];
    }
    (void)close(fd);
}

/* What a client says: its handshake, which fits into a segment, and then nothing of interest. */
static void
bare_hear(struct bare *bare, int fd)
{
    /* To the one key that pgcable-load has. */
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: EzUObM1FwkmpMiVXqPAl/G6gGKI=\r\n\r\n";
    char bytes[4096];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

    if (got <= 0) {
        bare_part(bare, fd);
    } else if (got > 4 && strncmp(bytes, "GET ", 4) == 0) {
        if (bare->client_count == BARE_CLIENTS) {
            bare_die("over %d clients", BARE_CLIENTS);
        }
        bare_send(fd, answer, sizeof(answer) - 1);
        bare->clients[bare->client_count++] = fd;
    }
}

static void
bare_frame(struct bare *bare, const char *text, size_t length)
{
    char *frame = bare->frames + bare->starts[bare->count];

    if (bare->count == BARE_MESSAGES || length < BARE_LENGTH_16 || length > UINT16_MAX ||
        frame + 4 + length > bare->frames + BARE_BYTES) {
        bare_die("cannot send a message of %zu bytes behind %zu others", length, bare->count);
    }
    frame[0] = (char)BARE_TEXT;
    frame[1] = BARE_LENGTH_16;
    frame[2] = (char)(length >> 8);
    frame[3] = (char)(length & 0xff);
    memcpy(frame + 4, text, length);
    bare->count++;
    bare->starts[bare->count] = bare->starts[bare->count - 1] + 4 + length;
}

static void
bare_send_all(const struct bare *bare, size_t from, size_t to)
{
    const char *bytes = bare->frames + bare->starts[from];
    const size_t length = bare->starts[to] - bare->starts[from];

    for (size_t i = 0; i < bare->client_count; i++) {
        bare_send(bare->clients[i], bytes, length);
    }
}

static void
bare_obey(struct bare *bare, const char *line, size_t length)
{
    const bool together = strcmp(line, "together") == 0;

    if (!together && strcmp(line, "each") != 0) {
        bare_frame(bare, line, length);
        return;
    }
    for (size_t i = 0; !together && i < bare->count; i++) {
        bare_send_all(bare, i, i + 1);
    }
    if (together) {
        bare_send_all(bare, 0, bare->count);
    }
    bare->count = 0;
}

/* Whole lines: what writes them here does so at once. */
static void
bare_read(struct bare *bare)
{
    static char lines[BARE_BYTES];
    static size_t length;
    ssize_t got = read(STDIN_FILENO, lines + length, sizeof(lines) - length);
    char *line = lines;
    char *end;

    if (got <= 0) {
        exit(0);
    }
    length += (size_t)got;
    while ((end = memchr(line, '\n', length - (size_t)(line - lines))) != NULL) {
        *end = '\0';
        bare_obey(bare, line, (size_t)(end - line));
        line = end + 1;
    }
    length -= (size_t)(line - lines);
    memmove(lines, line, length);
}

static void
bare_ping(struct bare *bare)
{
    static const char ping[] = "\x81\x24{\"type\":\"ping\",\"message\":1790000000}";
    struct timespec now = {0};
    int64_t now_ms;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (now_ms < bare->ping_ms) {
        return;
    }
    for (size_t i = bare->ping_slot; i < bare->client_count; i += BARE_SLOTS) {
        bare_send(bare->clients[i], ping, sizeof(ping) - 1);
    }
    bare->ping_ms = now_ms + BARE_SLOT_MS;
    bare->ping_slot = (bare->ping_slot + 1) % BARE_SLOTS;
}

int
main(void)
{
    static struct bare bare;
    struct epoll_event events[BARE_EVENTS];

    bare.epoll = epoll_create1(0);
    bare_listen(&bare);
    bare_watch(&bare, STDIN_FILENO);
    for (;;) {
        int count = epoll_wait(bare.epoll, events, BARE_EVENTS, BARE_SLOT_MS);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;

            if (fd == bare.listener) {
                bare_accept(&bare);
            } else if (fd == STDIN_FILENO) {
                bare_read(&bare);
            } else {
                bare_hear(&bare, fd);
            }
        }
        bare_ping(&bare);
    }
}
