/* SPDX-License-Identifier: PostgreSQL */
/*
 * A link ties one subscription to one topic.  Each topic has its links in the order in which they
 * came, each subscription has its own; the first of these, which is part of it, is the one to its
 * stream, the others are found by (subscription, topic) in a table.
 *
 * What ends is marked dead and stays where it is until the end of the loop's turn, so that walks
 * need not fear what their callbacks do: they skip the dead, and stop at what was last when they
 * began, so that a newcomer gets nothing that was sent before it came.
 */
#include <assert.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "hub_internal.h"

/* The key of `further`. */
struct hub_pair {
    const struct pgc_sub *sub;
    const struct hub_topic *topic;
};

struct pgc_hub *
pgc_hub_new(struct pgc_loop *loop, const struct pgc_hub_conf *conf)
{
    struct pgc_hub *hub = pgc_xcalloc(1, sizeof(*hub));

    hub->loop = loop;
    hub->backlog = pgc_backlog_new(conf);
    hub->recent = conf->recent;
    hub->metrics = pgc_hub_register_metrics(conf->metrics);
    hub->topics = pgc_table_new();
    hub->members = pgc_table_new();
    hub->further = pgc_table_new();
    LIST_INIT(&hub->revoked);
    SLIST_INIT(&hub->dead_links);
    SLIST_INIT(&hub->dead_subs);
    return hub;
}

/* ---- the sweep ---- */

static void
hub_sweep_link(struct pgc_hub *hub, struct hub_link *link)
{
    struct hub_topic *topic = link->topic;

    TAILQ_REMOVE(&topic->links, link, by_topic);
    if (link != &link->sub->own) {
        free(link);
    }
    if (TAILQ_EMPTY(&topic->links)) {
        pgc_table_remove(hub->topics, topic->name, topic->length);
        free(topic);
    }
}

static void
hub_sweep_sub(struct pgc_hub *hub, struct pgc_sub *sub)
{
    struct hub_member *member = sub->member;

    TAILQ_REMOVE(&member->subs, sub, by_member);
    free(sub);
    if (TAILQ_EMPTY(&member->subs)) {
        pgc_table_remove(hub->members, member->id, member->length);
        free(member);
    }
}

static void
hub_sweep(struct pgc_hub *hub)
{
    while (!SLIST_EMPTY(&hub->dead_links)) {
        struct hub_link *link = SLIST_FIRST(&hub->dead_links);

        SLIST_REMOVE_HEAD(&hub->dead_links, grave);
        hub_sweep_link(hub, link);
    }
    while (!SLIST_EMPTY(&hub->dead_subs)) {
        struct pgc_sub *sub = SLIST_FIRST(&hub->dead_subs);

        SLIST_REMOVE_HEAD(&hub->dead_subs, grave);
        hub_sweep_sub(hub, sub);
    }
}

static void
hub_sweep_later(void *arg)
{
    struct pgc_hub *hub = arg;

    if (hub->dead) {
        free(hub);
        return;
    }
    hub->sweep_is_due = false;
    hub_sweep(hub);
}

static void
hub_want_sweep(struct pgc_hub *hub)
{
    if (!hub->sweep_is_due) {
        hub->sweep_is_due = true;
        pgc_loop_defer(hub->loop, hub_sweep_later, hub);
    }
}

void
pgc_hub_free(struct pgc_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    assert(hub->sub_count == 0);
    hub_sweep(hub);
    pgc_table_free(hub->further, NULL);
    pgc_table_free(hub->members, NULL);
    pgc_table_free(hub->topics, NULL);
    pgc_backlog_free(hub->backlog);
    if (hub->sweep_is_due) {
        hub->dead = true;
    } else {
        free(hub);
    }
}

/* ---- links ---- */

struct hub_topic *
pgc_hub_find_topic(const struct pgc_hub *hub, const char *name)
{
    return pgc_table_get(hub->topics, name, strlen(name));
}

struct hub_topic *
pgc_hub_need_topic(struct pgc_hub *hub, const char *name)
{
    size_t length = strlen(name);
    struct hub_topic *topic = pgc_table_get(hub->topics, name, length);

    if (topic == NULL) {
        topic = pgc_xmalloc(sizeof(*topic) + length + 1);
        TAILQ_INIT(&topic->links);
        topic->streams = 0;
        topic->length = length;
        memcpy(topic->name, name, length + 1);
        pgc_table_put(hub->topics, name, length, topic);
    }
    return topic;
}

struct hub_member *
pgc_hub_find_member(const struct pgc_hub *hub, const char *id)
{
    return pgc_table_get(hub->members, id, strlen(id));
}

static struct hub_member *
hub_need_member(struct pgc_hub *hub, const char *id)
{
    size_t length = strlen(id);
    struct hub_member *member = pgc_table_get(hub->members, id, length);

    if (member == NULL) {
        member = pgc_xmalloc(sizeof(*member) + length + 1);
        TAILQ_INIT(&member->subs);
        member->length = length;
        memcpy(member->id, id, length + 1);
        pgc_table_put(hub->members, id, length, member);
    }
    return member;
}

static void
hub_tie(struct hub_link *link, struct pgc_sub *sub, struct hub_topic *topic)
{
    link->sub = sub;
    link->topic = topic;
    TAILQ_INSERT_TAIL(&topic->links, link, by_topic);
    LIST_INSERT_HEAD(&sub->links, link, by_sub);
}

static void
hub_link_kill(struct pgc_hub *hub, struct hub_link *link)
{
    struct hub_pair pair = {.sub = link->sub, .topic = link->topic};

    link->dead = true;
    LIST_REMOVE(link, by_sub);
    if (link->topic != link->sub->stream) {
        pgc_table_remove(hub->further, (const char *)&pair, sizeof(pair));
    }
    SLIST_INSERT_HEAD(&hub->dead_links, link, grave);
    hub_want_sweep(hub);
}

void
pgc_hub_tie_to(struct pgc_hub *hub, struct pgc_sub *sub, struct hub_topic *topic)
{
    struct hub_pair pair = {.sub = sub, .topic = topic};
    struct hub_link *link;

    if (topic == sub->stream ||
        pgc_table_get(hub->further, (const char *)&pair, sizeof(pair)) != NULL) {
        return;
    }
    link = pgc_xcalloc(1, sizeof(*link));
    hub_tie(link, sub, topic);
    pgc_table_put(hub->further, (const char *)&pair, sizeof(pair), link);
}

void
pgc_hub_untie(struct pgc_hub *hub, struct pgc_sub *sub, struct hub_topic *topic)
{
    struct hub_pair pair = {.sub = sub, .topic = topic};
    struct hub_link *link = pgc_table_get(hub->further, (const char *)&pair, sizeof(pair));

    if (link != NULL) {
        hub_link_kill(hub, link);
    }
}

/* ---- subscriptions ---- */

struct pgc_sub *
pgc_hub_subscribe(struct pgc_hub *hub, const char *stream, const char *member,
    const struct pgc_sub_ops *ops, void *owner)
{
    struct pgc_sub *sub = pgc_xcalloc(1, sizeof(*sub));

    sub->ops = ops;
    sub->owner = owner;
    sub->stream = pgc_hub_need_topic(hub, stream);
    sub->member = hub_need_member(hub, member);
    sub->made = hub->backlog->newest;
    LIST_INIT(&sub->links);
    hub_tie(&sub->own, sub, sub->stream);
    TAILQ_INSERT_TAIL(&sub->member->subs, sub, by_member);
    hub->sub_count++;
    if (sub->stream->streams++ == 0) {
        pgc_metric_add(hub->metrics.streams, 1);
    }
    return sub;
}

void
pgc_hub_touches(struct pgc_sub *sub, const void *const touches[PGC_SUB_TOUCHES])
{
    memcpy(sub->touches, touches, sizeof(sub->touches));
}

const char *
pgc_hub_stream(const struct pgc_sub *sub)
{
    return sub->stream->name;
}

void
pgc_hub_attach(struct pgc_hub *hub, struct pgc_sub *sub, const char *topic)
{
    assert(!sub->dead);
    pgc_hub_tie_to(hub, sub, pgc_hub_need_topic(hub, topic));
}

void
pgc_hub_unsubscribe(struct pgc_hub *hub, struct pgc_sub *sub)
{
    assert(!sub->dead);
    sub->dead = true;
    if (sub->revoked) {
        LIST_REMOVE(sub, by_revoked);
    }
    while (!LIST_EMPTY(&sub->links)) {
        hub_link_kill(hub, LIST_FIRST(&sub->links));
    }
    SLIST_INSERT_HEAD(&hub->dead_subs, sub, grave);
    hub->sub_count--;
    if (--sub->stream->streams == 0) {
        pgc_metric_add(hub->metrics.streams, -1);
    }
}

size_t
pgc_hub_topic_count(const struct pgc_hub *hub)
{
    return pgc_table_count(hub->topics);
}

size_t
pgc_hub_sub_count(const struct pgc_hub *hub)
{
    return hub->sub_count;
}

void
pgc_hub_pass_on(struct pgc_hub *hub, void (*take)(const struct pgc_op *op, void *arg), void *arg)
{
    hub->take = take;
    hub->take_arg = arg;
}
