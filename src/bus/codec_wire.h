/* SPDX-License-Identifier: PostgreSQL */
/*
 * codec_wire.h - numbers and texts, as the codec writes them one behind the other.
 *
 *   number   7 bits a byte, the lowest first, the top bit says that more follow
 *   signed   the same, of 2n, or of -2n-1 if it is negative
 *   text     its length as a number, its bytes; a string has no '\0' in it
 *   flags    one byte
 *
 * A reader that met something wrong remembers what, reads zeroes from then on, and says so at the
 * end: callers look once, and in loops.
 */
#ifndef PGCABLE_BUS_CODEC_WIRE_H
#define PGCABLE_BUS_CODEC_WIRE_H

#include "pgcable/buf.h"
#include "pgcable/err.h"

/* What a message is; the second byte, behind CODEC_VERSION. */
enum wire_kind {
    WIRE_PACKET = 'P',
    WIRE_BATCH = 'B',
    WIRE_ASKS = 'Q',
    WIRE_ANSWERS = 'A',
    WIRE_VIEWERS = 'V',
    WIRE_STATE_ASK = 'q',
    WIRE_STATE = 'S',
    WIRE_LEAD = 'L',
};

void pgc_wire_begin(struct pgc_buf *out, enum wire_kind kind);
void pgc_wire_add(struct pgc_buf *out, uint64_t number);
void pgc_wire_add_signed(struct pgc_buf *out, int64_t number);
void pgc_wire_add_text(struct pgc_buf *out, const char *text, size_t length);
void pgc_wire_add_string(struct pgc_buf *out, const char *string);
void pgc_wire_add_optional(struct pgc_buf *out, const char *string); /* or NULL */

struct wire_reader {
    const unsigned char *at;
    size_t left;
    const char *wrong; /* NULL while all is well */
};

/* Reads the two first bytes. */
struct wire_reader pgc_wire_read(const void *bytes, size_t length, enum wire_kind kind);
/* That is not so: nothing more is read. */
void pgc_wire_refuse(struct wire_reader *reader, const char *wrong);
unsigned pgc_wire_take_byte(struct wire_reader *reader);
uint64_t pgc_wire_take(struct wire_reader *reader, uint64_t most); /* refuses more */
int64_t pgc_wire_take_signed(struct wire_reader *reader);
unsigned pgc_wire_take_flags(struct wire_reader *reader, unsigned known); /* refuses others */
/* Borrowed. */
const char *pgc_wire_take_text(struct wire_reader *reader, size_t *length);
/* A copy, to be freed; NULL if something was wrong, or if there is none. */
char *pgc_wire_take_string(struct wire_reader *reader);
char *pgc_wire_take_optional(struct wire_reader *reader);
/* All has been read and is right; else err says what `it` has. */
bool pgc_wire_ends(
    const struct wire_reader *reader, const char *it, struct pgc_err *err) PGC_MUSTCHECK;

#endif
