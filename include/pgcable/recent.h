/* SPDX-License-Identifier: PostgreSQL */
/*
 * recent.h - the latest events and refusals, for who looks at the daemon.
 *
 * Of events there are names, streams and sizes: what they say is for their readers.  They are noted
 * only while somebody looks, so that they cost nothing otherwise; refusals always, by callers that
 * limit how often.  Bounded: the newest take the place of the oldest.  Any thread.
 */
#ifndef PGCABLE_RECENT_H
#define PGCABLE_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/batch.h"

enum { PGC_RECENT_EVENTS = 2048, PGC_RECENT_REFUSALS = 64 };

struct pgc_recent_event {
    uint64_t number;  /* 1, 2, … */
    int64_t at_us;    /* wall clock at which the row was written */
    int64_t noted_us; /* monotonic, when it was handed to the workers */
    struct pgc_trace trace;
    size_t bytes;
    char name[48];    /* "" = a value that is no event */
    char stream[128]; /* cut */
};

struct pgc_recent_refusal {
    int64_t at_us; /* wall clock */
    uint64_t conn; /* its id in the log; 0 = none */
    char who[64];
    char why[192];
};

struct pgc_recent;

struct pgc_recent *pgc_recent_new(void);
void pgc_recent_free(struct pgc_recent *recent); /* NULL is fine */

/* Somebody looks: events are noted from now on, for a minute. */
void pgc_recent_look(struct pgc_recent *recent);

/* The messages of a batch, if anybody looks.  NULL is fine for both. */
void pgc_recent_note(struct pgc_recent *recent, const struct pgc_batch *batch);
void pgc_recent_refuse(struct pgc_recent *recent, uint64_t conn, const char *who, const char *fmt,
    ...) PGC_PRINTF(4, 5); /* `conn` 0 = no connection yet; `who`: an address, or a member */

/* Copies what is kept, oldest first; returns how many. */
size_t pgc_recent_events(struct pgc_recent *recent, struct pgc_recent_event out[PGC_RECENT_EVENTS]);
size_t pgc_recent_refusals(
    struct pgc_recent *recent, struct pgc_recent_refusal out[PGC_RECENT_REFUSALS]);

#endif
