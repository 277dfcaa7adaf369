/* SPDX-License-Identifier: PostgreSQL */
/*
 * codec.h - batches, and what is said about them, as bytes for other machines; and back.
 *
 *   codec_wire.c   numbers and texts
 *   codec_batch.c  packets and batches
 *   codec_talk.c   asks, answers, who listens, who leads
 *
 * All begins with a version and a kind.  Readers believe nothing: what is not written exactly so is
 * refused, and no more memory is taken than the bytes account for.  Pure functions.
 */
#ifndef PGCABLE_BUS_CODEC_H
#define PGCABLE_BUS_CODEC_H

#include "pgcable/batch.h"
#include "pgcable/buf.h"
#include "pgcable/err.h"
#include "pgcable/port.h"

/* ---- the stream ---- */

/*
 * What the stream holds: a fragment of a piece (a batch) of a tick.  Pieces of a tick are numbered
 * from 0 by each leader, and so are the fragments of a piece.
 */
struct codec_packet {
    int64_t term; /* of the leader that sent it */
    int64_t tick;
    uint32_t nonce;
    int64_t at_us;
    uint32_t piece;
    uint32_t fragment;
    uint32_t fragments; /* of the piece: at least 1, at most CODEC_FRAGMENTS_MAX */
    bool ends;          /* the tick ends with this piece */
    bool late;          /* it had ended before: rights that were looked up between two ticks */
    bool begins;        /* the piece tells where history begins: any place may come before it */
    bool has_state;     /* the piece tells all bans in force */
    const unsigned char *bytes; /* the fragment; read: borrowed */
    size_t length;
};
enum { CODEC_FRAGMENTS_MAX = 4096 };

void pgc_codec_write_packet(struct pgc_buf *out, const struct codec_packet *packet);
bool pgc_codec_read_packet(const void *bytes, size_t length, struct codec_packet *packet,
    struct pgc_err *err) PGC_MUSTCHECK;

/* Of what a packet ends: has all of its tick been sent? */
static inline bool
codec_packet_is_whole(const struct codec_packet *packet)
{
    return (packet->ends || packet->late) && packet->fragment + 1 == packet->fragments;
}

/* BEGIN or RELOAD and nothing else, as it comes before the first tick: a packet that `begins`. */
bool pgc_codec_begins(const struct pgc_batch *batch);

/* All of a batch but the numbers of recent.h. */
void pgc_codec_write_batch(struct pgc_buf *out, const struct pgc_batch *batch);
struct pgc_batch *pgc_codec_read_batch(const void *bytes, size_t length, struct pgc_err *err);

/* ---- what is said about it: subjects "ask", "viewers", "state", "lead" ---- */

/*
 * Question on "ask".  `edge` is a random number, the same for as long as the follower lives.  Who
 * asks for PGC_STREAM_MEMBER listens from then on, even if the list of viewers comes later.
 */
struct codec_asks {
    uint64_t edge;
    size_t count;
    struct pgc_ask **asks; /* read: owned, NULL where the reader took one */
};
void pgc_codec_write_asks(struct pgc_buf *out, const struct codec_asks *asks);
bool pgc_codec_read_asks(const void *bytes, size_t length, struct codec_asks *asks,
    struct pgc_err *err) PGC_MUSTCHECK; /* fini also after a failure */
void pgc_codec_fini_asks(struct codec_asks *asks);

/* Its answer: some of the tickets (what is left out is asked again), all of them good at the end of
 * that tick. */
struct codec_answers {
    int64_t tick;
    uint32_t nonce;
    size_t count;
    struct pgc_answer **answers; /* as above */
};
void pgc_codec_write_answers(struct pgc_buf *out, const struct codec_answers *answers);
bool pgc_codec_read_answers(const void *bytes, size_t length, struct codec_answers *answers,
    struct pgc_err *err) PGC_MUSTCHECK;
void pgc_codec_fini_answers(struct codec_answers *answers);

/*
 * Told on "viewers": what changed, or all who listen, in one part or several of the same round:
 * after the last part, who was in none of them has gone.
 */
struct codec_viewers {
    uint64_t edge;
    uint64_t round; /* 0 = changes */
    bool is_last;   /* part of the round */
    size_t count;
    struct codec_viewer {
        char *member; /* read: owned */
        bool listens; /* always so in a round */
    } * viewers;
};
void pgc_codec_write_viewers(struct pgc_buf *out, const struct codec_viewers *viewers);
bool pgc_codec_read_viewers(const void *bytes, size_t length, struct codec_viewers *viewers,
    struct pgc_err *err) PGC_MUSTCHECK;
void pgc_codec_fini_viewers(struct codec_viewers *viewers);

/*
 * Question on "state": let the stream tell all bans in force (in a piece that `has_state`), at most
 * once a second however many ask.  Its answer: the place of that piece; and so what came before has
 * all been sent.  Told on "lead", at the start and every CODEC_LEAD_MS: the place of the newest
 * piece that the stream has for certain.
 */
struct codec_place {
    int64_t term;
    int64_t tick;
    uint32_t nonce;
    uint32_t piece;
};
enum { CODEC_LEAD_MS = 2000 };
enum codec_place_kind { CODEC_STATE_ASK, CODEC_STATE, CODEC_LEAD };
void pgc_codec_write_place(
    struct pgc_buf *out, enum codec_place_kind kind, const struct codec_place *place);
bool pgc_codec_read_place(const void *bytes, size_t length, enum codec_place_kind kind,
    struct codec_place *place, struct pgc_err *err) PGC_MUSTCHECK;

#endif
