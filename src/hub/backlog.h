/* SPDX-License-Identifier: PostgreSQL */
/*
 * backlog.h - what has been sent lately, kept to be sent again.
 *
 * Every message is an item; it has an entry in the track of each topic that it went to.  Who moved
 * between topics has entries as well, in the track of the stream (or member) that moved.  All
 * entries hang in one list in the order of their places, too: age and memory take from its head.
 *
 *   backlog.c         ticks, tracks, entries, what goes when there is too much
 *   backlog_item.c    items, and what they show: deleted is forgotten, edited is amended
 *   backlog_replay.c  what one subscription has missed
 *
 * What is taken from a track leaves a floor there, below which no place is good any more.  A track
 * without entries is kept for the sake of its floor: who has missed nothing of a quiet stream can
 * go on, however long ago its last message was.
 */
#ifndef PGCABLE_HUB_BACKLOG_H
#define PGCABLE_HUB_BACKLOG_H

#include <sys/queue.h>

#include "pgcable/hub.h"
#include "pgcable/table.h"

/* "message:981", and all items that show it. */
struct backlog_thing {
    TAILQ_HEAD(, backlog_item) about;
    TAILQ_HEAD(, backlog_item) embeds;
    size_t length;
    char name[];
};

struct backlog_item {
    struct pgc_msg *msg; /* NULL: nothing to send any more */
    bool is_hole;        /* but there was something that would have to be sent */
    unsigned entries;
    struct pgc_seen outdated;    /* the last tick behind its own that edited or deleted it */
    struct backlog_thing *about; /* NULL where it is in no list */
    struct backlog_thing *embeds;
    TAILQ_ENTRY(backlog_item) by_about;
    TAILQ_ENTRY(backlog_item) by_embeds;
};

enum backlog_kind { BACKLOG_MESSAGE, BACKLOG_JOIN, BACKLOG_LEAVE, BACKLOG_ADMIT };

struct backlog_entry {
    enum backlog_kind kind;
    struct pgc_position place; /* of a move: the place of what was sent before it */
    struct backlog_item *item; /* MESSAGE */
    char *topic;               /* JOIN, LEAVE, ADMIT */
    struct backlog_track *track;
    TAILQ_ENTRY(backlog_entry) by_track;
    TAILQ_ENTRY(backlog_entry) by_age;
};

TAILQ_HEAD(backlog_entries, backlog_entry);

struct backlog_track {
    struct backlog_entries entries;
    size_t count;
    struct pgc_position floor;              /* place of the newest entry that was taken from it */
    TAILQ_ENTRY(backlog_track) by_idleness; /* only while it has no entries */
    struct pgc_table *home;                 /* `topics` or `movers` */
    size_t length;
    char name[];
};

struct backlog_tick {
    int64_t tick;
    int64_t at_us; /* never before that of the tick before, whatever the clock did */
    uint32_t nonce;
};

struct backlog_metrics {
    struct pgc_metric *entries;
    struct pgc_metric *bytes;
    struct pgc_metric *evictions;
};

struct pgc_backlog {
    struct pgc_hub_conf conf;
    struct pgc_table *topics; /* name -> track of messages */
    struct pgc_table *movers; /* stream or member -> track of moves */
    struct pgc_table *things; /* name -> thing */
    struct backlog_entries entries;
    TAILQ_HEAD(, backlog_track) idle;
    size_t idle_bytes;
    struct backlog_item *newest_item; /* the next message may be the same one for another topic */
    size_t count;
    size_t bytes;

    struct backlog_tick *ticks; /* `tick_count` of them, the oldest at `tick_first` */
    size_t tick_first;
    size_t tick_count;
    size_t tick_size;
    struct pgc_position newest; /* place */
    struct pgc_position floor;  /* of all tracks that are not there (any more) */
    int64_t floor_at_us;        /* all ticks made after that are kept whole */

    struct backlog_metrics metrics;
    size_t told_entries; /* of the gauges, which other workers move, too */
    size_t told_bytes;
};

struct pgc_backlog *pgc_backlog_new(const struct pgc_hub_conf *conf);
void pgc_backlog_free(struct pgc_backlog *backlog);

/* One batch: begin, each of its operations before it takes effect, end. */
void pgc_backlog_begin(struct pgc_backlog *backlog, const struct pgc_batch *batch);
void pgc_backlog_add(struct pgc_backlog *backlog, const struct pgc_op *op);
void pgc_backlog_end(struct pgc_backlog *backlog);

/* ---- backlog_item.c ---- */

/* The caller adds the first entry. */
struct backlog_item *pgc_backlog_new_item(struct pgc_backlog *backlog, struct pgc_msg *msg);
void pgc_backlog_free_item(struct pgc_backlog *backlog, struct backlog_item *item);
void pgc_backlog_forget(struct pgc_backlog *backlog, const char *thing);
void pgc_backlog_amend(struct pgc_backlog *backlog, const char *thing, const struct pgc_msg *msg);
/* Its message says, when it is sent, that who gets it has seen that tick. */
void pgc_backlog_show_seen(struct backlog_item *item, const struct pgc_seen *seen);

/* ---- backlog_replay.c ---- */

/* A subscription as it is, and where it wants to go on. */
struct backlog_query {
    const char *stream;
    const char *member;
    const char **topics; /* further ones that it is attached to now */
    size_t topic_count;
    const struct pgc_since *since;
    struct pgc_position until; /* this one included */
};

/* In order; `items` is the caller's to free, what is in it is borrowed and has messages. */
struct backlog_found {
    struct backlog_item **items;
    size_t count;
    size_t size;
    size_t bytes;         /* of the messages */
    struct pgc_seen seen; /* by who is sent them and not what became of others */
};

enum pgc_replay pgc_backlog_find(
    struct pgc_backlog *backlog, const struct backlog_query *query, struct backlog_found *found);

#endif
