/* SPDX-License-Identifier: PostgreSQL */
/*
 * moves.h - whose rights or topics have changed lately.
 *
 * The database answered as of the end of a tick, and the workers may be further already.  Then the
 * answer is good if nothing since then would have changed the subscription, had it been there: the
 * hub looks at what moves its stream and its member, and at nothing else of it.
 */
#ifndef PGCABLE_BUS_MOVES_H
#define PGCABLE_BUS_MOVES_H

#include "pgcable/batch.h"
#include "pgcable/port.h"

enum { PGC_MOVES_KEPT_MS = 60000 };

struct pgc_moves;

struct pgc_moves *pgc_moves_new(void);
void pgc_moves_free(struct pgc_moves *moves);

void pgc_moves_note(struct pgc_moves *moves, const struct pgc_batch *batch, int64_t now_ms);

/* May something since the end of `tick` have changed what the member was answered? */
bool pgc_moves_touch(const struct pgc_moves *moves, const char *member,
    const struct pgc_answer *answer, int64_t tick);

#endif
