/* SPDX-License-Identifier: PostgreSQL */
#include "bell_world.h"

#include <stdlib.h>
#include <string.h>

#include "pgcable/mem.h"

enum { NOW_MS = 1000000, LONG_MS = 600000, SHORT_MS = 100, HOT = 3 };

enum writer_at {
    WRITER_IDLE,
    WRITER_EARLY,    /* has read the word and no lock: only with FAULT_WORD_BEFORE_INSERT */
    WRITER_WROTE,    /* has the lock on the outbox */
    WRITER_DECIDED,  /* has read the word */
    WRITER_PREPARED, /* PREPARE TRANSACTION */
    WRITER_RENAMED,  /* ... and is called "-1/…" now */
    WRITER_VISIBLE,  /* committed, and still has the lock */
};

enum daemon_at {
    DAEMON_READY,    /* about to ask the bell */
    DAEMON_RESTING,  /* until the next poll */
    DAEMON_SLEEPING, /* until it is rung or must renew the lease */
    DAEMON_POLLING,  /* sent */
    DAEMON_POLLED,   /* done by the server, the answer is under way */
    DAEMON_RINGING,
    DAEMON_RANG,
    DAEMON_LOOKING,
};

enum word { WORD_QUIET, WORD_LOUD, WORD_ENDED };

/* Who holds the outbox: a bit for each transaction of each writer, and one for "-1/…". */
static const char *const names[] = {"1/0", "1/1", "2/0", "-1/9"};
static const uint8_t first_name[WORLD_WRITERS] = {0, 2};
static const uint8_t transactions[WORLD_WRITERS] = {2, 1};
enum { NAMES = sizeof(names) / sizeof(names[0]), PREPARED_NAME = NAMES - 1 };

struct fan {
    const struct world_rules *rules;
    const struct world *from;
    struct world_step *steps;
    size_t count;
};

/* A copy of the world to be changed. */
static struct world *
fan_step(struct fan *fan, const char *who, const char *what)
{
    struct world_step *step = &fan->steps[fan->count++];

    *step = (struct world_step){.world = *fan->from, .who = who, .what = what};
    return &step->world;
}

/* ---- the bell, out of its bytes and back ---- */

static void
bell_unpack(const struct world_rules *rules, const struct world_daemon *d, struct pgc_bell *bell)
{
    pgc_bell_init(bell, rules->mode, INT64_C(1) << 40); /* the fallback poll shall not help */
    pgc_bell_reset(bell, false, NOW_MS);
    bell->state = d->state;
    bell->made_in_a_row = d->made_in_a_row;
    bell->notified = d->notified;
    bell->hushed = d->hushed;
    bell->looked = d->looked;
    bell->rung_ms = d->renewal_is_due ? NOW_MS - LONG_MS : NOW_MS;
    for (size_t i = 0; i < NAMES; i++) {
        if (d->waiters & 1U << i) {
            bell->waiters =
                pgc_xrealloc(bell->waiters, (bell->waiter_count + 1) * sizeof(*bell->waiters));
            bell->waiters[bell->waiter_count++] = pgc_xstrdup(names[i]);
        }
    }
}

/* What cannot matter any more is left out, so that worlds which differ in nothing else are one.
 * Where a notification is forgotten too early this asks more of the bell, not less. */
static void
bell_pack(struct pgc_bell *bell, struct world_daemon *d)
{
    bool is_ringing = d->at >= DAEMON_RINGING && d->at <= DAEMON_RANG;
    bool is_draining = bell->state == BELL_DRAINING;
    bool may_sleep = bell->state == BELL_LAST || bell->state == BELL_ASLEEP;

    d->state = (uint8_t)bell->state;
    d->made_in_a_row = bell->made_in_a_row >= HOT ? HOT : bell->made_in_a_row > 0;
    d->notified = bell->notified && may_sleep;
    d->hushed = bell->hushed && is_ringing;
    d->looked = bell->looked && is_draining;
    d->renewal_is_due = bell->rung_ms != NOW_MS || bell->state == BELL_BUSY;
    d->waiters = 0;
    for (size_t w = 0; w < bell->waiter_count && is_draining; w++) {
        for (size_t i = 0; i < NAMES; i++) {
            if (strcmp(bell->waiters[w], names[i]) == 0) {
                d->waiters |= (uint8_t)(1U << i);
            }
        }
    }
    d->notification = d->notification && may_sleep;
    pgc_bell_fini(bell);
}

/* ---- writers ---- */

static uint8_t
world_holders(const struct world_rules *rules, const struct world *world)
{
    unsigned holders = 0;

    if (rules->fault == FAULT_NO_LOOK) {
        return 0;
    }
    for (size_t w = 0; w < WORLD_WRITERS; w++) {
        const struct world_writer *writer = &world->writers[w];
        bool is_prepared = writer->at == WRITER_PREPARED || writer->at == WRITER_RENAMED;
        size_t name = writer->at == WRITER_RENAMED ? PREPARED_NAME : first_name[w] + writer->done;

        if (writer->at >= WRITER_WROTE &&
            !(is_prepared && rules->fault == FAULT_PREPARED_NOT_SEEN)) {
            holders |= 1U << name;
        }
    }
    return (uint8_t)holders;
}

static struct world *
writer_step(struct fan *fan, size_t w, enum writer_at at, const char *what)
{
    static const char *const who[WORLD_WRITERS] = {"writer 1", "writer 2"};
    struct world *world = fan_step(fan, who[w], what);

    world->writers[w].at = (uint8_t)at;
    return world;
}

static void
writer_reads_word(struct fan *fan, size_t w, enum writer_at at)
{
    struct world *world = writer_step(fan, w, at, "reads the word");

    world->writers[w].rings = world->word == WORD_LOUD;
}

/* From here on every snapshot has the row; the notification is under way. */
static void
writer_commits(struct fan *fan, size_t w)
{
    struct world *world = writer_step(fan, w, WRITER_VISIBLE, "commits");

    world->daemon.unread = true;
    if (world->writers[w].rings && world->daemon.state >= BELL_LAST) {
        world->daemon.notification = true; /* who is awake anyway polls before it sleeps */
    }
    world->writers[w].rings = false;
}

static void
writer_ends(struct fan *fan, size_t w, const char *what)
{
    struct world_writer *writer = &writer_step(fan, w, WRITER_IDLE, what)->writers[w];

    writer->rings = false;
    writer->done++;
}

static void
writer_steps(struct fan *fan, size_t w)
{
    const struct world_writer *writer = &fan->from->writers[w];

    switch ((enum writer_at)writer->at) {
    case WRITER_IDLE:
        if (writer->done == transactions[w]) {
            break;
        }
        if (fan->rules->fault == FAULT_WORD_BEFORE_INSERT) {
            writer_reads_word(fan, w, WRITER_EARLY);
        } else {
            writer_step(fan, w, WRITER_WROTE, "inserts");
        }
        break;
    case WRITER_EARLY:
        writer_step(fan, w, WRITER_DECIDED, "inserts");
        break;
    case WRITER_WROTE:
        writer_reads_word(fan, w, WRITER_DECIDED);
        break;
    case WRITER_DECIDED:
        writer_commits(fan, w);
        writer_ends(fan, w, "rolls back");
        if (!writer->rings) { /* else PostgreSQL refuses to prepare it */
            writer_step(fan, w, WRITER_PREPARED, "prepares");
        }
        break;
    case WRITER_PREPARED:
        writer_step(fan, w, WRITER_RENAMED, "is called -1/9 from here on");
        writer_commits(fan, w);
        break;
    case WRITER_RENAMED:
        writer_commits(fan, w);
        writer_ends(fan, w, "rolls back what was prepared");
        break;
    case WRITER_VISIBLE:
        writer_ends(fan, w, "gives its locks up");
        break;
    }
}

/* ---- the word ---- */

/* ring().  Its lock keeps the others out until it has committed, so it is one step: the word is set
 * and "quiet" is under way. */
static void
word_is_set(const struct world_rules *rules, struct world *world, bool loud)
{
    bool tells;

    if (loud) {
        tells = world->word == WORD_ENDED && rules->fault != FAULT_END_NOT_TOLD;
    } else {
        tells = world->word != WORD_QUIET && rules->fault != FAULT_QUIET_NOT_TOLD;
    }
    world->daemon.quiet = world->daemon.quiet || tells;
    world->word = loud ? WORD_LOUD : WORD_QUIET;
}

static void
other_daemons_step(struct fan *fan)
{
    if (fan->from->word != WORD_LOUD) {
        word_is_set(fan->rules, fan_step(fan, "another daemon", "sets the word loud"), true);
    }
    if (fan->from->word != WORD_QUIET) {
        word_is_set(fan->rules, fan_step(fan, "another daemon", "sets the word quiet"), false);
    }
}

/* A lease lasts longer, after it was set, than anybody waits with the renewal. */
static void
time_steps(struct fan *fan)
{
    if (!fan->from->daemon.renewal_is_due) {
        fan_step(fan, "time", "for the renewal")->daemon.renewal_is_due = true;
    }
    if (fan->from->word == WORD_LOUD) {
        struct world *world = fan_step(fan, "time", "goes on until the lease ends");

        world->word = WORD_ENDED;
        world->daemon.renewal_is_due = true;
        world->daemon.took_long = world->daemon.at == DAEMON_RANG;
    }
}

/* ---- the daemon ---- */

static struct world_daemon *
daemon_step(struct fan *fan, enum daemon_at at, const char *what)
{
    struct world_daemon *daemon = &fan_step(fan, "the daemon", what)->daemon;

    daemon->at = (uint8_t)at;
    return daemon;
}

static void
daemon_goes_on(struct fan *fan, struct world_daemon *daemon, struct pgc_bell_move move)
{
    static const struct {
        enum daemon_at at;
        const char *what;
    } moves[] = {
        [BELL_WAIT] = {DAEMON_RESTING, "rests"},
        [BELL_POLL] = {DAEMON_POLLING, "polls"},
        [BELL_LOUD] = {DAEMON_RINGING, "wants the word loud"},
        [BELL_QUIET] = {DAEMON_RINGING, "wants the word quiet"},
        [BELL_LOOK] = {DAEMON_LOOKING, "looks who writes"},
    };

    daemon->at = (uint8_t)moves[move.step].at;
    if (move.step == BELL_WAIT && move.delay_ms > SHORT_MS) {
        daemon->at = DAEMON_SLEEPING;
    }
    daemon->loud = move.step == BELL_LOUD;
    daemon->holders = 0;
    if (daemon->loud && fan->rules->fault == FAULT_LOOK_BEFORE_LOUD) {
        daemon->holders = world_holders(fan->rules, fan->from);
    }
    fan->steps[fan->count - 1].what = moves[move.step].what;
}

static void
daemon_asks_bell(struct fan *fan, bool is_cool, bool poll_is_due)
{
    struct world_daemon *daemon = daemon_step(fan, DAEMON_READY, "");
    struct pgc_bell_move move;
    struct pgc_bell bell;

    bell_unpack(fan->rules, daemon, &bell);
    bell.row_ms = is_cool ? NOW_MS - LONG_MS : NOW_MS;
    bell.polled_ms = poll_is_due ? NOW_MS - LONG_MS : NOW_MS;
    move = pgc_bell_next(&bell, NOW_MS);
    if (move.step == BELL_POLL) {
        pgc_bell_polling(&bell);
        if (bell.state == BELL_LAST && fan->rules->fault == FAULT_NO_LAST_POLL) {
            pgc_bell_polled(&bell, false, NOW_MS);
            move = pgc_bell_next(&bell, NOW_MS);
        }
    }
    daemon_goes_on(fan, daemon, move);
    bell_pack(&bell, daemon);
}

/* `rows`: of others; HOT: and has found some so often that writers need not ring. */
static void
daemon_is_polled(struct fan *fan, uint8_t rows)
{
    struct world_daemon *daemon = daemon_step(fan, DAEMON_POLLED, "finds what is there");

    daemon->made = rows > 0 ? rows : daemon->unread;
    daemon->unread = false;
}

static void
daemon_sets_word(struct fan *fan)
{
    struct world *world = fan_step(fan, "the daemon", "sets the word");

    world->daemon.at = DAEMON_RANG;
    word_is_set(fan->rules, world, world->daemon.loud);
}

static void
daemon_looks(struct fan *fan)
{
    struct world_daemon *daemon = daemon_step(fan, DAEMON_READY, "finds who writes");
    unsigned holders = fan->rules->fault == FAULT_LOOK_BEFORE_LOUD
                           ? daemon->holders
                           : world_holders(fan->rules, fan->from);
    struct pgc_bell bell;

    bell_unpack(fan->rules, daemon, &bell);
    for (size_t i = 0; i < NAMES; i++) {
        if (holders & 1U << i) {
            pgc_bell_holder(&bell, names[i]);
        }
    }
    pgc_bell_looked(&bell);
    daemon->holders = 0;
    bell_pack(&bell, daemon);
}

/* The answer arrives. */
static void
daemon_hears_of_poll(struct fan *fan)
{
    struct world_daemon *daemon = daemon_step(fan, DAEMON_READY, "has the rows");
    struct pgc_bell bell;

    bell_unpack(fan->rules, daemon, &bell);
    bell.made_in_a_row = daemon->made == HOT ? HOT - 1 : bell.made_in_a_row;
    pgc_bell_polled(&bell, daemon->made > 0, NOW_MS);
    daemon->made = 0;
    bell_pack(&bell, daemon);
}

static void
daemon_hears_of_word(struct fan *fan)
{
    struct world_daemon *daemon = daemon_step(fan, DAEMON_READY, "knows that the word is set");
    struct pgc_bell bell;

    bell_unpack(fan->rules, daemon, &bell);
    pgc_bell_rung(&bell, daemon->loud, daemon->took_long ? NOW_MS - LONG_MS : NOW_MS);
    daemon->loud = daemon->took_long = 0;
    bell_pack(&bell, daemon);
}

static void
daemon_is_notified(struct fan *fan, bool is_quiet)
{
    const struct world_daemon *from = &fan->from->daemon;
    struct world_daemon *daemon =
        daemon_step(fan, from->at, is_quiet ? "hears \"quiet\"" : "is rung");
    bool is_polling = from->at == DAEMON_POLLING || from->at == DAEMON_POLLED;
    struct pgc_bell bell;

    *(is_quiet ? &daemon->quiet : &daemon->notification) = false;
    if (is_polling && fan->rules->fault == FAULT_POLL_FORGETS) {
        return;
    }
    bell_unpack(fan->rules, daemon, &bell);
    pgc_bell_notified(&bell, is_quiet, NOW_MS);
    bell.hushed = bell.hushed && fan->rules->fault != FAULT_QUIET_UNHEARD;
    if (from->at == DAEMON_RESTING || from->at == DAEMON_SLEEPING) {
        daemon->at = DAEMON_READY;
    }
    bell_pack(&bell, daemon);
}

/* The connection is lost, or the process killed, and there is another one, which polls at once. */
static void
daemon_begins_anew(struct fan *fan)
{
    bool unread = fan->from->daemon.unread;

    *daemon_step(fan, DAEMON_READY, "dies and begins anew") = (struct world_daemon){
        .at = DAEMON_POLLING,
        .renewal_is_due = true,
        .unread = unread,
    };
}

static void
daemon_steps(struct fan *fan)
{
    const struct world_daemon *daemon = &fan->from->daemon;

    switch ((enum daemon_at)daemon->at) {
    case DAEMON_READY:
        daemon_asks_bell(fan, false, false);
        daemon_asks_bell(fan, false, true);
        daemon_asks_bell(fan, true, false);
        daemon_asks_bell(fan, true, true);
        daemon_step(fan, DAEMON_POLLING, "polls for a client")->notified = false;
        break;
    case DAEMON_RESTING:
    case DAEMON_SLEEPING:
        daemon_step(fan, DAEMON_READY, "wakes");
        break;
    case DAEMON_POLLING:
        daemon_is_polled(fan, HOT);
        daemon_is_polled(fan, 0);
        break;
    case DAEMON_LOOKING:
        daemon_looks(fan);
        break;
    case DAEMON_POLLED:
        daemon_hears_of_poll(fan);
        break;
    case DAEMON_RINGING:
        daemon_sets_word(fan);
        break;
    case DAEMON_RANG:
        daemon_hears_of_word(fan);
        break;
    }
    if (daemon->notification) {
        daemon_is_notified(fan, false);
    }
    if (daemon->quiet) {
        daemon_is_notified(fan, true);
    }
    daemon_begins_anew(fan);
}

/* ---- all of it ---- */

struct world
world_begin(void)
{
    return (struct world){.daemon = {.at = DAEMON_POLLING, .renewal_is_due = true}};
}

size_t
world_steps(const struct world_rules *rules, const struct world *world, struct world_step *steps)
{
    struct fan fan = {.rules = rules, .from = world, .steps = steps};

    for (size_t w = 0; w < WORLD_WRITERS; w++) {
        writer_steps(&fan, w);
    }
    daemon_steps(&fan);
    other_daemons_step(&fan);
    time_steps(&fan);
    return fan.count;
}

bool
world_sleeps(const struct world *world)
{
    return world->daemon.at == DAEMON_SLEEPING && !world->daemon.renewal_is_due;
}

bool
world_is_lost(const struct world *world)
{
    const struct world_daemon *daemon = &world->daemon;

    return world_sleeps(world) && daemon->unread && !daemon->notification && !daemon->quiet;
}
