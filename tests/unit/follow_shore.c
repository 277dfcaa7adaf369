/* SPDX-License-Identifier: PostgreSQL */
#include "follow_shore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

enum { DEADLINE_MS = 120000, PEEK_MS = 2 };

bool
shore_has_no_server(void)
{
    if (getenv("PGC_TEST_NATS") != NULL) {
        return false;
    }
    fputs("SKIPPED: PGC_TEST_NATS is not set; run it through tests/unit/with-nats\n", stderr);
    return true;
}

/* ---- waiting ---- */

static void
shore_peek(void *arg)
{
    struct shore *shore = arg;
    struct pgc_bus_status status = {0};

    assert_int_equal(shore->refused, 0);
    if (shore->is_true(shore)) {
        pgc_loop_stop(shore->loop);
        return;
    }
    if (pgc_monotonic_ms() > shore->deadline_ms) {
        if (shore->follower != NULL) {
            pgc_follower_status(shore->follower, &status);
        }
        fail_msg("it never became true: \"%s\"; workers: \"%s\", \"%s\"; asks: \"%s\"; viewers: "
                 "\"%s\"; not ready: \"%s\"",
            shore->target != NULL ? shore->target : "", pgc_buf_str(&shore->diaries[0]),
            pgc_buf_str(&shore->diaries[1]), pgc_buf_str(&shore->asks),
            pgc_buf_str(&shore->viewers), status.why);
    }
    pgc_timer_set(shore->peek, PEEK_MS);
}

void
shore_wait(struct shore *shore, bool (*is_true)(struct shore *shore))
{
    shore->is_true = is_true;
    shore->deadline_ms = pgc_monotonic_ms() + DEADLINE_MS;
    pgc_timer_set(shore->peek, 0);
    pgc_loop_run(shore->loop);
}

static bool
is_written(struct shore *shore)
{
    return strcmp(pgc_buf_str(shore->page), shore->target) == 0;
}

static void
shore_expect_page(struct shore *shore, struct pgc_buf *page, const char *text)
{
    shore->page = page;
    shore->target = text;
    shore_wait(shore, is_written);
    pgc_buf_clear(page);
}

void
shore_expect_of(struct shore *shore, size_t worker, const char *diary)
{
    shore_expect_page(shore, &shore->diaries[worker], diary);
}

void
shore_expect(struct shore *shore, const char *diary)
{
    shore_expect_of(shore, 0, diary);
    shore_expect_of(shore, 1, diary);
}

void
shore_expect_asks(struct shore *shore, const char *asks)
{
    shore_expect_page(shore, &shore->asks, asks);
}

void
shore_expect_viewers(struct shore *shore, const char *viewers)
{
    shore_expect_page(shore, &shore->viewers, viewers);
}

static bool
is_ready(struct shore *shore)
{
    struct pgc_bus_status status;

    pgc_follower_status(shore->follower, &status);
    return status.ready == shore->wants_ready;
}

void
shore_wait_until_ready(struct shore *shore, bool ready)
{
    shore->target = ready ? "ready" : "not ready";
    shore->wants_ready = ready;
    shore_wait(shore, is_ready);
}

bool
shore_has_told_viewers(struct shore *shore)
{
    const struct follower_viewers *viewers = &shore->follower->viewers;

    return viewers->told_all_ms > 0 && viewers->told_all_ms <= pgc_monotonic_ms();
}

/* What was under way may have ended in the middle of a beat, so it is two of them. */
void
shore_wait_for_a_beat(struct shore *shore)
{
    for (int i = 0; i < 2; i++) {
        shore->follower->viewers.told_all_ms = -3600000;
        shore->target = "a beat";
        shore_wait(shore, shore_has_told_viewers);
    }
}

/* ---- workers ---- */

static void
note_op(struct pgc_buf *diary, const struct pgc_op *op)
{
    if (op->kind == PGC_OP_PUBLISH) {
        pgc_buf_addf(diary, "%lld", (long long)op->msg->position.id);
    } else {
        pgc_buf_addc(diary, op->kind == PGC_OP_BAN_TOKEN ? 't' : 'x');
    }
}

static void
note_batch(struct pgc_buf *diary, const struct pgc_batch *batch)
{
    if (pgc_codec_begins(batch)) {
        pgc_buf_addf(diary, "%s@%lld ", batch->ops[0].kind == PGC_OP_BEGIN ? "begin" : "reload",
            (long long)batch->tick);
        return;
    }
    pgc_buf_addf(diary, "%lld(", (long long)batch->tick);
    for (size_t i = 0; i < batch->count; i++) {
        note_op(diary, &batch->ops[i]);
    }
    pgc_buf_adds(diary, batch->ends_tick ? ") " : " ");
}

static void
came_down(struct pgc_down *down, void *arg)
{
    struct pgc_buf *diary = arg;

    if (down->batch != NULL) {
        note_batch(diary, down->batch);
    } else {
        pgc_buf_addf(diary, "%llu:%s ", (unsigned long long)down->answer->ticket,
            down->answer->stream != NULL ? down->answer->stream : "no");
    }
    pgc_down_free(down);
}

void
shore_open_worker(struct shore *shore, size_t worker)
{
    pgc_port_open_worker(shore->ports[worker], shore->loop, came_down, &shore->diaries[worker]);
}

void
shore_open_workers(struct shore *shore)
{
    shore_open_worker(shore, 0);
    shore_open_worker(shore, 1);
}

void
shore_follow_unheard(struct shore *shore)
{
    const struct pgc_bus_conf conf = {
        .url = getenv("PGC_TEST_NATS"), .prefix = shore->prefix, .history_s = 600};
    const struct follower_patience patience = {600000, 600000, 600000, 600000};

    shore->follower = pgc_follower_new(shore->loop, &conf, shore->ports, 2, shore->metrics);
    shore->follower->patience = patience;
}

void
shore_follow(struct shore *shore)
{
    shore_open_workers(shore);
    shore_follow_unheard(shore);
}

struct shore *
shore_behind_tick_6(void **state)
{
    struct shore *shore = *state;

    shore_begin(shore, 5, PGC_OP_BEGIN);
    shore_tick(shore, 6, 1);
    shore_follow(shore);
    shore_wait_until_ready(shore, true);
    shore_expect(shore, "begin@5 6(1) 6(t ");
    return shore;
}

void
shore_ask(struct shore *shore, size_t worker, uint64_t ticket, const char *member)
{
    pgc_port_take_up_ask(
        shore->ports[worker], pgc_ask_new(ticket, PGC_STREAM_ROOM, member, "7", NULL));
}

/* ---- life ---- */

int
shore_setup(void **state)
{
    struct shore *shore = pgc_xcalloc(1, sizeof(*shore));
    uint32_t salt;

    pgc_random(&salt, sizeof(salt));
    snprintf(shore->prefix, sizeof(shore->prefix), "shore-%u", (unsigned)salt);
    shore->loop = pgc_loop_new();
    shore->peek = pgc_timer_new(shore->loop, shore_peek, shore);
    shore->metrics = pgc_metrics_new();
    shore->ports[0] = pgc_port_new();
    shore->ports[1] = pgc_port_new();
    shore->newest.term = 1;
    shore_connect_leader(shore);
    *state = shore;
    return 0;
}

int
shore_teardown(void **state)
{
    struct shore *shore = *state;

    if (shore->question != NULL) {
        pgc_nats_take_reply(shore->leader, shore->question, NULL);
    }
    if (shore->state_asked != NULL) {
        pgc_nats_take_reply(shore->leader, shore->state_asked, NULL);
    }
    pgc_follower_free(shore->follower);
    pgc_nats_free(shore->leader);
    for (size_t i = 0; i < 2; i++) {
        pgc_port_free(shore->ports[i]);
        pgc_buf_fini(&shore->diaries[i]);
    }
    pgc_codec_fini_asks(&shore->asked);
    pgc_buf_fini(&shore->asks);
    pgc_buf_fini(&shore->viewers);
    pgc_timer_free(shore->peek);
    pgc_loop_free(shore->loop);
    pgc_metrics_free(shore->metrics);
    free(shore);
    return 0;
}
