/* SPDX-License-Identifier: PostgreSQL */
/*
 * cable.h - the protocol's state: one cable per worker, one session per connection.
 *
 * A session takes what the client sends and says what to send, in the order the protocol asks for;
 * it knows hub, port and identity, but no socket: that is the sink.  Loop thread only.
 */
#ifndef PGCABLE_CABLE_H
#define PGCABLE_CABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/auth.h"
#include "pgcable/frame.h"
#include "pgcable/hub.h"
#include "pgcable/loop.h"
#include "pgcable/metrics.h"
#include "pgcable/port.h"

enum pgc_duplicate { PGC_DUPLICATE_AUTO, PGC_DUPLICATE_IGNORE, PGC_DUPLICATE_CONFIRM };

struct pgc_cable_conf {
    size_t max_identifier_bytes;
    size_t max_message_bytes;   /* inbound */
    unsigned max_subscriptions; /* per connection */
    unsigned commands_burst;    /* at once, beside one for each subscription */
    unsigned commands_per_s;    /* in the long run */
    enum pgc_duplicate duplicate_subscribe;
    bool welcome_sid;
    struct pgc_recent *recent; /* NULL = none */
};

struct pgc_cable;

/* Opens the worker's end of `port`.  Everything is borrowed and outlives the cable. */
struct pgc_cable *pgc_cable_new(struct pgc_loop *loop, struct pgc_hub *hub, struct pgc_port *port,
    const struct pgc_cable_conf *conf, struct pgc_metrics *metrics);
void pgc_cable_free(struct pgc_cable *cable); /* all sessions are closed */

/* Was that token revoked, or all of its member's up to then? */
bool pgc_cable_is_banned(const struct pgc_cable *cable, const struct pgc_identity *identity);

/* Sub-protocols we know, in no order: the client's first known one is chosen. */
enum pgc_proto {
    PGC_PROTO_NONE,        /* none offered, or none we know: base protocol */
    PGC_PROTO_BASE,        /* actioncable-v1-json */
    PGC_PROTO_EXT,         /* actioncable-v1-ext-json */
    PGC_PROTO_UNSUPPORTED, /* actioncable-unsupported */
    PGC_PROTO_EVENTS,      /* no websocket at all: text/event-stream */
};
const char *pgc_proto_name(enum pgc_proto proto); /* NULL for NONE and EVENTS */

/* What a handshake offered, read from Sec-WebSocket-Protocol's value (pure). */
struct pgc_offer {
    enum pgc_proto chosen;
    bool is_rails;     /* offered actioncable-unsupported: Rails' own client or a fork of it */
    const char *token; /* behind "anycable-token.", borrowed from the header; NULL if none */
    size_t token_length;
};
void pgc_offer_parse(const char *header, size_t length, struct pgc_offer *offer);

struct pgc_session_ops {
    /* Put a frame (take a reference) behind what is queued; `ahead`: before all that is not yet
     * partly written (pings). */
    void (*send)(void *sink, struct pgc_frame *frame, bool ahead);
    /* Send what is queued, then close with this websocket code and reason. */
    void (*close)(void *sink, int code, const char *reason);
};

struct pgc_session_conf {
    uint64_t conn;                       /* for the log */
    const struct pgc_identity *identity; /* NULL: refused, `refusal` says why */
    const char *refusal;                 /* "unauthorized", "token_expired", … */
    bool may_come_back;                  /* refused for now, that is */
    struct pgc_offer offer;
    const struct pgc_session_ops *ops;
    void *sink;
};

struct pgc_session;

/* Sends welcome, or disconnect and close.  Copies what it keeps. */
struct pgc_session *pgc_session_open(struct pgc_cable *cable, const struct pgc_session_conf *conf);

/* One whole text message from the client. */
void pgc_session_receive(struct pgc_session *session, const char *text, size_t length);

/* Is that an identifier at all, whoever may use it: a JSON object that names a channel? */
bool pgc_identifier_is_valid(const char *identifier, size_t length);

/* The one subscription of a connection that sends no commands (EVENTS), which ends with it. */
struct pgc_follow {
    const char *identifier;
    size_t length;
    const char *event_id; /* Last-Event-ID: the place to go on from; NULL = none */
    int64_t since_s;      /* the time to begin at; 0 = now */
};
void pgc_session_follow(struct pgc_session *session, const struct pgc_follow *follow);

/* The connection's heartbeat, about every 3 s: sends the ping, ends it when the token expired.
 * `ping` is shared by all sessions of this beat on the same wire. */
void pgc_session_beat(struct pgc_session *session, struct pgc_frame *ping, int64_t now_s);

/* The key that its token was signed with is gone: ends as if the token had expired. */
void pgc_session_lose_key(struct pgc_session *session);

/* Say goodbye: disconnect frame with this reason, then close 1000. */
void pgc_session_disconnect(struct pgc_session *session, const char *reason, bool reconnect);

/* The socket is gone: nothing is sent any more, subscriptions end.  Safe inside callbacks. */
void pgc_session_free(struct pgc_session *session);

const char *pgc_session_member(const struct pgc_session *session); /* "" if refused */

#endif
