/* SPDX-License-Identifier: PostgreSQL */
/*
 * nats_internal.h - between the loop's thread (nats.c) and the hand's.
 *
 * The hand is the thread that calls libnats and waits for it: jobs go to it, events come back
 * through a mailbox, also from the library's own threads.  A connection has a number, the session;
 * what belongs to an earlier one is dropped by whoever gets it.
 *
 *   nats.c         the loop's side: life, events, subjects
 *   nats_wait.c    who waits for an answer
 *   nats_follow.c  what comes from the stream
 *
 *   nats_hand.c    the thread: connect, do jobs, until told to stop
 *   nats_tap.c     subscriptions: what libnats' threads call
 *   nats_stream.c  the hand's jobs about the stream
 */
#ifndef PGCABLE_BUS_NATS_INTERNAL_H
#define PGCABLE_BUS_NATS_INTERNAL_H

#include <sys/queue.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nats/nats.h>

#include "pgcable/log.h"
#include "pgcable/mailbox.h"

#include "bus_nats.h"

/* How long libnats may wait for an answer of the server. */
#define NATS_CALL_MS 3000

enum nats_job_kind {
    NATS_JOB_SEND,        /* to `subject`, answers to `reply` if there is one */
    NATS_JOB_PUBLISH,     /* the same, to the stream if its newest sequence is `sequence` */
    NATS_JOB_SUBSCRIBE,   /* to `subject`, as `number` */
    NATS_JOB_UNSUBSCRIBE, /* from `number` */
    NATS_JOB_LAST,        /* the stream's newest packet */
    NATS_JOB_FOLLOW,      /* from `sequence` or `since_us` on, as following `number` */
};

struct nats_job {
    STAILQ_ENTRY(nats_job) entry;
    enum nats_job_kind kind;
    uint64_t session;
    uint64_t number;
    uint64_t sequence;
    int64_t since_us; /* of pgc_monotonic_us() */
    char *subject;
    char *reply;
    size_t length;
    unsigned char bytes[];
};

enum nats_event_kind {
    NATS_EVENT_UP,
    NATS_EVENT_DOWN,      /* err */
    NATS_EVENT_ANSWER,    /* msg, to our inbox; its subject ends with the token */
    NATS_EVENT_MESSAGE,   /* msg, to a subject that is served or listened to */
    NATS_EVENT_LAST,      /* err, or sequence and, if there is one, msg */
    NATS_EVENT_FOLLOWING, /* number; sequence: of the packet that comes first, 0 = not sure */
    NATS_EVENT_PACKET,    /* number, msg: a packet or a heartbeat */
};

struct nats_event {
    enum nats_event_kind kind;
    uint64_t session;
    uint64_t number;
    uint64_t sequence;
    natsMsg *msg;
    struct pgc_err *err;
    TAILQ_ENTRY(nats_event) entry; /* of those held */
};

/* What the threads share.  Strings and numbers above `lock` never change. */
struct nats_wire {
    char *url;
    char *prefix;
    char *name;
    char *credentials;
    char *tls_ca;
    char *tls_certificate;
    char *tls_key;
    char *inbox; /* PREFIX.inbox.RANDOM: nobody else's */
    char *shown; /* the url without a password */
    bool keeps_stream;
    int64_t replicas;
    int64_t retention_s;
    struct pgc_mailbox *events;
    struct pgc_log_limit complaints; /* libnats' own thread */

    pthread_mutex_t lock; /* all below */
    pthread_cond_t woken; /* of any change */
    STAILQ_HEAD(nats_jobs, nats_job) jobs;
    bool stopped;
    bool closed;                                /* libnats lost the connection */
    unsigned callbacks;                         /* which libnats may still call */
    SLIST_HEAD(nats_orphans, nats_tap) orphans; /* whose end we are not told of */
    size_t unread_bytes;                        /* of packets the loop has not taken yet */
};

/* One subscription; libnats' threads have it until it is complete. */
struct nats_tap {
    struct nats_wire *wire;
    enum nats_event_kind kind;
    uint64_t session;
    uint64_t number; /* of the following, or of the subject */
    natsSubscription *subscription;
    bool dead;     /* under the wire's lock: the hand has closed it, it takes nothing any more */
    bool complete; /* under that lock, too: libnats has let go of it; who is second frees it */
    SLIST_ENTRY(nats_tap) entry; /* the hand's */
};

/* A subscription that is closed; it is freed with the connection. */
struct nats_retired {
    SLIST_ENTRY(nats_retired) entry;
    natsSubscription *subscription;
};

/* The hand's own. */
struct nats_hand {
    struct nats_wire *wire;
    uint64_t session; /* of the connection, or of the last one */
    natsConnection *connection;
    jsCtx *stream;
    SLIST_HEAD(nats_taps, nats_tap) taps;
    struct nats_tap *following; /* one of them, or NULL */
    SLIST_HEAD(nats_retirees, nats_retired) retired;
};

/* ---- the loop's own ---- */

enum nats_wait_kind { NATS_WAIT_PUBLISHED, NATS_WAIT_ANSWER, NATS_WAIT_LAST };

struct nats_wait {
    TAILQ_ENTRY(nats_wait) entry;
    enum nats_wait_kind kind;
    uint64_t token;
    int64_t deadline_ms;
    uint64_t cookie; /* PUBLISHED */
    void (*answer)(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg);
    void (*last)(const struct pgc_err *err, const struct pgc_nats_last *last, void *arg);
    void *arg; /* ANSWER */
};

TAILQ_HEAD(nats_events, nats_event);

struct nats_follow {
    bool active;
    bool begun;              /* the consumer is there */
    uint64_t number;         /* grows with each consumer: what the ones before send is dropped */
    uint64_t next;           /* sequence of the packet to come; 0 = the first since then */
    uint64_t received;       /* from this consumer */
    int64_t since_us;        /* monotonic: clocks on the wall jump */
    struct pgc_timer *watch; /* is anything heard? */
    unsigned silences;
    bool held;
    struct nats_events waiting; /* what came while it was held */
};

struct nats_topic {
    SLIST_ENTRY(nats_topic) entry;
    uint64_t number;
    bool serves;
    char what[];
};

struct pgc_nats {
    struct pgc_loop *loop;
    const struct pgc_nats_ops *ops;
    void *arg;
    struct nats_wire wire;
    pthread_t hand;

    bool up;
    uint64_t session;
    uint64_t numbers; /* tokens and topics given so far */
    TAILQ_HEAD(nats_waits, nats_wait) waits;
    struct pgc_timer *deadline;
    struct nats_follow follow;
    SLIST_HEAD(nats_topics, nats_topic) topics;
};

/* nats.c: `job` is filled in and copied; texts are taken over. */
struct nats_job_order {
    enum nats_job_kind kind;
    uint64_t number;
    uint64_t sequence;
    int64_t since_us; /* of pgc_monotonic_us() */
    char *subject;
    char *reply;
    const struct pgc_nats_bytes *bytes;
};
void pgc_nats_order(struct pgc_nats *nats, const struct nats_job_order *order);
struct pgc_nats_bytes pgc_nats_msg_bytes(natsMsg *msg);

/* nats_wait.c */
void pgc_nats_wait_answered(struct pgc_nats *nats, const struct nats_event *event);
void pgc_nats_wait_last(struct pgc_nats *nats, const struct nats_event *event);
void pgc_nats_wait_end(struct pgc_nats *nats, const struct pgc_err *why); /* all of them */
void pgc_nats_wait_free(struct pgc_nats *nats);
void pgc_nats_wait_late(void *arg); /* the timer; arg: the nats */

/* nats_follow.c */
void pgc_nats_follow_up(struct pgc_nats *nats);
void pgc_nats_follow_down(struct pgc_nats *nats);
/* True: the event is kept. */
bool pgc_nats_follow_take(struct pgc_nats *nats, struct nats_event *event);
void pgc_nats_follow_started(struct pgc_nats *nats, const struct nats_event *event);
void pgc_nats_follow_watch(void *arg); /* the same */

/* ---- the hand's, and the threads of libnats ---- */

/* nats_hand.c */
void *pgc_nats_hand_main(void *arg); /* the wire */
void pgc_nats_job_free(struct nats_job *job);
void pgc_nats_post(struct nats_wire *wire, const struct nats_event *event); /* any thread */
void pgc_nats_event_free(void *item);
/* "<what libnats last said in this thread>"; `err` gets a hint, too, where there is one. */
bool pgc_nats_complain(struct pgc_err *err, natsStatus status);

/* nats_tap.c */
bool pgc_nats_tap_open(struct nats_hand *hand, const char *subject, const struct nats_tap *like,
    struct nats_tap **out, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_nats_tap_close(struct nats_hand *hand, struct nats_tap *tap);
void pgc_nats_tap_free_retired(struct nats_hand *hand); /* when there is no connection */
/* The loop has taken a packet of that size. */
void pgc_nats_tap_taken(struct nats_wire *wire, size_t bytes);

/* nats_stream.c */
bool pgc_nats_stream_keep(struct nats_hand *hand, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_nats_stream_last(struct nats_hand *hand, const struct nats_job *job);
bool pgc_nats_stream_follow(
    struct nats_hand *hand, const struct nats_job *job, struct pgc_err *err) PGC_MUSTCHECK;

#endif
