/* SPDX-License-Identifier: PostgreSQL */
/*
 * hub_past.h - ticks said into a hub, and subscriptions that go on where they stopped.
 *
 * Tick t was made at second 10 t; its rows count from 1.  A place is written tick and row.
 */
#ifndef PGCABLE_TEST_HUB_PAST_H
#define PGCABLE_TEST_HUB_PAST_H

#include "hub_world.h"

enum { PAST_NONCE = 0xbeef };

struct past {
    struct world *world;
    struct pgc_batch *batch; /* being filled */
    int64_t row;
    struct listener listener; /* the last that went on */
    enum pgc_replay result;
};

/* cmocka's fixtures; the first one gives room for all that tests say. */
int past_setup(void **state);
int past_setup_with(void **state, const struct pgc_hub_conf *conf);
int past_teardown(void **state);

void past_tick(struct past *past, int64_t tick);
void past_piece(struct past *past); /* apply what there is; the tick goes on */
void past_end(struct past *past);
void past_say(struct past *past, const char *topic, const char *text); /* the next row */
/* The same row to another topic, too. */
void past_say_also(struct past *past, const char *topic);
void past_show(struct past *past, const char *topic, const char *text, const char *about,
    const char *embeds, bool is_update);
void past_op(struct past *past, enum pgc_op_kind kind, const char *topic, const char *via);
void past_hole(struct past *past, const char *topic);
void past_amend(struct past *past, const char *via, const char *text);

/* A whole tick with one message on "s". */
void past_said(struct past *past, int64_t tick, const char *text);

/* A fresh subscription of member "7" to `stream`, attached to `topics` (up to NULL), goes on there.
 * Returns what it heard. */
const char *past_from(
    struct past *past, const char *stream, int64_t tick, int64_t row, const char *const *topics);
const char *past_from_time(struct past *past, const char *stream, int64_t unix_s);

/* The subscription that is there goes on from there (once more). */
const char *past_again(struct past *past, int64_t tick, int64_t row, uint32_t nonce);

/* It goes on from a place that was told with what it had seen. */
const char *past_again_seen(struct past *past, int64_t tick, int64_t row, struct pgc_seen seen);

/* The same for "s" alone: nothing is heard, for this reason. */
void past_refuses(struct past *past, int64_t tick, int64_t row, enum pgc_replay why);

/* What the metrics say is kept. */
int64_t past_bytes(const struct past *past);
int64_t past_entries(const struct past *past);

#endif
