/* SPDX-License-Identifier: PostgreSQL */
/*
 * builder.h - the builder from inside: what the event functions work with.
 *
 * An event function runs twice over the same change.  First `builder->asking` is set: it names the
 * facts it wants, which are not there yet, and returns.  Then it raises the event with them.
 */
#ifndef PGCABLE_EVENT_BUILDER_H
#define PGCABLE_EVENT_BUILDER_H

#include <sys/queue.h>

#include "record.h"

/* ---- changes ---- */

/* What a row's change means for those who see only visible rows.  A row that moves to another room
 * or member disappears here and appears there. */
enum event_when {
    WHEN_DISAPPEARED = 1,
    WHEN_APPEARED = 2,
    WHEN_CHANGED = 4,
};

struct event_change {
    int64_t id;
    uint64_t xid;
    int64_t at_us;
    char op;
    enum event_kind kind; /* I, U, D */
    unsigned when;
    struct event_record *now;    /* I, U */
    struct event_record *before; /* U, D */
    struct event_xact *xact;     /* I, U, D */
    size_t index;                /* in the piece */
    struct pgc_slice stream;     /* B; R: who or what */
    struct pgc_slice message;    /* B, R */
    bool wants_envelope;         /* B: the message is {"event":…,"data":…} */
    enum pgc_op_kind right;      /* R: what becomes of it */
};

/* ---- transactions: what must be known across pieces (xact.c) ---- */

TAILQ_HEAD(event_xact_list, event_xact);

struct event_xacts {
    struct event_xact_list list; /* in order of their last row so far */
    struct pgc_table *by_xid;
    struct pgc_table *counts; /* xid and member -> struct event_count */
    struct event_xact *latest;
    struct pgc_buf key; /* scratch */
};

/* ---- facts (facts.c) ---- */

enum event_need {
    NEED_COUNT,
    NEED_LAST_MESSAGE,
    NEED_MESSAGE,
    NEED_ROOM,
    NEED_SENDER,
    NEED_STATS,
    NEED_VIEWERS,
    NEED_KINDS
};

struct event_facts {
    struct pgc_table *known;           /* "what key" -> struct event_fact, asked or answered */
    struct pgc_table *rooms;           /* rooms whose rows are in this piece */
    struct pgc_buf wanted[NEED_KINDS]; /* ",item,item" */
    struct pgc_slice viewers_room;     /* whose member list is open in wanted[NEED_VIEWERS] */
    unsigned round;                    /* number of the newest list of needs */
    unsigned answered;                 /* and of the newest one whose answers are all in */
    bool tick_is_whole;                /* this piece is its last */
    struct pgc_buf name;               /* scratch */
    struct pgc_buf key;                /* scratch */
};

/* ---- cached facts (cache.c) ---- */

struct event_cache_half {
    struct pgc_table *facts; /* "what key" -> struct pgc_slice, in the arena */
    struct event_arena arena;
    size_t bytes;
    int64_t since_ms; /* nothing in it is older */
};

struct event_cache {
    struct event_cache_half young; /* what is learnt goes here */
    struct event_cache_half old;
    bool keeps_rooms;
    bool keeps_senders;
};

/* ---- the builder ---- */

/* Where the next message stands. */
struct event_place {
    int64_t id;
    uint64_t xid;
    int64_t at_us;
    uint32_t part;
};

struct pgc_builder {
    struct pgc_builder_conf conf;
    const struct pgc_mapping *mapping;
    int64_t tick;
    uint32_t nonce;
    int64_t first_id; /* of the tick's rows; 0 = none yet */
    struct event_cache cache;

    /* this piece */
    struct event_arena arena;
    struct event_change *changes;
    size_t count;
    size_t size;
    size_t bytes;
    struct event_facts facts;
    bool asking;

    /* this tick */
    struct event_xacts xacts;

    /* while raising */
    struct pgc_batch *batch;
    struct event_place place;
    struct pgc_buf payload; /* of the event that is being raised */
    struct pgc_buf topic;   /* scratch */
    struct pgc_buf via;     /* scratch */
};

const struct event_map *pgc_builder_map(const struct pgc_builder *builder, enum event_kind kind);
void pgc_builder_complain(const struct pgc_builder *builder, const char *fmt, ...) PGC_PRINTF(2, 3);
bool pgc_builder_has_viewer(struct pgc_builder *builder, struct pgc_slice member);
struct pgc_slice pgc_builder_key(
    struct pgc_builder *builder, const struct event_record *record, enum event_field field);

/* ---- rules.c: which change raises which event ---- */

void pgc_rules_apply(struct pgc_builder *builder, const struct event_change *change);

/* ---- topic.c: where messages go ---- */

enum event_topic {
    TOPIC_NOTIFICATIONS,
    TOPIC_MEMBER,
    TOPIC_ROOM,
    TOPIC_THREADS,
    TOPIC_ROOM_MEMBERS,
    TOPIC_THREAD_MEMBERS,
    TOPIC_MESSAGE, /* no topic: what messages show */
    TOPIC_PLAIN,   /* the key itself */
};

struct event_address {
    enum event_topic topic;
    struct pgc_slice key;
};

/* The name, in `out`; NULL without a key. */
const char *pgc_topic_write(struct pgc_buf *out, enum event_topic topic, struct pgc_slice key);
void pgc_topic_publish(
    struct pgc_builder *builder, enum event_topic topic, struct pgc_slice key, struct pgc_msg *msg);
void pgc_topic_move(struct pgc_builder *builder, enum pgc_op_kind op, struct event_address via,
    struct event_address topic);
/* FORGET (msg NULL) or AMEND what shows the chat message. */
void pgc_topic_outdate(struct pgc_builder *builder, struct pgc_slice message, struct pgc_msg *msg);

/* ---- facts.c: NULL (or an absent slice) while unknown, and for what is gone ---- */

const struct event_record *pgc_facts_room(struct pgc_builder *builder, struct pgc_slice room);
const struct event_record *pgc_facts_message(struct pgc_builder *builder, struct pgc_slice message);
const struct event_record *pgc_facts_last_message(
    struct pgc_builder *builder, struct pgc_slice room);
const struct event_record *pgc_facts_sender(
    struct pgc_builder *builder, const struct event_record *message);
const struct event_record *pgc_facts_stats(
    struct pgc_builder *builder, const struct event_record *message);
const struct event_record *pgc_facts_viewer(
    struct pgc_builder *builder, struct pgc_slice room, struct pgc_slice member);
struct pgc_slice pgc_facts_count(struct pgc_builder *builder, struct pgc_slice member);

void pgc_facts_add_room_row(struct pgc_builder *builder, struct event_record *room);
bool pgc_facts_write_wanted(struct pgc_builder *builder, struct pgc_buf *json);
/* "<before><a>", or of a pair "<before><a>:<b>"; and a fact's name, "<what> <key>".  Each good
 * until the next call of any of these. */
struct pgc_slice pgc_facts_key(
    struct pgc_builder *builder, const char *before, struct pgc_slice a, struct pgc_slice b);
const struct pgc_buf *pgc_facts_name(
    struct pgc_builder *builder, const char *what, struct pgc_slice key);
void pgc_facts_forget(struct event_facts *facts); /* all answers: each is asked for again */
void pgc_facts_reset(struct event_facts *facts);
void pgc_facts_fini(struct event_facts *facts);

/* ---- cache.c ---- */

/* Clears. */
void pgc_cache_use_mapping(struct event_cache *cache, const struct pgc_mapping *mapping);
void pgc_cache_age(struct event_cache *cache);
void pgc_cache_note(struct pgc_builder *builder, const struct event_change *change);
/* Borrowed until the next call of another of these; absent if it is not known. */
struct pgc_slice pgc_cache_get(const struct event_cache *cache, const struct pgc_buf *name);
void pgc_cache_put(struct event_cache *cache, const char *what, const struct pgc_buf *name,
    struct pgc_slice data); /* copies */
void pgc_cache_clear(struct event_cache *cache);
void pgc_cache_fini(struct event_cache *cache);

/* ---- xact.c ---- */

void pgc_xacts_init(struct event_xacts *xacts);
void pgc_xacts_clear(struct event_xacts *xacts);
void pgc_xacts_fini(struct event_xacts *xacts);
struct event_xact *pgc_xacts_find(struct event_xacts *xacts, uint64_t xid); /* makes it */

/* Note what a change does to counts, and who joins what, before anything is raised. */
void pgc_xacts_note(struct pgc_builder *builder, const struct event_change *change);

/* Who left a room in this change's transaction, in the order of raising. */
void pgc_xact_leaves(
    const struct event_change *change, struct pgc_slice room, struct pgc_slice member);
void pgc_xact_returns(
    const struct event_change *change, struct pgc_slice room, struct pgc_slice member);
void pgc_xact_tell_leavers(struct pgc_builder *builder, const struct event_change *change,
    struct pgc_slice room, struct pgc_msg *msg);

/* Publish to those who join `group` later in the same transaction and piece: on `stream` of each.
 */
void pgc_xact_tell_joiners(struct pgc_builder *builder, const struct event_change *change,
    enum event_topic stream, struct pgc_slice group, struct pgc_msg *msg);

void pgc_xacts_ask_counts(struct pgc_builder *builder);
void pgc_xacts_raise_earlier(struct pgc_builder *builder); /* whose last row came before */
void pgc_xacts_raise_counts(struct pgc_builder *builder, const struct event_change *change);
void pgc_xacts_end_piece(struct pgc_builder *builder, bool ends_tick);

#endif
