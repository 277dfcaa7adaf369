/* SPDX-License-Identifier: PostgreSQL */
/*
 * A batch is applied operation by operation: who gets a message is who was attached to its topic
 * by what stands before it.
 */
#include <string.h>

#include "hub_internal.h"

/* Messages on one topic that nothing stands between are handed to each subscription together: its
 * memory, most likely in no cache, is looked at once. */
struct hub_run {
    struct pgc_recent *recent; /* or NULL */
    struct hub_topic *topic;
    size_t count;
    size_t bytes;
    struct pgc_msg *msgs[PGC_RUN_MAX]; /* the batch's */
    uint64_t numbers[PGC_RUN_MAX];     /* by which they are counted */
};
enum { HUB_RUN_BYTES = 32768 };

/* Who goes before the walk over a topic's links, and fetches what it will look at: of ten thousand
 * clients hardly one is in a cache, and the way from a link to a queue leads from miss to miss. */
struct hub_lead {
    const struct hub_link *near;
    const struct hub_link *far;
};
enum { HUB_NEAR = 4, HUB_FAR = 4 }; /* links before the walk; and before the near one */

static const struct hub_link *
hub_next(const struct hub_link *link)
{
    return link != NULL ? TAILQ_NEXT(link, by_topic) : NULL;
}

static struct hub_lead
hub_lead_begin(const struct hub_topic *topic)
{
    struct hub_lead lead = {.near = TAILQ_FIRST(&topic->links)};

    for (int i = 0; i < HUB_NEAR; i++) {
        lead.near = hub_next(lead.near);
    }
    lead.far = lead.near;
    for (int i = 0; i < HUB_FAR; i++) {
        lead.far = hub_next(lead.far);
    }
    return lead;
}

static void
hub_lead_step(struct hub_lead *lead)
{
    if (lead->far != NULL) {
        PGC_FETCH(TAILQ_NEXT(lead->far, by_topic));
        PGC_FETCH(lead->far->sub);
        lead->far = TAILQ_NEXT(lead->far, by_topic);
    }
    if (lead->near != NULL) {
        PGC_FETCH(lead->near->sub->owner);
        for (size_t i = 0; i < PGC_SUB_TOUCHES; i++) {
            PGC_FETCH(lead->near->sub->touches[i]);
        }
        lead->near = TAILQ_NEXT(lead->near, by_topic);
    }
}

static size_t
hub_run_end(struct hub_run *run)
{
    const struct pgc_run handed = {.msgs = run->msgs, .count = run->count};
    struct hub_lead lead;
    struct hub_link *last;
    size_t clients = 0;

    if (run->count == 0) {
        return 0;
    }
    lead = hub_lead_begin(run->topic);
    last = TAILQ_LAST(&run->topic->links, hub_topic_links);
    for (struct hub_link *link = TAILQ_FIRST(&run->topic->links); link != NULL;
         link = link == last ? NULL : TAILQ_NEXT(link, by_topic)) {
        hub_lead_step(&lead);
        if (!link->dead && !link->sub->revoked) {
            link->sub->ops->deliver(link->sub->owner, link->sub, &handed);
            clients++;
        }
    }
    pgc_recent_count(run->recent, run->numbers, handed.count, (uint32_t)clients);
    run->count = 0;
    run->bytes = 0;
    return clients * handed.count;
}

static size_t
hub_publish(struct pgc_hub *hub, struct hub_run *run, const struct pgc_op *op)
{
    struct hub_topic *topic = pgc_hub_find_topic(hub, op->topic);
    size_t deliveries = 0;

    if (topic == NULL) {
        return 0; /* nobody, so it stands between no others */
    }
    if (topic != run->topic || run->count == PGC_RUN_MAX ||
        run->bytes + op->msg->length > HUB_RUN_BYTES) {
        deliveries = hub_run_end(run);
    }
    run->topic = topic;
    run->numbers[run->count] = op->number;
    run->msgs[run->count++] = op->msg;
    run->bytes += op->msg->length;
    return deliveries;
}

/* Every subscription on stream `via` gets `name`, or no longer does. */
static void
hub_move(struct pgc_hub *hub, const char *via, const char *name, bool joins)
{
    struct hub_topic *stream = pgc_hub_find_topic(hub, via);
    struct hub_topic *topic = joins ? NULL : pgc_hub_find_topic(hub, name);
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
            pgc_hub_tie_to(hub, link->sub, pgc_hub_need_topic(hub, name));
        } else {
            pgc_hub_untie(hub, link->sub, topic);
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
    struct hub_member *member = pgc_hub_find_member(hub, id);
    struct hub_topic *stream = pgc_hub_find_topic(hub, name);
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
    struct hub_member *member = pgc_hub_find_member(hub, id);

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

/* An operation that changes who gets what. */
static void
hub_obey(struct pgc_hub *hub, const struct pgc_op *op)
{
    switch (op->kind) {
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
    case PGC_OP_PUBLISH:
    case PGC_OP_BEGIN:
    case PGC_OP_ADMIT:
    case PGC_OP_HOLE:
    case PGC_OP_FORGET:
    case PGC_OP_AMEND:
        break; /* changes nothing, or what is kept to be sent again */
    }
}

size_t
pgc_hub_apply(struct pgc_hub *hub, const struct pgc_batch *batch)
{
    struct hub_run run = {.recent = hub->recent};
    size_t deliveries = 0;

    pgc_backlog_begin(hub->backlog, batch);
    for (size_t i = 0; i < batch->count; i++) {
        const struct pgc_op *op = &batch->ops[i];

        pgc_backlog_add(hub->backlog, op);
        if (op->kind == PGC_OP_PUBLISH) {
            deliveries += hub_publish(hub, &run, op);
        } else if (op->kind < PGC_OP_BEGIN) { /* the others are the backlog's alone */
            deliveries += hub_run_end(&run);
            hub_obey(hub, op);
        }
    }
    deliveries += hub_run_end(&run);
    pgc_backlog_end(hub->backlog);
    if (batch->ends_tick) {
        hub_tell_revoked(hub);
    }
    return deliveries;
}
