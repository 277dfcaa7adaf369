/* SPDX-License-Identifier: PostgreSQL */
/*
 * load.h - many clients of a cable in one process, and what they saw.
 *
 * Client i is member first_member + i % members and listens to `subscriptions` streams: with
 * PGC_LOAD_ROOM to the rooms 1 + (i * subscriptions + j) % rooms, else to its member's own.  Who
 * writes numbers the messages of each stream, without a gap, in the order of their commits, and
 * begins their text with
 *
 *   load <number> <microseconds since 1970>[ round][ end]
 *
 * so that each client can tell what it lost or got twice, how long it took, and which one is last,
 * of all or of those that are sent before anything more is.  Only with one subscription whose
 * messages are of one stream are numbers looked at.
 *
 * Knows the protocol as a client does, and nothing of the server's side.  Loop thread only.
 */
#ifndef PGCABLE_LOAD_H
#define PGCABLE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/histogram.h"
#include "pgcable/loop.h"

struct pgc_load;

enum pgc_load_channel {
    PGC_LOAD_ROOM,         /* Chats::RoomChannel */
    PGC_LOAD_CHATS,        /* ChatRoomChannel: all of a member's rooms */
    PGC_LOAD_NOTIFICATION, /* NotificationChannel */
};

struct pgc_load_conf {
    const char *host; /* a name, or an address */
    unsigned port;
    const char *path;
    bool has_tls;
    const char *ca_file; /* who is believed; NULL: whom the system believes */
    const char *secret;  /* of HS256 tokens; NULL: all have this one … */
    const char *token;
    const char *claim;
    enum pgc_load_channel channel;
    unsigned clients;
    unsigned first_member;
    unsigned members;
    unsigned rooms;
    unsigned subscriptions;
    unsigned first_source; /* they come from 127.0.0.<first_source> and the next ones … */
    unsigned sources;      /* … so many; 0 = from wherever the kernel takes */
    unsigned per_s;        /* connections that are begun at the start; 0 = all at once */
    unsigned churn_per_s;  /* subscriptions that are ended and made anew, once all listen */
    unsigned nap_ms;       /* pause when all has been read that there was; 0 = none */
    int64_t retry_ms;      /* a client comes back after … */
    int64_t retry_most;    /* … to this, at random */
    bool is_base;          /* actioncable-v1-json, which cannot go on where it stopped */
    bool is_plain;         /* no cable: it listens as soon as the handshake is done … */
    const char *hello;     /* … and this is said; NULL: nothing */
};

/* What has come of it. */
struct pgc_load_seen {
    unsigned listening;   /* clients, now */
    unsigned done;        /* have seen the last message */
    unsigned rounded;     /* have seen the last one of this round */
    bool is_complete;     /* all listened since … */
    int64_t since_us;     /* … they began to come, or the first one was lost again */
    uint64_t attempts;    /* to connect, since then */
    uint64_t unreachable; /* of these: nobody listens; since then */
    uint64_t refused;     /* an answer that is no upgrade */
    uint64_t broken;      /* connections that ended */
    uint64_t resets;      /* clients that were told to load anew */
    uint64_t rejected;    /* subscriptions */
    uint64_t cut_off;     /* clients that listened */
    uint64_t lost;        /* messages */
    uint64_t doubled;
    uint64_t messages;          /* in this phase */
    uint64_t replayed;          /* of these, sent again */
    struct pgc_histogram away;  /* microseconds from a client's loss to its catching up */
    struct pgc_histogram delay; /* from the writer to the client, live, in this phase */
    struct pgc_histogram churn; /* from asking to the confirmation, in this phase */
};

/* Each may be NULL. */
struct pgc_load_ops {
    void (*complete)(void *arg);                             /* all listen, again or at last */
    void (*round)(int64_t sent_us, size_t bytes, void *arg); /* its last one, all have it */
    void (*done)(void *arg);                                 /* all have seen the last one */
    /* One came live to a client: when, and what stands behind its time, up to a quote. */
    void (*message)(int64_t now_us, const char *behind, void *arg);
};

/* `conf` is copied, what it points to is borrowed, and so is `ops`.  Nothing is sent yet. */
struct pgc_load *pgc_load_new(struct pgc_loop *loop, const struct pgc_load_conf *conf,
    const struct pgc_load_ops *ops, void *arg, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_load_free(struct pgc_load *load); /* hangs up; NULL is fine */
void pgc_load_start(struct pgc_load *load);
const struct pgc_load_seen *pgc_load_seen(const struct pgc_load *load); /* borrowed */
void pgc_load_next_phase(struct pgc_load *load);                        /* forgets this one's */

#endif
