/* SPDX-License-Identifier: PostgreSQL */
#include "bell.h"

#include <stdlib.h>

#include "pgcable/mem.h"

#define BELL_HOT_MS    3   /* between polls that find rows: coalesces */
#define BELL_WARM_MS   10  /* between empty polls, rows were here a moment ago */
#define BELL_DEAF_MS   20  /* between empty polls where writers never ring */
#define BELL_COOL_MS   200 /* this long without rows: go to sleep */
#define BELL_RENEW_MS  4000
#define BELL_HOT_POLLS 3 /* so many full polls in a row: writers need not ring */

static void
bell_forget(char ***list, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        free((*list)[i]);
    }
    free(*list);
    *list = NULL;
    *count = 0;
}

void
pgc_bell_init(struct pgc_bell *bell, enum pgc_notify_mode mode, int64_t poll_ms)
{
    *bell = (struct pgc_bell){.mode = mode, .poll_ms = poll_ms, .state = BELL_BUSY};
}

void
pgc_bell_fini(struct pgc_bell *bell)
{
    bell_forget(&bell->waiters, &bell->waiter_count);
    bell_forget(&bell->holders, &bell->holder_count);
}

void
pgc_bell_reset(struct pgc_bell *bell, bool has_prepared, int64_t now_ms)
{
    pgc_bell_fini(bell);
    bell->never_loud =
        bell->mode == PGC_NOTIFY_OFF || (bell->mode == PGC_NOTIFY_AUTO && has_prepared);
    bell->state = BELL_BUSY;
    bell->row_ms = now_ms;
    bell->made_in_a_row = 0;
}

void
pgc_bell_polled(struct pgc_bell *bell, bool made, int64_t now_ms)
{
    if (made) {
        bell->row_ms = now_ms;
        bell->made_in_a_row++;
    } else {
        bell->made_in_a_row = 0;
    }
    bell->looked = false;
    if (bell->state == BELL_LAST) {
        bell->state = BELL_ASLEEP;
    }
}

static bool
bell_lease_is_over(const struct pgc_bell *bell, int64_t now_ms)
{
    return now_ms - bell->rung_ms >= PGC_BELL_LEASE_S * 1000 / 2;
}

void
pgc_bell_rung(struct pgc_bell *bell, bool loud, int64_t sent_ms)
{
    if (!loud) {
        bell->state = BELL_BUSY;
        return;
    }
    /* A lease that ended before this left a gap in which nobody rang: from the start again. */
    if (bell->state == BELL_BUSY || bell_lease_is_over(bell, sent_ms)) {
        bell->state = BELL_RUNG;
    }
    bell->rung_ms = sent_ms;
}

void
pgc_bell_holder(struct pgc_bell *bell, const char *virtualtransaction)
{
    bell->holders = pgc_xrealloc(bell->holders, (bell->holder_count + 1) * sizeof(*bell->holders));
    bell->holders[bell->holder_count++] = pgc_xstrdup(virtualtransaction);
}

/* A prepared transaction may change its name to "-1/…", so each of those counts as one of ours. */
static bool
bell_is_waiter(const struct pgc_bell *bell, const char *holder)
{
    if (strncmp(holder, "-1/", 3) == 0) {
        return true;
    }
    for (size_t i = 0; i < bell->waiter_count; i++) {
        if (strcmp(bell->waiters[i], holder) == 0) {
            return true;
        }
    }
    return false;
}

/* The first look takes all holders; later ones keep those that are still there. */
void
pgc_bell_looked(struct pgc_bell *bell)
{
    char **kept = bell->holders;
    size_t count = 0;

    for (size_t i = 0; i < bell->holder_count; i++) {
        if (bell->state == BELL_RUNG || bell_is_waiter(bell, bell->holders[i])) {
            kept[count++] = bell->holders[i];
        } else {
            free(bell->holders[i]);
        }
    }
    bell->holders = NULL;
    bell->holder_count = 0;
    bell_forget(&bell->waiters, &bell->waiter_count);
    bell->waiters = kept;
    bell->waiter_count = count;
    bell->looked = true;
    bell->state = count > 0 ? BELL_DRAINING : BELL_LAST;
}

static struct pgc_bell_move
bell_poll(int64_t delay_ms)
{
    return (struct pgc_bell_move){.step = BELL_POLL, .delay_ms = delay_ms};
}

static struct pgc_bell_move
bell_next_busy(const struct pgc_bell *bell, int64_t now_ms)
{
    /* Reading what the last poll found may have taken longer than that: that is not idleness. */
    bool is_cool = bell->made_in_a_row == 0 && now_ms - bell->row_ms >= BELL_COOL_MS;

    if (!bell->never_loud && (is_cool || bell->mode == PGC_NOTIFY_ALWAYS)) {
        return (struct pgc_bell_move){.step = BELL_LOUD};
    }
    if (is_cool) {
        return bell_poll(BELL_DEAF_MS);
    }
    return bell_poll(bell->made_in_a_row > 0 ? BELL_HOT_MS : BELL_WARM_MS);
}

struct pgc_bell_move
pgc_bell_next(struct pgc_bell *bell, int64_t now_ms)
{
    if (bell->state != BELL_BUSY) {
        if (bell->made_in_a_row >= BELL_HOT_POLLS && bell->mode != PGC_NOTIFY_ALWAYS) {
            return (struct pgc_bell_move){.step = BELL_QUIET};
        }
        if (now_ms - bell->rung_ms >= BELL_RENEW_MS) {
            return (struct pgc_bell_move){.step = BELL_LOUD};
        }
    }
    switch (bell->state) {
    case BELL_BUSY:
        return bell_next_busy(bell, now_ms);
    case BELL_RUNG:
        return (struct pgc_bell_move){.step = BELL_LOOK};
    case BELL_DRAINING:
        return bell->looked ? bell_poll(BELL_WARM_MS) : (struct pgc_bell_move){.step = BELL_LOOK};
    case BELL_LAST:
        return bell_poll(0);
    case BELL_ASLEEP:
        break;
    }
    if (bell->made_in_a_row > 0) {
        return bell_poll(BELL_HOT_MS);
    }
    return (struct pgc_bell_move){.step = BELL_POLL, .delay_ms = bell->poll_ms, .until_rung = true};
}
