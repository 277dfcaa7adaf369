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
    size_t length;
    char *text;
    const char *stream;       /* NULL: not known yet, or of no interest */
    struct pgc_buf key;       /* in the table: text, and behind a '\0' (it has none) the stream */
    struct pgc_buf quoted;    /* as a JSON string */
    struct ident_frame *last; /* the warm frame that will most likely be asked for again */
};

/* What a warm frame is of. */
struct ident_pair {
    struct pgc_ident *ident; /* a reference */
    struct pgc_msg *msg;     /* a reference */
};

struct ident_frame {
    struct ident_pair pair;
    struct pgc_frame *frame; /* a reference */
    SLIST_ENTRY(ident_frame) entry;
};

struct pgc_idents {
    const struct pgc_dialect *dialect;
    struct pgc_table *table;  /* key -> ident */
    struct pgc_table *frames; /* pair -> ident_frame */
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

/* Takes `key` over. */
static struct pgc_ident *
ident_new(struct pgc_idents *idents, struct pgc_buf *key, size_t length)
{
    struct pgc_ident *ident = pgc_xcalloc(1, sizeof(*ident));

    ident->idents = idents;
    ident->key = *key;
    ident->text = key->data;
    ident->length = length;
    ident->stream = key->length > length ? key->data + length + 1 : NULL;
    pgc_buf_add_json(&ident->quoted, ident->text, length);
    pgc_table_put(idents->table, key->data, key->length, ident);
    return ident;
}

static struct pgc_ident *
ident_get(struct pgc_idents *idents, const char *text, size_t length, const char *stream)
{
    struct pgc_ident *ident;
    struct pgc_buf key = {0};

    pgc_buf_add(&key, text, length);
    if (stream != NULL) {
        pgc_buf_addc(&key, '\0');
        pgc_buf_adds(&key, stream);
    }
    ident = pgc_table_get(idents->table, key.data, key.length);
    if (ident != NULL) {
        pgc_buf_fini(&key);
    } else {
        ident = ident_new(idents, &key, length);
    }
    ident->refs++;
    return ident;
}

struct pgc_ident *
pgc_idents_get(struct pgc_idents *idents, const char *text, size_t length)
{
    return ident_get(idents, text, length, NULL);
}

struct pgc_ident *
pgc_ident_take_to_stream(struct pgc_ident *ident, const char *stream)
{
    struct pgc_ident *other;

    if (!ident->idents->dialect->is_extended) {
        return ident;
    }
    other = ident_get(ident->idents, ident->text, ident->length, stream);
    pgc_ident_unref(ident);
    return other;
}

void
pgc_ident_unref(struct pgc_ident *ident)
{
    if (ident == NULL || --ident->refs > 0) {
        return;
    }
    pgc_table_remove(ident->idents->table, ident->key.data, ident->key.length);
    pgc_buf_fini(&ident->quoted);
    pgc_buf_fini(&ident->key);
    free(ident);
}

bool
pgc_ident_is(const struct pgc_ident *ident, const char *text, size_t length)
{
    return ident->length == length && memcmp(ident->text, text, length) == 0;
}

const char *
pgc_ident_text(const struct pgc_ident *ident, size_t *length)
{
    *length = ident->length;
    return ident->text;
}

const char *
pgc_ident_stream(const struct pgc_ident *ident)
{
    return ident->stream;
}

struct pgc_frame *
pgc_ident_answer(const struct pgc_ident *ident, enum pgc_verb verb)
{
    return pgc_frame_answer(ident->idents->dialect->wire, verb, ident->text, ident->length);
}

static struct ident_frame *
ident_warm_up(const struct ident_pair *pair)
{
    struct pgc_ident *ident = pair->ident;
    struct pgc_idents *idents = ident->idents;
    struct ident_frame *warm = pgc_xcalloc(1, sizeof(*warm));

    warm->pair = *pair;
    warm->frame = idents->dialect->message(
        ident->quoted.data, ident->quoted.length, ident->stream, pair->msg);
    ident->refs++;
    pgc_msg_ref(pair->msg);
    SLIST_INSERT_HEAD(&idents->warm, warm, entry);
    pgc_table_put(idents->frames, (const char *)pair, sizeof(*pair), warm);
    return warm;
}

struct pgc_frame *
pgc_ident_message(struct pgc_ident *ident, struct pgc_msg *msg)
{
    const struct ident_pair pair = {.ident = ident, .msg = msg};
    struct ident_frame *known = ident->last;

    if (known == NULL || known->pair.msg != msg) {
        known = pgc_table_get(ident->idents->frames, (const char *)&pair, sizeof(pair));
        ident->last = known != NULL ? known : ident_warm_up(&pair);
    }
    return ident->last->frame;
}

void
pgc_idents_cool(struct pgc_idents *idents)
{
    while (!SLIST_EMPTY(&idents->warm)) {
        struct ident_frame *warm = SLIST_FIRST(&idents->warm);

        SLIST_REMOVE_HEAD(&idents->warm, entry);
        pgc_table_remove(idents->frames, (const char *)&warm->pair, sizeof(warm->pair));
        warm->pair.ident->last = NULL;
        pgc_frame_unref(warm->frame);
        pgc_msg_unref(warm->pair.msg);
        pgc_ident_unref(warm->pair.ident);
        free(warm);
    }
}
