/* SPDX-License-Identifier: PostgreSQL */
/*
 * bell_world.h - a world around the real bell.c: writers, the locks, snapshots and notifications of
 * PostgreSQL, the control word, one daemon, and other daemons, as far as they matter to ringing.
 *
 * A world is a few bytes, so that a search can keep many of them.  From each there are steps:
 * whatever one party may do next, however slow everybody else is.  Time is a party, too: a lease
 * may end, and its renewal fall due, whenever the clock allows.  The other daemons may set the word
 * whenever they like, so what holds here holds for any number of them in any state.
 */
#ifndef BELL_WORLD_H
#define BELL_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bell.h"

enum { WORLD_WRITERS = 2, WORLD_STEPS = 24 /* at most */ };

/* What may be left out, to see whether that is noticed. */
enum world_fault {
    FAULT_NONE,
    FAULT_NO_LOOK,            /* nobody is found to hold the outbox */
    FAULT_LOOK_BEFORE_LOUD,   /* the holders are those from before the word was set */
    FAULT_PREPARED_NOT_SEEN,  /* prepared transactions are not among them */
    FAULT_NO_LAST_POLL,       /* to sleep as soon as they are gone */
    FAULT_POLL_FORGETS,       /* a notification that comes while a poll is under way is lost */
    FAULT_WORD_BEFORE_INSERT, /* the writer reads the word before it has the lock */
    FAULT_END_NOT_TOLD,       /* whoever finds that the lease had ended tells nobody */
    FAULT_QUIET_NOT_TOLD,     /* nor does he who makes the word quiet */
    FAULT_QUIET_UNHEARD,      /* ... or he is not heard while the word is being set */
    WORLD_FAULTS,
};

struct world_rules {
    enum pgc_notify_mode mode;
    enum world_fault fault;
};

struct world_writer {
    uint8_t at;
    uint8_t rings;
    uint8_t done; /* transactions that have ended */
};

struct world_daemon {
    uint8_t at;
    uint8_t state; /* from here on the bell */
    uint8_t made_in_a_row;
    uint8_t notified;
    uint8_t hushed;
    uint8_t looked;
    uint8_t waiters;
    uint8_t renewal_is_due;
    uint8_t loud;      /* from here on the question under way */
    uint8_t took_long; /* the lease that it is told of has ended */
    uint8_t made;
    uint8_t holders;
    uint8_t unread;       /* a row was committed that it has not read */
    uint8_t notification; /* is under way to it */
    uint8_t quiet;        /* so is such a one */
};

struct world {
    struct world_writer writers[WORLD_WRITERS];
    struct world_daemon daemon;
    uint8_t word;
};

struct world_step {
    struct world world;
    const char *who;
    const char *what;
};

struct world world_begin(void);

/* All that may happen next; returns how many. */
size_t world_steps(
    const struct world_rules *rules, const struct world *world, struct world_step *steps);

/* The daemon sleeps until it is rung or its lease wants to be renewed. */
bool world_sleeps(const struct world *world);

/* It does, a row waits, and nobody will ring: this must never be. */
bool world_is_lost(const struct world *world);

#endif
