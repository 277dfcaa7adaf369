/* SPDX-License-Identifier: PostgreSQL */
/*
 * load_internal.h - between the crowd (load.c) and one of its clients (client.c).
 */
#ifndef PGC_LOAD_INTERNAL_H
#define PGC_LOAD_INTERNAL_H

#include "pgcable/load.h"

#include "wire.h"

struct client;

struct pgc_load {
    struct pgc_load_conf conf;
    const struct pgc_load_ops *ops;
    void *arg;
    struct wire_port port;
    struct pgc_load_seen seen;
    struct client *clients;
    struct pgc_timer *start;
    struct pgc_timer *churn;
    int64_t churn_us; /* until when it is done */
    unsigned churner; /* whose turn it is */
    unsigned started;
    bool is_tired; /* a nap is due */
};

/* ---- load.c: what clients tell ---- */

void load_tire(struct pgc_load *load); /* something was read */
void load_away(struct pgc_load *load); /* one that listened does not any more */
void load_back(struct pgc_load *load, int64_t away_us);
/* One that is not replayed; what stands behind its time. */
void load_live(struct pgc_load *load, int64_t sent_us, const char *behind);
void load_round(struct pgc_load *load, int64_t sent_us, size_t bytes);
void load_done(struct pgc_load *load);

/* ---- client.c ---- */

struct client *client_new_all(struct pgc_load *load);
void client_free_all(struct pgc_load *load);
void client_connect(struct pgc_load *load, unsigned number);
/* Ends a subscription and asks for it again; false if it is not at leisure. */
bool client_churn(struct pgc_load *load, unsigned number);

#endif
