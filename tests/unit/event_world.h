/* SPDX-License-Identifier: PostgreSQL */
/*
 * event_world.h - a builder with a mapping, fed with rows and facts as text.
 *
 * What comes out is text as well, one line per operation in the order of the batch:
 *   publish <topic> <payload>, join|leave|revoke <via> <topic>, expel <member>, reload,
 *   ban token|member <whom> <before> <until>, recheck <channel>
 *
 * and, if a test wants to see what is only kept to be sent again:
 *   admit <via> <topic>, hole <topic> <id>.<part>, forget <thing>, amend <thing> <payload>
 */
#ifndef PGCABLE_TESTS_EVENT_WORLD_H
#define PGCABLE_TESTS_EVENT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgcable/event.h"

struct event_world {
    struct pgc_mapping *mapping;
    struct pgc_builder *builder;
    struct pgc_batch *batch; /* of the last raise */
    struct pgc_buf needs;
    struct pgc_buf seen;
    struct pgc_buf complaints;
    const char *viewers; /* " 1 15 ": who is listening; NULL: everyone */
    bool tells_kept;
    int64_t next_id;
    uint64_t xid;
};

/* What stands for a value that the database did not read, in world_reference. */
#define WORLD_OMITTED "5e7f0c1a-93d4-4a58-8c0e-2b1d6f3a9e77"

/* The reference tables, where canonical names are the columns' own; and messages(id, room_id,
 * user_id, body, created_at) beside rooms, memberships, users, notifications. */
extern const char world_reference[];
extern const char world_minimal[];

struct event_world *world_new(const char *mapping, const struct pgc_builder_conf *conf);
void world_free(struct event_world *world);

/* cmocka's fixtures around one test: *state is a world of the reference tables. */
int world_setup(void **state);
int world_setup_minimal(void **state);
int world_teardown(void **state);

/* A changed row of the transaction world->xid; NULL for what the operation does not have. */
void world_row(
    struct event_world *world, const char *kind, char op, const char *now, const char *before);
void world_fact(struct event_world *world, const char *what, const char *key, const char *data);

/* The rest of the tick's needs, "" for none; and all it does, with the tick then ended. */
const char *world_needs(struct event_world *world);
const char *world_raise(struct event_world *world);

/* Raise, and what comes out is all of these texts one after the other (up to NULL). */
void world_raises(struct event_world *world, ...) __attribute__((sentinel));

/* The message of the last raise's publish number `index`; NULL if there are no more. */
const struct pgc_msg *world_message(const struct event_world *world, size_t index);

/* The same for one piece of a tick. */
const char *world_piece_needs(struct event_world *world, bool ends_tick);
const char *world_piece(struct event_world *world, bool ends_tick);

#endif
