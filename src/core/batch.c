/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/batch.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/mem.h"

enum { BATCH_MIN_OPS = 16 };

struct op_strings {
    char *topic;
    char *via;
};

/* What the others see comes first, so that the one pointer is the other. */
struct batch_owned {
    struct pgc_batch batch;
    struct op_strings *strings; /* one for each op, which only borrows them */
    size_t size;                /* ops and strings there is room for */
    atomic_size_t refs;
};

static struct batch_owned *
batch_owned(struct pgc_batch *batch)
{
    return (struct batch_owned *)(void *)batch;
}

struct pgc_batch *
pgc_batch_new(int64_t tick)
{
    struct batch_owned *owned = pgc_xcalloc(1, sizeof(*owned));

    owned->batch.tick = tick;
    atomic_init(&owned->refs, 1);
    return &owned->batch;
}

struct pgc_batch *
pgc_batch_ref(struct pgc_batch *batch)
{
    atomic_fetch_add_explicit(&batch_owned(batch)->refs, 1, memory_order_relaxed);
    return batch;
}

void
pgc_batch_unref(struct pgc_batch *batch)
{
    struct batch_owned *owned;
    size_t before;

    if (batch == NULL) {
        return;
    }
    owned = batch_owned(batch);
    before = atomic_fetch_sub_explicit(&owned->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1) {
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        free(owned->strings[i].topic);
        free(owned->strings[i].via);
        pgc_msg_unref(batch->ops[i].msg);
    }
    free(owned->strings);
    free(batch->ops);
    free(owned);
}

static void
batch_grow(struct batch_owned *owned)
{
    struct pgc_batch *batch = &owned->batch;

    owned->size = owned->size > 0 ? owned->size * 2 : BATCH_MIN_OPS;
    batch->ops = pgc_xrealloc(batch->ops, owned->size * sizeof(*batch->ops));
    owned->strings = pgc_xrealloc(owned->strings, owned->size * sizeof(*owned->strings));
}

static char *
batch_copy(const char *text)
{
    return text != NULL ? pgc_xstrdup(text) : NULL;
}

static bool
batch_takes_msg(enum pgc_op_kind kind)
{
    return kind == PGC_OP_PUBLISH || kind == PGC_OP_HOLE || kind == PGC_OP_AMEND;
}

void
pgc_batch_add(struct pgc_batch *batch, enum pgc_op_kind kind, const char *topic, const char *via,
    struct pgc_msg *msg)
{
    struct batch_owned *owned = batch_owned(batch);
    struct op_strings strings = {.topic = batch_copy(topic), .via = batch_copy(via)};

    assert(atomic_load_explicit(&owned->refs, memory_order_relaxed) == 1);
    assert(batch_takes_msg(kind) == (msg != NULL));
    if (batch->count == owned->size) {
        batch_grow(owned);
    }
    owned->strings[batch->count] = strings;
    batch->ops[batch->count] = (struct pgc_op){
        .kind = kind,
        .topic = strings.topic,
        .via = strings.via,
        .msg = msg != NULL ? pgc_msg_ref(msg) : NULL,
    };
    batch->count++;
}

void
pgc_batch_add_ban(
    struct pgc_batch *batch, enum pgc_op_kind kind, const char *whom, const struct pgc_ban *ban)
{
    assert(kind == PGC_OP_BAN_TOKEN || kind == PGC_OP_BAN_MEMBER);
    pgc_batch_add(batch, kind, NULL, whom, NULL);
    batch->ops[batch->count - 1].ban = *ban;
}
