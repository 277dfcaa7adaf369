/* SPDX-License-Identifier: PostgreSQL */
#include "bell.h"

#include <stdlib.h>

#include "pgcable/mem.h"

#define BELL_HOT_MS    3    /* between polls that find rows, at least: coalesces */
#define BELL_TIRED_MS  20   /* and at most */
#define BELL_MANY_ROWS 64   /* in a tick: reading them takes longer than all around it, */
#define BELL_MANY_REST 2    /* so it rests twice as long as it read */
#define BELL_WARM_PART 4    /* between empty polls, of the time since there were rows: so much, */
#define BELL_WARM_MS   10   /* and at most */
#define BELL_DEAF_MS   20   /* between empty polls where writers never ring */
#define BELL_COOL_MS   200  /* this long without rows: go to sleep */
#define BELL_RENEW_MS  4000 /* well before the lease ends */
#define BELL_HOT_POLLS 3    /* so many full polls in a row: writers need not ring */

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
    bell->polled_ms = now_ms;
    bell->made_in_a_row = 0;
    bell->rest_ms = BELL_HOT_MS;
    bell->notified = false;
    bell->hushed = false;
}

/* Quiet writers do not ring, so from here on we poll: for a while at least, somebody sees rows. */
void
pgc_bell_notified(struct pgc_bell *bell, bool is_quiet, int64_t now_ms)
{
    bell->notified = true;
    if (is_quiet) {
        bell->hushed = true;
        bell->state = BELL_BUSY;
        bell->row_ms = now_ms;
    }
}

void
pgc_bell_polling(struct pgc_bell *bell)
{
    bell->notified = false;
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
    bell->polled_ms = now_ms;
    bell->looked = false;
    if (bell->state == BELL_LAST) {
        bell->state = BELL_ASLEEP;
    }
}

/* It rests as long as it read, and twice as long where rows are many.  Where processors are scarce
 * that lasts longer, and after a longer rest more rows are read at once, each for less: the writers
 * have more left (measured: 4 % at 18,000 rows a second on two cores). */
void
pgc_bell_served(struct pgc_bell *bell, int64_t took_ms, size_t rows, int64_t now_ms)
{
    int64_t rest_ms = rows >= BELL_MANY_ROWS ? took_ms * BELL_MANY_REST : took_ms;

    bell->polled_ms = now_ms;
    rest_ms = rest_ms < BELL_HOT_MS ? BELL_HOT_MS : rest_ms;
    bell->rest_ms = rest_ms > BELL_TIRED_MS ? BELL_TIRED_MS : rest_ms;
}

void
pgc_bell_rung(struct pgc_bell *bell, bool loud, int64_t sent_ms)
{
    /* Made quiet while the answer was under way: we cannot know which of the two came first. */
    if (!loud || bell->hushed) {
        bell->state = BELL_BUSY;
        return;
    }
    if (bell->state == BELL_BUSY) {
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

    if (bell->state == BELL_BUSY) { /* made quiet meanwhile */
        bell_forget(&bell->holders, &bell->holder_count);
        return;
    }
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

/* Reading what the last poll found may have taken longer than that: that is not idleness. */
static bool
bell_is_cool(const struct pgc_bell *bell, int64_t now_ms)
{
    return bell->made_in_a_row == 0 && now_ms - bell->row_ms >= BELL_COOL_MS;
}

/* The longer no row came, the longer until the next one, most likely. */
static int64_t
bell_warm_ms(const struct pgc_bell *bell)
{
    int64_t pace_ms = (bell->polled_ms - bell->row_ms) / BELL_WARM_PART;

    pace_ms = pace_ms < BELL_HOT_MS ? BELL_HOT_MS : pace_ms;
    return pace_ms > BELL_WARM_MS ? BELL_WARM_MS : pace_ms;
}

/* From one poll to the next. */
static int64_t
bell_pace_ms(const struct pgc_bell *bell, int64_t now_ms)
{
    if (bell->state == BELL_LAST) {
        return 0;
    }
    if (bell->made_in_a_row > 0) {
        return bell->rest_ms;
    }
    if (bell->notified && bell->state != BELL_BUSY) {
        return 0;
    }
    if (bell->state == BELL_ASLEEP) {
        return bell->poll_ms;
    }
    return bell_is_cool(bell, now_ms) ? BELL_DEAF_MS : bell_warm_ms(bell);
}

/* When the word is to be set loud, for the first time or again. */
static int64_t
bell_loud_ms(const struct pgc_bell *bell, int64_t now_ms)
{
    bool may_sleep = bell->mode == PGC_NOTIFY_ALWAYS || bell_is_cool(bell, now_ms);

    if (bell->state != BELL_BUSY) {
        return bell->rung_ms + BELL_RENEW_MS;
    }
    return may_sleep && !bell->never_loud ? now_ms : INT64_MAX;
}

/* A poll that is due goes before the word: where every answer takes seconds, both get their turn.
 */
struct pgc_bell_move
pgc_bell_next(struct pgc_bell *bell, int64_t now_ms)
{
    int64_t poll_ms = bell->polled_ms + bell_pace_ms(bell, now_ms);
    int64_t loud_ms = bell_loud_ms(bell, now_ms);
    struct pgc_bell_move move = {.step = BELL_WAIT};

    if (bell->state != BELL_BUSY && bell->made_in_a_row >= BELL_HOT_POLLS &&
        bell->mode != PGC_NOTIFY_ALWAYS) {
        move.step = BELL_QUIET;
    } else if (bell->state == BELL_RUNG || (bell->state == BELL_DRAINING && !bell->looked)) {
        move.step = BELL_LOOK;
    } else if (now_ms >= poll_ms) {
        move.step = BELL_POLL;
    } else if (now_ms >= loud_ms) {
        move.step = BELL_LOUD;
        bell->hushed = false;
    } else {
        move.delay_ms = (poll_ms < loud_ms ? poll_ms : loud_ms) - now_ms;
    }
    return move;
}
