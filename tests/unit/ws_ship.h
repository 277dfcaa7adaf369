/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_ship.h - clients that call at a harbour: plain sockets, which block for a limited time.
 */
#ifndef PGCABLE_TESTS_WS_SHIP_H
#define PGCABLE_TESTS_WS_SHIP_H

#include "ws_harbour.h"

#define NOTIFICATIONS "{\\\"channel\\\":\\\"NotificationChannel\\\"}"
#define SUBSCRIBE     "{\"command\":\"subscribe\",\"identifier\":\"" NOTIFICATIONS "\"}"
#define CONFIRMED     "{\"identifier\":\"" NOTIFICATIONS "\",\"type\":\"confirm_subscription\"}"
#define MESSAGE(text) "{\"identifier\":\"" NOTIFICATIONS "\",\"message\":" text "}"
#define WELCOME       "{\"type\":\"welcome\"}"
#define SHIP_TOO_SLOW "{\"type\":\"disconnect\",\"reason\":\"too_slow\",\"reconnect\":true}"

enum { SHIP_BYTES = 1 << 20, SHIP_TEXT = 1, SHIP_CLOSE = 8, SHIP_PING = 9, SHIP_PONG = 10 };

struct ship {
    int fd;
    size_t start;  /* of what was read and not yet looked at */
    size_t length; /* of it */
    char bytes[SHIP_BYTES];
};

/* Just connected; `receive_bytes` > 0 sets SO_RCVBUF.  Free with ship_sink. */
struct ship *ship_new(const struct harbour *harbour, int receive_bytes);
/* The same, from that address of this machine, such as 127.0.0.2. */
struct ship *ship_from(const struct harbour *harbour, const char *address);
void ship_sink(struct ship *ship); /* closes; NULL is fine */
void ship_send(struct ship *ship, const void *bytes, size_t length);
/* The head of the answer with its empty line, in static memory; "" if the server hung up. */
const char *ship_read_head(struct ship *ship);
/* The next record of a stream of events, the empty line included; "" = the end.  Pings may come at
 * any time; only the second one shows them. */
const char *ship_read_record(struct ship *ship);
const char *ship_read_record_or_ping(struct ship *ship);
/* Everything up to the end of the connection, in static memory. */
const char *ship_read_to_end(struct ship *ship);
/* It has sent nothing that is unread and hung up, or does so within that time. */
bool ship_has_ended(struct ship *ship, int wait_ms);

/* "GET <target>" with all that a handshake needs but an Origin, and these further header lines. */
void ship_ask(struct ship *ship, const char *target, const char *headers);

/* Upgrade with a token and these further headers, and read WELCOME. */
void ship_enter(struct ship *ship, const struct harbour *harbour, const char *headers);

/* Connected, upgraded with a token, and WELCOME read. */
struct ship *ship_aboard(const struct harbour *harbour, int receive_bytes);
/* The same, with further headers in the request. */
struct ship *ship_aboard_as(const struct harbour *harbour, const char *headers);
void ship_subscribe(struct ship *ship); /* until confirmed */
struct ship *ship_subscriber(const struct harbour *harbour, int receive_bytes); /* both */

/* One masked frame, final or not. */
void ship_send_frame(struct ship *ship, int opcode, bool final, const void *bytes, size_t length);
void ship_say(struct ship *ship, const char *text);

/* The next frame: opcode, payload in `payload` (terminated; may be cut).  -1: connection ended.
 * Pings of the cable may come at any time; only the second one shows them. */
int ship_next(struct ship *ship, char *payload, size_t size, size_t *length);
int ship_next_or_ping(struct ship *ship, char *payload, size_t size, size_t *length);
/* The next frame is a text like that. */
void ship_expect(struct ship *ship, const char *text);
/* So is a close frame with that code; it is answered, and then the connection ends. */
void ship_expect_close(struct ship *ship, int code);
/* Frames up to a close frame with that code; the last text before it is `last`. */
void ship_expect_end_after(struct ship *ship, const char *last, int code);

/* `{"fill":"xxx…"}`, to be freed. */
char *ship_filled(size_t bytes);

#endif
