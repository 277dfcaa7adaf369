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

/* ---- the leader's packets ---- */

/* All in one fragment. */
static void
shore_publish(struct shore *shore, const struct pgc_batch *batch, bool has_state)
{
    struct codec_place *newest = &shore->newest;
    bool is_same = batch->tick == newest->tick;
    struct pgc_buf bytes = {0};
    struct pgc_buf text = {0};
    struct pgc_nats_bytes sent;
    struct codec_packet packet = {
        .term = newest->term,
        .tick = batch->tick,
        .nonce = batch->nonce,
        .at_us = batch->at_us,
        .piece = is_same ? newest->piece + 1 : 0,
        .fragments = 1,
        .ends = batch->ends_tick,
        .late = is_same && shore->has_ended,
        .begins = pgc_codec_begins(batch),
        .has_state = has_state,
    };

    pgc_codec_write_batch(&bytes, batch);
    packet.bytes = (const unsigned char *)bytes.data;
    packet.length = bytes.length;
    pgc_codec_write_packet(&text, &packet);
    sent = (struct pgc_nats_bytes){(const unsigned char *)text.data, text.length};
    pgc_nats_publish(shore->leader, shore->published++, &sent, 0);
    newest->tick = packet.tick;
    newest->nonce = packet.nonce;
    newest->piece = packet.piece;
    shore->has_ended = packet.ends || packet.late;
    pgc_buf_fini(&bytes);
    pgc_buf_fini(&text);
}

static struct pgc_batch *
shore_batch(int64_t tick, bool ends)
{
    struct pgc_batch *batch = pgc_batch_new(tick);

    batch->nonce = (uint32_t)tick;
    batch->at_us = pgc_wall_us();
    batch->ends_tick = ends;
    return batch;
}

void
shore_begin(struct shore *shore, int64_t tick, enum pgc_op_kind kind)
{
    struct pgc_batch *batch = shore_batch(tick, true);

    pgc_batch_add(batch, kind, NULL, NULL, NULL);
    shore->newest.tick = tick - 1; /* so that it is no late piece */
    shore_publish(shore, batch, false);
    pgc_batch_unref(batch);
}

static void
shore_send(struct shore *shore, int64_t tick, int id, bool ends)
{
    struct pgc_batch *batch = shore_batch(tick, ends);
    struct pgc_position place = {.tick = tick, .id = id, .nonce = batch->nonce};
    struct pgc_msg *msg = pgc_msg_new(&place, 0, "{}", 2);

    if (id != 0) {
        pgc_batch_add(batch, PGC_OP_PUBLISH, "a", NULL, msg);
    }
    shore_publish(shore, batch, false);
    pgc_msg_unref(msg);
    pgc_batch_unref(batch);
}

void
shore_tick(struct shore *shore, int64_t tick, int id)
{
    shore_send(shore, tick, id, true);
}

void
shore_half_tick(struct shore *shore, int64_t tick, int id)
{
    shore_send(shore, tick, id, false);
}

void
shore_move(struct shore *shore, int64_t tick, enum pgc_op_kind kind, const char *via)
{
    struct pgc_batch *batch = shore_batch(tick, true);

    pgc_batch_add(batch, kind, "a", via, NULL);
    shore_publish(shore, batch, false);
    pgc_batch_unref(batch);
}

/* ---- the leader's words ---- */

static void
shore_promise(struct shore *shore, struct pgc_nats_asked *asked)
{
    const struct pgc_ban ban = {.until_s = INT64_MAX};
    struct pgc_batch *batch = shore_batch(shore->newest.tick, false);
    struct pgc_buf text = {0};
    struct pgc_nats_bytes bytes;

    pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, "jti", &ban);
    shore_publish(shore, batch, true);
    pgc_codec_write_place(&text, CODEC_STATE, &shore->newest);
    bytes = (struct pgc_nats_bytes){(const unsigned char *)text.data, text.length};
    pgc_nats_take_reply(shore->leader, asked, &bytes);
    pgc_batch_unref(batch);
    pgc_buf_fini(&text);
}

void
shore_speak(struct shore *shore)
{
    shore->is_mute = false;
    if (shore->state_asked != NULL) {
        shore_promise(shore, shore->state_asked);
        shore->state_asked = NULL;
    }
}

static void
shore_questioned(
    struct shore *shore, struct pgc_nats_asked *asked, const struct pgc_nats_bytes *question)
{
    pgc_codec_fini_asks(&shore->asked);
    if (shore->question != NULL) {
        pgc_nats_take_reply(shore->leader, shore->question, NULL);
    }
    shore->question = asked;
    assert_true(pgc_codec_read_asks(question->data, question->length, &shore->asked, NULL));
    for (size_t i = 0; i < shore->asked.count; i++) {
        pgc_buf_addf(&shore->asks, "%s ", shore->asked.asks[i]->member);
    }
    pgc_buf_adds(&shore->asks, "| ");
}

static void
leader_asked(struct pgc_nats_asked *asked, const char *what, const struct pgc_nats_bytes *question,
    void *arg)
{
    struct shore *shore = arg;

    if (strcmp(what, "ask") == 0) {
        shore_questioned(shore, asked, question);
        return;
    }
    assert_string_equal(what, "state");
    shore->states++;
    if (shore->is_mute && shore->state_asked == NULL) {
        shore->state_asked = asked;
    } else if (shore->is_mute) {
        pgc_nats_take_reply(shore->leader, asked, NULL);
    } else {
        shore_promise(shore, asked);
    }
}

static void
leader_told(const char *what, const struct pgc_nats_bytes *bytes, void *arg)
{
    struct shore *shore = arg;
    struct pgc_buf *out = &shore->viewers;
    struct codec_viewers viewers;

    assert_string_equal(what, "viewers");
    assert_true(pgc_codec_read_viewers(bytes->data, bytes->length, &viewers, NULL));
    assert_int_equal(viewers.edge, shore->follower->edge);
    if (viewers.round != 0) {
        pgc_buf_clear(out); /* all that was said before does not matter */
        pgc_buf_adds(out, "( ");
    }
    for (size_t i = 0; i < viewers.count; i++) {
        const char *change = viewers.viewers[i].listens ? "+" : "-";

        pgc_buf_addf(out, "%s%s ", viewers.round != 0 ? "" : change, viewers.viewers[i].member);
    }
    pgc_buf_adds(out, viewers.round != 0 ? ") " : "");
    pgc_codec_fini_viewers(&viewers);
}

void
shore_lead(struct shore *shore)
{
    struct pgc_buf text = {0};
    struct pgc_nats_bytes bytes;

    pgc_codec_write_place(&text, CODEC_LEAD, &shore->newest);
    bytes = (struct pgc_nats_bytes){(const unsigned char *)text.data, text.length};
    pgc_nats_tell(shore->leader, "lead", &bytes);
    pgc_buf_fini(&text);
}

void
shore_answer(struct shore *shore, int64_t tick, const char *stream, size_t count)
{
    struct pgc_answer *list[8];
    struct codec_answers answers = {
        .tick = tick, .nonce = (uint32_t)tick, .count = count, .answers = list};
    struct pgc_buf text = {0};
    struct pgc_nats_bytes bytes;

    assert_true(shore->question != NULL && count <= shore->asked.count && count <= 8);
    for (size_t i = 0; i < count; i++) {
        list[i] = pgc_answer_new(shore->asked.asks[i]->ticket, stream);
        pgc_answer_add_topic(list[i], "topic");
    }
    pgc_codec_write_answers(&text, &answers);
    bytes = (struct pgc_nats_bytes){(const unsigned char *)text.data, text.length};
    pgc_nats_take_reply(shore->leader, shore->question, &bytes);
    shore->question = NULL;
    for (size_t i = 0; i < count; i++) {
        pgc_answer_free(list[i]);
    }
    pgc_buf_fini(&text);
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
shore_open_workers(struct shore *shore)
{
    for (size_t i = 0; i < 2; i++) {
        pgc_port_open_worker(shore->ports[i], shore->loop, came_down, &shore->diaries[i]);
    }
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

void
shore_ask(struct shore *shore, size_t worker, uint64_t ticket, const char *member)
{
    pgc_port_take_up_ask(
        shore->ports[worker], pgc_ask_new(ticket, PGC_STREAM_ROOM, member, "7", NULL));
}

/* ---- life ---- */

static void
leader_published(
    uint64_t cookie, enum pgc_nats_outcome outcome, const struct pgc_err *err, void *arg)
{
    struct shore *shore = arg;

    (void)cookie;
    (void)err;
    shore->refused += outcome == PGC_NATS_STORED ? 0 : 1;
}

static bool
leader_is_up(struct shore *shore)
{
    return pgc_nats_is_up(shore->leader);
}

int
shore_setup(void **state)
{
    static const struct pgc_nats_ops ops = {
        .published = leader_published,
        .asked = leader_asked,
        .told = leader_told,
    };
    struct shore *shore = pgc_xcalloc(1, sizeof(*shore));
    struct pgc_nats_conf conf = {
        .url = getenv("PGC_TEST_NATS"),
        .prefix = shore->prefix,
        .name = "pgcable feed",
        .keeps_stream = true,
        .replicas = 1,
        .retention_s = 600,
    };
    uint32_t salt;

    pgc_random(&salt, sizeof(salt));
    snprintf(shore->prefix, sizeof(shore->prefix), "shore-%u", (unsigned)salt);
    shore->loop = pgc_loop_new();
    shore->peek = pgc_timer_new(shore->loop, shore_peek, shore);
    shore->metrics = pgc_metrics_new();
    shore->ports[0] = pgc_port_new();
    shore->ports[1] = pgc_port_new();
    shore->newest.term = 1;
    shore->leader = pgc_nats_new(shore->loop, &conf, &ops, shore);
    pgc_nats_serve(shore->leader, "ask");
    pgc_nats_serve(shore->leader, "state");
    pgc_nats_listen(shore->leader, "viewers");
    shore_wait(shore, leader_is_up);
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
