/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "follow_shore.h"

/* ---- packets ---- */

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

/* ---- words ---- */

static void
shore_reply_place(
    struct shore *shore, struct pgc_nats_asked *asked, const struct codec_place *place)
{
    struct pgc_buf text = {0};
    struct pgc_nats_bytes bytes;

    pgc_codec_write_place(&text, CODEC_STATE, place);
    bytes = (struct pgc_nats_bytes){(const unsigned char *)text.data, text.length};
    pgc_nats_take_reply(shore->leader, asked, &bytes);
    pgc_buf_fini(&text);
}

void
shore_tell_state(struct shore *shore)
{
    const struct pgc_ban ban = {.until_s = INT64_MAX};
    struct pgc_batch *batch = shore_batch(shore->newest.tick, false);

    pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, "jti", &ban);
    shore_publish(shore, batch, true);
    pgc_batch_unref(batch);
}

void
shore_promise(struct shore *shore, const struct codec_place *place)
{
    assert_non_null(shore->state_asked);
    shore_reply_place(shore, shore->state_asked, place);
    shore->state_asked = NULL;
}

void
shore_speak(struct shore *shore)
{
    shore->is_mute = false;
    if (shore->state_asked != NULL) {
        shore_tell_state(shore);
        shore_promise(shore, &shore->newest);
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
    shore->questions++;
    assert_true(pgc_codec_read_asks(question->data, question->length, &shore->asked, NULL));
    assert_in_range(shore->asked.count, 1, 64);
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
        shore_tell_state(shore);
        shore_reply_place(shore, asked, &shore->newest);
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
    assert_true(bytes->length <= FOLLOWER_TOLD_BYTES + 1024);
    if (viewers.round != 0 && viewers.round != shore->round) {
        shore->round = viewers.round;
        shore->listeners = 0;
        pgc_buf_clear(out); /* all that was said before does not matter */
        pgc_buf_adds(out, "( ");
    }
    for (size_t i = 0; i < viewers.count; i++) {
        const char *change = viewers.viewers[i].listens ? "+" : "-";

        pgc_buf_addf(out, "%s%s ", viewers.round != 0 ? "" : change, viewers.viewers[i].member);
    }
    shore->listeners += viewers.round != 0 ? viewers.count : 0;
    pgc_buf_adds(out, viewers.round != 0 && viewers.is_last ? ") " : "");
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
    struct codec_answers answers = {.tick = tick,
        .nonce = (uint32_t)tick + shore->other_nonce,
        .count = count,
        .answers = list};
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

void
shore_connect_leader(struct shore *shore)
{
    static const struct pgc_nats_ops ops = {
        .published = leader_published,
        .asked = leader_asked,
        .told = leader_told,
    };
    const struct pgc_nats_conf conf = {
        .url = getenv("PGC_TEST_NATS"),
        .prefix = shore->prefix,
        .name = "pgcable feed",
        .keeps_stream = true,
        .replicas = 1,
        .retention_s = 600,
    };

    shore->leader = pgc_nats_new(shore->loop, &conf, &ops, shore);
    pgc_nats_serve(shore->leader, "ask");
    pgc_nats_serve(shore->leader, "state");
    pgc_nats_listen(shore->leader, "viewers");
    shore_wait(shore, leader_is_up);
}

/* ---- the server ---- */

static bool
leader_is_down(struct shore *shore)
{
    return !pgc_nats_is_up(shore->leader);
}

void
shore_server(const char *what)
{
    char *command = pgc_xasprintf("%s %s", getenv("PGC_TEST_NATS_DO"), what);

    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): the command is with-nats' own */
    free(command);
}

void
shore_stop_server(struct shore *shore)
{
    shore_server("stop");
    shore_wait_until_ready(shore, false);
    shore_wait(shore, leader_is_down);
}

void
shore_start_server(struct shore *shore)
{
    shore_server("start");
    shore_wait(shore, leader_is_up);
}

void
shore_forget_stream(struct shore *shore)
{
    shore_stop_server(shore);
    shore_server("forget");
    shore_start_server(shore);
    shore->published = 0;
    shore->newest.term++;
}
