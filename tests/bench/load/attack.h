/* SPDX-License-Identifier: PostgreSQL */
/*
 * attack.h - clients that mean harm, of many kinds at once.
 *
 * An attacker connects, perhaps does a handshake as a member of the house, and then sends what its
 * kind sends until it is thrown out; after a moment it is back.
 */
#ifndef PGCABLE_BENCH_ATTACK_H
#define PGCABLE_BENCH_ATTACK_H

#include "wire.h"

enum attack_manner {
    ATTACK_STRANGER, /* sends at once, no handshake */
    ATTACK_MEMBER,   /* has a good token, and does the handshake first */
    ATTACK_DEAF,     /* the same, and then reads nothing */
};

struct attack {
    const char *name;
    enum attack_manner manner;
    int64_t pace_ms; /* from one portion to the next; 0 = as soon as the last one is out */
    /* Appends the portion of that number, from 0 on.  None = it waits. */
    void (*fill)(struct pgc_buf *out, unsigned number, unsigned portion);
    unsigned portions; /* then it hangs up by itself; 0 = never */
};

extern const struct attack attacks[];
extern const unsigned attack_count;

#endif
