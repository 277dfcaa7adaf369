/* SPDX-License-Identifier: PostgreSQL */
/*
 * load.h - many clients of the cable in one process, and what they saw.
 *
 * Client i is member 1 + i % members and listens to room 1 + i % rooms.  Whoever writes to the
 * rooms numbers the messages of each, without a gap, in the order of their commits, and begins
 * their text with
 *
 *   load <number> <microseconds since 1970>[ round][ end]
 *
 * so that each client can tell what it lost or got twice, how long it took, and which one is last,
 * of all or of those that are sent before anything more is.
 */
#ifndef PGCABLE_BENCH_LOAD_H
#define PGCABLE_BENCH_LOAD_H

#include "spread.h"
#include "wire.h"

enum { LOAD_EPOCH_BYTES = 40 };

struct load_conf {
    const char *address;
    unsigned port;
    const char *path;
    const char *secret; /* of HS256 tokens */
    const char *claim;
    unsigned clients;
    unsigned members;
    unsigned rooms;
    unsigned sources;
    unsigned per_s;     /* connections that are begun at the start; 0 = all at once */
    unsigned nap_ms;    /* pause when all has been read that there was; 0 = none */
    int64_t retry_ms;   /* a client comes back after … */
    int64_t retry_most; /* … to this, at random */
    bool is_base;       /* actioncable-v1-json, which cannot go on where it stopped */
    bool is_plain;      /* no cable: it listens as soon as the handshake is done */
};

/* False after saying what is wrong, or what there is to choose from. */
bool load_conf_read(struct load_conf *conf, int argc, char **argv);

/* What there is to say about all clients. */
struct report {
    unsigned wanted;    /* clients */
    unsigned listening; /* of these, now */
    unsigned done;      /* have seen the last message */
    unsigned rounded;   /* have seen the last one of this round */
    int64_t since_us;   /* when they began to come, or the first one was lost again */
    bool is_complete;   /* all listened since */
    uint64_t attempts;  /* to connect, since then */
    uint64_t ends[3];   /* enum wire_end, since then */
    uint64_t resets;    /* clients that were told to load anew */
    uint64_t rejected;  /* subscriptions */
    uint64_t cut_off;   /* clients that listened */
    uint64_t lost;      /* messages */
    uint64_t doubled;
    uint64_t messages;   /* in this phase */
    uint64_t replayed;   /* of these, sent again */
    struct spread away;  /* microseconds from a client's loss to its catching up, since then */
    struct spread delay; /* microseconds from the writer to the client, live, in this phase */
};

void report_away(struct report *report); /* one that listened does not any more */
void report_back(struct report *report, int64_t away_us);
void report_message(struct report *report, bool is_live, int64_t sent_us);
void report_phase(struct report *report); /* prints it and begins the next */
/* One more has seen the round's last message, sent then and of so many bytes; prints it when all
 * have. */
void report_round(struct report *report, int64_t sent_us, size_t bytes);
bool report_end(struct report *report); /* prints it; did all go well? */

struct client;

struct load {
    struct load_conf conf;
    struct wire_port port;
    struct report report;
    struct client *clients;
    struct pgc_timer *start;
    unsigned started;
    bool is_tired; /* a nap is due */
};

struct client *client_new_all(struct load *load);
void client_free_all(struct load *load);
void load_tire(struct load *load); /* something was read */
void client_connect(struct load *load, unsigned number);

#endif
