/* SPDX-License-Identifier: PostgreSQL */
/*
 * follow_shore.h - a follower with two workers, and a leader that does what a test says, on one
 * loop; between them the NATS server of with-nats.
 */
#ifndef PGCABLE_FOLLOW_SHORE_H
#define PGCABLE_FOLLOW_SHORE_H

#include "pgcable/buf.h"

#include "follower_internal.h"

/*
 * What came down to a worker is written as
 *
 *   begin@5 reload@5    history begins behind tick 5
 *   6(1 2) 7(1         a whole tick with two messages, a piece of one; t a ban, x anything else
 *   9:room+a           ticket 9 is granted stream "room", and topic "a" with it; 9:no
 */
struct shore {
    char prefix[32];
    struct pgc_loop *loop;
    struct pgc_timer *peek;
    bool (*is_true)(struct shore *shore);
    int64_t deadline_ms;
    const char *target;   /* for what is waited for */
    struct pgc_buf *page; /* to say so */
    bool wants_ready;

    struct pgc_metrics *metrics;
    struct pgc_port *ports[2];
    struct pgc_buf diaries[2];
    struct pgc_follower *follower;

    struct pgc_nats *leader;
    uint64_t published;        /* the stream's newest sequence */
    unsigned refused;          /* of what was published: then the test is wrong */
    struct codec_place newest; /* piece */
    bool has_ended;            /* its tick */
    bool is_mute;              /* to "state" */
    unsigned states;
    struct pgc_nats_asked *state_asked; /* while mute */
    struct pgc_buf
        asks; /* "room:5 member:5 | room:6 | ": kinds and members, question by question */
    unsigned questions;
    struct pgc_nats_asked *question; /* the newest one, until it is answered */
    struct codec_asks asked;
    uint32_t other_nonce;   /* of answers: added to the tick's */
    uint64_t round;         /* of viewers */
    size_t listeners;       /* named in it */
    struct pgc_buf viewers; /* "+5 -6 " for changes, "(5 6 ) " for a whole list */
};

bool shore_has_no_server(void);
int shore_setup(void **state); /* the leader is up and has a stream */
int shore_teardown(void **state);
void shore_follow(struct shore *shore);         /* make the follower; both workers listen */
void shore_follow_unheard(struct shore *shore); /* they do not, yet */
void shore_open_worker(struct shore *shore, size_t worker);
void shore_open_workers(struct shore *shore);
struct shore *shore_behind_tick_6(void **state); /* a follower that is ready */

/* Run the loop until it is true; fails the test if that takes too long. */
void shore_wait(struct shore *shore, bool (*is_true)(struct shore *shore));
void shore_expect(struct shore *shore, const char *diary); /* of both; begins a new page */
void shore_expect_of(struct shore *shore, size_t worker, const char *diary);
void shore_expect_asks(struct shore *shore, const char *asks);
void shore_expect_viewers(struct shore *shore, const char *viewers);
/* To the leader, all of them: when it is connected, and in a beat if that is long ago. */
bool shore_has_told_viewers(struct shore *shore);
void shore_wait_for_a_beat(struct shore *shore);
void shore_wait_until_ready(struct shore *shore, bool ready);

/* ---- the server ---- */

void shore_server(const char *what); /* stop, start, freeze, thaw, forget */
void shore_stop_server(struct shore *shore);
void shore_start_server(struct shore *shore); /* the leader is up again */
/* Stopped and started, with a stream that is new; the leader that publishes to it is a new one. */
void shore_forget_stream(struct shore *shore);

/* ---- the leader ---- */

void shore_connect_leader(struct shore *shore); /* setup does */

void shore_begin(struct shore *shore, int64_t tick, enum pgc_op_kind kind);
/* A whole tick: of a message (0 = none), and a move (NULL = none). */
void shore_tick(struct shore *shore, int64_t tick, int id);
void shore_half_tick(struct shore *shore, int64_t tick, int id);
void shore_move(struct shore *shore, int64_t tick, enum pgc_op_kind kind, const char *via);
void shore_tell_state(struct shore *shore); /* all that is revoked, in the stream */
void shore_promise(struct shore *shore, const struct codec_place *place); /* it is told there */
void shore_lead(struct shore *shore);                                     /* says so */
void shore_speak(struct shore *shore); /* mute no more: what was asked for comes */
/* The question at hand: of its asks the first `count` are granted `stream` (NULL = refused) as of
 * the end of that tick. */
void shore_answer(struct shore *shore, int64_t tick, const char *stream, size_t count);

/* ---- a worker ---- */

void shore_ask(struct shore *shore, size_t worker, uint64_t ticket, const char *member);

#endif
