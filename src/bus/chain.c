/* SPDX-License-Identifier: PostgreSQL */
#include "chain.h"

#include "pgcable/place.h"

void
pgc_chain_init(struct chain *chain, const struct chain_ops *ops, void *arg)
{
    *chain = (struct chain){.ops = ops, .arg = arg};
}

void
pgc_chain_fini(struct chain *chain)
{
    pgc_buf_fini(&chain->bytes);
}

void
pgc_chain_break(struct chain *chain)
{
    chain->is_placed = false;
    chain->is_half = false;
    chain->last = (struct codec_packet){0};
    pgc_buf_clear(&chain->bytes);
}

/* ---- what follows what ---- */

/* The piece under way goes on. */
static bool
chain_continues(const struct chain *chain, const struct codec_packet *packet)
{
    const struct codec_packet *last = &chain->last;

    return packet->term == last->term && packet->tick == last->tick &&
           packet->nonce == last->nonce && packet->piece == last->piece &&
           packet->fragments == last->fragments && packet->fragment == last->fragment + 1 &&
           packet->late == last->late && packet->ends == last->ends;
}

/* A piece is complete, or its leader has ended; numbers begin anew with each tick and leader. */
static bool
chain_has_next_number(const struct chain *chain, const struct codec_packet *packet)
{
    const struct codec_packet *last = &chain->last;

    if (packet->fragment != 0) {
        return false;
    }
    if (packet->term != last->term) {
        return packet->piece == 0;
    }
    return last->fragment + 1 >= last->fragments &&
           packet->piece == (packet->tick == last->tick ? last->piece + 1 : 0);
}

/* Of the tick that is next, or under way; or rights, behind the newest whole one. */
static bool
chain_has_next_tick(const struct chain *chain, const struct codec_packet *packet)
{
    if (packet->late) {
        return packet->tick == chain->tick && (packet->nonce == chain->nonce || chain->nonce == 0);
    }
    return packet->tick == chain->tick + 1 &&
           (!chain->is_half || packet->nonce == chain->half_nonce);
}

static bool
chain_follows(const struct chain *chain, const struct codec_packet *packet)
{
    return chain_continues(chain, packet) ||
           (chain_has_next_number(chain, packet) && chain_has_next_tick(chain, packet));
}

/* ---- where it begins ---- */

static void
chain_place(struct chain *chain, const struct codec_packet *packet, int64_t tick, bool is_reload)
{
    struct pgc_batch *batch = pgc_batch_new(tick);

    chain->tick = tick;
    chain->nonce = tick == packet->tick ? packet->nonce : 0;
    chain->is_half = false;
    chain->is_placed = true;
    batch->nonce = chain->nonce;
    batch->at_us = packet->at_us;
    batch->ends_tick = true;
    pgc_batch_add(
        batch, is_reload || chain->was_placed ? PGC_OP_RELOAD : PGC_OP_BEGIN, NULL, NULL, NULL);
    chain->was_placed = true;
    chain->ops->down(batch, chain->arg);
    pgc_batch_unref(batch);
}

/*
 * The packet is the first one, or the first one behind a gap.  Behind the end of a tick all is
 * sure; before the start of one as well, but the nonce of the tick before is not known then.
 * Returns whether the packet is to be taken as the next one.
 */
static bool
chain_find_place(struct chain *chain, const struct codec_packet *packet)
{
    bool is_first = packet->piece == 0 && packet->fragment == 0;

    if (packet->late && packet->fragment == 0) {
        chain_place(chain, packet, packet->tick, false);
        return true;
    }
    if (!packet->late && is_first) {
        chain_place(chain, packet, packet->tick - 1, false);
        return true;
    }
    if (codec_packet_is_whole(packet)) {
        chain_place(chain, packet, packet->tick, false);
        chain->last = *packet;
    }
    return false;
}

/* The leader says so itself, whatever it was that came before. */
static bool
chain_begin(struct chain *chain, const struct codec_packet *packet)
{
    struct pgc_batch *batch = pgc_codec_read_batch(packet->bytes, packet->length, NULL);
    bool ok = batch != NULL && pgc_codec_begins(batch) && packet->fragments == 1;

    if (ok) {
        pgc_buf_clear(&chain->bytes);
        chain->last = *packet;
        chain_place(chain, packet, packet->tick, batch->ops[0].kind == PGC_OP_RELOAD);
    }
    pgc_batch_unref(batch);
    return ok;
}

/* ---- pieces ---- */

static bool
chain_is_message(const struct pgc_op *op)
{
    return op->kind == PGC_OP_PUBLISH || op->kind == PGC_OP_HOLE;
}

/* Without messages up to `seen`.  What else is there does no harm when it comes twice. */
static struct pgc_batch *
chain_leave_out(const struct chain *chain, const struct pgc_batch *batch)
{
    struct pgc_batch *rest = pgc_batch_new(batch->tick);

    rest->nonce = batch->nonce;
    rest->at_us = batch->at_us;
    rest->canary_us = batch->canary_us;
    rest->ends_tick = batch->ends_tick;
    for (size_t i = 0; i < batch->count; i++) {
        const struct pgc_op *op = &batch->ops[i];

        if (op->kind == PGC_OP_BAN_TOKEN || op->kind == PGC_OP_BAN_MEMBER) {
            pgc_batch_add_ban(rest, op->kind, op->via, &op->ban);
        } else if (!chain_is_message(op) ||
                   pgc_place_compare(&op->msg->position, &chain->seen) > 0) {
            pgc_batch_add(rest, op->kind, op->topic, op->via, op->msg);
        }
    }
    return rest;
}

static void
chain_note_seen(struct chain *chain, const struct pgc_batch *batch)
{
    size_t i = batch->count;

    while (i > 0 && !chain_is_message(&batch->ops[i - 1])) {
        i--;
    }
    if (i > 0 && pgc_place_compare(&batch->ops[i - 1].msg->position, &chain->seen) > 0) {
        chain->seen = batch->ops[i - 1].msg->position;
    }
}

/* A piece of the tick that is under way from here on. */
static void
chain_enter_tick(struct chain *chain, const struct codec_packet *packet)
{
    if (!chain->is_half) {
        chain->is_half = true;
        chain->is_again = false;
        chain->half_nonce = packet->nonce;
        chain->half_at_us = packet->at_us;
        chain->seen = (struct pgc_position){.tick = packet->tick};
    } else if (packet->piece == 0) {
        chain->is_again = true;
    }
}

static void
chain_down(struct chain *chain, const struct codec_packet *packet, struct pgc_batch *batch)
{
    if (!packet->late) {
        chain_enter_tick(chain, packet);
    } else if (chain->is_half) {
        /* A new leader, which goes back before the tick of which workers have seen some. */
        batch->tick = chain->tick + 1;
        batch->nonce = chain->half_nonce;
        batch->at_us = chain->half_at_us;
    } else {
        chain->nonce = packet->nonce;
    }
    if (!packet->late && chain->is_again) {
        struct pgc_batch *rest = chain_leave_out(chain, batch);

        chain->ops->down(rest, chain->arg);
        pgc_batch_unref(rest);
    } else {
        chain->ops->down(batch, chain->arg);
    }
    chain_note_seen(chain, batch);
    if (packet->ends) {
        chain->tick = packet->tick;
        chain->nonce = packet->nonce;
        chain->is_half = false;
    }
}

static bool
chain_finish_piece(struct chain *chain, const struct codec_packet *packet, struct pgc_err *err)
{
    struct pgc_batch *batch = pgc_codec_read_batch(chain->bytes.data, chain->bytes.length, err);
    bool ok = batch != NULL;

    if (ok && (batch->tick != packet->tick || batch->nonce != packet->nonce ||
                  batch->ends_tick != packet->ends)) {
        ok = pgc_err_set(err, PGC_ERR_DATA,
            "piece %u of tick %lld holds another tick than its packets say", packet->piece,
            (long long)packet->tick);
    }
    if (ok) {
        chain_down(chain, packet, batch);
    }
    pgc_batch_unref(batch);
    return ok;
}

/* It follows. */
static bool
chain_add(struct chain *chain, const struct codec_packet *packet, struct pgc_err *err)
{
    if (packet->fragment == 0) {
        pgc_buf_clear(&chain->bytes);
    }
    pgc_buf_add(&chain->bytes, packet->bytes, packet->length);
    chain->last = *packet;
    return packet->fragment + 1 < packet->fragments || chain_finish_piece(chain, packet, err);
}

static void
chain_broke(struct chain *chain, const struct pgc_err *why)
{
    pgc_chain_break(chain);
    chain->ops->broke(why, chain->arg);
}

static bool
chain_is_next(struct chain *chain, const struct codec_packet *packet)
{
    struct pgc_err err = {0};

    if (chain->is_placed && chain_follows(chain, packet)) {
        return true;
    }
    if (chain->is_placed) {
        pgc_err_set(&err, PGC_ERR_BUS,
            "tick %lld, piece %u, fragment %u does not follow tick %lld, piece %u, fragment %u",
            (long long)packet->tick, packet->piece, packet->fragment, (long long)chain->last.tick,
            chain->last.piece, chain->last.fragment);
        chain_broke(chain, &err);
    }
    return chain_find_place(chain, packet);
}

bool
pgc_chain_take(struct chain *chain, const struct codec_packet *packet)
{
    struct pgc_err err = {0};

    if (packet->begins && chain_begin(chain, packet)) {
        return true;
    }
    if (!chain_is_next(chain, packet)) {
        return false;
    }
    if (!chain_add(chain, packet, &err)) {
        chain_broke(chain, &err);
        return false;
    }
    return packet->fragment + 1 == packet->fragments;
}
