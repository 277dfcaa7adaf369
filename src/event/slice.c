/* SPDX-License-Identifier: PostgreSQL */
/*
 * slice.c - JSON that PostgreSQL wrote, cut into slices of its text.
 *
 * Nothing is parsed that nobody asks for: a member's value is skipped by counting brackets, so that
 * it can be handed on byte for byte.
 */
#include <ctype.h>

#include "json_internal.h"

static const char *
slice_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

/* From behind the opening quote to behind the closing one; NULL if there is none. */
static const char *
slice_string(const char *p, const char *end)
{
    const char *start = p;

    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *slash = quote;

        if (quote == NULL) {
            return NULL;
        }
        while (slash > start && slash[-1] == '\\') {
            slash--;
        }
        /* An odd number of backslashes before it makes the quote part of the string. */
        if ((quote - slash) % 2 == 0) {
            return quote + 1;
        }
        p = quote + 1;
    }
    return NULL;
}

/* Behind the bracket that closes the one at `p`; NULL if it is never closed. */
static const char *
slice_nested(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        char c = *p++;

        if (c == '"') {
            p = slice_string(p, end);
            if (p == NULL) {
                return NULL;
            }
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (--depth == 0) {
                return p;
            }
        }
    }
    return NULL;
}

/* The value at `p`, and where it ends; NULL if there is none. */
static const char *
slice_value(const char *p, const char *end, struct pgc_slice *value)
{
    const char *start = p;

    if (p == end) {
        return NULL;
    }
    if (*p == '"') {
        p = slice_string(p + 1, end);
    } else if (*p == '{' || *p == '[') {
        p = slice_nested(p, end);
    } else {
        while (p < end && *p != ',' && *p != '}' && *p != ']' && !isspace((unsigned char)*p)) {
            p++;
        }
    }
    if (p == NULL || p == start) {
        return NULL;
    }
    value->data = start;
    value->length = (size_t)(p - start);
    return p;
}

/* To the next member or element of the container that opens with `bracket`; NULL at the end. */
static const char *
slice_step(const char *text, const char *end, const char *cursor, char bracket)
{
    const char *p = slice_space(cursor == NULL ? text : cursor, end);

    if (p == end || *p != (cursor == NULL ? bracket : ',')) {
        return NULL;
    }
    return slice_space(p + 1, end);
}

static void
slice_copy_key(const char *inside, size_t length, char *key, size_t key_size)
{
    struct pgc_buf decoded = {0};

    if (memchr(inside, '\\', length) != NULL) {
        pgc_json_decode(inside, length, &decoded);
        inside = pgc_buf_str(&decoded);
        length = decoded.length;
    }
    if (length >= key_size) {
        length = key_size - 1;
    }
    memcpy(key, inside, length);
    key[length] = '\0';
    pgc_buf_fini(&decoded);
}

bool
pgc_json_next(const char *text, size_t length, const char **cursor, char *key, size_t key_size,
    struct pgc_slice *value)
{
    const char *end = text + length;
    const char *p = slice_step(text, end, *cursor, '{');
    const char *inside;

    if (p == NULL || p == end || *p != '"') {
        return false;
    }
    inside = p + 1;
    p = slice_string(inside, end);
    if (p == NULL) {
        return false;
    }
    slice_copy_key(inside, (size_t)(p - 1 - inside), key, key_size);
    p = slice_space(p, end);
    if (p == end || *p != ':') {
        return false;
    }
    p = slice_value(slice_space(p + 1, end), end, value);
    if (p == NULL) {
        return false;
    }
    *cursor = p;
    return true;
}

static bool
slice_is(struct pgc_slice slice, const char *word)
{
    size_t length = strlen(word);

    return slice.data != NULL && slice.length == length && memcmp(slice.data, word, length) == 0;
}

bool
pgc_slice_is_null(struct pgc_slice slice)
{
    return slice.data == NULL || slice_is(slice, "null");
}

bool
pgc_slice_is_true(struct pgc_slice slice)
{
    return slice_is(slice, "true");
}

bool
pgc_slice_equal(struct pgc_slice a, struct pgc_slice b)
{
    if (pgc_slice_is_null(a) || pgc_slice_is_null(b)) {
        return pgc_slice_is_null(a) && pgc_slice_is_null(b);
    }
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

bool
pgc_slice_text(struct pgc_slice slice, struct pgc_buf *out)
{
    if (slice.data == NULL || slice.length == 0) {
        return false;
    }
    if (slice.data[0] == '"') {
        if (slice.length < 2) {
            return false;
        }
        pgc_json_decode(slice.data + 1, slice.length - 2, out);
        return true;
    }
    if (slice.data[0] != '-' && !isdigit((unsigned char)slice.data[0])) {
        return false;
    }
    pgc_buf_add(out, slice.data, slice.length);
    return true;
}

int32_t
pgc_json_hex(const char *p, const char *end)
{
    int32_t code = 0;
    int i;

    if (end - p < 4) {
        return -1;
    }
    for (i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];

        if (!isxdigit(c)) {
            return -1;
        }
        code = code * 16 + (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

static void
decode_add_utf8(int32_t code, struct pgc_buf *out)
{
    unsigned char c[4];
    size_t length;

    if (code < 0x80) {
        c[0] = (unsigned char)code;
        length = 1;
    } else if (code < 0x800) {
        c[0] = (unsigned char)(0xc0 | (code >> 6));
        c[1] = (unsigned char)(0x80 | (code & 0x3f));
        length = 2;
    } else if (code < 0x10000) {
        c[0] = (unsigned char)(0xe0 | (code >> 12));
        c[1] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
        c[2] = (unsigned char)(0x80 | (code & 0x3f));
        length = 3;
    } else {
        c[0] = (unsigned char)(0xf0 | (code >> 18));
        c[1] = (unsigned char)(0x80 | ((code >> 12) & 0x3f));
        c[2] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
        c[3] = (unsigned char)(0x80 | (code & 0x3f));
        length = 4;
    }
    pgc_buf_add(out, c, length);
}

/* What stands behind "\u" at `p`; returns where it ends. */
static const char *
decode_unicode(const char *p, const char *end, struct pgc_buf *out)
{
    int32_t code = pgc_json_hex(p, end);
    int32_t low;

    if (code < 0) {
        decode_add_utf8(0xfffd, out);
        return p;
    }
    p += 4;
    if (code >= 0xd800 && code <= 0xdbff && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        low = pgc_json_hex(p + 2, end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            decode_add_utf8(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), out);
            return p + 6;
        }
    }
    /* A lone half, and NUL, which would cut the string for every C function. */
    if (code == 0 || (code >= 0xd800 && code <= 0xdfff)) {
        code = 0xfffd;
    }
    decode_add_utf8(code, out);
    return p;
}

void
pgc_json_decode(const char *inside, size_t length, struct pgc_buf *out)
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *p = inside;
    const char *end = inside + length;

    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *found;

        if (slash == NULL || slash + 1 == end) {
            pgc_buf_add(out, p, (size_t)(end - p));
            return;
        }
        pgc_buf_add(out, p, (size_t)(slash - p));
        p = slash + 2;
        if (slash[1] == 'u') {
            p = decode_unicode(p, end, out);
            continue;
        }
        found = slash[1] == '\0' ? NULL : strchr(escapes, slash[1]);
        if (found == NULL) {
            pgc_buf_addc(out, slash[1]);
        } else {
            pgc_buf_addc(out, meanings[found - escapes]);
        }
    }
}

bool
pgc_json_is_integer(const char *text, size_t length)
{
    size_t i = length > 0 && text[0] == '-' ? 1 : 0;

    if (i == length || (text[i] == '0' && length > 1)) {
        return false;
    }
    for (; i < length; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}
