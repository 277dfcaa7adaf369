/* SPDX-License-Identifier: PostgreSQL */
/*
 *   asks     edge, then until the end: ticket kind member room room_uuid channel_class params
 *   answers  tick nonce, then until the end: ticket stream count topics
 *   viewers  edge round flags, then until the end: flags member
 *   place    term tick nonce piece
 */
#include <stdlib.h>

#include "pgcable/json.h"
#include "pgcable/mem.h"

#include "codec.h"
#include "codec_wire.h"

enum { VIEWERS_LAST = 1 };
enum { VIEWER_LISTENS = 1 };

/* Room for one more in a list, which is doubled when it is full: 1, 2, 4, … */
static void *
talk_grow(void *list, size_t count, size_t size)
{
    bool is_full = (count & (count - 1)) == 0;

    return is_full ? pgc_xrealloc(list, (count > 0 ? 2 * count : 1) * size) : list;
}

/* ---- asks ---- */

static void
talk_write_ask(struct pgc_buf *out, const struct pgc_ask *ask)
{
    pgc_wire_add(out, ask->ticket);
    pgc_wire_add(out, (uint64_t)ask->kind);
    pgc_wire_add_string(out, ask->member);
    pgc_wire_add_optional(out, ask->room);
    pgc_wire_add_optional(out, ask->room_uuid);
    pgc_wire_add_optional(out, ask->channel_class);
    pgc_wire_add_optional(out, ask->params);
}

void
pgc_codec_write_asks(struct pgc_buf *out, const struct codec_asks *asks)
{
    pgc_wire_begin(out, WIRE_ASKS);
    pgc_wire_add(out, asks->edge);
    for (size_t i = 0; i < asks->count; i++) {
        talk_write_ask(out, asks->asks[i]);
    }
}

/* It becomes part of what the database is asked with, beside the requests of others. */
static void
talk_check_params(struct wire_reader *in, const char *params)
{
    size_t length = strlen(params);
    struct pgc_json *json = pgc_json_parse(params, length, length, NULL);

    if (json == NULL) {
        pgc_wire_refuse(in, "an identifier is no JSON object");
    }
    pgc_json_free(json);
}

/* What a rule is asked with are its class and a JSON object; nothing else has any of the two. */
static struct pgc_ask *
talk_read_ask(struct wire_reader *in)
{
    struct pgc_ask *ask = pgc_xcalloc(1, sizeof(*ask));

    ask->ticket = pgc_wire_take(in, UINT64_MAX);
    ask->kind = (enum pgc_stream_kind)pgc_wire_take(in, PGC_STREAM_CUSTOM);
    ask->member = pgc_wire_take_string(in);
    ask->room = pgc_wire_take_optional(in);
    ask->room_uuid = pgc_wire_take_optional(in);
    ask->channel_class = pgc_wire_take_optional(in);
    ask->params = pgc_wire_take_optional(in);
    if ((ask->kind == PGC_STREAM_CUSTOM) != (ask->channel_class != NULL) ||
        (ask->kind == PGC_STREAM_CUSTOM) != (ask->params != NULL)) {
        pgc_wire_refuse(in, "a request for access is not of its kind");
    } else if (ask->params != NULL) {
        talk_check_params(in, ask->params);
    }
    return ask;
}

bool
pgc_codec_read_asks(const void *bytes, size_t length, struct codec_asks *asks, struct pgc_err *err)
{
    struct wire_reader in = pgc_wire_read(bytes, length, WIRE_ASKS);

    *asks = (struct codec_asks){.edge = pgc_wire_take(&in, UINT64_MAX)};
    while (in.wrong == NULL && in.left > 0) {
        asks->asks = talk_grow(asks->asks, asks->count, sizeof(struct pgc_ask *));
        asks->asks[asks->count++] = talk_read_ask(&in);
    }
    return pgc_wire_ends(&in, "requests for access", err);
}

void
pgc_codec_fini_asks(struct codec_asks *asks)
{
    for (size_t i = 0; i < asks->count; i++) {
        pgc_ask_free(asks->asks[i]);
    }
    free(asks->asks);
    *asks = (struct codec_asks){0};
}

/* ---- answers ---- */

static void
talk_write_answer(struct pgc_buf *out, const struct pgc_answer *answer)
{
    pgc_wire_add(out, answer->ticket);
    pgc_wire_add_optional(out, answer->stream);
    pgc_wire_add(out, answer->topic_count);
    for (size_t i = 0; i < answer->topic_count; i++) {
        pgc_wire_add_string(out, answer->topics[i]);
    }
}

void
pgc_codec_write_answers(struct pgc_buf *out, const struct codec_answers *answers)
{
    pgc_wire_begin(out, WIRE_ANSWERS);
    pgc_wire_add_signed(out, answers->tick);
    pgc_wire_add(out, answers->nonce);
    for (size_t i = 0; i < answers->count; i++) {
        talk_write_answer(out, answers->answers[i]);
    }
}

static struct pgc_answer *
talk_read_answer(struct wire_reader *in)
{
    struct pgc_answer *answer = pgc_xcalloc(1, sizeof(*answer));
    uint64_t count;

    answer->ticket = pgc_wire_take(in, UINT64_MAX);
    answer->stream = pgc_wire_take_optional(in);
    count = pgc_wire_take(in, in->left);
    for (uint64_t i = 0; i < count && in->wrong == NULL; i++) {
        char *topic = pgc_wire_take_string(in);

        if (topic != NULL) {
            pgc_answer_add_topic(answer, topic);
        }
        free(topic);
    }
    return answer;
}

bool
pgc_codec_read_answers(
    const void *bytes, size_t length, struct codec_answers *answers, struct pgc_err *err)
{
    struct wire_reader in = pgc_wire_read(bytes, length, WIRE_ANSWERS);

    *answers = (struct codec_answers){.tick = pgc_wire_take_signed(&in)};
    answers->nonce = (uint32_t)pgc_wire_take(&in, UINT32_MAX);
    while (in.wrong == NULL && in.left > 0) {
        answers->answers = talk_grow(answers->answers, answers->count, sizeof(struct pgc_answer *));
        answers->answers[answers->count++] = talk_read_answer(&in);
    }
    return pgc_wire_ends(&in, "answers to requests for access", err);
}

void
pgc_codec_fini_answers(struct codec_answers *answers)
{
    for (size_t i = 0; i < answers->count; i++) {
        pgc_answer_free(answers->answers[i]);
    }
    free(answers->answers);
    *answers = (struct codec_answers){0};
}

/* ---- viewers ---- */

void
pgc_codec_write_viewers(struct pgc_buf *out, const struct codec_viewers *viewers)
{
    pgc_wire_begin(out, WIRE_VIEWERS);
    pgc_wire_add(out, viewers->edge);
    pgc_wire_add(out, viewers->round);
    pgc_buf_addc(out, viewers->is_last ? VIEWERS_LAST : 0);
    for (size_t i = 0; i < viewers->count; i++) {
        pgc_buf_addc(out, viewers->viewers[i].listens ? VIEWER_LISTENS : 0);
        pgc_wire_add_string(out, viewers->viewers[i].member);
    }
}

static struct codec_viewer
talk_read_viewer(struct wire_reader *in, bool is_round)
{
    struct codec_viewer viewer = {
        .listens = pgc_wire_take_flags(in, VIEWER_LISTENS) != 0,
    };

    viewer.member = pgc_wire_take_string(in);
    if (is_round && !viewer.listens) {
        pgc_wire_refuse(in, "somebody who does not listen is among those who do");
    }
    return viewer;
}

bool
pgc_codec_read_viewers(
    const void *bytes, size_t length, struct codec_viewers *viewers, struct pgc_err *err)
{
    struct wire_reader in = pgc_wire_read(bytes, length, WIRE_VIEWERS);

    *viewers = (struct codec_viewers){.edge = pgc_wire_take(&in, UINT64_MAX)};
    viewers->round = pgc_wire_take(&in, UINT64_MAX);
    viewers->is_last = pgc_wire_take_flags(&in, VIEWERS_LAST) != 0;
    while (in.wrong == NULL && in.left > 0) {
        viewers->viewers = talk_grow(viewers->viewers, viewers->count, sizeof(*viewers->viewers));
        viewers->viewers[viewers->count++] = talk_read_viewer(&in, viewers->round != 0);
    }
    return pgc_wire_ends(&in, "a list of who listens", err);
}

void
pgc_codec_fini_viewers(struct codec_viewers *viewers)
{
    for (size_t i = 0; i < viewers->count; i++) {
        free(viewers->viewers[i].member);
    }
    free(viewers->viewers);
    *viewers = (struct codec_viewers){0};
}

/* ---- places ---- */

static const enum wire_kind place_kinds[] = {
    [CODEC_STATE_ASK] = WIRE_STATE_ASK,
    [CODEC_STATE] = WIRE_STATE,
    [CODEC_LEAD] = WIRE_LEAD,
};

void
pgc_codec_write_place(
    struct pgc_buf *out, enum codec_place_kind kind, const struct codec_place *place)
{
    pgc_wire_begin(out, place_kinds[kind]);
    pgc_wire_add_signed(out, place->term);
    pgc_wire_add_signed(out, place->tick);
    pgc_wire_add(out, place->nonce);
    pgc_wire_add(out, place->piece);
}

bool
pgc_codec_read_place(const void *bytes, size_t length, enum codec_place_kind kind,
    struct codec_place *place, struct pgc_err *err)
{
    struct wire_reader in = pgc_wire_read(bytes, length, place_kinds[kind]);

    *place = (struct codec_place){.term = pgc_wire_take_signed(&in)};
    place->tick = pgc_wire_take_signed(&in);
    place->nonce = (uint32_t)pgc_wire_take(&in, UINT32_MAX);
    place->piece = (uint32_t)pgc_wire_take(&in, UINT32_MAX);
    return pgc_wire_ends(&in, "a place", err);
}
