/* SPDX-License-Identifier: PostgreSQL */
#include "auth_internal.h"

static const char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Six bits, or -1. */
static int
base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '-') {
        return 62;
    }
    return c == '_' ? 63 : -1;
}

bool
pgc_base64url_decode(const char *text, size_t length, struct pgc_buf *out)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;

    if (length == 0 || length % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int value = base64url_value(text[i]);

        if (value < 0) {
            return false;
        }
        bits = (bits << 6) | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            pgc_buf_addc(out, (char)((bits >> bit_count) & 0xff));
        }
    }
    /* Bits that are left over must be zero, else several texts would mean the same. */
    return (bits & ((1U << bit_count) - 1)) == 0;
}

void
pgc_base64url_encode(const void *bytes, size_t length, struct pgc_buf *out)
{
    const unsigned char *in = bytes;
    uint32_t bits = 0;
    unsigned bit_count = 0;

    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8) | in[i];
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            pgc_buf_addc(out, base64url_alphabet[(bits >> bit_count) & 63]);
        }
    }
    if (bit_count > 0) {
        pgc_buf_addc(out, base64url_alphabet[(bits << (6 - bit_count)) & 63]);
    }
}
