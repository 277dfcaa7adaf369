/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "cable_internal.h"

enum { SESSION_REPLAYED_PER_POINT = 100 }; /* of the budget (limits.c) */

/* Close codes of RFC 6455 7.4.1 and its registry.  Rails says 1000 whenever it ends a connection.
 */
enum {
    SESSION_CLOSE_NORMAL = 1000,
    SESSION_CLOSE_POLICY = 1008,
    SESSION_CLOSE_TRY_LATER = 1013,
};

void
pgc_session_take_send(struct pgc_session *session, struct pgc_frame *frame)
{
    if (!session->closing && !session->dead) {
        session->ops->send(session->sink, frame, false);
    }
    pgc_frame_unref(frame);
}

static void
session_end_subscriptions(struct pgc_session *session)
{
    while (!LIST_EMPTY(&session->subscriptions.all)) {
        pgc_subscription_free(LIST_FIRST(&session->subscriptions.all));
    }
}

/* The disconnect frame carries the reason; the close frame's stays empty, as in Rails. */
static void
session_close(struct pgc_session *session, const char *reason, bool reconnect, int code)
{
    struct pgc_frame *frame;

    if (session->closing || session->dead) {
        return;
    }
    session->closing = true;
    session_end_subscriptions(session);
    frame = pgc_frame_disconnect(session->dialect->wire, reason, reconnect);
    session->ops->send(session->sink, frame, false);
    pgc_frame_unref(frame);
    if (!session->dead) {
        session->ops->close(session->sink, code, "");
    }
}

/* Anybody can provoke them, as many as his budget allows: all are counted, few are shown. */
static void
session_note_reject(struct pgc_session *session, enum pgc_verdict why)
{
    static const char *const texts[PGC_VERDICT_COUNT] = {
        [PGC_VERDICT_DENIED] = "the database says no",
        [PGC_VERDICT_IDENTIFIER] = "its identifier is no JSON object",
        [PGC_VERDICT_CHANNEL] = "no channel can be called that",
        [PGC_VERDICT_MEMBER] = "it is another member's own",
        [PGC_VERDICT_ROOM] = "it names no room",
        [PGC_VERDICT_TOO_LONG] = "its identifier is too long",
        [PGC_VERDICT_TOO_MANY] = "the connection has too many",
    };
    struct pgc_cable *cable = session->cable;
    unsigned suppressed = 0;

    pgc_metric_add(cable->metrics.rejected[why], 1);
    if (pgc_log_allowed(&cable->reject_limit, &suppressed)) {
        pgc_recent_refuse(cable->conf.recent, session->conn, session->member,
            "subscription rejected: %s (%u more)", texts[why], suppressed);
    }
}

void
pgc_session_take_reject(struct pgc_session *session, struct pgc_frame *frame, enum pgc_verdict why)
{
    session_note_reject(session, why);
    pgc_session_take_send(session, frame);
    if (session->dialect->is_single) {
        session_close(session, "unauthorized", false, SESSION_CLOSE_NORMAL);
    }
}

struct pgc_session *
pgc_session_open(struct pgc_cable *cable, const struct pgc_session_conf *conf)
{
    struct pgc_session *session = pgc_xcalloc(1, sizeof(*session));

    session->cable = cable;
    session->idents = cable->idents[pgc_dialect_of(conf->offer.chosen)];
    session->dialect = pgc_idents_dialect(session->idents);
    session->ops = conf->ops;
    session->sink = conf->sink;
    session->conn = conf->conn;
    session->is_rails = conf->offer.is_rails;
    if (conf->identity != NULL && pgc_cable_is_banned(cable, conf->identity)) {
        session_close(session, "unauthorized", false, SESSION_CLOSE_NORMAL);
        return session;
    }
    if (conf->identity == NULL) {
        session_close(session, conf->refusal, conf->may_come_back,
            conf->may_come_back ? SESSION_CLOSE_TRY_LATER : SESSION_CLOSE_NORMAL);
        return session;
    }
    session->member = pgc_xstrdup(conf->identity->member);
    session->jti = pgc_xstrdup(conf->identity->jti);
    session->issued_s = conf->identity->issued_s;
    session->expires_s = conf->identity->expires_s;
    pgc_budget_init(&session->budget, &cable->conf, pgc_monotonic_ms());
    LIST_INSERT_HEAD(&cable->sessions, session, entry);
    pgc_metric_add(cable->metrics.sessions, 1);
    pgc_session_take_send(session, pgc_dialect_welcome(session->dialect, &cable->conf));
    return session;
}

void
pgc_session_free(struct pgc_session *session)
{
    if (session == NULL || session->dead) {
        return;
    }
    session->dead = true;
    session_end_subscriptions(session);
    if (session->member != NULL) {
        LIST_REMOVE(session, entry);
        pgc_metric_add(session->cable->metrics.sessions, -1);
    }
    free(session->member);
    free(session->jti);
    session->member = NULL;
    session->jti = NULL;
    /* One of its callbacks may be what is running. */
    pgc_loop_defer(session->cable->loop, free, session);
}

const char *
pgc_session_member(const struct pgc_session *session)
{
    return session->member != NULL ? session->member : "";
}

void
pgc_session_disconnect(struct pgc_session *session, const char *reason, bool reconnect)
{
    session_close(session, reason, reconnect, SESSION_CLOSE_NORMAL);
}

/* "false" makes AnyCable's client fetch a new token; Rails' would never come back, though its URL
 * may be a function that gives a new token at each attempt. */
static void
session_expire(struct pgc_session *session)
{
    pgc_session_disconnect(session, "token_expired", session->is_rails);
}

void
pgc_session_lose_key(struct pgc_session *session)
{
    if (!session->closing && !session->dead) {
        pgc_right_note_end(session, PGC_RIGHT_KEY);
        session_expire(session);
    }
}

void
pgc_session_beat(struct pgc_session *session, struct pgc_frame *ping, int64_t now_s)
{
    if (session->closing || session->dead) {
        return;
    }
    if (now_s >= session->expires_s) {
        pgc_metric_add(session->cable->metrics.expired, 1);
        session_expire(session);
        return;
    }
    session->ops->send(session->sink, ping, true);
}

static bool
session_charge(struct pgc_session *session, int64_t points)
{
    struct pgc_cable *cable = session->cable;

    if (pgc_budget_spend(&session->budget, &cable->conf, points, pgc_monotonic_ms())) {
        return true;
    }
    pgc_metric_add(cable->metrics.over_budget, 1);
    pgc_log(PGC_LOG_INFO, session->conn, "member \"%s\" sends commands too fast: disconnected",
        session->member);
    pgc_recent_refuse(cable->conf.recent, session->conn, session->member,
        "disconnected: sends commands too fast");
    session_close(session, "rate_limited", true, SESSION_CLOSE_POLICY);
    return false;
}

void
pgc_session_charge_replay(struct pgc_session *session, uint64_t messages)
{
    pgc_budget_owe(&session->budget, (int64_t)(messages / SESSION_REPLAYED_PER_POINT));
}

static struct pgc_subscription *
session_find(const struct pgc_session *session, const struct pgc_command *command)
{
    if (command->identifier == NULL) {
        return NULL;
    }
    return pgc_roster_find(
        &session->subscriptions, command->identifier, command->identifier_length);
}

static enum pgc_verdict
session_judge(
    const struct pgc_session *session, const struct pgc_command *command, struct pgc_target *target)
{
    const struct pgc_cable_conf *conf = &session->cable->conf;

    if (command->identifier_length > conf->max_identifier_bytes) {
        return PGC_VERDICT_TOO_LONG;
    }
    if (session->subscriptions.count >= conf->max_subscriptions) {
        return PGC_VERDICT_TOO_MANY;
    }
    return pgc_channels_resolve(
        command->identifier, command->identifier_length, session->member, target);
}

/* With the history that came with the command, if the session's dialect knows what that is. */
static void
session_take_history(
    struct pgc_session *session, struct pgc_command *command, struct pgc_subscription *subscription)
{
    struct pgc_history *history = command->history;

    if (history != NULL && session->dialect->is_extended) {
        command->history = NULL;
        pgc_subscription_take_history(subscription, history);
    }
}

static void
session_subscribe(struct pgc_session *session, struct pgc_command *command)
{
    struct pgc_target target;
    enum pgc_verdict verdict = session_judge(session, command, &target);

    if (verdict == PGC_VERDICT_ASK) {
        session_take_history(session, command,
            pgc_subscription_open(
                session, command->identifier, command->identifier_length, &target));
        return;
    }
    pgc_session_take_reject(session,
        pgc_frame_answer(session->dialect->wire, PGC_REJECT_SUBSCRIPTION, command->identifier,
            command->identifier_length),
        verdict);
}

void
pgc_session_follow(struct pgc_session *session, const struct pgc_follow *follow)
{
    struct pgc_command command = {
        .kind = PGC_COMMAND_SUBSCRIBE,
        .identifier = pgc_xstrndup(follow->identifier, follow->length),
        .identifier_length = follow->length,
    };

    if (follow->event_id != NULL || follow->since_s > 0) {
        command.history = pgc_history_from_event(follow->event_id, follow->since_s);
    }
    session_subscribe(session, &command);
    pgc_command_fini(&command);
}

/* While the answer is awaited there is nothing to say: it will be said once. */
static void
session_repeat(struct pgc_session *session, struct pgc_subscription *subscription)
{
    int64_t now_ms = pgc_monotonic_ms();

    if (subscription->ticket != 0 ||
        !pgc_reconfirm_is_due(session->cable->conf.duplicate_subscribe, session->is_rails,
            subscription->confirmed_ms, subscription->again_ms, now_ms)) {
        return;
    }
    subscription->confirmed_ms = now_ms;
    subscription->again_ms = now_ms;
    pgc_session_take_send(session, pgc_ident_answer(subscription->ident, PGC_CONFIRM_SUBSCRIPTION));
}

static void
session_obey(
    struct pgc_session *session, struct pgc_command *command, struct pgc_subscription *known)
{
    switch (command->kind) {
    case PGC_COMMAND_SUBSCRIBE:
        if (known != NULL) {
            session_repeat(session, known);
        } else if (command->identifier != NULL) {
            session_subscribe(session, command);
        } else {
            pgc_metric_add(session->cable->metrics.bad_frames, 1);
        }
        break;
    case PGC_COMMAND_UNSUBSCRIBE:
        if (known != NULL) {
            pgc_subscription_free(known);
        }
        break;
    case PGC_COMMAND_HISTORY:
        if (known != NULL) {
            session_take_history(session, command, known);
        }
        break;
    case PGC_COMMAND_PING:
        if (session->dialect->is_extended) {
            pgc_session_take_send(session, pgc_frame_pong(session->dialect->wire));
        }
        break;
    case PGC_COMMAND_MESSAGE:
    case PGC_COMMAND_PONG:
    case PGC_COMMAND_OTHER:
        break;
    }
}

static bool
session_is_cheap(const struct pgc_command *command, const struct pgc_subscription *known)
{
    return command->kind == PGC_COMMAND_PING || command->kind == PGC_COMMAND_PONG ||
           (command->kind == PGC_COMMAND_SUBSCRIBE && known != NULL);
}

void
pgc_session_receive(struct pgc_session *session, const char *text, size_t length)
{
    struct pgc_cable *cable = session->cable;
    struct pgc_command command;
    struct pgc_subscription *known;
    struct pgc_err err;

    if (session->closing || session->dead) {
        return;
    }
    if (!pgc_command_parse(text, length, cable->conf.max_message_bytes, &command, &err)) {
        pgc_metric_add(cable->metrics.bad_frames, 1);
        pgc_log_err(PGC_LOG_DEBUG, session->conn, &err, "ignored a frame");
        session_charge(session, pgc_budget_price(length, false));
        return;
    }
    pgc_metric_add(cable->metrics.commands[command.kind], 1);
    known = session_find(session, &command);
    if (session_charge(session, pgc_budget_price(length, session_is_cheap(&command, known)))) {
        session_obey(session, &command, known);
    }
    pgc_command_fini(&command);
}
