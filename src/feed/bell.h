/* SPDX-License-Identifier: PostgreSQL */
/*
 * bell.h - when to poll, when to sleep, and whether writers must ring.
 *
 * NOTIFY takes a lock for the whole cluster at commit, so writers ring only while we sleep: the
 * control word in the database says until when (a lease; a dead daemon's runs out).  While rows
 * keep coming we poll and the writers are quiet.  Going to sleep, in this order, loses nothing:
 *
 *   1. set the word loud; 2. look who holds a lock on the outbox: they may have read the word
 *   before; 3. poll until they are gone; 4. poll once more; 5. sleep.  Who writes later, reads it
 *   after taking that lock and rings.
 *
 * Whoever makes the word quiet, or finds that a lease ran out, notifies "quiet": daemons that rely
 * on the writers, itself among them, begin again.  tests/unit/test_bell_model.c tries every order
 * of all this.
 *
 * A pure state machine: it says what to do next and is told how that went; it knows no database.
 */
#ifndef PGCABLE_BELL_H
#define PGCABLE_BELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/feed.h"

#define PGC_BELL_LEASE_S 10

enum pgc_bell_state {
    BELL_BUSY,     /* writers are quiet (or nobody knows): we poll */
    BELL_RUNG,     /* loud, but whoever wrote before that has not been looked at */
    BELL_DRAINING, /* `waiters` may still commit without ringing */
    BELL_LAST,     /* they are gone; what they wrote has not been read yet */
    BELL_ASLEEP,   /* every commit from here on rings */
};

enum pgc_bell_step {
    BELL_WAIT,  /* ask again after `delay_ms`, or when a notification came */
    BELL_POLL,  /* look for new rows */
    BELL_LOUD,  /* set the control word for PGC_BELL_LEASE_S, then pgc_bell_rung() */
    BELL_QUIET, /* set the control word to 0, then pgc_bell_rung() */
    BELL_LOOK,  /* tell who holds a lock on the outbox, then pgc_bell_looked() */
};

struct pgc_bell_move {
    enum pgc_bell_step step;
    int64_t delay_ms; /* WAIT: more than 0 */
};

struct pgc_bell {
    enum pgc_notify_mode mode;
    int64_t poll_ms;
    bool never_loud; /* a NOTIFY would hurt, or is not wanted */
    enum pgc_bell_state state;
    int64_t rung_ms;        /* when the word was last set loud */
    int64_t row_ms;         /* when rows were last found */
    int64_t polled_ms;      /* when the last poll was answered, or what it found was read */
    int64_t rest_ms;        /* from then on to the next, while rows keep coming */
    unsigned made_in_a_row; /* polls that found rows, without an empty one between */
    bool notified;          /* since the last poll was sent */
    bool hushed;            /* the word was made quiet since we were told to set it */
    bool looked;            /* DRAINING: since the last poll */
    char **waiters;         /* virtual transactions */
    size_t waiter_count;
    char **holders; /* those of the look under way */
    size_t holder_count;
};

void pgc_bell_init(struct pgc_bell *bell, enum pgc_notify_mode mode, int64_t poll_ms);
void pgc_bell_fini(struct pgc_bell *bell);

/* A new connection: nothing is known of the word.  `has_prepared`: PREPARE TRANSACTION is in use,
 * which refuses transactions that notify. */
void pgc_bell_reset(struct pgc_bell *bell, bool has_prepared, int64_t now_ms);

/* What to do now.  Nothing is under way. */
struct pgc_bell_move pgc_bell_next(struct pgc_bell *bell, int64_t now_ms);

/* A notification came, at any time.  `is_quiet`: that of somebody who made the word quiet. */
void pgc_bell_notified(struct pgc_bell *bell, bool is_quiet, int64_t now_ms);

/* A poll is about to be sent, told to or not. */
void pgc_bell_polling(struct pgc_bell *bell);
void pgc_bell_polled(struct pgc_bell *bell, bool made, int64_t now_ms);

/* What the last poll found is read and handed down, which took so long from when it was sent; the
 * newest tick had so many rows. */
void pgc_bell_served(struct pgc_bell *bell, int64_t took_ms, size_t rows, int64_t now_ms);

/* The word was set.  `sent_ms` is from before that, so that our idea of the lease ends first. */
void pgc_bell_rung(struct pgc_bell *bell, bool loud, int64_t sent_ms);

void pgc_bell_holder(struct pgc_bell *bell, const char *virtualtransaction);
void pgc_bell_looked(struct pgc_bell *bell);

#endif
