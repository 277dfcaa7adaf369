/* SPDX-License-Identifier: PostgreSQL */
/*
 * event.h - from rows to events.
 *
 * A builder gets the rows of one tick in order, says which facts the rows do not hold, is told
 * them, and writes the events into batches: each message built once, for its topic.  Which change
 * raises which event is a table of small functions (src/event/rules.c).  It knows no database, no
 * socket and no other thread: pure functions of rows, facts and mapping.
 */
#ifndef PGCABLE_EVENT_H
#define PGCABLE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/batch.h"
#include "pgcable/buf.h"
#include "pgcable/err.h"
#include "pgcable/json.h"

struct pgc_mapping; /* which table and columns play which kind; immutable once parsed */

/* From the text of pgcable.mapping_info().  `problem` (may be NULL) is called for each problem the
 * database reported, in words. */
struct pgc_mapping *pgc_mapping_parse(const char *json, size_t length,
    void (*problem)(const char *text, void *arg), void *arg, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_mapping_free(struct pgc_mapping *mapping);

/* One row of the outbox, borrowed for the call. */
struct pgc_row {
    int64_t id;
    uint64_t xid;
    const char *kind;   /* "message", …, "broadcast" */
    char op;            /* I, U, D, T, B */
    const char *stream; /* B only, else NULL */
    struct pgc_slice new_row;
    struct pgc_slice old_row;
    int64_t at_us;
};

enum pgc_envelope { PGC_ENVELOPE_FLAT, PGC_ENVELOPE_NESTED };

struct pgc_builder_conf {
    enum pgc_envelope envelope;
    size_t max_payload_bytes; /* above it: {"event":…,"id":…,"truncated":true} */
    /* Is that member listening anywhere?  Per-viewer payloads are built for these only. */
    bool (*has_viewer)(const char *member, void *arg);
    void *arg;
    /* An event could not be built as it should (over the limit, mapping wrong); counted, logged. */
    void (*complaint)(const char *text, void *arg);
};

struct pgc_builder;

struct pgc_builder *pgc_builder_new(const struct pgc_builder_conf *conf); /* copies conf */
void pgc_builder_free(struct pgc_builder *builder);

/* Borrowed until replaced or freed; may be replaced between pieces. */
void pgc_builder_set_mapping(struct pgc_builder *builder, const struct pgc_mapping *mapping);

/* The database may be another one, or have another past: no fact that it told holds any more, and
 * what the rows at hand need is asked for again. */
void pgc_builder_forget(struct pgc_builder *builder);

/*
 * One tick: begin, then one or more pieces (add rows, needs, facts, raise), the last raised with
 * `ends_tick`.  Pieces exist so that a transaction of a million rows does not fill memory; what
 * must be known across them (who left a room, whose count moved) is kept small.
 */
void pgc_builder_begin(struct pgc_builder *builder, int64_t tick, uint32_t nonce);
void pgc_builder_add(struct pgc_builder *builder, const struct pgc_row *row); /* copies */
size_t pgc_builder_bytes(const struct pgc_builder *builder); /* held rows, to decide on a piece */
size_t pgc_builder_rows(const struct pgc_builder *builder);

/* The argument for pgcable.facts(), or false if these rows need none (any more): who sent a message
 * and which room it is in is kept from one piece to the next, where the mapping says that a row
 * comes when it changes, and 10 s at most (src/event/cache.c).  `json` is replaced.  May be called
 * again, after a lost connection, say: it names what is still missing. */
bool pgc_builder_needs(struct pgc_builder *builder, bool ends_tick, struct pgc_buf *json);

/* One row of pgcable.facts(); copies. */
void pgc_builder_fact(struct pgc_builder *builder, const char *what, const char *key,
    const char *data, size_t length);

/* All rows of the last pgcable.facts() are in: what did not come is gone.  Then ask for needs once
 * more, since some follow from facts: only a room's fact says which message is pinned. */
void pgc_builder_answered(struct pgc_builder *builder);

/* Write the events of the rows added since the last raise into `batch`; forgets rows and facts. */
void pgc_builder_raise(struct pgc_builder *builder, bool ends_tick, struct pgc_batch *batch);

/* ISO 8601 text as PostgreSQL's JSON writes it (with or without zone; without means UTC) to UTC
 * with milliseconds and Z.  False, and `out` untouched, if it is none (infinity, BC, a plain date).
 */
bool pgc_time_utc(const char *text, size_t length, char out[32]);

#endif
