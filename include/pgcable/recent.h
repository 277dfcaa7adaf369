/* SPDX-License-Identifier: PostgreSQL */
/*
 * recent.h - the latest events, to how many clients each was handed, and the latest refusals.
 *
 * The feed notes what it hands down, each worker adds what it delivered: subscriptions, and live
 * deliveries only, for what is sent again is not new.  Of events there are row, stream, name and
 * size: what they say is for their readers.  Refusals come from callers that limit how often.
 * Bounded: the newest take the place of the oldest.  Any thread.
 */
#ifndef PGCABLE_RECENT_H
#define PGCABLE_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "pgcable/batch.h"
#include "pgcable/buf.h"

enum { PGC_RECENT_EVENTS = 8192, PGC_RECENT_REFUSALS = 64 };

/* Names are cut, at whole characters: as pgc_recent_name() does it, who compares them must, too. */
struct pgc_recent_event {
    uint64_t number;  /* 1, 2, … */
    int64_t at_us;    /* wall clock at which the row was written */
    int64_t noted_us; /* monotonic, when it was handed to the workers */
    struct pgc_trace trace;
    size_t bytes;
    uint64_t clients;
    char name[48]; /* "" = a value that is no event */
    char stream[128];
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

/* Number the messages of a batch and keep them, before anybody else sees it.  NULL is fine. */
void pgc_recent_note(struct pgc_recent *recent, struct pgc_batch *batch);

/* Each of these went to so many more; what is kept no longer is passed over.  NULL is fine.  Takes
 * no lock: workers do it for each message. */
void pgc_recent_count(
    struct pgc_recent *recent, const uint64_t *numbers, size_t count, uint32_t clients);

void pgc_recent_refuse(struct pgc_recent *recent, uint64_t conn, const char *who, const char *fmt,
    ...) PGC_PRINTF(4, 5); /* NULL is fine; `conn` 0 = no connection yet; `who`: an address, or a
                              member */

/* Copies the newest ones that are kept, oldest first; returns how many. */
size_t pgc_recent_events(struct pgc_recent *recent, struct pgc_recent_event *out, size_t size);
size_t pgc_recent_refusals(
    struct pgc_recent *recent, struct pgc_recent_refusal out[PGC_RECENT_REFUSALS]);

/* What is kept of a row's events, oldest first: a JSON array, of which each element has a line of
 * its own. */
void pgc_recent_write_row(
    struct pgc_recent *recent, const struct pgc_trace *trace, struct pgc_buf *out);

/* Fill in stream and name, and nothing else. */
void pgc_recent_name(struct pgc_recent_event *event, const char *stream, const struct pgc_msg *msg);

#endif
