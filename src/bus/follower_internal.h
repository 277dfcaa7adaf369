/* SPDX-License-Identifier: PostgreSQL */
/*
 * follower_internal.h - the follower's state and what its files ask of each other.
 *
 *   follower.c          life, and whether it is ready
 *   follower_stream.c   packets in, batches down the ports; the bans in force
 *   follower_asks.c     requests for access: to the feed, and back at their place in the order
 *   follower_viewers.c  who listens, for the feed to know
 *   chain.c moves.c     what follows what; what an answer may have missed
 */
#ifndef PGCABLE_BUS_FOLLOWER_INTERNAL_H
#define PGCABLE_BUS_FOLLOWER_INTERNAL_H

#include <sys/queue.h>

#include <pthread.h>

#include "pgcable/bus.h"
#include "pgcable/log.h"
#include "pgcable/table.h"

#include "bus_nats.h"
#include "chain.h"
#include "moves.h"

/* Below what servers take by default (1 MB). */
#define FOLLOWER_TOLD_BYTES ((size_t)256 << 10)

struct follower_ask;
struct follower_viewer;

TAILQ_HEAD(follower_ask_list, follower_ask);

/* Each ask is in one of the lists. */
struct follower_asks {
    struct pgc_table *by_ticket;      /* ours -> struct follower_ask */
    struct follower_ask_list waiting; /* to be sent */
    struct follower_ask_list flying;
    struct follower_ask_list held; /* answered, as of a tick that has not come yet */
    LIST_HEAD(, follower_request) requests;
    unsigned request_count;
    uint64_t next_ticket;
    struct pgc_timer *timer;
    unsigned failures; /* of requests, in a row */
    int64_t not_before_ms;
    struct pgc_log_limit refused_limit;
};

struct follower_viewers {
    struct pgc_table *by_member; /* -> struct follower_viewer */
    TAILQ_HEAD(, follower_viewer) changed;
    struct pgc_timer *timer;
    uint64_t round;
    int64_t told_all_ms;
};

/* How long something may take; tests have more time, or less. */
struct follower_patience {
    int64_t ask_ms;     /* until it is refused */
    int64_t answer_ms;  /* to one question of several asks */
    int64_t promise_ms; /* of what was revoked */
    int64_t silence_ms; /* of all leaders */
};

struct follower_metrics {
    struct pgc_metric *up;
    struct pgc_metric *tick;
    struct pgc_metric *lag_seconds;
    struct pgc_metric *bytes;
    struct pgc_metric *breaks;
    struct pgc_metric *answer_seconds;
    struct pgc_metric *asked_again;
    struct pgc_metric *refused;
};

struct pgc_follower {
    struct pgc_loop *loop;
    struct pgc_port *const *ports;
    size_t port_count;
    int64_t history_s;
    struct pgc_recent *recent; /* or NULL */
    uint64_t edge;             /* our name among those who ask */
    struct follower_metrics metrics;
    struct follower_patience patience;
    struct pgc_nats *nats;
    struct pgc_timer *beat;
    struct pgc_err down; /* why there is no connection */
    int64_t alive_ms;    /* when NATS last said anything */

    struct chain chain;
    struct pgc_moves *moves;
    struct pgc_timer *unclog; /* set while no packets are wanted: workers are slow */
    bool is_held;
    struct pgc_log_limit garbage_limit;

    bool is_told;     /* all bans in force are down, and all that was sent before */
    bool asks_state;  /* for that */
    bool has_promise; /* it will be told at that place of the stream */
    int64_t asked_ms; /* when it was asked for */
    struct codec_place promise;
    struct codec_place told;  /* the newest place where it was */
    struct pgc_err state_err; /* why nobody has promised it */

    bool has_heard;    /* of a leader */
    int64_t heard_ms;  /* of one, most lately */
    int64_t term;      /* its */
    int64_t late_ms;   /* since when it has sent more than has come; 0 = it has not */
    int64_t packet_ms; /* when anything came by the stream */

    struct follower_asks asks;
    struct follower_viewers viewers;

    pthread_mutex_t status_lock;
    struct pgc_bus_status status; /* under status_lock */
};

/* ---- follower.c ---- */

/* What may have changed whether we are ready. */
void pgc_follower_look(struct pgc_follower *follower);

/* ---- follower_stream.c ---- */

void pgc_follower_packet(const struct pgc_nats_packet *packet, void *arg);
void pgc_follower_lost(const struct pgc_err *why, void *arg);
void pgc_follower_unclog(void *arg);
void pgc_follower_begin(struct pgc_follower *follower); /* follow the stream from some time ago */
void pgc_follower_want_state(struct pgc_follower *follower); /* if it is not told: ask for it */
extern const struct chain_ops pgc_follower_chain_ops;

/* ---- follower_asks.c ---- */

void pgc_follower_init_asks(struct pgc_follower *follower);
void pgc_follower_fini_asks(struct pgc_follower *follower);
void pgc_follower_asked(struct pgc_port *port, struct pgc_ask *asked, void *arg);
void pgc_follower_send_asks(struct pgc_follower *follower);   /* what waits, if it may */
void pgc_follower_hurry_asks(struct pgc_follower *follower);  /* somebody may answer now */
void pgc_follower_recall_asks(struct pgc_follower *follower); /* no answer is good any more */
void pgc_follower_land_asks(struct pgc_follower *follower);   /* what holds where workers are */
void pgc_follower_refuse_asks(struct pgc_follower *follower); /* what has waited for too long */

/* ---- follower_viewers.c ---- */

void pgc_follower_init_viewers(struct pgc_follower *follower);
void pgc_follower_fini_viewers(struct pgc_follower *follower);
void pgc_follower_viewer_changed(const char *member, bool listens, void *arg);
void pgc_follower_tell_changes(struct pgc_follower *follower);
void pgc_follower_tell_viewers(struct pgc_follower *follower); /* all of them */

#endif
