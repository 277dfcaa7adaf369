/* SPDX-License-Identifier: PostgreSQL */
/*
 * chain.h - packets of the stream, checked to follow each other and put together to batches.
 *
 * Ticks follow by number and nonce, pieces and fragments by theirs.  Where a leader ended in the
 * middle of a tick the next one sends it from the start: what has been handed down of it is left
 * out.  Where something is missing the chain begins anew at the next place that is sure, and says
 * RELOAD there.  Knows no NATS and no loop.
 */
#ifndef PGCABLE_BUS_CHAIN_H
#define PGCABLE_BUS_CHAIN_H

#include "codec.h"

struct chain_ops {
    void (*down)(struct pgc_batch *batch, void *arg); /* take a reference */
    void (*broke)(const struct pgc_err *why, void *arg);
};

struct chain {
    const struct chain_ops *ops;
    void *arg;

    bool is_placed;
    bool was_placed; /* ever: a new beginning is a break */
    int64_t tick;    /* newest one that has come whole */
    uint32_t nonce;  /* its; 0 = not known */
    bool is_half;    /* of the next one some pieces have come */
    uint32_t half_nonce;
    int64_t half_at_us;
    bool is_again;            /* it is sent for the second time */
    struct pgc_position seen; /* the newest message of it that was handed down */

    struct codec_packet last; /* without its bytes */
    struct pgc_buf bytes;     /* of the fragments of the piece under way */
};

void pgc_chain_init(struct chain *chain, const struct chain_ops *ops, void *arg);
void pgc_chain_fini(struct chain *chain);

/* Returns whether a piece is complete (it has been handed down) of which `packet` was the end. */
bool pgc_chain_take(struct chain *chain, const struct codec_packet *packet);

/* What comes next does not follow what came before. */
void pgc_chain_break(struct chain *chain);

#endif
