/* SPDX-License-Identifier: PostgreSQL */
#include "chain_river.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void
note_op(struct pgc_buf *diary, const struct pgc_op *op)
{
    if (op->kind == PGC_OP_PUBLISH) {
        pgc_buf_addf(diary, "%lld ", (long long)op->msg->position.id);
    } else if (op->kind == PGC_OP_HOLE) {
        pgc_buf_addf(diary, "-%lld ", (long long)op->msg->position.id);
    } else {
        pgc_buf_adds(diary, "x ");
    }
}

static void
came_down(struct pgc_batch *batch, void *arg)
{
    struct river *river = arg;
    struct pgc_buf *diary = &river->diary;

    if (pgc_codec_begins(batch)) {
        pgc_buf_addf(diary, "%s@%lld ", batch->ops[0].kind == PGC_OP_BEGIN ? "begin" : "reload",
            (long long)batch->tick);
        return;
    }
    pgc_buf_addf(diary, "%lld(", (long long)batch->tick);
    for (size_t i = 0; i < batch->count; i++) {
        note_op(diary, &batch->ops[i]);
    }
    if (diary->data[diary->length - 1] == ' ') {
        diary->length--;
    }
    pgc_buf_adds(diary, batch->ends_tick ? ") " : " ");
}

static void
broke(const struct pgc_err *why, void *arg)
{
    struct river *river = arg;

    assert_true(why->message[0] != '\0');
    river->breaks++;
}

static const struct chain_ops ops = {.down = came_down, .broke = broke};

int
river_setup(void **state)
{
    struct river *river = calloc(1, sizeof(*river));

    if (river == NULL) {
        return -1;
    }
    pgc_chain_init(&river->chain, &ops, river);
    *state = river;
    return 0;
}

int
river_teardown(void **state)
{
    struct river *river = *state;

    pgc_chain_fini(&river->chain);
    pgc_buf_fini(&river->diary);
    free(river);
    return 0;
}

void
river_expect(struct river *river, const char *expected)
{
    assert_string_equal(pgc_buf_str(&river->diary), expected);
    pgc_buf_clear(&river->diary);
}

/* ---- a leader ---- */

static struct pgc_batch *
batch_of(const struct piece *piece)
{
    struct pgc_batch *batch = pgc_batch_new(piece->tick);

    batch->nonce = piece->nonce != 0 ? piece->nonce : (uint32_t)piece->tick;
    batch->at_us = piece->tick * 1000;
    batch->ends_tick = piece->ends;
    if (piece->begins) {
        pgc_batch_add(batch, piece->begin, NULL, NULL, NULL);
    }
    if (piece->bans) {
        pgc_batch_add_ban(batch, PGC_OP_BAN_MEMBER, "5", &(struct pgc_ban){.until_s = 1});
    }
    for (size_t i = 0; i < 4 && piece->messages[i] != 0; i++) {
        bool is_hole = piece->messages[i] < 0;
        struct pgc_position place = {.tick = piece->tick, .id = abs(piece->messages[i])};
        struct pgc_msg *msg = pgc_msg_new(&place, 0, "{}", 2);

        pgc_batch_add(batch, is_hole ? PGC_OP_HOLE : PGC_OP_PUBLISH, "a", NULL, msg);
        pgc_msg_unref(msg);
    }
    return batch;
}

static struct codec_packet
packet_of(const struct piece *piece, const struct pgc_batch *batch)
{
    return (struct codec_packet){
        .term = piece->term,
        .tick = piece->tick,
        .nonce = batch->nonce,
        .at_us = batch->at_us,
        .piece = piece->piece,
        .fragments = 1,
        .ends = piece->ends,
        .late = piece->late,
        .begins = piece->begins,
    };
}

/* `from` and `to` are fragments, a byte each; 0 and -1 = all of the piece in one. */
bool
river_send_fragments(struct river *river, const struct piece *piece, int from, int to)
{
    struct pgc_batch *batch = batch_of(piece);
    struct codec_packet packet = packet_of(piece, batch);
    struct pgc_buf bytes = {0};
    bool done = false;

    pgc_codec_write_batch(&bytes, batch);
    packet.bytes = (const unsigned char *)bytes.data;
    packet.length = bytes.length;
    if (to < 0) {
        done = pgc_chain_take(&river->chain, &packet);
    }
    packet.fragments = (uint32_t)(to < 0 ? 1 : (int)bytes.length);
    for (int i = from; i < to && i < (int)bytes.length; i++) {
        packet.fragment = (uint32_t)i;
        packet.bytes = (const unsigned char *)bytes.data + i;
        packet.length = 1;
        done = pgc_chain_take(&river->chain, &packet);
    }
    pgc_batch_unref(batch);
    pgc_buf_fini(&bytes);
    return done;
}

bool
river_send(struct river *river, struct piece piece)
{
    return river_send_fragments(river, &piece, 0, -1);
}
