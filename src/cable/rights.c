/* SPDX-License-Identifier: PostgreSQL */
/*
 * rights.c - rights that end while a connection is open, at their place among the messages.
 *
 * Both ends are told as a lost permission always is: "remote", and come back.  Who has a better
 * token, or a right after all, goes on where it stopped; all others are refused then.  Only a
 * member that is gone is told to stay away.
 */
#include "pgcable/clock.h"
#include "pgcable/log.h"

#include "cable_internal.h"

static const char *const right_lost[] = {
    [PGC_RIGHT_TOKEN] = "its token was revoked",
    [PGC_RIGHT_KEY] = "the key of its token is gone",
    [PGC_RIGHT_RULE] = "a rule does not accept it any more",
};

void
pgc_right_note_end(const struct pgc_session *session, enum pgc_right right)
{
    pgc_log(PGC_LOG_INFO, session->conn, "member \"%s\" is sent away: %s", session->member,
        right_lost[right]);
    pgc_metric_add(session->cable->metrics.rights_ended[right], 1);
    pgc_recent_refuse(session->cable->conf.recent, session->conn, session->member, "sent away: %s",
        right_lost[right]);
}

void
pgc_right_ended(struct pgc_session *session, enum pgc_right right)
{
    pgc_right_note_end(session, right);
    pgc_session_disconnect(session, "remote", true);
}

static bool
rights_are_lost(const struct pgc_session *session)
{
    const struct pgc_holder holder = {
        .jti = session->jti,
        .member = session->member,
        .issued_s = session->issued_s,
    };

    return pgc_bans_hit(session->cable->bans, &holder);
}

void
pgc_rights_enforce(struct pgc_cable *cable)
{
    struct pgc_session *session = LIST_FIRST(&cable->sessions);

    if (!cable->has_new_bans) {
        return;
    }
    cable->has_new_bans = false;
    while (session != NULL) {
        struct pgc_session *next = LIST_NEXT(session, entry);

        if (!session->closing && rights_are_lost(session)) {
            pgc_right_ended(session, PGC_RIGHT_TOKEN);
        }
        session = next;
    }
}

bool
pgc_cable_is_banned(const struct pgc_cable *cable, const struct pgc_identity *identity)
{
    const struct pgc_holder holder = {
        .jti = identity->jti,
        .member = identity->member,
        .issued_s = identity->issued_s,
    };

    return pgc_bans_hit(cable->bans, &holder);
}

static void
rights_ban(struct pgc_cable *cable, const struct pgc_op *op)
{
    pgc_bans_add(cable->bans, op, pgc_wall_s());
    cable->has_new_bans = true;
}

static void
rights_ask_again(struct pgc_cable *cable, const char *channel_class, bool holds)
{
    enum pgc_stream_kind kind = pgc_channels_kind(channel_class);
    struct pgc_subscription *subscription;

    LIST_FOREACH(subscription, &cable->by_kind[kind], by_kind) {
        if (kind != PGC_STREAM_CUSTOM || strcmp(subscription->channel_class, channel_class) == 0) {
            pgc_subscription_ask_again(subscription, holds);
        }
    }
}

/* Once in a batch is enough: nobody is confirmed in the middle of one. */
static void
rights_recheck(struct pgc_cable *cable, const char *channel_class)
{
    if (strcmp(cable->rechecked, channel_class) != 0) {
        (void)snprintf(cable->rechecked, sizeof(cable->rechecked), "%s", channel_class);
        rights_ask_again(cable, channel_class, true);
    }
}

/* The hub knows only connections that have subscriptions, and has ended those. */
static void
rights_expel(struct pgc_cable *cable, const char *member)
{
    struct pgc_session *session = LIST_FIRST(&cable->sessions);

    while (session != NULL) {
        struct pgc_session *next = LIST_NEXT(session, entry);

        if (strcmp(session->member, member) == 0) {
            pgc_session_disconnect(session, "remote", false);
        }
        session = next;
    }
}

void
pgc_rights_take(const struct pgc_op *op, void *arg)
{
    struct pgc_cable *cable = arg;

    if (op->kind == PGC_OP_EXPEL) {
        rights_expel(cable, op->via);
    } else if (op->kind == PGC_OP_RECHECK) {
        rights_recheck(cable, op->via);
    } else if (op->kind == PGC_OP_REVIEW) {
        rights_ask_again(cable, op->via, false);
    } else {
        rights_ban(cable, op);
    }
}
