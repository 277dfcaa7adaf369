/* SPDX-License-Identifier: PostgreSQL */
/*
 * frame.h - the cable protocol's frames, both ways, as pure functions.
 *
 * Out: text that stands on the wire as it is, websocket header included, so that one frame is
 * written to any number of sockets without another copy.  In: a table of commands.  Knows no
 * connection.  The byte layout of frames follows Rails' ActionCable (actioncable-v1-json).
 */
#ifndef PGCABLE_FRAME_H
#define PGCABLE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/msg.h"

/* Immutable, ref-counted within one worker's thread. */
struct pgc_frame {
    unsigned refs;
    size_t length;       /* of the whole: websocket header (RFC 6455 5.2, FIN, text) and payload */
    size_t header_bytes; /* 2, 4 or 10 */
    char bytes[];
};

struct pgc_frame *pgc_frame_ref(struct pgc_frame *frame);
void pgc_frame_unref(struct pgc_frame *frame); /* NULL is fine */

/* Each returns a frame with one reference, the caller's. */
struct pgc_frame *pgc_frame_welcome(const char *sid); /* sid NULL: {"type":"welcome"} */
struct pgc_frame *pgc_frame_ping(int64_t unix_s);
struct pgc_frame *pgc_frame_confirm(const char *identifier, size_t length);
struct pgc_frame *pgc_frame_reject(const char *identifier, size_t length);
struct pgc_frame *pgc_frame_disconnect(const char *reason, bool reconnect);
/* `quoted` is the identifier as a JSON string with its quotes (pgc_buf_add_json). */
struct pgc_frame *pgc_frame_message(const char *quoted, size_t length, const struct pgc_msg *msg);

enum pgc_command_kind {
    PGC_COMMAND_SUBSCRIBE,
    PGC_COMMAND_UNSUBSCRIBE,
    PGC_COMMAND_MESSAGE, /* perform: there is nothing to perform here */
    PGC_COMMAND_PONG,
    PGC_COMMAND_OTHER, /* anything else that is a JSON object: ignored */
};

struct pgc_command {
    enum pgc_command_kind kind;
    char *identifier; /* decoded, owned by the command; NULL if absent or no string */
    size_t identifier_length;
};

/* False with `err` for what is no JSON object or is over `max_bytes`: counted, ignored. */
bool pgc_command_parse(const char *text, size_t length, size_t max_bytes,
    struct pgc_command *command, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_command_fini(struct pgc_command *command);

#endif
