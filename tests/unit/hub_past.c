/* SPDX-License-Identifier: PostgreSQL */
#include "hub_past.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

int
past_setup_with(void **state, const struct pgc_hub_conf *conf)
{
    struct past *past = calloc(1, sizeof(*past));

    assert_non_null(past);
    hub_world_setup_with((void **)&past->world, conf);
    *state = past;
    return 0;
}

int
past_setup(void **state)
{
    return past_setup_with(state, &(struct pgc_hub_conf){
                                      .history_s = 3000,
                                      .history_bytes = 1 << 20,
                                      .history_messages = 1000,
                                      .replay_messages = 1000,
                                  });
}

int
past_teardown(void **state)
{
    struct past *past = *state;

    hub_world_leave(&past->listener);
    pgc_batch_unref(past->batch);
    hub_world_teardown((void **)&past->world);
    free(past);
    return 0;
}

/* ---- saying ---- */

static void
past_new_batch(struct past *past, int64_t tick)
{
    past->batch = pgc_batch_new(tick);
    past->batch->nonce = PAST_NONCE;
    past->batch->at_us = tick * 10000000;
}

void
past_tick(struct past *past, int64_t tick)
{
    assert_null(past->batch);
    past_new_batch(past, tick);
    past->row = 0;
}

void
past_piece(struct past *past)
{
    int64_t tick = past->batch->tick;

    pgc_hub_apply(past->world->hub, past->batch);
    pgc_batch_unref(past->batch);
    past_new_batch(past, tick);
}

void
past_end(struct past *past)
{
    past->batch->ends_tick = true;
    pgc_hub_apply(past->world->hub, past->batch);
    pgc_batch_unref(past->batch);
    past->batch = NULL;
}

static struct pgc_msg *
past_message(struct past *past, const char *text)
{
    struct pgc_position place = {
        .tick = past->batch->tick,
        .id = ++past->row,
        .nonce = past->batch->nonce,
    };

    return pgc_msg_new(&place, 0, text, strlen(text));
}

void
past_show(struct past *past, const char *topic, const char *text, const char *about,
    const char *embeds, bool is_update)
{
    struct pgc_msg *msg = past_message(past, text);

    pgc_msg_set_about(msg, about, embeds, is_update);
    pgc_batch_add(past->batch, PGC_OP_PUBLISH, topic, NULL, msg);
    pgc_msg_unref(msg);
}

void
past_say(struct past *past, const char *topic, const char *text)
{
    past_show(past, topic, text, NULL, NULL, false);
}

void
past_say_also(struct past *past, const char *topic)
{
    pgc_batch_add(
        past->batch, PGC_OP_PUBLISH, topic, NULL, past->batch->ops[past->batch->count - 1].msg);
}

void
past_op(struct past *past, enum pgc_op_kind kind, const char *topic, const char *via)
{
    pgc_batch_add(past->batch, kind, topic, via, NULL);
}

void
past_hole(struct past *past, const char *topic)
{
    struct pgc_msg *msg = past_message(past, "");

    pgc_batch_add(past->batch, PGC_OP_HOLE, topic, NULL, msg);
    pgc_msg_unref(msg);
}

void
past_amend(struct past *past, const char *via, const char *text)
{
    struct pgc_msg *msg = past_message(past, text);

    pgc_batch_add(past->batch, PGC_OP_AMEND, NULL, via, msg);
    pgc_msg_unref(msg);
}

void
past_said(struct past *past, int64_t tick, const char *text)
{
    past_tick(past, tick);
    past_say(past, "s", text);
    past_end(past);
}

/* ---- going on ---- */

static void
past_join(struct past *past, const char *stream, const char *const *topics)
{
    hub_world_leave(&past->listener);
    past->listener = (struct listener){0};
    hub_world_join(&past->listener, past->world->hub, stream, "7");
    for (; topics != NULL && *topics != NULL; topics++) {
        pgc_hub_attach(past->world->hub, past->listener.sub, *topics);
    }
}

static const char *
past_replay(struct past *past, const struct pgc_since *since)
{
    past->listener.heard[0] = '\0';
    past->listener.seen = (struct pgc_seen){0};
    past->result = pgc_hub_replay(past->world->hub, past->listener.sub, since);
    if (past->result != PGC_REPLAY_DONE) {
        assert_string_equal(past->listener.heard, "");
    }
    return past->listener.heard;
}

const char *
past_again(struct past *past, int64_t tick, int64_t row, uint32_t nonce)
{
    return past_replay(
        past, &(struct pgc_since){.place = {.tick = tick, .id = row, .nonce = nonce}});
}

const char *
past_again_seen(struct past *past, int64_t tick, int64_t row, struct pgc_seen seen)
{
    struct pgc_position place = {.tick = tick, .id = row, .nonce = PAST_NONCE};

    return past_replay(past, &(struct pgc_since){.place = place, .seen = seen});
}

const char *
past_from(
    struct past *past, const char *stream, int64_t tick, int64_t row, const char *const *topics)
{
    past_join(past, stream, topics);
    return past_again(past, tick, row, PAST_NONCE);
}

const char *
past_from_time(struct past *past, const char *stream, int64_t unix_s)
{
    past_join(past, stream, NULL);
    return past_replay(past, &(struct pgc_since){.by_time = true, .unix_s = unix_s});
}

void
past_refuses(struct past *past, int64_t tick, int64_t row, enum pgc_replay why)
{
    assert_string_equal(past_from(past, "s", tick, row, NULL), "");
    assert_int_equal(past->result, why);
}

static int64_t
past_metric(const struct past *past, const char *name)
{
    struct pgc_buf page = {0};
    char line[64];
    const char *found;
    int64_t value;

    snprintf(line, sizeof(line), "\n%s ", name);
    pgc_metrics_write(past->world->metrics, &page);
    found = strstr(pgc_buf_str(&page), line);
    assert_non_null(found);
    value = strtoll(found + strlen(line), NULL, 10);
    pgc_buf_fini(&page);
    return value;
}

int64_t
past_bytes(const struct past *past)
{
    return past_metric(past, "pgcable_history_bytes");
}

int64_t
past_entries(const struct past *past)
{
    return past_metric(past, "pgcable_history_entries");
}
