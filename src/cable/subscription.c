/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "cable_internal.h"

static void
subscription_deliver(void *owner, struct pgc_sub *sub PGC_UNUSED, struct pgc_msg *msg)
{
    struct pgc_subscription *subscription = owner;
    struct pgc_session *session = subscription->session;

    session->ops->send(session->sink, pgc_ident_message(subscription->ident, msg), false);
}

/*
 * An unasked reject_subscription would be the natural answer to a lost right, but there are clients
 * that go deaf on it and still say "connected".  All clients understand being sent away.
 */
static void
subscription_ended(void *owner, struct pgc_sub *sub PGC_UNUSED, enum pgc_sub_end why)
{
    struct pgc_subscription *subscription = owner;
    struct pgc_session *session = subscription->session;

    subscription->sub = NULL;
    pgc_metric_add(session->cable->metrics.subscriptions, -1);
    switch (why) {
    case PGC_SUB_REVOKED:
        pgc_session_disconnect(session, "remote", true);
        break;
    case PGC_SUB_EXPELLED:
        pgc_session_disconnect(session, "remote", false);
        break;
    case PGC_SUB_RELOAD:
        pgc_session_disconnect(session, "history_reset", true);
        break;
    }
}

static const struct pgc_sub_ops subscription_ops = {
    .deliver = subscription_deliver,
    .ended = subscription_ended,
};

static const char *
subscription_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static struct pgc_ask *
subscription_ask(const struct pgc_subscription *subscription, const char *text, size_t length,
    const struct pgc_target *target)
{
    const char *member = subscription->session->member;

    if (target->kind == PGC_STREAM_CUSTOM) {
        return pgc_ask_new_custom(
            subscription->ticket, member, target->channel_class, text, length);
    }
    return pgc_ask_new(subscription->ticket, target->kind, member,
        subscription_or_null(target->room), subscription_or_null(target->room_uuid));
}

void
pgc_subscription_open(
    struct pgc_session *session, const char *text, size_t length, const struct pgc_target *target)
{
    struct pgc_cable *cable = session->cable;
    struct pgc_subscription *subscription = pgc_xcalloc(1, sizeof(*subscription));

    subscription->session = session;
    subscription->ident = pgc_idents_get(session->idents, text, length);
    subscription->ticket = ++cable->last_ticket;
    subscription->is_viewer = target->kind == PGC_STREAM_MEMBER;
    LIST_INSERT_HEAD(&session->subscriptions, subscription, entry);
    session->subscription_count++;
    pgc_table_put(cable->tickets, (const char *)&subscription->ticket, sizeof(subscription->ticket),
        subscription);
    /* Before the question: what is committed after the answer must already be built for it. */
    if (subscription->is_viewer) {
        pgc_port_viewer(cable->port, session->member, 1);
    }
    pgc_port_take_up_ask(cable->port, subscription_ask(subscription, text, length, target));
}

static void
subscription_forget_ticket(struct pgc_subscription *subscription)
{
    pgc_table_remove(subscription->session->cable->tickets, (const char *)&subscription->ticket,
        sizeof(subscription->ticket));
    subscription->ticket = 0;
}

void
pgc_subscription_answer(struct pgc_subscription *subscription, const struct pgc_answer *answer)
{
    struct pgc_session *session = subscription->session;
    struct pgc_cable *cable = session->cable;

    subscription_forget_ticket(subscription);
    if (answer->stream == NULL) {
        struct pgc_frame *frame = pgc_ident_reject(subscription->ident);

        pgc_subscription_free(subscription);
        pgc_session_take_reject(session, frame, PGC_VERDICT_DENIED);
        return;
    }
    subscription->sub = pgc_hub_subscribe(
        cable->hub, answer->stream, session->member, &subscription_ops, subscription);
    for (size_t i = 0; i < answer->topic_count; i++) {
        pgc_hub_attach(cable->hub, subscription->sub, answer->topics[i]);
    }
    pgc_metric_add(cable->metrics.subscriptions, 1);
    subscription->confirmed_ms = pgc_monotonic_ms();
    pgc_session_take_send(session, pgc_ident_confirm(subscription->ident));
}

void
pgc_subscription_free(struct pgc_subscription *subscription)
{
    struct pgc_session *session = subscription->session;
    struct pgc_cable *cable = session->cable;

    LIST_REMOVE(subscription, entry);
    session->subscription_count--;
    if (subscription->ticket != 0) {
        subscription_forget_ticket(subscription);
    }
    if (subscription->sub != NULL) {
        pgc_hub_unsubscribe(cable->hub, subscription->sub);
        pgc_metric_add(cable->metrics.subscriptions, -1);
    }
    if (subscription->is_viewer) {
        pgc_port_viewer(cable->port, session->member, -1);
    }
    pgc_ident_unref(subscription->ident);
    /* A delivery to it may be what is running. */
    pgc_loop_defer(cable->loop, free, subscription);
}
