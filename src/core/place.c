/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/place.h"

#include <inttypes.h>

/*
 * An offset is row * 2^23 + part, rows counted from 1 in each tick.  A row's own events are few,
 * but the last row of a transaction also tells how many new notifications each member has whom the
 * transaction touched.
 */
#define PLACE_PART_BITS 23
#define PLACE_PART_LAST (((int64_t)1 << PLACE_PART_BITS) - 1)
#define PLACE_ROW_LAST  (((int64_t)1 << (53 - PLACE_PART_BITS)) - 1)

enum { NONCE_DIGITS = 8 };

#define PLACE_SEEN '-'

bool
pgc_place_is_exact(const struct pgc_position *place)
{
    return place->id >= 1 && place->id <= PLACE_ROW_LAST && place->part <= PLACE_PART_LAST;
}

static int64_t
place_clamp(int64_t number, int64_t first, int64_t last)
{
    return number < first ? first : number > last ? last : number;
}

void
pgc_place_write(const struct pgc_position *place, char epoch[PGC_EPOCH_BYTES], int64_t *offset)
{
    int64_t row = place_clamp(place->id, 1, PLACE_ROW_LAST);
    int64_t part = place_clamp(place->part, 0, PLACE_PART_LAST);

    snprintf(epoch, PGC_EPOCH_BYTES, "%" PRId64 ".%08" PRIx32, place->tick, place->nonce);
    *offset = row << PLACE_PART_BITS | part;
}

/* As many decimal digits as there are, without a needless zero.  Returns how many, 0 for none. */
static size_t
place_read_tick(const char *text, size_t length, int64_t *tick)
{
    int64_t value = 0;
    size_t i;

    for (i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        int digit = text[i] - '0';

        if (value > (INT64_MAX - digit) / 10 || (i == 1 && text[0] == '0')) {
            return 0;
        }
        value = value * 10 + digit;
    }
    *tick = value;
    return i;
}

static bool
place_read_nonce(const char *text, uint32_t *nonce)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t value = 0;

    for (size_t i = 0; i < NONCE_DIGITS; i++) {
        const char *digit = memchr(digits, text[i], sizeof(digits) - 1);

        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (uint32_t)(digit - digits);
    }
    *nonce = value;
    return true;
}

/* <tick>.<nonce> */
static bool
place_read_name(const char *text, size_t length, int64_t *tick, uint32_t *nonce)
{
    size_t digits = place_read_tick(text, length, tick);

    return digits > 0 && length == digits + 1 + NONCE_DIGITS && text[digits] == '.' &&
           place_read_nonce(text + digits + 1, nonce);
}

bool
pgc_place_read(const char *epoch, size_t length, int64_t offset, struct pgc_position *place)
{
    int64_t row = offset >> PLACE_PART_BITS;
    int64_t tick;
    uint32_t nonce;

    if (!place_read_name(epoch, length, &tick, &nonce)) {
        return false;
    }
    if (row < 1 || row > PLACE_ROW_LAST) {
        return false;
    }
    *place = (struct pgc_position){
        .tick = tick,
        .id = row,
        .part = (uint32_t)(offset & PLACE_PART_LAST),
        .nonce = nonce,
    };
    return true;
}

void
pgc_place_add_seen(const struct pgc_seen *seen, char epoch[PGC_EPOCH_BYTES])
{
    size_t length = strlen(epoch);

    if (seen->tick > 0) {
        snprintf(epoch + length, PGC_EPOCH_BYTES - length, "%c%" PRId64 ".%08" PRIx32, PLACE_SEEN,
            seen->tick, seen->nonce);
    }
}

bool
pgc_place_take_seen(const char *epoch, size_t *length, struct pgc_seen *seen)
{
    const char *mark = memchr(epoch, PLACE_SEEN, *length);
    size_t rest = mark != NULL ? (size_t)(mark - epoch) : *length;

    *seen = (struct pgc_seen){0};
    if (mark != NULL &&
        (!place_read_name(mark + 1, *length - rest - 1, &seen->tick, &seen->nonce) ||
            seen->tick == 0)) {
        return false;
    }
    *length = rest;
    return true;
}

int
pgc_place_compare(const struct pgc_position *a, const struct pgc_position *b)
{
    if (a->tick != b->tick) {
        return a->tick < b->tick ? -1 : 1;
    }
    if (a->id != b->id) {
        return a->id < b->id ? -1 : 1;
    }
    return a->part == b->part ? 0 : a->part < b->part ? -1 : 1;
}
