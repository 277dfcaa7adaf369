/* SPDX-License-Identifier: PostgreSQL */
/*
 * cable_internal.h - what the files of this folder share.
 *
 *   channels.c      an identifier's text -> which stream is meant
 *   limits.c        the rules that depend on time, as pure functions
 *   ident.c         identifiers in use, each with the frame of the message under way
 *   dialect.c       what differs between the sub-protocols
 *   subscription.c  one subscription: asked for, confirmed, delivering, ended
 *   session.c       one connection: commands, limits, goodbye
 *   cable.c         one worker's sessions, and its end of the port
 */
#ifndef PGCABLE_CABLE_INTERNAL_H
#define PGCABLE_CABLE_INTERNAL_H

#include <sys/queue.h>

#include "pgcable/cable.h"
#include "pgcable/table.h"

/* ---- channels.c ---- */

/* What becomes of a subscribe command; each refusal has a metric of its own. */
enum pgc_verdict {
    PGC_VERDICT_ASK,        /* nothing against it so far: ask the database */
    PGC_VERDICT_DENIED,     /* the database said no */
    PGC_VERDICT_IDENTIFIER, /* the identifier is no JSON object */
    PGC_VERDICT_CHANNEL,    /* no name that a channel class could have */
    PGC_VERDICT_MEMBER,     /* another member's own stream */
    PGC_VERDICT_ROOM,       /* a room channel that names no room */
    PGC_VERDICT_TOO_LONG,   /* the identifier is over its limit */
    PGC_VERDICT_TOO_MANY,   /* the connection has all the subscriptions it may have */
};
enum { PGC_VERDICT_COUNT = PGC_VERDICT_TOO_MANY + 1 };

enum { PGC_CLASS_MAX = 128 }; /* bytes of a channel class's name */

/* The stream an identifier means. */
struct pgc_target {
    enum pgc_stream_kind kind;
    char room[128];                        /* ROOM: its id, or "" */
    char room_uuid[128];                   /* ROOM: its uuid, or "" */
    char channel_class[PGC_CLASS_MAX + 1]; /* CUSTOM; its parameters are the identifier */
};

enum pgc_verdict pgc_channels_resolve(
    const char *identifier, size_t length, const char *member, struct pgc_target *target);

/* ---- limits.c ---- */

/* What a connection may spend on commands: so much at once, and so much per second. */
struct pgc_budget {
    int64_t milli; /* thousandths of a point left */
    int64_t at_ms; /* when that was so */
};
void pgc_budget_init(struct pgc_budget *budget, unsigned max_subscriptions, int64_t now_ms);
bool pgc_budget_spend(
    struct pgc_budget *budget, unsigned max_subscriptions, int64_t points, int64_t now_ms);

/* A known subscription is asked for again: confirm it again?  `again_ms` is when that was last
 * done, 0 for never. */
bool pgc_reconfirm_is_due(
    enum pgc_duplicate rule, bool is_rails, int64_t confirmed_ms, int64_t again_ms, int64_t now_ms);

/* ---- dialect.c ---- */

/* What differs between sub-protocols: how to greet, and what a message looks like. */
struct pgc_dialect {
    struct pgc_frame *(*welcome)(const struct pgc_cable_conf *conf);
    struct pgc_frame *(*message)(const char *quoted, size_t length, const struct pgc_msg *msg);
};
extern const struct pgc_dialect pgc_dialect_base;

/* ---- ident.c ---- */

struct pgc_idents; /* all identifiers in use in one dialect */
struct pgc_ident;  /* one of them, shared by all subscriptions with that very text */

struct pgc_idents *pgc_idents_new(const struct pgc_dialect *dialect);
void pgc_idents_free(struct pgc_idents *idents); /* all must be gone */

/* Borrowed; NULL if nobody uses it. */
struct pgc_ident *pgc_idents_find(const struct pgc_idents *idents, const char *text, size_t length);

/* With a reference, the caller's. */
struct pgc_ident *pgc_idents_get(struct pgc_idents *idents, const char *text, size_t length);
void pgc_ident_unref(struct pgc_ident *ident);

struct pgc_frame *pgc_ident_confirm(const struct pgc_ident *ident); /* the caller's reference */
struct pgc_frame *pgc_ident_reject(const struct pgc_ident *ident);  /* the caller's reference */

/* The message's frame for this identifier, built once; borrowed until pgc_idents_cool(). */
struct pgc_frame *pgc_ident_message(struct pgc_ident *ident, struct pgc_msg *msg);

/* Forget the frames of messages that everybody has got. */
void pgc_idents_cool(struct pgc_idents *idents);

/* ---- subscription.c ---- */

LIST_HEAD(pgc_subscription_list, pgc_subscription);

struct pgc_subscription {
    LIST_ENTRY(pgc_subscription) entry; /* in its session's list */
    struct pgc_session *session;
    struct pgc_ident *ident;
    struct pgc_sub *sub;  /* NULL while the answer is awaited */
    uint64_t ticket;      /* of the question under way; 0 = answered */
    int64_t confirmed_ms; /* when the client was last told */
    int64_t again_ms;     /* when it was last told again; 0 = never */
    bool is_viewer;       /* counted as one who listens to its member stream */
};

/* Asks for `target`; the client hears of it when the answer is there. */
void pgc_subscription_open(
    struct pgc_session *session, const char *text, size_t length, const struct pgc_target *target);

/* The subscription may be gone when this returns. */
void pgc_subscription_answer(
    struct pgc_subscription *subscription, const struct pgc_answer *answer);

/* Ends it without a word.  Whatever answer is still under way finds nobody. */
void pgc_subscription_free(struct pgc_subscription *subscription);

/* ---- session.c ---- */

LIST_HEAD(pgc_session_list, pgc_session);

struct pgc_session {
    LIST_ENTRY(pgc_session) entry; /* in its cable's list; not if refused */
    struct pgc_cable *cable;
    struct pgc_idents *idents; /* of the dialect it speaks */
    const struct pgc_session_ops *ops;
    void *sink;
    uint64_t conn;
    char *member; /* NULL: refused */
    int64_t expires_s;
    struct pgc_subscription_list subscriptions;
    unsigned subscription_count;
    struct pgc_budget budget;
    bool is_rails;
    bool closing; /* goodbye has been said: nothing is listened to and nothing sent any more */
    bool dead;    /* the socket is gone, and so is the sink */
};

/* Takes over the reference. */
void pgc_session_take_send(struct pgc_session *session, struct pgc_frame *frame);

/* The client is told no, and why is counted. */
void pgc_session_take_reject(
    struct pgc_session *session, struct pgc_frame *frame, enum pgc_verdict why);

/* ---- cable.c ---- */

struct pgc_cable_metrics {
    struct pgc_metric *sessions;
    struct pgc_metric *subscriptions;
    struct pgc_metric *commands[PGC_COMMAND_OTHER + 1];
    struct pgc_metric *rejected[PGC_VERDICT_COUNT]; /* [ASK] is NULL */
    struct pgc_metric *bad_frames;
    struct pgc_metric *over_budget;
    struct pgc_metric *deliveries;
};

struct pgc_cable {
    struct pgc_loop *loop;
    struct pgc_hub *hub;
    struct pgc_port *port;
    struct pgc_cable_conf conf;
    struct pgc_cable_metrics metrics;
    struct pgc_idents *idents; /* of the base dialect */
    struct pgc_table *tickets; /* ticket -> the subscription that waits for its answer */
    uint64_t last_ticket;
    struct pgc_session_list sessions;
};

#endif
