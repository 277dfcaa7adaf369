/* SPDX-License-Identifier: PostgreSQL */
/*
 * history.h - where a client says it stopped, as it stands in its command:
 *
 *   {"since":1795358477,"streams":{"chat-room-7-channel":{"epoch":"2753.0b6f3c2e","offset":16}}}
 *
 * Only read here: what becomes of it is the hub's to say.
 */
#ifndef PGCABLE_HISTORY_H
#define PGCABLE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "pgcable/hub.h"

struct pgc_history;

/* `text` is one value of a JSON text that was checked, of any type; of a type that makes no sense,
 * it is a history that no stream can go on from. */
struct pgc_history *pgc_history_parse(const char *text, size_t length);

/* From Last-Event-ID (offset/epoch/stream, NULL if absent) and a time (0 if absent). */
struct pgc_history *pgc_history_from_event(const char *event_id, int64_t since_s);

void pgc_history_free(struct pgc_history *history); /* NULL is fine */

enum pgc_wish {
    PGC_WISH_NOTHING,  /* the client has no place in this stream and names no time */
    PGC_WISH_REPLAY,   /* what came after `since` */
    PGC_WISH_NONSENSE, /* it says something that no server told it */
};

/* What it asks of one stream: a place in it counts before the time. */
enum pgc_wish pgc_history_wish(
    const struct pgc_history *history, const char *stream, struct pgc_since *since);

#endif
