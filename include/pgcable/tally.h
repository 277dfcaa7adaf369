/* SPDX-License-Identifier: PostgreSQL */
/*
 * tally.h - to how many clients each of the latest messages was handed.
 *
 * The feed enters what it hands down, each worker adds what it delivered: subscriptions, and live
 * deliveries only, for what is sent again is not new.  Of messages there are row, stream and name,
 * never what they say.  Bounded: the newest take the place of the oldest.  Any thread.
 */
#ifndef PGCABLE_TALLY_H
#define PGCABLE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "pgcable/batch.h"
#include "pgcable/buf.h"

enum { PGC_TALLY_MESSAGES = 8192 };

/* Names are cut, at whole characters: as pgc_tally_name() does it, who compares them must, too. */
struct pgc_tally_event {
    struct pgc_trace trace;
    uint64_t clients;
    char stream[128];
    char name[48]; /* "" = a value that is no event */
};

struct pgc_tally;

struct pgc_tally *pgc_tally_new(void);
void pgc_tally_free(struct pgc_tally *tally); /* NULL is fine */

/* Number the messages of a batch, before anybody else sees it.  NULL is fine. */
void pgc_tally_enter(struct pgc_tally *tally, struct pgc_batch *batch);

/* Each of these went to so many more; what is kept no longer is passed over.  NULL is fine. */
void pgc_tally_add(
    struct pgc_tally *tally, const uint64_t *numbers, size_t count, uint64_t clients);

/* What is kept of a row's messages, oldest first: a JSON array, of which each element has a line
 * of its own. */
void pgc_tally_write(struct pgc_tally *tally, const struct pgc_trace *trace, struct pgc_buf *out);

/* Fill in stream and name, and nothing else. */
void pgc_tally_name(struct pgc_tally_event *event, const char *stream, const struct pgc_msg *msg);

#endif
