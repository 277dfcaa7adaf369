/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/clock.h"

#include "cable_internal.h"

/* As AnyCable makes them: 21 characters of nanoid's alphabet, 126 random bits. */
enum { DIALECT_SID_LENGTH = 21 };

static void
dialect_make_sid(char sid[DIALECT_SID_LENGTH + 1])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[DIALECT_SID_LENGTH];

    pgc_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < DIALECT_SID_LENGTH; i++) {
        sid[i] = alphabet[bytes[i] & 63];
    }
    sid[DIALECT_SID_LENGTH] = '\0';
}

struct pgc_frame *
pgc_dialect_welcome(const struct pgc_dialect *dialect, const struct pgc_cable_conf *conf)
{
    char sid[DIALECT_SID_LENGTH + 1];

    if (!dialect->has_sid && !conf->welcome_sid) {
        return pgc_frame_welcome(dialect->wire, NULL);
    }
    dialect_make_sid(sid);
    return pgc_frame_welcome(dialect->wire, sid);
}

static struct pgc_frame *
dialect_base_message(
    const char *quoted, size_t length, const char *stream PGC_UNUSED, const struct pgc_msg *msg)
{
    return pgc_frame_message(quoted, length, NULL, msg);
}

static struct pgc_frame *
dialect_event(const char *quoted PGC_UNUSED, size_t length PGC_UNUSED, const char *stream,
    const struct pgc_msg *msg)
{
    return pgc_frame_event(stream, msg);
}

enum { DIALECT_BASE, DIALECT_EXT, DIALECT_EVENTS };

const struct pgc_dialect pgc_dialects[PGC_DIALECTS] = {
    /* actioncable-v1-json, and what is spoken if no sub-protocol was agreed on */
    [DIALECT_BASE] = {.wire = PGC_WIRE_WEBSOCKET, .message = dialect_base_message},
    /* actioncable-v1-ext-json */
    [DIALECT_EXT] = {.wire = PGC_WIRE_WEBSOCKET,
        .has_sid = true,
        .is_extended = true,
        .message = pgc_frame_message},
    [DIALECT_EVENTS] = {.wire = PGC_WIRE_EVENTS,
        .is_extended = true,
        .is_single = true,
        .message = dialect_event},
};

size_t
pgc_dialect_of(enum pgc_proto proto)
{
    switch (proto) {
    case PGC_PROTO_EXT:
        return DIALECT_EXT;
    case PGC_PROTO_EVENTS:
        return DIALECT_EVENTS;
    case PGC_PROTO_NONE:
    case PGC_PROTO_BASE:
    case PGC_PROTO_UNSUPPORTED:
        break;
    }
    return DIALECT_BASE;
}
