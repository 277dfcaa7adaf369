/* SPDX-License-Identifier: PostgreSQL */
/*
 *   batch    tick nonce at_us canary_us flags count, operations
 *   operation  letter, then what its kind has of: topic via message ban
 *   message  flags; nothing more if it is that of the operation before, for another topic;
 *            else tick nonce id part xid row committed_us about embeds text
 */
#include <assert.h>
#include <stdlib.h>

#include "codec.h"
#include "codec_wire.h"

enum { PACKET_ENDS = 1, PACKET_LATE = 2, PACKET_BEGINS = 4, PACKET_STATE = 8, PACKET_FLAGS = 15 };
enum { BATCH_ENDS = 1 };
enum { MSG_AGAIN = 1, MSG_UPDATE = 2, MSG_FLAGS = 3 };
enum { OP_TOPIC = 1, OP_VIA = 2, OP_MSG = 4, OP_BAN = 8 };

/* The letters are for good, whatever becomes of the enum. */
static const struct codec_op {
    char letter;
    unsigned has;
} codec_ops[] = {
    [PGC_OP_PUBLISH] = {'P', OP_TOPIC | OP_MSG},
    [PGC_OP_JOIN] = {'J', OP_TOPIC | OP_VIA},
    [PGC_OP_LEAVE] = {'L', OP_TOPIC | OP_VIA},
    [PGC_OP_REVOKE] = {'R', OP_TOPIC | OP_VIA},
    [PGC_OP_EXPEL] = {'X', OP_VIA},
    [PGC_OP_RELOAD] = {'!', 0},
    [PGC_OP_BAN_TOKEN] = {'t', OP_VIA | OP_BAN},
    [PGC_OP_BAN_MEMBER] = {'m', OP_VIA | OP_BAN},
    [PGC_OP_RECHECK] = {'C', OP_VIA},
    [PGC_OP_REVIEW] = {'V', OP_VIA},
    [PGC_OP_BEGIN] = {'B', 0},
    [PGC_OP_ADMIT] = {'A', OP_TOPIC | OP_VIA},
    [PGC_OP_HOLE] = {'H', OP_TOPIC | OP_MSG},
    [PGC_OP_FORGET] = {'F', OP_VIA},
    [PGC_OP_AMEND] = {'M', OP_VIA | OP_MSG},
};
enum { CODEC_OPS = sizeof(codec_ops) / sizeof(codec_ops[0]) };

/* ---- packets ---- */

void
pgc_codec_write_packet(struct pgc_buf *out, const struct codec_packet *packet)
{
    unsigned flags = (packet->ends ? PACKET_ENDS : 0U) | (packet->late ? PACKET_LATE : 0U) |
                     (packet->begins ? PACKET_BEGINS : 0U) |
                     (packet->has_state ? PACKET_STATE : 0U);

    assert(packet->fragment < packet->fragments && packet->fragments <= CODEC_FRAGMENTS_MAX);
    assert(!packet->ends || !packet->late);
    pgc_wire_begin(out, WIRE_PACKET);
    pgc_wire_add_signed(out, packet->term);
    pgc_wire_add_signed(out, packet->tick);
    pgc_wire_add(out, packet->nonce);
    pgc_wire_add_signed(out, packet->at_us);
    pgc_wire_add(out, packet->piece);
    pgc_wire_add(out, packet->fragment);
    pgc_wire_add(out, packet->fragments);
    pgc_buf_addc(out, (char)flags);
    pgc_wire_add_text(out, (const char *)packet->bytes, packet->length);
}

bool
pgc_codec_read_packet(
    const void *bytes, size_t length, struct codec_packet *packet, struct pgc_err *err)
{
    struct wire_reader in = pgc_wire_read(bytes, length, WIRE_PACKET);
    unsigned flags;

    *packet = (struct codec_packet){
        .term = pgc_wire_take_signed(&in),
    };
    packet->tick = pgc_wire_take_signed(&in);
    packet->nonce = (uint32_t)pgc_wire_take(&in, UINT32_MAX);
    packet->at_us = pgc_wire_take_signed(&in);
    packet->piece = (uint32_t)pgc_wire_take(&in, UINT32_MAX);
    packet->fragment = (uint32_t)pgc_wire_take(&in, UINT32_MAX);
    packet->fragments = (uint32_t)pgc_wire_take(&in, CODEC_FRAGMENTS_MAX);
    flags = pgc_wire_take_flags(&in, PACKET_FLAGS);
    packet->ends = (flags & PACKET_ENDS) != 0;
    packet->late = (flags & PACKET_LATE) != 0;
    packet->begins = (flags & PACKET_BEGINS) != 0;
    packet->has_state = (flags & PACKET_STATE) != 0;
    packet->bytes = (const unsigned char *)pgc_wire_take_text(&in, &packet->length);
    if (packet->fragment >= packet->fragments) {
        pgc_wire_refuse(&in, "there are fewer fragments");
    }
    if (packet->ends && packet->late) {
        pgc_wire_refuse(&in, "a tick ends twice");
    }
    return pgc_wire_ends(&in, "a packet", err);
}

/* ---- writing a batch ---- */

bool
pgc_codec_begins(const struct pgc_batch *batch)
{
    return batch->ends_tick && batch->count == 1 &&
           (batch->ops[0].kind == PGC_OP_BEGIN || batch->ops[0].kind == PGC_OP_RELOAD);
}

static void
codec_write_msg(struct pgc_buf *out, const struct pgc_msg *msg, bool is_again)
{
    unsigned flags = is_again ? MSG_AGAIN : msg->is_update ? MSG_UPDATE : 0U;

    pgc_buf_addc(out, (char)flags);
    if (is_again) {
        return;
    }
    pgc_wire_add_signed(out, msg->position.tick);
    pgc_wire_add(out, msg->position.nonce);
    pgc_wire_add_signed(out, msg->position.id);
    pgc_wire_add(out, msg->position.part);
    pgc_wire_add(out, msg->trace.xid);
    pgc_wire_add_signed(out, msg->trace.id);
    pgc_wire_add_signed(out, msg->committed_us);
    pgc_wire_add_optional(out, msg->about);
    pgc_wire_add_optional(out, msg->embeds);
    pgc_wire_add_text(out, msg->text, msg->length);
}

static void
codec_write_op(struct pgc_buf *out, const struct pgc_op *op, const struct pgc_msg *before)
{
    const struct codec_op *shape = &codec_ops[op->kind];

    pgc_buf_addc(out, shape->letter);
    if ((shape->has & OP_TOPIC) != 0) {
        pgc_wire_add_string(out, op->topic);
    }
    if ((shape->has & OP_VIA) != 0) {
        pgc_wire_add_string(out, op->via);
    }
    if ((shape->has & OP_MSG) != 0) {
        codec_write_msg(out, op->msg, op->msg == before);
    }
    if ((shape->has & OP_BAN) != 0) {
        pgc_wire_add_signed(out, op->ban.before_s);
        pgc_wire_add_signed(out, op->ban.until_s);
    }
}

void
pgc_codec_write_batch(struct pgc_buf *out, const struct pgc_batch *batch)
{
    const struct pgc_msg *before = NULL;

    pgc_wire_begin(out, WIRE_BATCH);
    pgc_wire_add_signed(out, batch->tick);
    pgc_wire_add(out, batch->nonce);
    pgc_wire_add_signed(out, batch->at_us);
    pgc_wire_add_signed(out, batch->canary_us);
    pgc_buf_addc(out, batch->ends_tick ? BATCH_ENDS : 0);
    pgc_wire_add(out, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        codec_write_op(out, &batch->ops[i], before);
        before = batch->ops[i].msg;
    }
}

/* ---- reading a batch ---- */

static struct pgc_msg *
codec_read_new_msg(struct wire_reader *in, bool is_update)
{
    struct pgc_position position = {.tick = pgc_wire_take_signed(in)};
    struct pgc_trace trace;
    struct pgc_msg *msg = NULL;
    int64_t committed_us;
    const char *text;
    size_t length;
    char *about;
    char *embeds;

    position.nonce = (uint32_t)pgc_wire_take(in, UINT32_MAX);
    position.id = pgc_wire_take_signed(in);
    position.part = (uint32_t)pgc_wire_take(in, UINT32_MAX);
    trace.xid = pgc_wire_take(in, UINT64_MAX);
    trace.id = pgc_wire_take_signed(in);
    committed_us = pgc_wire_take_signed(in);
    about = pgc_wire_take_optional(in);
    embeds = pgc_wire_take_optional(in);
    text = pgc_wire_take_text(in, &length);
    if (text != NULL) {
        msg = pgc_msg_new(&position, committed_us, text, length);
        msg->trace = trace;
        pgc_msg_set_about(msg, about, embeds, is_update);
    }
    free(about);
    free(embeds);
    return msg;
}

/* A reference of the caller's own, or NULL. */
static struct pgc_msg *
codec_read_msg(struct wire_reader *in, struct pgc_msg *before)
{
    unsigned flags = pgc_wire_take_flags(in, MSG_FLAGS);

    if ((flags & MSG_AGAIN) == 0) {
        return codec_read_new_msg(in, (flags & MSG_UPDATE) != 0);
    }
    if (before == NULL || flags != MSG_AGAIN) {
        pgc_wire_refuse(in, "there is no message before");
        return NULL;
    }
    return pgc_msg_ref(before);
}

static bool
codec_read_kind(struct wire_reader *in, enum pgc_op_kind *kind)
{
    unsigned letter = pgc_wire_take_byte(in);

    for (size_t i = 0; i < CODEC_OPS; i++) {
        if ((unsigned char)codec_ops[i].letter == letter) {
            *kind = (enum pgc_op_kind)i;
            return true;
        }
    }
    pgc_wire_refuse(in, "an operation is unknown");
    return false;
}

static void
codec_read_op(struct wire_reader *in, struct pgc_batch *batch)
{
    struct pgc_msg *before = batch->count > 0 ? batch->ops[batch->count - 1].msg : NULL;
    enum pgc_op_kind kind = PGC_OP_BEGIN;
    unsigned has = codec_read_kind(in, &kind) ? codec_ops[kind].has : 0;
    char *topic = (has & OP_TOPIC) != 0 ? pgc_wire_take_string(in) : NULL;
    char *via = (has & OP_VIA) != 0 ? pgc_wire_take_string(in) : NULL;
    struct pgc_msg *msg = (has & OP_MSG) != 0 ? codec_read_msg(in, before) : NULL;
    struct pgc_ban ban = {0};

    if ((has & OP_BAN) != 0) {
        ban.before_s = pgc_wire_take_signed(in);
        ban.until_s = pgc_wire_take_signed(in);
    }
    if (in->wrong == NULL && (has & OP_BAN) != 0) {
        pgc_batch_add_ban(batch, kind, via, &ban);
    } else if (in->wrong == NULL) {
        pgc_batch_add(batch, kind, topic, via, msg);
    }
    pgc_msg_unref(msg);
    free(topic);
    free(via);
}

struct pgc_batch *
pgc_codec_read_batch(const void *bytes, size_t length, struct pgc_err *err)
{
    struct wire_reader in = pgc_wire_read(bytes, length, WIRE_BATCH);
    struct pgc_batch *batch = pgc_batch_new(pgc_wire_take_signed(&in));
    uint64_t count;

    batch->nonce = (uint32_t)pgc_wire_take(&in, UINT32_MAX);
    batch->at_us = pgc_wire_take_signed(&in);
    batch->canary_us = pgc_wire_take_signed(&in);
    batch->ends_tick = pgc_wire_take_flags(&in, BATCH_ENDS) != 0;
    count = pgc_wire_take(&in, length);
    for (uint64_t i = 0; i < count && in.wrong == NULL; i++) {
        codec_read_op(&in, batch);
    }
    if (!pgc_wire_ends(&in, "a batch", err)) {
        pgc_batch_unref(batch);
        return NULL;
    }
    return batch;
}
