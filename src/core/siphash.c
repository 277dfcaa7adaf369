/* SPDX-License-Identifier: PostgreSQL */
/*
 * siphash.c - SipHash with one round per word and three at the end, after the reference code of
 * Aumasson and Bernstein, which is in the public domain.
 */
#include <stdint.h>

#include "pgcable/table.h"

struct sip {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

static uint64_t
sip_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* Inline, so that the state stays in registers. */
static inline void
sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
    s->v0 = sip_rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
    s->v2 = sip_rotate(s->v2, 32);
}

/* Eight bytes, the first one lowest, whatever the machine's order.  A compiler makes it one load,
 * which it does not do for a loop. */
static inline uint64_t
sip_word(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
           (uint64_t)bytes[3] << 24 | (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 |
           (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

/* Fewer than eight. */
static uint64_t
sip_rest(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

static void
sip_absorb(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

uint64_t
pgc_siphash13(const uint8_t key[16], const void *bytes, size_t length)
{
    const uint8_t *next = bytes;
    uint64_t k0 = sip_word(key);
    uint64_t k1 = sip_word(key + 8);
    struct sip s = {
        .v0 = k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = k1 ^ UINT64_C(0x7465646279746573),
    };
    size_t left = length;

    for (; left >= 8; left -= 8) {
        sip_absorb(&s, sip_word(next));
        next += 8;
    }
    sip_absorb(&s, sip_rest(next, left) | (uint64_t)length << 56);
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
