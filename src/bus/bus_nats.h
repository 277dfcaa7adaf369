/* SPDX-License-Identifier: PostgreSQL */
/*
 * bus_nats.h - one connection to NATS: the stream of packets, questions and answers, and hearsay.
 *
 * Knows bytes, not what they say.  All calls and all callbacks in the loop's thread; none of them
 * blocks.  The library blocks in many places and has threads of its own: it is called by one more
 * thread (nats_hand.c), and what it tells comes through a mailbox.  A connection that is lost is
 * made again for as long as there is a struct pgc_nats; what was under way then ends as unreachable
 * before `down` is called.
 *
 * Subjects are "PREFIX.WHAT".  The stream, named PREFIX, stores "PREFIX.batch" and nothing else.
 */
#ifndef PGCABLE_BUS_NATS_H
#define PGCABLE_BUS_NATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/loop.h"

struct pgc_nats;
struct pgc_nats_asked; /* a question that wants an answer */

/* All strings are copied; NULL or "" = not set. */
struct pgc_nats_conf {
    const char *url;         /* one or several, by comma: nats://user:password@host:4222 */
    const char *prefix;      /* letters, digits, - and _ */
    const char *name;        /* how the server's operator sees us: "pgcable feed" */
    const char *credentials; /* a .creds file */
    const char *tls_ca;
    const char *tls_certificate;
    const char *tls_key;

    /* For the one who publishes: `up` only once there is a stream. */
    bool keeps_stream;   /* create it if there is none */
    int64_t replicas;    /* of a stream that is created */
    int64_t retention_s; /* how long it keeps packets; brought up to date */
};

struct pgc_nats_bytes {
    const unsigned char *data;
    size_t length;
};

struct pgc_nats_packet {
    uint64_t sequence; /* in the stream, from 1, without gaps but by loss */
    struct pgc_nats_bytes bytes;
};

enum pgc_nats_outcome {
    PGC_NATS_STORED,      /* by a majority of the replicas */
    PGC_NATS_REFUSED,     /* certainly not stored now: the newest packet is not the expected one, or
                             the server has another reason */
    PGC_NATS_UNREACHABLE, /* nobody knows whether it is stored: ask for the last packet */
};

/* What is not needed may be NULL.  Bytes are borrowed for the call. */
struct pgc_nats_ops {
    void (*up)(void *arg);
    /* Also for each attempt that fails; the reason is the one to show. */
    void (*down)(const struct pgc_err *why, void *arg);

    /* pgc_nats_publish(): once each. */
    void (*published)(
        uint64_t cookie, enum pgc_nats_outcome outcome, const struct pgc_err *err, void *arg);

    /* pgc_nats_follow() */
    void (*packet)(const struct pgc_nats_packet *packet, void *arg);
    /* The packet that should come next is gone, or this is another stream: nothing is followed any
     * more. */
    void (*lost)(const struct pgc_err *why, void *arg);

    /* pgc_nats_serve(): answer with pgc_nats_reply(), or not at all. */
    void (*asked)(struct pgc_nats_asked *asked, const char *what,
        const struct pgc_nats_bytes *question, void *arg);
    /* pgc_nats_listen() */
    void (*told)(const char *what, const struct pgc_nats_bytes *bytes, void *arg);
};

/* Starts connecting once the loop runs.  `ops` must outlive it. */
struct pgc_nats *pgc_nats_new(struct pgc_loop *loop, const struct pgc_nats_conf *conf,
    const struct pgc_nats_ops *ops, void *arg);
void pgc_nats_free(struct pgc_nats *nats); /* no callback any more; may take a second or two */

bool pgc_nats_is_up(const struct pgc_nats *nats);
bool pgc_nats_follows(const struct pgc_nats *nats); /* and the server sends what is in the stream */

/* ---- the stream ---- */

/*
 * Append a packet if the newest one in the stream has sequence `expected_last` (0 = there never
 * was one): the fence.  Several may be under way, each expecting the one before it.
 */
void pgc_nats_publish(struct pgc_nats *nats, uint64_t expected_last,
    const struct pgc_nats_bytes *bytes, uint64_t cookie);

/* The newest packet; `packet` NULL: err says why, or err NULL, too: the stream is empty and its
 * newest sequence was `last`. */
struct pgc_nats_last {
    uint64_t last;
    const struct pgc_nats_packet *packet;
};
void pgc_nats_last(struct pgc_nats *nats,
    void (*done)(const struct pgc_err *err, const struct pgc_nats_last *last, void *arg));

/*
 * Follow the stream from packet `sequence` (if not 0), else from the first one that was stored at
 * `time_us` or later (Unix time by our clock, whatever the server's says).  Goes on by itself after
 * a lost connection.  Called again: starts anew, and no packet of the old following comes any more.
 */
struct pgc_nats_since {
    uint64_t sequence;
    int64_t time_us;
};
void pgc_nats_follow(struct pgc_nats *nats, const struct pgc_nats_since *since);

/* No packets for a while: the server keeps them. */
void pgc_nats_hold(struct pgc_nats *nats, bool hold);

/* ---- questions, and hearsay: `what` is the subject without the prefix ---- */

/* `done` is called once: with the first answer, or with err (nobody there, no answer in time). */
void pgc_nats_request(struct pgc_nats *nats, const char *what, const struct pgc_nats_bytes *bytes,
    int64_t timeout_ms,
    void (*done)(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg),
    void *arg);

/* From now on, also after lost connections.  Who does not serve lets those who ask know at once. */
void pgc_nats_serve(struct pgc_nats *nats, const char *what);
void pgc_nats_listen(struct pgc_nats *nats, const char *what);
void pgc_nats_cease(struct pgc_nats *nats, const char *what); /* either; harmless if neither */

/* `asked` is taken over.  Bytes NULL: no answer. */
void pgc_nats_take_reply(
    struct pgc_nats *nats, struct pgc_nats_asked *asked, const struct pgc_nats_bytes *bytes);

/* To all who listen now; lost if there is no connection. */
void pgc_nats_tell(struct pgc_nats *nats, const char *what, const struct pgc_nats_bytes *bytes);

#endif
