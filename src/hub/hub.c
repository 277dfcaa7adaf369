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

static struct hub_topic *
hub_find_topic(const struct pgc_hub *hub, const char *name)
{
    return pgc_table_get(hub->topics, name, strlen(name));
}

static struct hub_topic *
hub_need_topic(struct pgc_hub *hub, const char *name)
{
    size_t length = strlen(name);
    struct hub_topic *topic = pgc_table_get(hub->topics, name, length);

    if (topic == NULL) {
        topic = pgc_xmalloc(sizeof(*topic) + length + 1);
        TAILQ_INIT(&topic->links);
        topic->length = length;
        memcpy(topic->name, name, length + 1);
        pgc_table_put(hub->topics, name, length, topic);
    }
    return topic;
}

static struct hub_member *
hub_find_member(const struct pgc_hub *hub, const char *id)
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

static void
hub_attach(struct pgc_hub *hub, struct pgc_sub *sub, struct hub_topic *topic)
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

static void
hub_detach(struct pgc_hub *hub, struct pgc_sub *sub, struct hub_topic *topic)
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
    sub->stream = hub_need_topic(hub, stream);
    sub->member = hub_need_member(hub, member);
    sub->made = hub->backlog->newest;
    LIST_INIT(&sub->links);
    hub_tie(&sub->own, sub, sub->stream);
    TAILQ_INSERT_TAIL(&sub->member->subs, sub, by_member);
    hub->sub_count++;
    return sub;
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
    hub_attach(hub, sub, hub_need_topic(hub, topic));
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

/* ---- a batch ---- */

static size_t
hub_publish(struct pgc_hub *hub, const char *name, struct pgc_msg *msg)
{
    struct hub_topic *topic = hub_find_topic(hub, name);
    struct hub_link *last;
    size_t deliveries = 0;

    if (topic == NULL) {
        return 0;
    }
    last = TAILQ_LAST(&topic->links, hub_topic_links);
    for (struct hub_link *link = TAILQ_FIRST(&topic->links); link != NULL;
         link = link == last ? NULL : TAILQ_NEXT(link, by_topic)) {
        if (!link->dead && !link->sub->revoked) {
            link->sub->ops->deliver(link->sub->owner, link->sub, msg);
            deliveries++;
        }
    }
    return deliveries;
}

/* Every subscription on stream `via` gets `name`, or no longer does. */
static void
hub_move(struct pgc_hub *hub, const char *via, const char *name, bool joins)
{
    struct hub_topic *stream = hub_find_topic(hub, via);
    struct hub_topic *topic = joins ? NULL : hub_find_topic(hub, name);
    struct hub_link *link;

    if (stream == NULL || (!joins && topic == NULL)) {
        return;
    }
    TAILQ_FOREACH(link, &stream->links, by_topic) {
        if (link->dead || link->sub->stream != stream) {
            continue;
        }
        if (joins) {
            /* Made only now: a topic without links would stay for ever. */
            hub_attach(hub, link->sub, hub_need_topic(hub, name));
        } else {
            hub_detach(hub, link->sub, topic);
        }
    }
}

static void
hub_end(struct pgc_hub *hub, struct pgc_sub *sub, enum pgc_sub_end why)
{
    pgc_hub_unsubscribe(hub, sub);
    sub->ops->ended(sub->owner, sub, why);
}

static void
hub_end_all(struct pgc_hub *hub, struct hub_member *member, enum pgc_sub_end why)
{
    struct pgc_sub *last = TAILQ_LAST(&member->subs, hub_member_subs);

    for (struct pgc_sub *sub = TAILQ_FIRST(&member->subs); sub != NULL;
         sub = sub == last ? NULL : TAILQ_NEXT(sub, by_member)) {
        if (!sub->dead) {
            hub_end(hub, sub, why);
        }
    }
}

/*
 * Nothing more is delivered from here on, but the owner is told at the end of the tick only: it
 * will close the connection, and what the same tick still has for the member's other subscriptions
 * (the room was deleted) must go out before.
 */
static void
hub_revoke(struct pgc_hub *hub, const char *id, const char *name)
{
    struct hub_member *member = hub_find_member(hub, id);
    struct hub_topic *stream = hub_find_topic(hub, name);
    struct pgc_sub *sub;

    if (member == NULL || stream == NULL) {
        return;
    }
    TAILQ_FOREACH(sub, &member->subs, by_member) {
        if (!sub->dead && !sub->revoked && sub->stream == stream) {
            sub->revoked = true;
            LIST_INSERT_HEAD(&hub->revoked, sub, by_revoked);
        }
    }
}

static void
hub_tell_revoked(struct pgc_hub *hub)
{
    while (!LIST_EMPTY(&hub->revoked)) {
        hub_end(hub, LIST_FIRST(&hub->revoked), PGC_SUB_REVOKED);
    }
}

static void
hub_expel(struct pgc_hub *hub, const char *id)
{
    struct hub_member *member = hub_find_member(hub, id);

    if (member != NULL) {
        hub_end_all(hub, member, PGC_SUB_EXPELLED);
    }
}

static void
hub_reload(struct pgc_hub *hub)
{
    size_t cursor = 0;
    const char *id;
    size_t length;
    void *member;

    while (pgc_table_next(hub->members, &cursor, &id, &length, &member)) {
        hub_end_all(hub, member, PGC_SUB_RELOAD);
    }
}

static void
hub_pass_on(const struct pgc_hub *hub, const struct pgc_op *op)
{
    if (hub->take != NULL) {
        hub->take(op, hub->take_arg);
    }
}

void
pgc_hub_pass_on(struct pgc_hub *hub, void (*take)(const struct pgc_op *op, void *arg), void *arg)
{
    hub->take = take;
    hub->take_arg = arg;
}

size_t
pgc_hub_apply(struct pgc_hub *hub, const struct pgc_batch *batch)
{
    size_t deliveries = 0;

    pgc_backlog_begin(hub->backlog, batch);
    for (size_t i = 0; i < batch->count; i++) {
        const struct pgc_op *op = &batch->ops[i];

        pgc_backlog_add(hub->backlog, op);
        switch (op->kind) {
        case PGC_OP_PUBLISH:
            deliveries += hub_publish(hub, op->topic, op->msg);
            break;
        case PGC_OP_JOIN:
            hub_move(hub, op->via, op->topic, true);
            break;
        case PGC_OP_LEAVE:
            hub_move(hub, op->via, op->topic, false);
            break;
        case PGC_OP_REVOKE:
            hub_revoke(hub, op->via, op->topic);
            break;
        case PGC_OP_EXPEL:
            hub_expel(hub, op->via);
            hub_pass_on(hub, op);
            break;
        case PGC_OP_RELOAD:
            hub_reload(hub);
            break;
        case PGC_OP_BAN_TOKEN:
        case PGC_OP_BAN_MEMBER:
        case PGC_OP_RECHECK:
        case PGC_OP_REVIEW:
            hub_pass_on(hub, op);
            break;
        case PGC_OP_BEGIN:
        case PGC_OP_ADMIT:
        case PGC_OP_HOLE:
        case PGC_OP_FORGET:
        case PGC_OP_AMEND:
            break; /* the backlog's alone */
        }
    }
    pgc_backlog_end(hub->backlog);
    if (batch->ends_tick) {
        hub_tell_revoked(hub);
    }
    return deliveries;
}
