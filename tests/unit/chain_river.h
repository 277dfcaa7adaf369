/* SPDX-License-Identifier: PostgreSQL */
/* chain_river.h - a chain, what came down of it, and leaders that send it pieces. */
#ifndef PGCABLE_CHAIN_RIVER_H
#define PGCABLE_CHAIN_RIVER_H

#include "chain.h"

/*
 * What came down is written as
 *
 *   begin@5 reload@5  history begins behind tick 5
 *   6(1 -2            a piece of tick 6: a message, a hole; x is anything else
 *   6(3)              another one, which ends it
 */
struct river {
    struct chain chain;
    struct pgc_buf diary;
    unsigned breaks;
};

int river_setup(void **state);
int river_teardown(void **state);
void river_expect(struct river *river, const char *diary); /* and begin a new page */

/* Messages as in the diary: up to the first 0. */
struct piece {
    int64_t term;
    int64_t tick;
    uint32_t nonce; /* 0 = the tick */
    uint32_t piece;
    bool ends;
    bool late;
    bool begins;
    bool bans;
    enum pgc_op_kind begin; /* BEGIN or RELOAD */
    int messages[4];
};

/* Returns whether the chain says that a piece is complete. */
bool river_send(struct river *river, struct piece piece); /* in one packet */
/* In fragments of one byte each, of which these; `to` beyond the end is the end, -1: in one. */
bool river_send_fragments(struct river *river, const struct piece *piece, int from, int to);

#define SEND(...) (void)river_send(river, (struct piece){__VA_ARGS__})

#endif
