/* SPDX-License-Identifier: PostgreSQL */
#include "ws_ship.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

enum { DEADLINE_S = 60 };

static struct ship *
ship_launch(const struct harbour *harbour, const char *from, int receive_bytes)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)harbour_port(harbour)),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    const struct timeval limit = {.tv_sec = DEADLINE_S};
    struct ship *ship = pgc_xmalloc(sizeof(*ship));

    ship->start = 0;
    ship->length = 0;
    ship->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(ship->fd >= 0);
    if (receive_bytes > 0) {
        (void)setsockopt(ship->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    }
    (void)setsockopt(ship->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(ship->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    assert_int_equal(inet_pton(AF_INET, from, &own.sin_addr), 1);
    assert_int_equal(bind(ship->fd, (const struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(connect(ship->fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return ship;
}

struct ship *
ship_new(const struct harbour *harbour, int receive_bytes)
{
    return ship_launch(harbour, "127.0.0.1", receive_bytes);
}

struct ship *
ship_from(const struct harbour *harbour, const char *address)
{
    return ship_launch(harbour, address, 0);
}

void
ship_sink(struct ship *ship)
{
    if (ship != NULL) {
        (void)close(ship->fd);
        free(ship);
    }
}

void
ship_send(struct ship *ship, const void *bytes, size_t length)
{
    const char *next = bytes;

    while (length > 0) {
        ssize_t sent = send(ship->fd, next, length, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return; /* what the server thinks of it is read, not written */
        }
        assert_true(sent > 0);
        next += sent;
        length -= (size_t)sent;
    }
}

static const char *
ship_bytes(const struct ship *ship)
{
    return ship->bytes + ship->start;
}

/* False when the connection has ended. */
static bool
ship_read_more(struct ship *ship)
{
    ssize_t got;

    memmove(ship->bytes, ship_bytes(ship), ship->length);
    ship->start = 0;
    assert_true(ship->length < SHIP_BYTES);
    got = recv(ship->fd, ship->bytes + ship->length, SHIP_BYTES - ship->length, 0);
    if (got < 0 && errno == EAGAIN) {
        fail_msg("the server sent nothing for %d s", DEADLINE_S);
    }
    ship->length += got > 0 ? (size_t)got : 0;
    return got > 0;
}

bool
ship_has_ended(struct ship *ship, int wait_ms)
{
    struct pollfd poll_fd = {.fd = ship->fd, .events = POLLIN};
    char byte;

    return poll(&poll_fd, 1, wait_ms) > 0 && recv(ship->fd, &byte, 1, MSG_PEEK) <= 0;
}

static void
ship_drop(struct ship *ship, size_t length)
{
    ship->start += length;
    ship->length -= length;
}

/* Up to and with `end`; "" if the connection ends before.  Static memory. */
static const char *
ship_read_up_to(struct ship *ship, const char *end)
{
    static char text[65536];
    const char *found = NULL;
    size_t length;

    while ((found = memmem(ship_bytes(ship), ship->length, end, strlen(end))) == NULL) {
        if (!ship_read_more(ship)) {
            return "";
        }
    }
    length = (size_t)(found - ship_bytes(ship)) + strlen(end);
    assert_true(length < sizeof(text));
    memcpy(text, ship_bytes(ship), length);
    text[length] = '\0';
    ship_drop(ship, length);
    return text;
}

const char *
ship_read_head(struct ship *ship)
{
    return ship_read_up_to(ship, "\r\n\r\n");
}

const char *
ship_read_record_or_ping(struct ship *ship)
{
    return ship_read_up_to(ship, "\n\n");
}

const char *
ship_read_record(struct ship *ship)
{
    static const char ping[] = "event: ping\n";
    int64_t deadline = pgc_monotonic_ms() + (int64_t)1000 * DEADLINE_S;

    while (pgc_monotonic_ms() < deadline) {
        const char *record = ship_read_record_or_ping(ship);

        if (strncmp(record, ping, sizeof(ping) - 1) != 0) {
            return record;
        }
    }
    fail_msg("the server sent nothing but pings for %d s", DEADLINE_S);
    return "";
}

const char *
ship_read_to_end(struct ship *ship)
{
    while (ship_read_more(ship)) {
    }
    assert_true(ship->start + ship->length < SHIP_BYTES);
    ship->bytes[ship->start + ship->length] = '\0';
    return ship_bytes(ship);
}

void
ship_ask(struct ship *ship, const char *target, const char *headers)
{
    char *request = pgc_xasprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
        target, headers);

    ship_send(ship, request, strlen(request));
    free(request);
}

void
ship_enter(struct ship *ship, const struct harbour *harbour, const char *more)
{
    char *headers = pgc_xasprintf("Authorization: Bearer %s\r\n%s", harbour_token(harbour), more);

    ship_ask(ship, "/cable", headers);
    free(headers);
    assert_non_null(strstr(ship_read_head(ship), "HTTP/1.1 101 "));
    ship_expect(ship, WELCOME);
}

struct ship *
ship_aboard(const struct harbour *harbour, int receive_bytes)
{
    struct ship *ship = ship_new(harbour, receive_bytes);

    ship_enter(ship, harbour, "");
    return ship;
}

struct ship *
ship_aboard_as(const struct harbour *harbour, const char *headers)
{
    struct ship *ship = ship_new(harbour, 0);

    ship_enter(ship, harbour, headers);
    return ship;
}

void
ship_subscribe(struct ship *ship)
{
    ship_say(ship, SUBSCRIBE);
    ship_expect(ship, CONFIRMED);
}

void
ship_send_frame(struct ship *ship, int opcode, bool final, const void *bytes, size_t length)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    const unsigned char *payload = bytes;
    unsigned char *frame = pgc_xmalloc(length + 14);
    size_t at = 2;

    frame[0] = (unsigned char)((final ? 0x80 : 0) | opcode);
    if (length < 126) {
        frame[1] = (unsigned char)(0x80 | length);
    } else {
        unsigned bytes_of_length = length <= UINT16_MAX ? 2 : 8;

        frame[1] = bytes_of_length == 2 ? 0x80 | 126 : 0x80 | 127;
        for (unsigned i = bytes_of_length; i > 0; i--) {
            frame[at++] = (unsigned char)((uint64_t)length >> (8 * (i - 1)));
        }
    }
    memcpy(frame + at, mask, sizeof(mask));
    at += sizeof(mask);
    for (size_t i = 0; i < length; i++) {
        frame[at + i] = payload[i] ^ mask[i % 4];
    }
    ship_send(ship, frame, at + length);
    free(frame);
}

void
ship_say(struct ship *ship, const char *text)
{
    ship_send_frame(ship, SHIP_TEXT, true, text, strlen(text));
}

/* The size of header and payload of the frame that `bytes` begins with; 0 = not all there yet. */
static size_t
ship_measure(const struct ship *ship, size_t *header, size_t *payload)
{
    const unsigned char *bytes = (const unsigned char *)ship_bytes(ship);

    if (ship->length < 2) {
        return 0;
    }
    assert_int_equal(bytes[1] & 0x80, 0); /* a server does not mask */
    *payload = bytes[1];
    *header = *payload == 126 ? 4 : *payload == 127 ? 10 : 2;
    if (ship->length < *header) {
        return 0;
    }
    if (*header > 2) {
        *payload = 0;
        for (size_t i = 2; i < *header; i++) {
            *payload = *payload << 8 | bytes[i];
        }
    }
    return ship->length < *header + *payload ? 0 : *header + *payload;
}

int
ship_next_or_ping(struct ship *ship, char *payload, size_t size, size_t *length)
{
    size_t header;
    size_t whole;
    size_t taken;
    int opcode;

    while ((whole = ship_measure(ship, &header, length)) == 0) {
        if (!ship_read_more(ship)) {
            assert_int_equal(ship->length, 0); /* not in the middle of a frame */
            return -1;
        }
    }
    assert_int_equal(
        (unsigned char)ship_bytes(ship)[0] & 0xf0, 0x80); /* whole frames, no RSV bit */
    opcode = ship_bytes(ship)[0] & 0xf;
    taken = *length < size ? *length : size - 1;
    memcpy(payload, ship_bytes(ship) + header, taken);
    payload[taken] = '\0';
    ship_drop(ship, whole);
    return opcode;
}

int
ship_next(struct ship *ship, char *payload, size_t size, size_t *length)
{
    static const char ping[] = "{\"type\":\"ping\"";
    int64_t deadline = pgc_monotonic_ms() + (int64_t)1000 * DEADLINE_S;

    while (pgc_monotonic_ms() < deadline) {
        int opcode = ship_next_or_ping(ship, payload, size, length);

        if (opcode != SHIP_TEXT || strncmp(payload, ping, sizeof(ping) - 1) != 0) {
            return opcode;
        }
    }
    fail_msg("the server sent nothing but pings for %d s", DEADLINE_S);
    return -1;
}

void
ship_expect(struct ship *ship, const char *text)
{
    char payload[1024];
    size_t length;

    assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), SHIP_TEXT);
    assert_string_equal(payload, text);
}

void
ship_expect_close(struct ship *ship, int code)
{
    char payload[256] = "";
    size_t length = 0;

    assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), SHIP_CLOSE);
    assert_true(length >= 2);
    assert_int_equal((unsigned char)payload[0] << 8 | (unsigned char)payload[1], code);
    ship_send_frame(ship, SHIP_CLOSE, true, payload, 2);
    assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), -1);
}

struct ship *
ship_subscriber(const struct harbour *harbour, int receive_bytes)
{
    struct ship *ship = ship_aboard(harbour, receive_bytes);

    ship_subscribe(ship);
    return ship;
}

char *
ship_filled(size_t bytes)
{
    char *fill = pgc_xmalloc(bytes + 1);
    char *text = NULL;

    memset(fill, 'x', bytes);
    fill[bytes] = '\0';
    text = pgc_xasprintf("{\"fill\":\"%s\"}", fill);
    free(fill);
    return text;
}

void
ship_expect_end_after(struct ship *ship, const char *last, int code)
{
    char before[128] = "";
    char payload[128];
    size_t length;
    int opcode;

    while ((opcode = ship_next(ship, payload, sizeof(payload), &length)) == SHIP_TEXT) {
        memcpy(before, payload, sizeof(before));
    }
    assert_int_equal(opcode, SHIP_CLOSE);
    assert_int_equal((unsigned char)payload[0] << 8 | (unsigned char)payload[1], code);
    assert_string_equal(before, last);
}
