/* SPDX-License-Identifier: PostgreSQL */
/*
 * Most subscribers of a room send the same identifier, byte for byte.  They share one object, and
 * with it the frames of messages: 10,000 deliveries build one.  Where a frame names its stream, an
 * identifier without parameters (each member's own stream) is one object for each stream.
 *
 * Frames are kept while what they are of is being handed out: after each batch, and after a turn
 * with replays, in which many may ask for the same messages, they are dropped.
 */
#include <assert.h>
#include <stdlib.h>

#include "pgcable/buf.h"
#include "pgcable/mem.h"

#include "cable_internal.h"

struct pgc_ident {
    struct pgc_idents *idents;
    unsigned refs;
    struct ident_frame *last; /* the warm frame that will most likely be asked for again */
    const char *stream;       /* NULL: not known yet, or of no interest */
    struct pgc_buf quoted;    /* the text as a JSON string; empty until there is a message */
    size_t length;            /* of the text */
    size_t key_length;
    char key[]; /* in the table: the text, and behind a '\0' (it has none) the stream */
};

/* The frames of some messages, one behind the other. */
struct ident_frame {
    struct pgc_frame *frame; /* a reference */
    SLIST_ENTRY(ident_frame) entry;
    size_t key_bytes;
    struct ident_key {
        struct pgc_ident *ident;           /* a reference */
        struct pgc_msg *msgs[PGC_RUN_MAX]; /* references; behind the last it ends */
    } key;
};

/* A key ends behind its last message. */
enum {
    IDENT_KEY_BYTES = offsetof(struct ident_key, msgs),
    IDENT_MSG_BYTES = sizeof(void *),
};

struct pgc_idents {
    const struct pgc_dialect *dialect;
    bool is_live;
    struct pgc_table *table;  /* key -> ident */
    struct pgc_table *frames; /* key -> ident_frame */
    SLIST_HEAD(, ident_frame) warm;
};

struct pgc_idents *
pgc_idents_new(const struct pgc_dialect *dialect)
{
    struct pgc_idents *idents = pgc_xcalloc(1, sizeof(*idents));

    idents->dialect = dialect;
    idents->table = pgc_table_new();
    idents->frames = pgc_table_new();
    SLIST_INIT(&idents->warm);
    return idents;
}

void
pgc_idents_free(struct pgc_idents *idents)
{
    if (idents == NULL) {
        return;
    }
    pgc_idents_cool(idents);
    assert(pgc_table_count(idents->table) == 0);
    pgc_table_free(idents->frames, NULL);
    pgc_table_free(idents->table, NULL);
    free(idents);
}

const struct pgc_dialect *
pgc_idents_dialect(const struct pgc_idents *idents)
{
    return idents->dialect;
}

static struct pgc_ident *
ident_new(struct pgc_idents *idents, const char *key, size_t key_length, size_t length)
{
    struct pgc_ident *ident = pgc_xcalloc(1, sizeof(*ident) + key_length + 1);

    ident->idents = idents;
    ident->length = length;
    ident->key_length = key_length;
    memcpy(ident->key, key, key_length);
    ident->stream = key_length > length ? ident->key + length + 1 : NULL;
    pgc_table_put(idents->table, key, key_length, ident);
    return ident;
}

static struct pgc_ident *
ident_get(struct pgc_idents *idents, const char *key, size_t key_length, size_t length)
{
    struct pgc_ident *ident = pgc_table_get(idents->table, key, key_length);

    if (ident == NULL) {
        ident = ident_new(idents, key, key_length, length);
    }
    ident->refs++;
    return ident;
}

struct pgc_ident *
pgc_idents_get(struct pgc_idents *idents, const char *text, size_t length)
{
    return ident_get(idents, text, length, length);
}

struct pgc_ident *
pgc_ident_take_to_stream(struct pgc_ident *ident, const char *stream)
{
    struct pgc_ident *other;
    struct pgc_buf key = {0};

    if (!ident->idents->dialect->is_extended) {
        return ident;
    }
    pgc_buf_add(&key, ident->key, ident->length);
    pgc_buf_addc(&key, '\0');
    pgc_buf_adds(&key, stream);
    other = ident_get(ident->idents, key.data, key.length, ident->length);
    pgc_buf_fini(&key);
    pgc_ident_unref(ident);
    return other;
}

void
pgc_ident_unref(struct pgc_ident *ident)
{
    if (ident == NULL || --ident->refs > 0) {
        return;
    }
    pgc_table_remove(ident->idents->table, ident->key, ident->key_length);
    pgc_buf_fini(&ident->quoted);
    free(ident);
}

bool
pgc_ident_is(const struct pgc_ident *ident, const char *text, size_t length)
{
    return ident->length == length && memcmp(ident->key, text, length) == 0;
}

const char *
pgc_ident_text(const struct pgc_ident *ident, size_t *length)
{
    *length = ident->length;
    return ident->key;
}

const char *
pgc_ident_stream(const struct pgc_ident *ident)
{
    return ident->stream;
}

struct pgc_frame *
pgc_ident_answer(const struct pgc_ident *ident, enum pgc_verb verb)
{
    return pgc_frame_answer(ident->idents->dialect->wire, verb, ident->key, ident->length);
}

void
pgc_idents_set_live(struct pgc_idents *idents, bool is_live)
{
    idents->is_live = is_live;
}

static struct pgc_frame *
ident_build(struct pgc_ident *ident, const struct pgc_run *run)
{
    struct pgc_frame *frames[PGC_RUN_MAX];
    struct pgc_frame *joined;

    if (ident->quoted.length == 0) {
        pgc_buf_add_json(&ident->quoted, ident->key, ident->length);
    }
    for (size_t i = 0; i < run->count; i++) {
        frames[i] = ident->idents->dialect->message(
            ident->quoted.data, ident->quoted.length, ident->stream, run->msgs[i]);
    }
    frames[0]->committed_us = ident->idents->is_live ? run->msgs[0]->committed_us : 0;
    if (run->count == 1) {
        return frames[0];
    }
    joined = pgc_frame_join(frames, run->count);
    joined->committed_us = frames[0]->committed_us;
    for (size_t i = 0; i < run->count; i++) {
        pgc_frame_unref(frames[i]);
    }
    return joined;
}

static struct ident_frame *
ident_warm_up(const struct ident_key *key, size_t key_bytes, const struct pgc_run *run)
{
    struct pgc_ident *ident = key->ident;
    struct pgc_idents *idents = ident->idents;
    struct ident_frame *warm =
        pgc_xmalloc(offsetof(struct ident_frame, key) + sizeof(struct ident_key));

    warm->frame = ident_build(ident, run);
    warm->key_bytes = key_bytes;
    memcpy(&warm->key, key, key_bytes);
    ident->refs++;
    for (size_t i = 0; i < run->count; i++) {
        pgc_msg_ref(run->msgs[i]);
    }
    SLIST_INSERT_HEAD(&idents->warm, warm, entry);
    pgc_table_put(idents->frames, (const char *)key, key_bytes, warm);
    return warm;
}

static bool
ident_is_of(const struct ident_frame *warm, const struct pgc_run *run)
{
    size_t bytes = run->count * IDENT_MSG_BYTES;

    return warm->key_bytes == IDENT_KEY_BYTES + bytes &&
           memcmp(warm->key.msgs, run->msgs, bytes) == 0;
}

static struct ident_frame *
ident_find(struct pgc_ident *ident, const struct pgc_run *run)
{
    size_t bytes = run->count * IDENT_MSG_BYTES;
    struct ident_frame *known;
    struct ident_key key;

    key.ident = ident;
    memcpy(key.msgs, run->msgs, bytes);
    bytes += IDENT_KEY_BYTES;
    known = pgc_table_get(ident->idents->frames, (const char *)&key, bytes);
    return known != NULL ? known : ident_warm_up(&key, bytes, run);
}

struct pgc_frame *
pgc_ident_messages(struct pgc_ident *ident, const struct pgc_run *run)
{
    if (ident->last == NULL || !ident_is_of(ident->last, run)) {
        ident->last = ident_find(ident, run);
    }
    return ident->last->frame;
}

static void
ident_forget(struct ident_frame *warm)
{
    size_t count = (warm->key_bytes - IDENT_KEY_BYTES) / IDENT_MSG_BYTES;

    for (size_t i = 0; i < count; i++) {
        pgc_msg_unref(warm->key.msgs[i]);
    }
    warm->key.ident->last = NULL;
    pgc_ident_unref(warm->key.ident);
    pgc_frame_unref(warm->frame);
    free(warm);
}

void
pgc_idents_cool(struct pgc_idents *idents)
{
    while (!SLIST_EMPTY(&idents->warm)) {
        struct ident_frame *warm = SLIST_FIRST(&idents->warm);

        SLIST_REMOVE_HEAD(&idents->warm, entry);
        pgc_table_remove(idents->frames, (const char *)&warm->key, warm->key_bytes);
        ident_forget(warm);
    }
}
