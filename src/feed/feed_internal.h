/* SPDX-License-Identifier: PostgreSQL */
/*
 * feed_internal.h - the feed's state and what its files ask of each other.
 *
 *   feed.c         life, connections, trouble
 *   feed_cycle.c   advance, read what is new, answer asks, wait
 *   feed_check.c   what must be true of a database before the first cycle
 *   feed_begin.c   where to begin, or to go on
 *   feed_read.c    one tick: rows into the builder, facts, batches down the ports
 *   feed_status.c  what /ready, the log and the metrics say
 *   feed_viewers.c for whom payloads are built that show one member's view
 *   feed_outbox.c  pruning, pauses, and how large the outbox is
 *   feed_canary.c  rows of our own, to know the lag while nobody writes
 *   feed_rights.c  what was revoked, and which rules are to be asked again
 *   feed_beat.c    is the other end of an idle connection still there?
 *   bell.c asks.c  who must ring when; who waits for an answer
 *
 * Two connections: the reader streams batches, the asker fetches facts while a batch is paused.
 * They live and die together: if one is lost the other is dropped, and all begins at FEED_DOWN.
 */
#ifndef PGCABLE_FEED_INTERNAL_H
#define PGCABLE_FEED_INTERNAL_H

#include <pthread.h>

#include "pgcable/feed.h"
#include "pgcable/log.h"
#include "pgcable/pg.h"
#include "pgcable/table.h"

#include "asks.h"
#include "bell.h"

/* A query on a sound connection answers within this, else the connection is dropped. */
#define PGC_FEED_QUERY_MS 8000
/* The first row of a batch may have to wait for a sort of a very large transaction. */
#define PGC_FEED_BATCH_MS 60000

enum pgc_feed_state {
    FEED_DOWN,      /* a connection is missing */
    FEED_CHECKING,  /* feed_check.c is asking */
    FEED_UNFIT,     /* connected, but something is wrong; the timer checks again */
    FEED_ADVANCING, /* advance() is under way */
    FEED_READING,   /* a tick is being read; the timer waits for slow workers */
    FEED_RINGING,   /* a question of the bell is under way */
    FEED_RESTING,   /* nothing is under way; the timer asks the bell what is next */
};

/* A tick and the nonce that tells it from the tick of that number in another history. */
struct pgc_feed_place {
    int64_t tick;
    char nonce[64];
    int64_t at_us; /* when it was made */
};

struct pgc_feed_metrics {
    struct pgc_metric *up;
    struct pgc_metric *reconnects;
    struct pgc_metric *tick;
    struct pgc_metric *rows;
    struct pgc_metric *events;
    struct pgc_metric *batch_seconds;
    struct pgc_metric *lag_seconds;
    struct pgc_metric *asleep;
    struct pgc_metric *advance_seconds;
    struct pgc_metric *facts_queries;
    struct pgc_metric *facts_seconds;
    struct pgc_metric *complaints;
};

/* One row of pgcable.hello(). */
struct pgc_feed_hello {
    bool seen;
    int schema_version;
    int breaking_version;
    bool system_ok;
    bool in_recovery;
    bool is_utf8;
    bool has_prepared;
};

/* The tick under way.  Survives a lost connection: a batch is repeatable, so reading it again and
 * passing over what the builder has got already goes on exactly where it stopped. */
struct pgc_feed_reading {
    bool begun;
    struct pgc_feed_place place;
    int64_t last_id;        /* newest row given to the builder */
    size_t rows;            /* how many were */
    bool ends;              /* the piece under way is the tick's last */
    bool mapping_is_stale;  /* load it again before the next row */
    bool was_other_mapping; /* in a refill: events so far were built with one of later */
    int64_t begun_us;
    int64_t canary_us; /* when a canary of ours in it was written; 0 = there is none */
};

/* Rows of a tick that come with advance() are taken before the tick is committed, and what they
 * need is asked for; nothing goes down before the commit is known.  The tick may not come to be, or
 * with other rows: unlike a batch they are forgotten with the connection. */
enum pgc_feed_ahead {
    AHEAD_NONE,      /* advance() brought no rows */
    AHEAD_LEFT,      /* it did, but they are to be read the ordinary way */
    AHEAD_TAKING,    /* some of them are in the builder */
    AHEAD_ASKING,    /* all are, facts are missing */
    AHEAD_WHOLE,     /* all are, with their facts */
    AHEAD_COMMITTED, /* facts are missing, the tick is committed */
};

/* For whom per-viewer payloads are built; the same for a piece from its needs to its end. */
struct pgc_feed_viewers {
    struct pgc_table *decided; /* member -> yes or no */
    unsigned guests;           /* members who are not here but get theirs built anyway */
};

struct pgc_feed {
    struct pgc_loop *loop;
    struct pgc_feed_conf conf;
    char *database;
    struct pgc_port *const *ports;
    size_t port_count;
    struct pgc_feed_metrics metrics;

    struct pgc_pg *reader;
    struct pgc_pg *asker;
    enum pgc_feed_state state;
    struct pgc_timer *timer;
    struct pgc_feed_outbox *outbox;
    struct pgc_feed_canary *canary;
    struct pgc_feed_rights *rights;
    struct pgc_feed_beat *beat;
    unsigned troubles; /* in a row, for the backoff */

    struct pgc_bell bell;
    int64_t ring_sent_ms;
    struct pgc_asks asks;
    bool asks_rest; /* during the next advance() */

    struct pgc_builder *builder;
    struct pgc_mapping *mapping;
    struct pgc_mapping *new_mapping; /* loaded, not in use yet */
    struct pgc_err mapping_err;      /* why there is none */
    void (*mapping_then)(struct pgc_feed *feed);
    struct pgc_feed_hello hello;

    bool is_placed;
    bool is_refilling;            /* reading what was read before, for those who resume */
    bool broke;                   /* history is another: workers must be told */
    struct pgc_feed_place place;  /* newest tick handed down whole */
    struct pgc_feed_place target; /* newest tick advance() told of */
    int64_t advance_us;           /* when advance() was sent */
    int64_t facts_us;             /* when facts() was sent */
    char found_nonce[64];         /* tick_info()'s answer under way */
    struct pgc_feed_place found;  /* beginning()'s answer under way */
    struct pgc_feed_reading reading;
    enum pgc_feed_ahead ahead;
    bool is_streaming;     /* the reader has rows for us, or is about to */
    size_t tick_rows;      /* of the tick read last */
    int64_t streamed_from; /* tick of the place when the stream under way was asked for */
    int64_t known_us;      /* since when the tick that comes next is known */
    bool is_broken;        /* the stream under way does not go on from the place */
    struct pgc_feed_viewers viewers;

    struct pgc_log_limit complaint_limit;
    char reported[sizeof(((struct pgc_err *)0)->message)]; /* the trouble last logged, so that a
                                                              retry does not repeat it */
    pthread_mutex_t status_lock;
    struct pgc_feed_status status; /* under status_lock */
};

/* A query on one of the two connections, its callbacks with the feed as argument. */
struct pgc_feed_query {
    const char *sql;
    const char *params[3]; /* up to the first NULL */
    int64_t timeout_ms;    /* 0 = PGC_FEED_QUERY_MS */
    bool whole;            /* all rows at once */
    bool early;            /* before they are committed */
    void (*row)(const struct pgc_pg_row *row, void *feed);
    void (*done)(const struct pgc_err *err, void *feed);
};
void pgc_feed_query(struct pgc_feed *feed, struct pgc_pg *pg, const struct pgc_feed_query *query);

/* feed_cycle.c: one look at the database. */
void pgc_feed_cycle(struct pgc_feed *feed);
/* feed_cycle.c: nothing is under way and all that was new is down: what next? */
void pgc_feed_go_on(struct pgc_feed *feed);
/* feed_cycle.c: the next tick up to the target, or the end of the cycle. */
void pgc_feed_read_next(struct pgc_feed *feed);
/* feed.c: the server refused `doing`: say so, check everything again after a while. */
void pgc_feed_trouble(struct pgc_feed *feed, const struct pgc_err *why, const char *doing);
/* feed.c: this is another history than the one we told the workers about. */
void pgc_feed_lineage_broke(struct pgc_feed *feed);
struct pgc_builder *pgc_feed_new_builder(struct pgc_feed *feed);

/* feed_check.c: both connections are up; ends in pgc_feed_begin() or pgc_feed_trouble(). */
void pgc_feed_check(struct pgc_feed *feed);
/* feed_begin.c: the database is fit; ends in pgc_feed_cycle() or pgc_feed_trouble(). */
void pgc_feed_begin(struct pgc_feed *feed);
/* feed_check.c: load the mapping, then call `then` (not if that failed: trouble). */
void pgc_feed_load_mapping(struct pgc_feed *feed, void (*then)(struct pgc_feed *feed));
/* feed_check.c: rows in the builder lean on the mapping they were read with, so a new one waits
 * until they have been raised. */
void pgc_feed_use_new_mapping(struct pgc_feed *feed);
/* feed_check.c: ask for the nonce of a tick into found_nonce ("" = there is no such tick). */
void pgc_feed_ask_nonce(
    struct pgc_feed *feed, int64_t tick, void (*done)(const struct pgc_err *err, void *feed));

/* feed_read.c: read some ticks up to the target, hand them down, end in pgc_feed_read_next(). */
void pgc_feed_read(struct pgc_feed *feed);
/* feed_read.c: the timer fired in FEED_READING. */
void pgc_feed_read_on(struct pgc_feed *feed);
/* feed_read.c: after which tick advance() may send rows; -1 = not this time. */
int64_t pgc_feed_read_ahead_of(const struct pgc_feed *feed);
/* feed_read.c: one of these, in the columns of batches(). */
void pgc_feed_read_ahead(struct pgc_feed *feed, const struct pgc_pg_row *row);
/* feed_read.c: advance() is committed: hand down what came with it, or read. */
void pgc_feed_read_committed(struct pgc_feed *feed);
/* feed_read.c: what was taken ahead is forgotten. */
void pgc_feed_read_nothing_ahead(struct pgc_feed *feed);
/* feed_read.c: a batch of that tick, empty. */
struct pgc_batch *pgc_feed_new_batch(const struct pgc_feed_place *place);
/* feed_read.c: an empty or unsealed batch becomes one of that tick. */
void pgc_feed_place_batch(struct pgc_batch *batch, const struct pgc_feed_place *place);
/* feed_read.c: a batch to every port. */
void pgc_feed_hand_down(struct pgc_feed *feed, struct pgc_batch *batch);

/* feed_viewers.c */
bool pgc_feed_has_viewer(const char *member, void *arg); /* arg: the feed */
void pgc_feed_forget_viewers(struct pgc_feed *feed);     /* a piece has ended */

/* feed_status.c */
void pgc_feed_register_metrics(struct pgc_feed *feed, struct pgc_metrics *metrics);
void pgc_feed_set_ready(struct pgc_feed *feed); /* a cycle went well */
void pgc_feed_set_not_ready(struct pgc_feed *feed, const struct pgc_err *why);
void pgc_feed_note_alive(struct pgc_feed *feed);     /* the database answered something */
void pgc_feed_complain(const char *text, void *arg); /* arg: the feed */

/* feed_rights.c: tell the workers what holds, then call `then` (not if that failed: trouble). */
void pgc_feed_load_rights(struct pgc_feed *feed, void (*then)(struct pgc_feed *feed));

/* feed_outbox.c, feed_canary.c, feed_rights.c, feed_beat.c: each works by a timer of its own. */
struct pgc_feed_outbox *pgc_feed_outbox_new(struct pgc_feed *feed, struct pgc_metrics *metrics);
void pgc_feed_outbox_free(struct pgc_feed_outbox *outbox);
void pgc_feed_outbox_wake(struct pgc_feed_outbox *outbox); /* tell it our settings */
struct pgc_feed_canary *pgc_feed_canary_new(struct pgc_feed *feed, struct pgc_metrics *metrics);
void pgc_feed_canary_free(struct pgc_feed_canary *canary);
bool pgc_feed_canary_is_own(const struct pgc_feed *feed, const char *name);
struct pgc_feed_rights *pgc_feed_rights_new(struct pgc_feed *feed);
void pgc_feed_rights_free(struct pgc_feed_rights *rights);
struct pgc_feed_beat *pgc_feed_beat_new(struct pgc_feed *feed);
void pgc_feed_beat_free(struct pgc_feed_beat *own);

#endif
