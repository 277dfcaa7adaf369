/* SPDX-License-Identifier: PostgreSQL */
/*
 * publisher_internal.h - the publisher's state and what its files ask of each other.
 *
 *   publisher.c          life, who leads, batches as they come down the port
 *   publisher_send.c     packets on their way to the stream, and the fence
 *   publisher_desk.c     questions: access, and what is banned
 *   publisher_viewers.c  who listens on which edge
 *   banned.c             what is banned
 */
#ifndef PGCABLE_BUS_PUBLISHER_INTERNAL_H
#define PGCABLE_BUS_PUBLISHER_INTERNAL_H

#include <sys/queue.h>

#include <pthread.h>

#include "pgcable/bus.h"
#include "pgcable/log.h"

#include "banned.h"
#include "bus_nats.h"
#include "codec.h"

enum publisher_state {
    PUBLISHER_RESTING,
    PUBLISHER_LOOKING,  /* for what the stream ends with */
    PUBLISHER_GREETING, /* found; waiting for edges to say who listens */
    PUBLISHER_LEADING,
    PUBLISHER_FENCED,
};

/* Somewhere between here and the stream.  Kept until the stream has it. */
struct publisher_packet {
    TAILQ_ENTRY(publisher_packet) entry;
    uint64_t sequence; /* it will have */
    uint64_t cookie;   /* of its sending that is under way; 0 = none */
    int64_t sent_us;
    struct codec_place ends; /* the tick that ends with it; tick 0 = none does */
    struct pgc_buf bytes;
};

TAILQ_HEAD(publisher_packets, publisher_packet);

struct publisher_queue {
    struct publisher_packets packets;
    size_t count;
    uint64_t next;         /* sequence of the next packet */
    struct pgc_buf newest; /* the packet before the first of `packets`, for the fence */
    uint64_t cookies;
    size_t under_way; /* sent, also before a rest, and nothing heard of them yet */
    bool is_troubled; /* one of them failed: look what the stream ends with */
    unsigned shorts;  /* how often the stream ended too early */
    bool is_looking;  /* pgc_nats_last() is under way */
    bool is_failing;  /* and nothing was stored since, or since the connection was lost */
    struct pgc_timer *again;
};

/* One question on "ask". */
struct desk_group {
    TAILQ_ENTRY(desk_group) entry;
    struct pgc_nats_asked *asked;
    struct codec_asks asks;
    size_t waiting; /* for answers */
    size_t answered;
    struct desk_seat {
        uint64_t ticket; /* the edge's */
        uint64_t ours;
        struct pgc_answer *answer;
    } * seats;
};
TAILQ_HEAD(desk_groups, desk_group);

struct desk_asker {
    STAILQ_ENTRY(desk_asker) entry;
    struct pgc_nats_asked *asked;
};

struct publisher_desk {
    struct desk_groups waiting; /* for those before them */
    struct desk_groups flying;  /* up the port */
    size_t flying_asks;
    uint64_t tickets;
    STAILQ_HEAD(desk_askers, desk_asker) state_askers;
    struct pgc_timer *state;
    int64_t state_ms;              /* when the stream was last told */
    struct pgc_log_limit nonsense; /* edges that speak another language */
};

struct publisher_metrics {
    struct pgc_metric *packets;
    struct pgc_metric *bytes;
    struct pgc_metric *confirmed_seconds;
    struct pgc_metric *unconfirmed;
    struct pgc_metric *again;
    struct pgc_metric *edges;
    struct pgc_metric *asks;
};

struct pgc_publisher {
    struct pgc_loop *loop;
    const struct pgc_publisher_ops *ops;
    void *arg;
    struct pgc_nats *nats;
    struct publisher_metrics metrics;
    int64_t up_ms; /* since when there is a connection; 0 = there is none */

    enum publisher_state state;
    struct pgc_port *port; /* unless resting */
    int64_t term;
    struct pgc_timer *lead; /* tell who leads */

    /* Of the newest piece that came down the port, or was found in the stream. */
    struct codec_place place;
    int64_t at_us;
    int64_t ended;             /* newest tick of which all has come */
    struct codec_place stored; /* the newest tick of which the stream has all */
    bool has_sent;             /* a piece of this term */
    bool knows_rights;         /* the feed has told what is banned */
    struct pgc_banned *banned;

    struct publisher_queue queue;
    struct publisher_desk desk;
    struct pgc_table *edges;  /* publisher_viewers.c */
    int64_t edge_patience_ms; /* without a word of one; tests have less */
    struct pgc_timer *roll_call;

    pthread_mutex_t status_lock;
    struct pgc_bus_status status; /* under status_lock */
};

/* ---- publisher.c ---- */

/* A piece at the newest place, of our own. */
void pgc_publisher_add(struct pgc_publisher *publisher, struct pgc_batch *batch, bool has_state);
/* The stream ends with that; it is asked for while LOOKING. */
void pgc_publisher_found(struct pgc_publisher *publisher, const struct pgc_nats_last *last);
void pgc_publisher_set_stored(struct pgc_publisher *publisher, const struct codec_place *place);
void pgc_publisher_fence(struct pgc_publisher *publisher, const struct pgc_err *why);
void pgc_publisher_set_status(struct pgc_publisher *publisher, const struct pgc_err *why);

/* ---- publisher_send.c ---- */

void pgc_publisher_send_init(struct pgc_publisher *publisher);
void pgc_publisher_send_fini(struct pgc_publisher *publisher);
/* Forget what waits, and look at the stream's end, once what is under way has ended. */
void pgc_publisher_send_look(struct pgc_publisher *publisher);
void pgc_publisher_send_forget(struct pgc_publisher *publisher);
/* Takes the bytes over. */
void pgc_publisher_send_take(
    struct pgc_publisher *publisher, struct pgc_buf *bytes, const struct codec_place *ends);
void pgc_publisher_send_up(struct pgc_publisher *publisher);
void pgc_publisher_send_done(struct pgc_publisher *publisher, uint64_t cookie,
    enum pgc_nats_outcome outcome, const struct pgc_err *err);

/* ---- publisher_desk.c ---- */

void pgc_publisher_desk_init(struct pgc_publisher *publisher);
void pgc_publisher_desk_fini(struct pgc_publisher *publisher);
void pgc_publisher_desk_open(struct pgc_publisher *publisher);
void pgc_publisher_desk_close(struct pgc_publisher *publisher); /* harmless to repeat */
void pgc_publisher_desk_asked(struct pgc_publisher *publisher, struct pgc_nats_asked *asked,
    const char *what, const struct pgc_nats_bytes *question);
/* `answer` is taken over. */
void pgc_publisher_desk_answer(struct pgc_publisher *publisher, struct pgc_answer *answer);
/* Before the place moves: what is answered so far is good where we are. */
void pgc_publisher_desk_move(struct pgc_publisher *publisher);

/* ---- publisher_viewers.c ---- */

void pgc_publisher_viewers_init(struct pgc_publisher *publisher);
void pgc_publisher_viewers_fini(struct pgc_publisher *publisher);
/* The port is new: tell it of all. */
void pgc_publisher_viewers_tell(struct pgc_publisher *publisher);
void pgc_publisher_viewers_told(
    struct pgc_publisher *publisher, const struct pgc_nats_bytes *bytes);
void pgc_publisher_viewers_add(struct pgc_publisher *publisher, uint64_t edge, const char *member);

#endif
