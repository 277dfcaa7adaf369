/* SPDX-License-Identifier: PostgreSQL */
#include <assert.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "cable_internal.h"

/* Where a row's way ends, for who follows it. */
static void
subscription_trace(
    const struct pgc_subscription *subscription, const struct pgc_run *run, const char *what)
{
    for (size_t i = 0; pgc_log_wants(PGC_LOG_DEBUG) && i < run->count; i++) {
        pgc_log_trace(PGC_LOG_DEBUG, subscription->session->conn, &run->msgs[i]->trace,
            "%s member \"%s\"", what, subscription->session->member);
    }
}

/* The clients of a run come one after the other: of all but the first there is nothing to note,
 * unless the log wants each. */
static void
subscription_note(const struct pgc_subscription *subscription, const struct pgc_run *run)
{
    pgc_cable_note_run(subscription->session->cable, run);
    subscription_trace(subscription, run, "queued for");
}

static void
subscription_send(struct pgc_subscription *subscription, const struct pgc_run *run)
{
    struct pgc_session *session = subscription->session;

    subscription->delivered += run->count;
    session->ops->send(session->sink, pgc_ident_messages(subscription->ident, run), false);
    if (session->cable->timed != run->msgs[0] || session->cable->is_traced) {
        subscription_note(subscription, run);
    }
}

static void
subscription_hold(struct pgc_subscription *subscription, const struct pgc_run *run)
{
    struct pgc_session *session = subscription->session;
    bool fits = true;

    for (size_t i = 0; i < run->count && fits; i++) {
        fits = pgc_held_add(&subscription->held, run->msgs[i]);
    }
    if (!fits) {
        pgc_log(PGC_LOG_INFO, session->conn,
            "member \"%s\" is sent away: too much waits until a rule has been asked again (%zu "
            "messages, %zu bytes)",
            session->member, subscription->held.count, subscription->held.bytes);
        pgc_metric_add(session->cable->metrics.held_overflows, 1);
        pgc_recent_refuse(session->cable->conf.recent, session->conn, session->member,
            "sent away: too much waits until a rule has been asked again");
        pgc_session_disconnect(session, "remote", true);
    }
}

static void
subscription_deliver(void *owner, struct pgc_sub *sub PGC_UNUSED, const struct pgc_run *run)
{
    struct pgc_subscription *subscription = owner;

    pgc_rights_enforce(subscription->session->cable);
    if (subscription->dead) {
        subscription_trace(subscription, run, "kept from one whose right has ended,");
        return;
    }
    if (subscription->holds) {
        subscription_hold(subscription, run);
    } else {
        subscription_send(subscription, run);
    }
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
    pgc_metric_add(session->cable->metrics.ended[why], 1);
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

static void
subscription_ask_for(struct pgc_subscription *subscription, const char *text, size_t length,
    const struct pgc_target *target)
{
    struct pgc_cable *cable = subscription->session->cable;

    subscription->ticket = ++cable->last_ticket;
    pgc_table_put(cable->tickets, (const char *)&subscription->ticket, sizeof(subscription->ticket),
        subscription);
    pgc_port_take_up_ask(cable->port, subscription_ask(subscription, text, length, target));
}

struct pgc_subscription *
pgc_subscription_open(
    struct pgc_session *session, const char *text, size_t length, const struct pgc_target *target)
{
    struct pgc_cable *cable = session->cable;
    struct pgc_subscription *subscription = pgc_xcalloc(1, sizeof(*subscription));

    subscription->session = session;
    subscription->ident = pgc_idents_get(session->idents, text, length);
    subscription->is_viewer = target->kind == PGC_STREAM_MEMBER;
    subscription->since_s = target->since_s;
    if (target->kind == PGC_STREAM_CUSTOM) {
        subscription->channel_class = pgc_xstrdup(target->channel_class);
    }
    pgc_roster_add(&session->subscriptions, subscription);
    LIST_INSERT_HEAD(&cable->by_kind[target->kind], subscription, by_kind);
    /* Before the question: what is committed after the answer must already be built for it. */
    if (subscription->is_viewer) {
        pgc_port_viewer(cable->port, session->member, 1);
    }
    subscription_ask_for(subscription, text, length, target);
    return subscription;
}

/*
 * Where a question is under way its answer will do: it comes behind the batch in hand, so it was
 * given later than whatever makes us ask.
 */
void
pgc_subscription_ask_again(struct pgc_subscription *subscription, bool holds)
{
    enum pgc_verdict verdict;
    struct pgc_target target;
    size_t length;
    const char *text = pgc_ident_text(subscription->ident, &length);

    if (subscription->sub == NULL) {
        return; /* nothing is delivered yet */
    }
    subscription->holds = subscription->holds || holds;
    if (subscription->ticket == 0) {
        verdict = pgc_channels_resolve(text, length, subscription->session->member, &target);
        assert(verdict == PGC_VERDICT_ASK); /* as when it was opened */
        subscription_ask_for(subscription, text, length, &target);
    }
}

static void
subscription_forget_ticket(struct pgc_subscription *subscription)
{
    pgc_table_remove(subscription->session->cable->tickets, (const char *)&subscription->ticket,
        sizeof(subscription->ticket));
    subscription->ticket = 0;
}

/* All that it missed, or nothing, and then false. */
static bool
subscription_replay(struct pgc_subscription *subscription, const struct pgc_since *since)
{
    struct pgc_session *session = subscription->session;
    struct pgc_cable *cable = session->cable;
    uint64_t before = subscription->delivered;
    enum pgc_replay result = pgc_hub_replay(cable->hub, subscription->sub, since);

    pgc_metric_add(cable->metrics.deliveries, (int64_t)(subscription->delivered - before));
    pgc_session_charge_replay(session, subscription->delivered - before);
    pgc_timer_set(cable->cooling, 0);
    return result == PGC_REPLAY_DONE;
}

static void
subscription_resume(struct pgc_subscription *subscription, const struct pgc_history *history)
{
    enum pgc_verb verb = PGC_REJECT_HISTORY;
    struct pgc_since since;

    switch (pgc_history_wish(history, pgc_ident_stream(subscription->ident), &since)) {
    case PGC_WISH_NOTHING:
        verb = PGC_CONFIRM_HISTORY;
        break;
    case PGC_WISH_REPLAY:
        verb = subscription_replay(subscription, &since) ? PGC_CONFIRM_HISTORY : PGC_REJECT_HISTORY;
        break;
    case PGC_WISH_NONSENSE:
        break;
    }
    if (!subscription->dead) {
        pgc_session_take_send(subscription->session, pgc_ident_answer(subscription->ident, verb));
    }
}

void
pgc_subscription_take_history(struct pgc_subscription *subscription, struct pgc_history *history)
{
    if (subscription->ticket != 0) {
        pgc_history_free(subscription->history);
        subscription->history = history;
        return;
    }
    subscription_resume(subscription, history);
    pgc_history_free(history);
}

/* Before this turn ends and anything else can come: first what it missed, then what is new. */
static void
subscription_catch_up(struct pgc_subscription *subscription)
{
    const struct pgc_since since = {.by_time = true, .unix_s = subscription->since_s};
    struct pgc_history *history = subscription->history;

    subscription->history = NULL;
    if (history != NULL) {
        subscription_resume(subscription, history);
        pgc_history_free(history);
    } else if (subscription->since_s > 0) {
        (void)subscription_replay(subscription, &since); /* no word for a failure in its protocol */
    }
}

/* What was held is sent, unless the connection ends in the middle of it. */
static void
subscription_release(struct pgc_subscription *subscription)
{
    struct pgc_held held = subscription->held;

    subscription->holds = false;
    subscription->held = (struct pgc_held){0};
    for (size_t i = 0; i < held.count && !subscription->dead; i++) {
        subscription_send(subscription, &(struct pgc_run){.msgs = &held.msgs[i], .count = 1});
    }
    pgc_held_clear(&held);
    pgc_timer_set(subscription->session->cable->cooling, 0);
}

/* It was asked again. */
static void
subscription_answer_again(struct pgc_subscription *subscription, const struct pgc_answer *answer)
{
    struct pgc_history *history = subscription->history;

    if (answer->stream == NULL || strcmp(answer->stream, pgc_hub_stream(subscription->sub)) != 0) {
        pgc_right_ended(subscription->session, PGC_RIGHT_RULE);
        return;
    }
    subscription_release(subscription);
    if (history != NULL && !subscription->dead) {
        subscription->history = NULL;
        subscription_resume(subscription, history);
        pgc_history_free(history);
    }
}

static void
subscription_say_touches(const struct pgc_subscription *subscription)
{
    const char *sink = subscription->session->sink;
    const void *touches[PGC_SUB_TOUCHES] = {
        subscription->session,
        sink,
        sink + PGC_CACHE_LINE,
    };

    pgc_hub_touches(subscription->sub, touches);
}

void
pgc_subscription_answer(struct pgc_subscription *subscription, const struct pgc_answer *answer)
{
    struct pgc_session *session = subscription->session;
    struct pgc_cable *cable = session->cable;

    subscription_forget_ticket(subscription);
    if (subscription->sub != NULL) {
        subscription_answer_again(subscription, answer);
        return;
    }
    if (answer->stream == NULL) {
        struct pgc_frame *frame = pgc_ident_answer(subscription->ident, PGC_REJECT_SUBSCRIPTION);

        pgc_subscription_free(subscription);
        pgc_session_take_reject(session, frame, PGC_VERDICT_DENIED);
        return;
    }
    subscription->ident = pgc_ident_take_to_stream(subscription->ident, answer->stream);
    subscription->sub = pgc_hub_subscribe(
        cable->hub, answer->stream, session->member, &subscription_ops, subscription);
    subscription_say_touches(subscription);
    for (size_t i = 0; i < answer->topic_count; i++) {
        pgc_hub_attach(cable->hub, subscription->sub, answer->topics[i]);
    }
    pgc_metric_add(cable->metrics.subscriptions, 1);
    subscription->confirmed_ms = pgc_monotonic_ms();
    pgc_session_take_send(session, pgc_ident_answer(subscription->ident, PGC_CONFIRM_SUBSCRIPTION));
    if (!subscription->dead) {
        subscription_catch_up(subscription);
    }
}

void
pgc_subscription_free(struct pgc_subscription *subscription)
{
    struct pgc_session *session = subscription->session;
    struct pgc_cable *cable = session->cable;

    subscription->dead = true;
    pgc_roster_remove(&session->subscriptions, subscription);
    LIST_REMOVE(subscription, by_kind);
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
    pgc_history_free(subscription->history);
    pgc_held_clear(&subscription->held);
    free(subscription->channel_class);
    /* A delivery to it may be what is running. */
    pgc_loop_defer(cable->loop, free, subscription);
}
