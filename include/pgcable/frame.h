/* SPDX-License-Identifier: PostgreSQL */
/*
 * frame.h - the cable protocol's frames, both ways, as pure functions.
 *
 * Out: bytes that stand on the wire as they are, websocket header included, so that one frame is
 * written to any number of sockets without another copy.  In: a table of commands.  Knows no
 * connection.  The byte layout of frames follows Rails' ActionCable (actioncable-v1-json), that of
 * events AnyCable.
 */
#ifndef PGCABLE_FRAME_H
#define PGCABLE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/msg.h"

struct pgc_history;

/* What carries frames to the client. */
enum pgc_wire {
    PGC_WIRE_WEBSOCKET, /* RFC 6455 5.2: FIN, text */
    PGC_WIRE_EVENTS,    /* text/event-stream: lines, and an empty one behind each record */
};

/* Immutable, ref-counted within one worker's thread. */
struct pgc_frame {
    unsigned refs;
    unsigned queues;      /* in which it waits; the transport's to count */
    unsigned count;       /* of frames: one, or several that stand behind each other */
    size_t length;        /* of the whole: header and payload */
    size_t header_bytes;  /* the first one's: 2, 4 or 10; of an event 0 */
    int64_t committed_us; /* when the first one's row was written, if it is to be timed; or 0 */
    char bytes[];
};

struct pgc_frame *pgc_frame_ref(struct pgc_frame *frame);
void pgc_frame_unref(struct pgc_frame *frame); /* NULL is fine */

/* One that holds all of these, which may be unreferenced then.  One reference, the caller's. */
struct pgc_frame *pgc_frame_join(struct pgc_frame *const *frames, size_t count);

/* Each returns a frame with one reference, the caller's. */
struct pgc_frame *pgc_frame_welcome(enum pgc_wire wire, const char *sid); /* sid NULL: without */
struct pgc_frame *pgc_frame_ping(enum pgc_wire wire, int64_t unix_s);
struct pgc_frame *pgc_frame_pong(enum pgc_wire wire);
struct pgc_frame *pgc_frame_disconnect(enum pgc_wire wire, const char *reason, bool reconnect);

/* What became of something that was asked for: {"identifier":…,"type":…}. */
enum pgc_verb {
    PGC_CONFIRM_SUBSCRIPTION,
    PGC_REJECT_SUBSCRIPTION,
    PGC_CONFIRM_HISTORY,
    PGC_REJECT_HISTORY,
};
struct pgc_frame *pgc_frame_answer(
    enum pgc_wire wire, enum pgc_verb verb, const char *identifier, size_t length);

/* A message on a websocket.  `quoted` is the identifier as a JSON string with its quotes
 * (pgc_buf_add_json); with a `stream`, the frame also says where in it the message stands. */
struct pgc_frame *pgc_frame_message(
    const char *quoted, size_t length, const char *stream, const struct pgc_msg *msg);

/* The same as an event: the message alone, with an id that brings the client back to it. */
struct pgc_frame *pgc_frame_event(const char *stream, const struct pgc_msg *msg);

enum pgc_command_kind {
    PGC_COMMAND_SUBSCRIBE,
    PGC_COMMAND_UNSUBSCRIBE,
    PGC_COMMAND_MESSAGE, /* perform: there is nothing to perform here */
    PGC_COMMAND_HISTORY,
    PGC_COMMAND_PING,
    PGC_COMMAND_PONG,
    PGC_COMMAND_OTHER, /* anything else that is a JSON object: ignored */
};

struct pgc_command {
    enum pgc_command_kind kind;
    char *identifier; /* decoded, owned by the command; NULL if absent or no string */
    size_t identifier_length;
    struct pgc_history *history; /* owned by the command; NULL if absent */
};

/* False with `err` for what is no JSON object or is over `max_bytes`: counted, ignored. */
bool pgc_command_parse(const char *text, size_t length, size_t max_bytes,
    struct pgc_command *command, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_command_fini(struct pgc_command *command);

#endif
