/* SPDX-License-Identifier: PostgreSQL */
#include "moves.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "pgcable/mem.h"
#include "pgcable/table.h"

/* A stream or a member; that one may have the other's name costs a question, no more. */
struct move {
    int64_t tick; /* of its newest one */
    int64_t at_ms;
    TAILQ_ENTRY(move) entry;
    size_t length;
    char whose[];
};

struct pgc_moves {
    struct pgc_table *by_whose;
    TAILQ_HEAD(, move) by_age;
    int64_t everyone; /* tick of the newest one that may touch anybody */
    int64_t floor;    /* nothing is known of what moved up to the end of this tick */
};

struct pgc_moves *
pgc_moves_new(void)
{
    struct pgc_moves *moves = pgc_xcalloc(1, sizeof(*moves));

    moves->by_whose = pgc_table_new();
    TAILQ_INIT(&moves->by_age);
    moves->everyone = INT64_MIN;
    moves->floor = INT64_MAX;
    return moves;
}

void
pgc_moves_free(struct pgc_moves *moves)
{
    if (moves != NULL) {
        pgc_table_free(moves->by_whose, free);
        free(moves);
    }
}

static void
moves_remove(struct pgc_moves *moves, struct move *move)
{
    TAILQ_REMOVE(&moves->by_age, move, entry);
    (void)pgc_table_remove(moves->by_whose, move->whose, move->length);
    free(move);
}

/* Ticks may have other numbers from here on. */
static void
moves_begin(struct pgc_moves *moves, int64_t tick)
{
    while (!TAILQ_EMPTY(&moves->by_age)) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the first one is another by now */
        moves_remove(moves, TAILQ_FIRST(&moves->by_age));
    }
    moves->everyone = INT64_MIN;
    moves->floor = tick;
}

static void
moves_forget_old(struct pgc_moves *moves, int64_t now_ms)
{
    struct move *move = TAILQ_FIRST(&moves->by_age);

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
    while (move != NULL && now_ms - move->at_ms > PGC_MOVES_KEPT_MS) {
        moves->floor = move->tick > moves->floor ? move->tick : moves->floor;
        moves_remove(moves, move);
        move = TAILQ_FIRST(&moves->by_age);
    }
}

static void
moves_add(struct pgc_moves *moves, const char *whose, int64_t tick, int64_t now_ms)
{
    size_t length = strlen(whose);
    struct move *move = pgc_table_get(moves->by_whose, whose, length);

    if (move != NULL) {
        TAILQ_REMOVE(&moves->by_age, move, entry);
    } else {
        move = pgc_xcalloc(1, sizeof(*move) + length + 1);
        move->length = length;
        memcpy(move->whose, whose, length + 1);
        (void)pgc_table_put(moves->by_whose, whose, length, move);
    }
    move->tick = tick;
    move->at_ms = now_ms;
    TAILQ_INSERT_TAIL(&moves->by_age, move, entry);
}

void
pgc_moves_note(struct pgc_moves *moves, const struct pgc_batch *batch, int64_t now_ms)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct pgc_op *op = &batch->ops[i];

        switch (op->kind) {
        case PGC_OP_JOIN:
        case PGC_OP_LEAVE:
        case PGC_OP_REVOKE:
        case PGC_OP_EXPEL:
        case PGC_OP_ADMIT:
            moves_add(moves, op->via, batch->tick, now_ms);
            break;
        case PGC_OP_RECHECK:
        case PGC_OP_REVIEW:
            moves->everyone = batch->tick;
            break;
        case PGC_OP_RELOAD:
        case PGC_OP_BEGIN:
            moves_begin(moves, batch->tick);
            break;
        case PGC_OP_PUBLISH:
        case PGC_OP_BAN_TOKEN: /* the connection itself is looked at */
        case PGC_OP_BAN_MEMBER:
        case PGC_OP_HOLE:
        case PGC_OP_FORGET:
        case PGC_OP_AMEND:
            break;
        }
    }
    moves_forget_old(moves, now_ms);
}

static bool
moves_has(const struct pgc_moves *moves, const char *whose, int64_t tick)
{
    const struct move *move = pgc_table_get(moves->by_whose, whose, strlen(whose));

    return move != NULL && move->tick > tick;
}

bool
pgc_moves_touch(const struct pgc_moves *moves, const char *member, const struct pgc_answer *answer,
    int64_t tick)
{
    return tick < moves->floor || tick < moves->everyone || moves_has(moves, member, tick) ||
           (answer->stream != NULL && moves_has(moves, answer->stream, tick));
}
