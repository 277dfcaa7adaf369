/* SPDX-License-Identifier: PostgreSQL */
/*
 * Most subscribers of a room send the same identifier, byte for byte.  They share one object, and
 * it keeps the frame of the message that is being handed out, so that 10,000 deliveries build one
 * frame.  An identifier with such a frame is "warm" and holds a reference to itself; after each
 * batch all are cooled.
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
    struct pgc_buf quoted;   /* as a JSON string */
    struct pgc_msg *msg;     /* the message that `frame` is of; NULL while cold */
    struct pgc_frame *frame; /* NULL while cold */
    SLIST_ENTRY(pgc_ident) warm;
};

struct pgc_idents {
    const struct pgc_dialect *dialect;
    struct pgc_table *table;
    SLIST_HEAD(, pgc_ident) warm;
};

struct pgc_idents *
pgc_idents_new(const struct pgc_dialect *dialect)
{
    struct pgc_idents *idents = pgc_xcalloc(1, sizeof(*idents));

    idents->dialect = dialect;
    idents->table = pgc_table_new();
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
    pgc_table_free(idents->table, NULL);
    free(idents);
}

struct pgc_ident *
pgc_idents_find(const struct pgc_idents *idents, const char *text, size_t length)
{
    return pgc_table_get(idents->table, text, length);
}

struct pgc_ident *
pgc_idents_get(struct pgc_idents *idents, const char *text, size_t length)
{
    struct pgc_ident *ident = pgc_idents_find(idents, text, length);

    if (ident == NULL) {
        ident = pgc_xcalloc(1, sizeof(*ident));
        ident->idents = idents;
        ident->text = pgc_xstrndup(text, length);
        ident->length = length;
        pgc_buf_add_json(&ident->quoted, text, length);
        pgc_table_put(idents->table, text, length, ident);
    }
    ident->refs++;
    return ident;
}

void
pgc_ident_unref(struct pgc_ident *ident)
{
    if (ident == NULL || --ident->refs > 0) {
        return;
    }
    pgc_table_remove(ident->idents->table, ident->text, ident->length);
    pgc_buf_fini(&ident->quoted);
    free(ident->text);
    free(ident);
}

struct pgc_frame *
pgc_ident_confirm(const struct pgc_ident *ident)
{
    return pgc_frame_confirm(ident->text, ident->length);
}

struct pgc_frame *
pgc_ident_reject(const struct pgc_ident *ident)
{
    return pgc_frame_reject(ident->text, ident->length);
}

struct pgc_frame *
pgc_ident_message(struct pgc_ident *ident, struct pgc_msg *msg)
{
    struct pgc_idents *idents = ident->idents;

    if (ident->msg == msg) {
        return ident->frame;
    }
    if (ident->msg == NULL) {
        ident->refs++;
        SLIST_INSERT_HEAD(&idents->warm, ident, warm);
    } else {
        pgc_msg_unref(ident->msg);
        pgc_frame_unref(ident->frame);
    }
    ident->msg = pgc_msg_ref(msg);
    ident->frame = idents->dialect->message(ident->quoted.data, ident->quoted.length, msg);
    return ident->frame;
}

void
pgc_idents_cool(struct pgc_idents *idents)
{
    while (!SLIST_EMPTY(&idents->warm)) {
        struct pgc_ident *ident = SLIST_FIRST(&idents->warm);

        SLIST_REMOVE_HEAD(&idents->warm, warm);
        pgc_msg_unref(ident->msg);
        pgc_frame_unref(ident->frame);
        ident->msg = NULL;
        ident->frame = NULL;
        pgc_ident_unref(ident);
    }
}
