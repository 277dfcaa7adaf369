/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "pgcable/mem.h"
#include "pgcable/utf8.h"

#include "core_internal.h"

enum { BUF_MIN_SIZE = 64 };

void
pgc_buf_init(struct pgc_buf *buf)
{
    *buf = (struct pgc_buf){0};
}

void
pgc_buf_fini(struct pgc_buf *buf)
{
    free(buf->data);
    pgc_buf_init(buf);
}

void
pgc_buf_clear(struct pgc_buf *buf)
{
    buf->length = 0;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

void
pgc_buf_reserve(struct pgc_buf *buf, size_t more)
{
    size_t size = buf->size > 0 ? buf->size : BUF_MIN_SIZE;
    size_t needed = buf->length + more + 1;

    assert(needed > more);
    if (needed <= buf->size) {
        return;
    }
    while (size < needed) {
        size = size > SIZE_MAX / 2 ? needed : size * 2;
    }
    buf->data = pgc_xrealloc(buf->data, size);
    buf->size = size;
}

/* Hardly ever does a piece that is added need more. */
static inline void
buf_make_room(struct pgc_buf *buf, size_t more)
{
    if (buf->size - buf->length <= more) {
        pgc_buf_reserve(buf, more);
    }
}

void
pgc_buf_add(struct pgc_buf *buf, const void *bytes, size_t length)
{
    buf_make_room(buf, length);
    if (length > 0) {
        memcpy(buf->data + buf->length, bytes, length);
    }
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void
pgc_buf_adds(struct pgc_buf *buf, const char *text)
{
    pgc_buf_add(buf, text, strlen(text));
}

void
pgc_buf_addc(struct pgc_buf *buf, char c)
{
    buf_make_room(buf, 1);
    buf->data[buf->length++] = c;
    buf->data[buf->length] = '\0';
}

void
pgc_buf_addv(struct pgc_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    int length;

    va_copy(again, args);
    length = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    assert(length >= 0);

    pgc_buf_reserve(buf, (size_t)length);
    (void)vsnprintf(buf->data + buf->length, (size_t)length + 1, fmt, args);
    buf->length += (size_t)length;
}

void
pgc_buf_addf(struct pgc_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    pgc_buf_addv(buf, fmt, args);
    va_end(args);
}

/* A byte that JSON does not allow as it is. */
static void
buf_add_escape(struct pgc_buf *buf, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 0xf]};
    char letter = '\0';

    switch (byte) {
    case '"':
    case '\\':
        letter = (char)byte;
        break;
    case '\b':
        letter = 'b';
        break;
    case '\f':
        letter = 'f';
        break;
    case '\n':
        letter = 'n';
        break;
    case '\r':
        letter = 'r';
        break;
    case '\t':
        letter = 't';
        break;
    default:
        pgc_buf_add(buf, escape, sizeof(escape));
        return;
    }
    escape[1] = letter;
    pgc_buf_add(buf, escape, 2);
}

void
pgc_buf_add_json(struct pgc_buf *buf, const char *text, size_t length)
{
    size_t done = 0; /* what lies between here and `i` goes out as it is */
    size_t i = 0;

    pgc_buf_reserve(buf, length + 2);
    pgc_buf_addc(buf, '"');
    while (i < length) {
        unsigned char byte = (unsigned char)text[i];
        size_t size = byte < 0x80 ? 1 : pgc_utf8_sequence(text + i, length - i);

        if (size > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
            i += size;
            continue;
        }
        pgc_buf_add(buf, text + done, i - done);
        if (size == 0) {
            pgc_buf_adds(buf, "\xef\xbf\xbd");
        } else {
            buf_add_escape(buf, byte);
        }
        i++;
        done = i;
    }
    if (length > done) {
        pgc_buf_add(buf, text + done, length - done);
    }
    pgc_buf_addc(buf, '"');
}

const char *
pgc_buf_str(const struct pgc_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *
pgc_buf_take(struct pgc_buf *buf)
{
    char *data = buf->data != NULL ? buf->data : pgc_xstrdup("");

    pgc_buf_init(buf);
    return data;
}
