/* SPDX-License-Identifier: PostgreSQL */
/* utf8.c - well-formed byte sequences after table 3-7 of the Unicode standard. */
#include "pgcable/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool
utf8_between(char byte, unsigned char first, unsigned char last)
{
    unsigned char value = (unsigned char)byte;

    return value >= first && value <= last;
}

static bool
utf8_is_tail(char byte)
{
    return utf8_between(byte, 0x80, 0xbf);
}

/* Only the second byte's range depends on the first byte. */
static bool
utf8_is_second(unsigned char lead, char byte)
{
    switch (lead) {
    case 0xe0:
        return utf8_between(byte, 0xa0, 0xbf);
    case 0xed:
        return utf8_between(byte, 0x80, 0x9f);
    case 0xf0:
        return utf8_between(byte, 0x90, 0xbf);
    case 0xf4:
        return utf8_between(byte, 0x80, 0x8f);
    default:
        return utf8_is_tail(byte);
    }
}

size_t
pgc_utf8_sequence(const char *text, size_t length)
{
    unsigned char lead = (unsigned char)text[0];
    size_t size;

    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length < size || !utf8_is_second(lead, text[1])) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (!utf8_is_tail(text[i])) {
            return 0;
        }
    }
    return size;
}

/* Eight bytes at a time, for as long as none of them has its highest bit set. */
static size_t
utf8_ascii_span(const char *text, size_t length)
{
    const uint64_t highest = 0x8080808080808080;
    uint64_t word = 0;
    size_t span = 0;

    while (length - span >= sizeof(word)) {
        memcpy(&word, text + span, sizeof(word));
        if ((word & highest) != 0) {
            break;
        }
        span += sizeof(word);
    }
    return span;
}

size_t
pgc_utf8_span(const char *text, size_t length)
{
    size_t span = utf8_ascii_span(text, length); /* most of what comes is nothing else */
    size_t size = 1;

    while (span < length && size > 0) {
        size = pgc_utf8_sequence(text + span, length - span);
        span += size;
    }
    return span;
}
