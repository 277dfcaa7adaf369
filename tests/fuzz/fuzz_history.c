/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_history.c - what a client says of its past: in a command, or as the id of an event.
 *
 * It is a place, a time or nonsense; and what a hub then sends again is all that came after, in
 * order, or nothing.
 */
#include <assert.h>
#include <stdlib.h>

#include "pgcable/history.h"
#include "pgcable/mem.h"
#include "pgcable/place.h"

enum { TICKS = 20, ROWS = 3, NONCE = 0xbeef };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct listener {
    struct pgc_position last;
    size_t count;
};

static void
hear(void *owner, struct pgc_sub *sub, const struct pgc_run *run)
{
    struct listener *listener = owner;

    (void)sub;
    for (size_t i = 0; i < run->count; i++) {
        assert(pgc_place_compare(&run->msgs[i]->position, &listener->last) > 0);
        listener->last = run->msgs[i]->position;
        listener->count++;
    }
}

static void
end(void *owner, struct pgc_sub *sub, enum pgc_sub_end why)
{
    (void)owner;
    (void)sub;
    (void)why;
    abort(); /* nobody ends it */
}

static const struct pgc_sub_ops listener_ops = {.deliver = hear, .ended = end};

/* Tick t was made at second 10 t. */
static void
say_tick(struct pgc_hub *hub, int64_t tick)
{
    struct pgc_batch *batch = pgc_batch_new(tick);

    batch->nonce = NONCE;
    batch->at_us = tick * 10000000;
    batch->ends_tick = true;
    for (int64_t row = 1; row <= ROWS; row++) {
        struct pgc_position place = {.tick = tick, .id = row, .nonce = NONCE};
        struct pgc_msg *msg = pgc_msg_new(&place, 0, "{}", 2);

        pgc_batch_add(batch, PGC_OP_PUBLISH, "s", NULL, msg);
        pgc_msg_unref(msg);
    }
    (void)pgc_hub_apply(hub, batch);
    pgc_batch_unref(batch);
}

static struct pgc_hub *
hub_with_a_past(struct pgc_loop *loop)
{
    const struct pgc_hub_conf conf = {
        .history_s = 150, /* the first ticks are gone */
        .history_bytes = 1 << 20,
        .history_messages = 1000,
        .replay_messages = 40,
        .metrics = pgc_metrics_new(),
    };
    struct pgc_hub *hub = pgc_hub_new(loop, &conf);

    for (int64_t tick = 1; tick <= TICKS; tick++) {
        say_tick(hub, tick);
    }
    return hub;
}

static void
stop(void *arg)
{
    pgc_loop_stop(arg);
}

static void
check_replay(const struct pgc_since *since)
{
    static struct pgc_loop *loop;
    static struct pgc_hub *hub;
    struct listener listener = {.last = since->by_time ? (struct pgc_position){0} : since->place};
    struct pgc_sub *sub;

    if (loop == NULL) {
        loop = pgc_loop_new();
        hub = hub_with_a_past(loop);
    }
    sub = pgc_hub_subscribe(hub, "s", "7", &listener_ops, &listener);
    if (pgc_hub_replay(hub, sub, since) != PGC_REPLAY_DONE) {
        assert(listener.count == 0);
    } else if (!since->by_time) {
        int64_t row = since->place.id < ROWS ? since->place.id : ROWS;
        int64_t behind = (TICKS - since->place.tick + 1) * ROWS - row;

        assert(listener.count == (size_t)behind);
    }
    pgc_hub_unsubscribe(hub, sub);
    pgc_loop_defer(loop, stop, loop);
    pgc_loop_run(loop);
}

/* Takes the history over. */
static void
check(struct pgc_history *history)
{
    struct pgc_since since = {0};
    struct pgc_position again;
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    if (pgc_history_wish(history, "s", &since) == PGC_WISH_REPLAY) {
        assert(since.by_time ? since.unix_s > 0 : pgc_place_is_exact(&since.place));
        if (!since.by_time) {
            pgc_place_write(&since.place, epoch, &offset);
            assert(pgc_place_read(epoch, strlen(epoch), offset, &again));
            assert(pgc_place_compare(&since.place, &again) == 0);
        }
        check_replay(&since);
    }
    pgc_history_free(history);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = pgc_xstrndup((const char *)data, size);

    check(pgc_history_parse((const char *)data, size));
    check(pgc_history_from_event(text, 0));
    free(text);
    return 0;
}
