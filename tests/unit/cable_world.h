/* SPDX-License-Identifier: PostgreSQL */
/*
 * cable_world.h - sessions with a real hub and a real port, both ends of it on one loop.
 *
 * The test plays the feed, which answers questions and sends batches, and the socket, which writes
 * down what it should send.
 */
#ifndef PGCABLE_TESTS_CABLE_WORLD_H
#define PGCABLE_TESTS_CABLE_WORLD_H

#include "pgcable/cable.h"

/* Identifiers as they stand inside a command, and the frames about them. */
#define NOTIFICATIONS           "{\\\"channel\\\":\\\"NotificationChannel\\\"}"
#define MEMBER                  "{\\\"channel\\\":\\\"ChatRoomChannel\\\"}"
#define ROOM_7                  "{\\\"channel\\\":\\\"Chats::RoomChannel\\\",\\\"chat_room_id\\\":7}"

#define SUBSCRIBE(identifier)   "{\"command\":\"subscribe\",\"identifier\":\"" identifier "\"}"
#define UNSUBSCRIBE(identifier) "{\"command\":\"unsubscribe\",\"identifier\":\"" identifier "\"}"
#define CONFIRMED(identifier)                                                                      \
    "{\"identifier\":\"" identifier "\",\"type\":\"confirm_subscription\"}"
#define REJECTED(identifier) "{\"identifier\":\"" identifier "\",\"type\":\"reject_subscription\"}"
#define CONFIRMED_HISTORY(identifier)                                                              \
    "{\"identifier\":\"" identifier "\",\"type\":\"confirm_history\"}"
#define REJECTED_HISTORY(identifier)                                                               \
    "{\"identifier\":\"" identifier "\",\"type\":\"reject_history\"}"
#define MESSAGE(identifier, message) "{\"identifier\":\"" identifier "\",\"message\":" message "}"

enum { WORLD_MAX_FRAMES = 512, WORLD_MAX_ASKS = 512 };

/* The feed's end of the port. */
struct feed {
    struct pgc_port *port;
    struct pgc_ask *asks[WORLD_MAX_ASKS];
    size_t ask_count;
};

struct world {
    struct pgc_loop *loop;
    struct pgc_metrics *metrics;
    struct pgc_port *port;
    struct pgc_hub *hub;
    struct pgc_cable *cable;
    struct pgc_cable_conf conf;
    struct feed feed;
};

/* A connection: what was sent and how it was closed. */
struct socket {
    struct pgc_session *session;
    struct pgc_frame *frames[WORLD_MAX_FRAMES];
    size_t frame_count;
    size_t ahead_count;
    size_t read;
    size_t inside;  /* of the frame that is read next: so many bytes of it were read */
    int close_code; /* 0 = open */
    bool dies_on_send;
    size_t dies_at_frame; /* when so many have been sent; 0 = never */
};

/* ---- the connection ---- */

/* Opened with a token of this identity, whatever comes of it. */
void socket_open_with(struct world *world, struct socket *socket,
    const struct pgc_identity *identity, const char *protocols);
/* Opened with this member's token and this Sec-WebSocket-Protocol; the welcome has been read. */
void socket_open(
    struct world *world, struct socket *socket, const char *member, const char *protocols);
void socket_open_42(struct world *world, struct socket *socket); /* with Rails' own client */
void socket_hang_up(struct socket *socket);

void socket_say(struct socket *socket, const char *text);
void socket_sayf(struct socket *socket, const char *format, ...) PGC_PRINTF(2, 3);
void socket_say_room(struct socket *socket, const char *command, int room);

/* The payload of the next frame that was not looked at; "" if there is none.  Static memory. */
const char *socket_next(struct socket *socket);

extern const struct pgc_session_ops socket_ops;

/* ---- the feed ---- */

/* The `number`th question so far, from 1. */
const struct pgc_ask *world_wait_for_ask(struct world *world, size_t number);

/* Yes (stream and perhaps a further topic) or no (NULL); it has been received. */
void world_answer(struct world *world, uint64_t ticket, const char *stream, const char *topic);

/* Takes the batch over; it has been received. */
void world_send_batch(struct world *world, struct pgc_batch *batch);

/* A batch of one. */
void world_send_op(struct world *world, enum pgc_op_kind kind, const char *topic, const char *via,
    const char *text);
void world_publish(struct world *world, const char *topic, const char *text);

/* A tick of its own, made at second `tick`, that holds one message; its place is the tick's. */
void world_tick(struct world *world, int64_t tick, const char *topic, const char *text);
struct pgc_position world_place(int64_t tick);
/* Nothing up to this tick can be sent again. */
void world_begin(struct world *world, int64_t tick);

/* Subscribe, be asked, say yes, be confirmed. */
void world_subscribe(struct world *world, struct socket *socket, const char *command,
    const char *stream, const char *confirmed);
void world_subscribe_room_7(struct world *world, struct socket *socket);

/* ---- the world ---- */

/* Fails the test if it takes too long. */
void world_run_until(struct world *world, bool (*is_done)(void *arg), void *arg);

/* The value of a counter or gauge, labels in braces. */
int64_t world_counted(struct world *world, const char *name);

/* For each test: a cable of its own; at the end everything must be gone. */
int world_setup(void **state);
int world_teardown(void **state);

#endif
