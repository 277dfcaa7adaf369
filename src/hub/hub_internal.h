/* SPDX-License-Identifier: PostgreSQL */
/*
 * hub_internal.h - topics, links, members and subscriptions, for the files of the hub.
 *
 *   hub.c         topics, members, and the links between them
 *   hub_apply.c   who gets what, as it comes
 *   hub_replay.c  what came before
 */
#ifndef PGCABLE_HUB_INTERNAL_H
#define PGCABLE_HUB_INTERNAL_H

#include <sys/queue.h>

#include "pgcable/hub.h"
#include "pgcable/table.h"

#include "backlog.h"

TAILQ_HEAD(hub_topic_links, hub_link);
TAILQ_HEAD(hub_member_subs, pgc_sub);

struct hub_link {
    struct pgc_sub *sub;
    TAILQ_ENTRY(hub_link) by_topic;
    bool dead;
    struct hub_topic *topic;
    LIST_ENTRY(hub_link) by_sub; /* only while alive */
    SLIST_ENTRY(hub_link) grave; /* only while dead */
};

struct hub_topic {
    struct hub_topic_links links;
    size_t streams; /* of subscriptions that are alive: it is the stream of so many */
    size_t length;
    char name[];
};

/* Someone with subscriptions: all of them, on any stream. */
struct hub_member {
    struct hub_member_subs subs;
    size_t length;
    char id[];
};

struct pgc_sub {
    const struct pgc_sub_ops *ops;
    void *owner;
    const void *touches[PGC_SUB_TOUCHES];
    bool revoked; /* gets nothing any more, and is told so at the tick's end */
    bool dead;
    struct hub_link own; /* to its stream */
    struct hub_topic *stream;
    struct hub_member *member;
    struct pgc_position made; /* place of the newest message when it was made */
    LIST_HEAD(, hub_link) links;
    TAILQ_ENTRY(pgc_sub) by_member;
    LIST_ENTRY(pgc_sub) by_revoked; /* only while revoked */
    SLIST_ENTRY(pgc_sub) grave;     /* only while dead */
};

struct hub_metrics {
    struct pgc_metric *replays[PGC_REPLAY_RESULTS];
    struct pgc_metric *replayed;
    struct pgc_metric *streams;
};

struct pgc_hub {
    struct pgc_loop *loop;
    struct pgc_backlog *backlog;
    struct hub_metrics metrics;
    struct pgc_recent *recent;                        /* or NULL */
    void (*take)(const struct pgc_op *op, void *arg); /* what is passed on; or NULL */
    void *take_arg;
    struct pgc_table *topics;  /* name -> hub_topic */
    struct pgc_table *members; /* id -> hub_member */
    struct pgc_table *further; /* (sub, topic) -> hub_link, but for the links to streams */
    size_t sub_count;
    LIST_HEAD(, pgc_sub) revoked;
    SLIST_HEAD(, hub_link) dead_links;
    SLIST_HEAD(, pgc_sub) dead_subs;
    bool sweep_is_due; /* the loop will call hub_sweep_later() */
    bool dead;         /* freed, but for what hub_sweep_later() still needs */
};

/* ---- hub.c ---- */

struct hub_topic *pgc_hub_find_topic(const struct pgc_hub *hub, const char *name);
/* A new one without links would stay for ever: give it one. */
struct hub_topic *pgc_hub_need_topic(struct pgc_hub *hub, const char *name);
struct hub_member *pgc_hub_find_member(const struct pgc_hub *hub, const char *id);

/* A further topic for a subscription: harmless if it has it already; none any more. */
void pgc_hub_tie_to(struct pgc_hub *hub, struct pgc_sub *sub, struct hub_topic *topic);
void pgc_hub_untie(struct pgc_hub *hub, struct pgc_sub *sub, struct hub_topic *topic);

/* ---- hub_replay.c ---- */

struct hub_metrics pgc_hub_register_metrics(struct pgc_metrics *metrics);

#endif
