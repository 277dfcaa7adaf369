/* SPDX-License-Identifier: PostgreSQL */
/*
 * asks.h - requests for access between the workers and the database.
 *
 * An ask waits, flies with one advance(), and is answered after the batches of that tick went down.
 * If the connection is lost in between it waits again: no ask is ever forgotten.
 */
#ifndef PGCABLE_ASKS_H
#define PGCABLE_ASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/buf.h"
#include "pgcable/port.h"

struct pgc_asks_entry {
    struct pgc_port *port;
    struct pgc_ask *ask;
    struct pgc_answer *answer; /* flying: NULL until the first row about it */
};

struct pgc_asks {
    struct pgc_asks_entry *entries; /* the first `flying` ones are under way */
    size_t count;
    size_t size;
    size_t flying;
    size_t limit; /* how many may fly; 0 = as many as ever may */
};

void pgc_asks_fini(struct pgc_asks *asks);

/* `ask` is taken over. */
void pgc_asks_take(struct pgc_asks *asks, struct pgc_port *port, struct pgc_ask *ask);

bool pgc_asks_waiting(const struct pgc_asks *asks);

/* Let what waits fly (up to a bound) and write advance()'s argument.  Something waits, nothing
 * flies. */
void pgc_asks_fly(struct pgc_asks *asks, struct pgc_buf *json);

/* One row of advance(): `req` from the argument; stream and topic NULL = refused. */
void pgc_asks_row(struct pgc_asks *asks, int64_t req, const char *stream, const char *topic);

/* Send the answers of those that fly down their ports. */
void pgc_asks_land(struct pgc_asks *asks);

/*
 * The database stumbled over one of those that fly, nobody knows which: refuse it if it flies
 * alone, else let all wait again and fewer fly next time, so that one stranger's request cannot
 * keep the others from their answers.
 */
void pgc_asks_stumbled(struct pgc_asks *asks);

/* The answers are worthless: let those that fly wait again. */
void pgc_asks_recall(struct pgc_asks *asks);

#endif
