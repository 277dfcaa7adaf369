/* SPDX-License-Identifier: PostgreSQL */
/*
 * banned.h - which tokens and members are banned, from the BAN_* operations that passed by.
 *
 * Forgets what has ended by itself.  One thread.
 */
#ifndef PGCABLE_BUS_BANNED_H
#define PGCABLE_BUS_BANNED_H

#include "pgcable/batch.h"

struct pgc_banned;

struct pgc_banned *pgc_banned_new(void);
void pgc_banned_free(struct pgc_banned *banned); /* NULL is fine */

void pgc_banned_note(struct pgc_banned *banned, const struct pgc_batch *batch);

/* All that are in force. */
void pgc_banned_add_to(struct pgc_banned *banned, struct pgc_batch *batch);

#endif
