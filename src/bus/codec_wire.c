/* SPDX-License-Identifier: PostgreSQL */
#include "codec_wire.h"

#include <string.h>

#include "pgcable/mem.h"

enum { CODEC_VERSION = 1, WIRE_BITS = 7, WIRE_MORE = 1 << WIRE_BITS };

/* ---- writing ---- */

void
pgc_wire_begin(struct pgc_buf *out, enum wire_kind kind)
{
    pgc_buf_addc(out, CODEC_VERSION);
    pgc_buf_addc(out, (char)kind);
}

void
pgc_wire_add(struct pgc_buf *out, uint64_t number)
{
    while (number >= WIRE_MORE) {
        pgc_buf_addc(out, (char)(unsigned char)(number % WIRE_MORE + WIRE_MORE));
        number >>= WIRE_BITS;
    }
    pgc_buf_addc(out, (char)number);
}

void
pgc_wire_add_signed(struct pgc_buf *out, int64_t number)
{
    pgc_wire_add(out, number < 0 ? ~((uint64_t)number << 1) : (uint64_t)number << 1);
}

void
pgc_wire_add_text(struct pgc_buf *out, const char *text, size_t length)
{
    pgc_wire_add(out, length);
    pgc_buf_add(out, text, length);
}

void
pgc_wire_add_string(struct pgc_buf *out, const char *string)
{
    pgc_wire_add_text(out, string, strlen(string));
}

/* Its length and one, so that none differs from an empty one. */
void
pgc_wire_add_optional(struct pgc_buf *out, const char *string)
{
    pgc_wire_add(out, string != NULL ? strlen(string) + 1 : 0);
    if (string != NULL) {
        pgc_buf_adds(out, string);
    }
}

/* ---- reading ---- */

void
pgc_wire_refuse(struct wire_reader *reader, const char *wrong)
{
    if (reader->wrong == NULL) {
        reader->wrong = wrong;
        reader->left = 0;
    }
}

unsigned
pgc_wire_take_byte(struct wire_reader *reader)
{
    if (reader->left == 0) {
        pgc_wire_refuse(reader, "it ends too early");
        return 0;
    }
    reader->left--;
    return *reader->at++;
}

struct wire_reader
pgc_wire_read(const void *bytes, size_t length, enum wire_kind kind)
{
    struct wire_reader reader = {.at = bytes, .left = length};

    if (pgc_wire_take_byte(&reader) != CODEC_VERSION) {
        pgc_wire_refuse(&reader, "it is of another version");
    }
    if (pgc_wire_take_byte(&reader) != (unsigned)kind) {
        pgc_wire_refuse(&reader, "it is of another kind");
    }
    return reader;
}

uint64_t
pgc_wire_take(struct wire_reader *reader, uint64_t most)
{
    uint64_t number = 0;
    unsigned shift = 0;
    unsigned byte;

    do {
        byte = pgc_wire_take_byte(reader);
        if (shift > 63 || (shift == 63 && byte > 1)) {
            pgc_wire_refuse(reader, "a number is too large");
            return 0;
        }
        number |= (uint64_t)(byte % WIRE_MORE) << shift;
        shift += WIRE_BITS;
    } while (byte >= WIRE_MORE);
    if (number > most) {
        pgc_wire_refuse(reader, "a number is too large");
    }
    return reader->wrong == NULL ? number : 0;
}

int64_t
pgc_wire_take_signed(struct wire_reader *reader)
{
    uint64_t number = pgc_wire_take(reader, UINT64_MAX);
    int64_t half = (int64_t)(number >> 1);

    return number % 2 == 0 ? half : -half - 1;
}

unsigned
pgc_wire_take_flags(struct wire_reader *reader, unsigned known)
{
    unsigned flags = pgc_wire_take_byte(reader);

    if ((flags & ~known) != 0) {
        pgc_wire_refuse(reader, "a flag is unknown");
        return 0;
    }
    return flags;
}

static const char *
wire_take_bytes(struct wire_reader *reader, uint64_t length)
{
    const char *bytes = (const char *)reader->at;

    if (length > reader->left) {
        pgc_wire_refuse(reader, "a text is longer than what is there");
        return NULL;
    }
    reader->at += length;
    reader->left -= (size_t)length;
    return reader->wrong == NULL ? bytes : NULL;
}

const char *
pgc_wire_take_text(struct wire_reader *reader, size_t *length)
{
    uint64_t bytes = pgc_wire_take(reader, SIZE_MAX);
    const char *text = wire_take_bytes(reader, bytes);

    *length = text != NULL ? (size_t)bytes : 0;
    return text;
}

static char *
wire_take_copy(struct wire_reader *reader, uint64_t length)
{
    const char *bytes = wire_take_bytes(reader, length);

    if (bytes != NULL && memchr(bytes, '\0', (size_t)length) != NULL) {
        pgc_wire_refuse(reader, "a string has a zero in it");
        bytes = NULL;
    }
    return bytes != NULL ? pgc_xstrndup(bytes, (size_t)length) : NULL;
}

char *
pgc_wire_take_string(struct wire_reader *reader)
{
    return wire_take_copy(reader, pgc_wire_take(reader, SIZE_MAX));
}

char *
pgc_wire_take_optional(struct wire_reader *reader)
{
    uint64_t length = pgc_wire_take(reader, SIZE_MAX);

    return length > 0 ? wire_take_copy(reader, length - 1) : NULL;
}

bool
pgc_wire_ends(const struct wire_reader *reader, const char *it, struct pgc_err *err)
{
    const char *wrong = reader->wrong;

    if (wrong == NULL && reader->left > 0) {
        wrong = "it goes on behind its end";
    }
    if (wrong == NULL) {
        return true;
    }
    pgc_err_set(err, PGC_ERR_DATA, "read %s from the bus: %s", it, wrong);
    return pgc_err_hint(err, "let all daemons be of one version, and nobody else publish there");
}
