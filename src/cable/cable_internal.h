/* SPDX-License-Identifier: PostgreSQL */
/*
 * cable_internal.h - what the files of this folder share.
 *
 *   channels.c      an identifier's text -> which stream is meant
 *   limits.c        the rules that depend on time, as pure functions
 *   history.c       where a client says it stopped
 *   ident.c         identifiers in use, and the frames of messages under way
 *   dialect.c       what differs between the sub-protocols
 *   bans.c          tokens that are good no more
 *   rights.c        rights that end while a connection is open
 *   held.c          messages that wait for an answer
 *   roster.c        a session's subscriptions, by their identifiers
 *   subscription.c  one subscription: asked for, confirmed, delivering, ended
 *   session.c       one connection: commands, limits, goodbye
 *   cable.c         one worker's sessions, and its end of the port
 */
#ifndef PGCABLE_CABLE_INTERNAL_H
#define PGCABLE_CABLE_INTERNAL_H

#include <sys/queue.h>

#include "pgcable/cable.h"
#include "pgcable/history.h"
#include "pgcable/log.h"
#include "pgcable/recent.h"
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
    int64_t since_s;                       /* history_since: what came then and later; 0 = none */
};

enum pgc_verdict pgc_channels_resolve(
    const char *identifier, size_t length, const char *member, struct pgc_target *target);

/* The kind of stream that a channel's class means. */
enum pgc_stream_kind pgc_channels_kind(const char *channel_class);

/* ---- limits.c ---- */

/* What a connection may spend on commands: so much at once, and so much per second. */
struct pgc_budget {
    int64_t milli; /* thousandths of a point left */
    int64_t at_ms; /* when that was so */
};
void pgc_budget_init(struct pgc_budget *budget, const struct pgc_cable_conf *conf, int64_t now_ms);
/* What a command of so many bytes costs, in points. */
int64_t pgc_budget_price(size_t bytes, bool is_cheap);
bool pgc_budget_spend(
    struct pgc_budget *budget, const struct pgc_cable_conf *conf, int64_t points, int64_t now_ms);
void pgc_budget_owe(struct pgc_budget *budget, int64_t points); /* it may fall below nothing */

/* A known subscription is asked for again: confirm it again?  `again_ms` is when that was last
 * done, 0 for never. */
bool pgc_reconfirm_is_due(
    enum pgc_duplicate rule, bool is_rails, int64_t confirmed_ms, int64_t again_ms, int64_t now_ms);

/* ---- dialect.c ---- */

/* What differs between what a websocket's sub-protocols, and streams of events, speak. */
struct pgc_dialect {
    enum pgc_wire wire;
    bool has_sid;     /* welcome carries one whatever the settings say */
    bool is_extended; /* places in messages, and answers to the commands history and ping */
    bool is_single;   /* a connection is for one subscription and ends with it */
    struct pgc_frame *(*message)(
        const char *quoted, size_t length, const char *stream, const struct pgc_msg *msg);
};
enum { PGC_DIALECTS = 3 };
extern const struct pgc_dialect pgc_dialects[PGC_DIALECTS];

size_t pgc_dialect_of(enum pgc_proto proto); /* its number */
struct pgc_frame *pgc_dialect_welcome(
    const struct pgc_dialect *dialect, const struct pgc_cable_conf *conf);

/* ---- ident.c ---- */

struct pgc_idents; /* all identifiers in use in one dialect */
struct pgc_ident;  /* one of them, shared by all subscriptions that get equal frames */

struct pgc_idents *pgc_idents_new(const struct pgc_dialect *dialect);
void pgc_idents_free(struct pgc_idents *idents); /* all must be gone */
const struct pgc_dialect *pgc_idents_dialect(const struct pgc_idents *idents);

/* With a reference, the caller's.  Its stream is not known yet. */
struct pgc_ident *pgc_idents_get(struct pgc_idents *idents, const char *text, size_t length);

/* That identifier on this stream; the reference to `ident` is taken over. */
struct pgc_ident *pgc_ident_take_to_stream(struct pgc_ident *ident, const char *stream);
void pgc_ident_unref(struct pgc_ident *ident);

bool pgc_ident_is(const struct pgc_ident *ident, const char *text, size_t length);
const char *pgc_ident_text(const struct pgc_ident *ident, size_t *length);
const char *pgc_ident_stream(const struct pgc_ident *ident); /* NULL in the base dialect */

/* With a reference, the caller's. */
struct pgc_frame *pgc_ident_answer(const struct pgc_ident *ident, enum pgc_verb verb);

/* The frames of these messages for this identifier as one, built once; borrowed until
 * pgc_idents_cool(). */
struct pgc_frame *pgc_ident_messages(struct pgc_ident *ident, const struct pgc_run *run);

/* What is built from here on is live: its way to the socket is timed.  Or it is sent again. */
void pgc_idents_set_live(struct pgc_idents *idents, bool is_live);

/* Forget the frames of messages that everybody has got. */
void pgc_idents_cool(struct pgc_idents *idents);

/* ---- bans.c ---- */

struct pgc_bans; /* of tokens and members; forgotten when all they are about has ended */

struct pgc_bans *pgc_bans_new(void);
void pgc_bans_free(struct pgc_bans *bans);
void pgc_bans_add(struct pgc_bans *bans, const struct pgc_op *op, int64_t now_s);
size_t pgc_bans_count(const struct pgc_bans *bans);

/* Who holds a token, as far as bans are concerned. */
struct pgc_holder {
    const char *jti; /* "" if it has none */
    const char *member;
    int64_t issued_s;
};
bool pgc_bans_hit(const struct pgc_bans *bans, const struct pgc_holder *holder);

/* ---- held.c ---- */

/* Messages in order; all zero is empty. */
struct pgc_held {
    struct pgc_msg **msgs; /* a reference of each */
    size_t count;
    size_t size;
    size_t bytes; /* of their texts */
};
bool pgc_held_add(struct pgc_held *held, struct pgc_msg *msg); /* false: too many */
void pgc_held_clear(struct pgc_held *held);

/* ---- subscription.c ---- */

LIST_HEAD(pgc_subscription_list, pgc_subscription);

struct pgc_subscription {
    struct pgc_session *session; /* this and the next four are what each message touches */
    struct pgc_ident *ident;
    uint64_t delivered;                   /* messages so far */
    bool holds;                           /* asked again: what comes waits for the answer */
    bool dead;                            /* ended: to be freed at the end of the turn */
    LIST_ENTRY(pgc_subscription) entry;   /* in its session's roster */
    LIST_ENTRY(pgc_subscription) by_kind; /* in its cable's list of that kind */
    char *channel_class;                  /* of the application's own channels, else NULL */
    struct pgc_sub *sub;                  /* NULL while the answer is awaited */
    uint64_t ticket;                      /* of the question under way; 0 = answered */
    int64_t confirmed_ms;                 /* when the client was last told */
    int64_t again_ms;                     /* when it was last told again; 0 = never */
    bool is_viewer;                       /* counted as one who listens to its member stream */
    int64_t since_s;                      /* history_since, until the answer */
    struct pgc_history *history;          /* asked for while the answer is awaited; or NULL */
    struct pgc_held held;
};

/* Asks for `target`; the client hears of it when the answer is there. */
struct pgc_subscription *pgc_subscription_open(
    struct pgc_session *session, const char *text, size_t length, const struct pgc_target *target);

/* The client wants to go on where it stopped; that is done when the answer is there.  Takes
 * `history` over. */
void pgc_subscription_take_history(
    struct pgc_subscription *subscription, struct pgc_history *history);

/* The subscription may be gone when this returns. */
void pgc_subscription_answer(
    struct pgc_subscription *subscription, const struct pgc_answer *answer);

/* Its rule may say something else now.  `holds`: nothing is delivered until the answer is there. */
void pgc_subscription_ask_again(struct pgc_subscription *subscription, bool holds);

/* Ends it without a word.  Whatever answer is still under way finds nobody. */
void pgc_subscription_free(struct pgc_subscription *subscription);

/* ---- roster.c ---- */

/* All zero is empty, and takes no memory but this. */
struct pgc_roster {
    struct pgc_subscription_list all;
    unsigned count;
    struct pgc_table *by_identifier; /* NULL: they are few */
};
void pgc_roster_add(struct pgc_roster *roster, struct pgc_subscription *subscription);
void pgc_roster_remove(struct pgc_roster *roster, struct pgc_subscription *subscription);

/* The one with this identifier, byte for byte; NULL if there is none. */
struct pgc_subscription *pgc_roster_find(
    const struct pgc_roster *roster, const char *text, size_t length);

/* ---- session.c ---- */

LIST_HEAD(pgc_session_list, pgc_session);

struct pgc_session {
    LIST_ENTRY(pgc_session) entry; /* in its cable's list; not if refused */
    struct pgc_cable *cable;
    struct pgc_idents *idents; /* of the dialect it speaks */
    const struct pgc_dialect *dialect;
    const struct pgc_session_ops *ops;
    void *sink;
    uint64_t conn;
    char *member; /* NULL: refused */
    char *jti;    /* "" if its token has none */
    int64_t issued_s;
    int64_t expires_s;
    struct pgc_roster subscriptions;
    struct pgc_budget budget;
    bool is_rails;
    bool closing; /* goodbye has been said: nothing is listened to and nothing sent any more */
    bool dead;    /* the socket is gone, and so is the sink */
};

/* So many messages have been sent again: that costs, too. */
void pgc_session_charge_replay(struct pgc_session *session, uint64_t messages);

/* Takes over the reference. */
void pgc_session_take_send(struct pgc_session *session, struct pgc_frame *frame);

/* The client is told no, and why is counted. */
void pgc_session_take_reject(
    struct pgc_session *session, struct pgc_frame *frame, enum pgc_verdict why);

/* ---- rights.c ---- */

/* What a right came from, for the log and the metric. */
enum pgc_right { PGC_RIGHT_TOKEN, PGC_RIGHT_KEY, PGC_RIGHT_RULE };
void pgc_right_note_end(const struct pgc_session *session, enum pgc_right right);

/* The client is sent away, and may come back to be asked anew. */
void pgc_right_ended(struct pgc_session *session, enum pgc_right right);

void pgc_rights_take(const struct pgc_op *op, void *arg); /* arg: the cable */

/* Ends the sessions of tokens that were banned since the last call: before anything is delivered
 * that came behind the ban, for all bans in a row at once. */
void pgc_rights_enforce(struct pgc_cable *cable);

/* ---- cable.c ---- */

struct pgc_cable_metrics {
    struct pgc_metric *sessions;
    struct pgc_metric *subscriptions;
    struct pgc_metric *commands[PGC_COMMAND_OTHER + 1];
    struct pgc_metric *rejected[PGC_VERDICT_COUNT]; /* [ASK] is NULL */
    struct pgc_metric *bad_frames;
    struct pgc_metric *over_budget;
    struct pgc_metric *rights_ended[PGC_RIGHT_RULE + 1];
    struct pgc_metric *deliveries;
    struct pgc_metric *delivery_seconds;
    struct pgc_metric *canary_seconds;
    struct pgc_metric *fanout_seconds;
    struct pgc_metric *ended[PGC_SUB_RELOAD + 1];
    struct pgc_metric *held_overflows;
    struct pgc_metric *expired;
};

struct pgc_cable {
    struct pgc_loop *loop;
    struct pgc_hub *hub;
    struct pgc_port *port;
    struct pgc_cable_conf conf;
    struct pgc_cable_metrics metrics;
    struct pgc_idents *idents[PGC_DIALECTS];
    struct pgc_timer *cooling; /* of what replays of this turn have built */
    struct pgc_table *tickets; /* ticket -> the subscription that waits for its answer */
    uint64_t last_ticket;
    struct pgc_session_list sessions;
    struct pgc_subscription_list by_kind[PGC_STREAM_CUSTOM + 1];
    struct pgc_bans *bans;
    bool has_new_bans;                 /* that sessions have not been held against */
    char rechecked[PGC_CLASS_MAX + 1]; /* the last class in this batch */
    bool is_live;                      /* a batch is being handed out */
    bool is_traced;                    /* and the log wants each delivery */
    struct pgc_log_limit reject_limit;
    const struct pgc_msg *timed; /* of that batch, the first of those timed last */
};

/* These messages were handed to a connection's queue: times their way, once for each run. */
void pgc_cable_note_run(struct pgc_cable *cable, const struct pgc_run *run);

#endif
