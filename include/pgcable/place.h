/* SPDX-License-Identifier: PostgreSQL */
/*
 * place.h - a message's place in the order, as clients keep it and bring it back.
 *
 * In the extended protocol it is two members of a frame:
 *
 *   "epoch":"<tick>.<the nonce as 8 hex digits>","offset":<row and part as one number>
 *
 * Offsets compare within an epoch only.  What is sent again may show an edit, or lack what was
 * deleted, that came behind its place: the epoch then names the tick of the last of these, too,
 * behind a "-".  In a history without that tick the client must not go on.  Pure functions.
 */
#ifndef PGCABLE_PLACE_H
#define PGCABLE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/msg.h"

enum { PGC_EPOCH_BYTES = 64 };

/* `*offset` is at least 1 and below 2^53, and increases with row and part within a tick. */
void pgc_place_write(
    const struct pgc_position *place, char epoch[PGC_EPOCH_BYTES], int64_t *offset);

/* False if it is none that pgc_place_write() could have written; `place` is then untouched. */
bool pgc_place_read(
    const char *epoch, size_t length, int64_t offset, struct pgc_position *place) PGC_MUSTCHECK;

/* Adds to what pgc_place_write() wrote; nothing if there is none. */
void pgc_place_add_seen(const struct pgc_seen *seen, char epoch[PGC_EPOCH_BYTES]);

/* Takes off what was added, if anything: `*length` is then that of the rest, and `seen` tick 0 if
 * there was nothing.  False if it is none that could have been added. */
bool pgc_place_take_seen(const char *epoch, size_t *length, struct pgc_seen *seen) PGC_MUSTCHECK;

/* Can it be told apart from all others in an offset?  Not so beyond about a thousand million rows,
 * or eight million parts of one row, in one tick. */
bool pgc_place_is_exact(const struct pgc_position *place);

/* Below 0, 0, above 0: by tick, row and part; the nonce does not count. */
int pgc_place_compare(const struct pgc_position *a, const struct pgc_position *b);

#endif
