/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_internal.h - what the files of this folder share.
 *
 * A connection is in one list, and which one says what it is doing:
 *
 *   fresh ──upgrade──▶ a slot of the wheel ──close()──▶ closing ──▶ gone
 *     │                        │                           ▲          ▲
 *     └────────────────────────┴── the socket or the library ends it ─┘
 *
 * Nothing is freed in a callback: what is gone is swept at the end of the turn.
 */
#ifndef PGCABLE_WS_INTERNAL_H
#define PGCABLE_WS_INTERNAL_H

#include <sys/queue.h>

#include <libwebsockets.h>

#include "pgcable/buf.h"
#include "pgcable/cable.h"
#include "pgcable/log.h"
#include "pgcable/recent.h"
#include "pgcable/ws.h"

#include "ws_handshake.h"
#include "ws_pace.h"
#include "ws_peer.h"
#include "ws_places.h"
#include "ws_proxy.h"
#include "ws_queue.h"

enum {
    WS_SLOTS = 30,             /* of the wheel */
    WS_SLOT_MS = 100,          /* so each connection is visited every 3 s */
    WS_MAX_LATE = 4000,        /* frames, and pieces of them, after our goodbye, */
    WS_MAX_LATE_BYTES = 65536, /* or so much in them: 04-late.patch has the rest */
    WS_WRITE_BYTES = 65536,    /* frames are put together up to this size for one write */
    WS_TURN_WRITES = 4,        /* per connection; then it is another's turn */
    WS_TURN_CLIENTS = 256,     /* per turn of the loop; then input is looked at again */
    WS_TIMED_TOGETHER = 16,    /* writes, by one look at the clock: 0.1 ms lie between them */
};

/* Close codes beside those of RFC 6455. */
enum {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_ABNORMAL = 1006, /* never on the wire */
    WS_CLOSE_NOT_UTF8 = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_TOO_SLOW = 4290,
    WS_CLOSE_FLOOD = 4429,
    WS_CLOSE_LAST = 4999, /* that anybody may send */
};

enum ws_state { WS_FRESH, WS_OPEN, WS_CLOSING, WS_GONE };

/* A message from the client of which more is to come. */
struct ws_inbound {
    struct pgc_buf text;
    size_t checked;     /* bytes of it that are known to be UTF-8 */
    unsigned fragments; /* that have begun; 0: there is no such message */
    int64_t since_ms;
};

/* What the handshake found out, until the connection is open. */
struct ws_admission {
    enum pgc_auth_result result;
    bool is_crowded; /* the token is right, but its member has too many connections */
    struct pgc_identity identity;
    struct pgc_offer offer;
    char *protocol; /* offer.token points into it */
};

TAILQ_HEAD(ws_list, ws_conn);
STAILQ_HEAD(ws_dirty_list, ws_conn);

/* First, and in two lines of the cache, what each message touches: of ten thousand, hardly one is
 * there. */
struct ws_conn {
    struct pgc_ws *ws;
    struct lws *wsi; /* NULL once the socket is gone */
    int fd;          /* its socket, if that takes our bytes as they are; or -1 */
    enum ws_state state;
    bool is_dirty;  /* in ws->dirty */
    bool is_mute;   /* the library is closing it: nothing may be written */
    bool is_slow;   /* overran its bounds: to be cut off */
    bool is_events; /* no websocket: an answer without end */
    bool is_clear;  /* the library holds no part of a write, and will not by itself */
    bool is_shared; /* it writes by itself, too */
    STAILQ_ENTRY(ws_conn) dirty_entry;
    int64_t blocked_ms; /* since when the kernel has not taken a write in full; 0 = it has */
    uint64_t bytes_out;
    struct ws_queue queue;

    uint64_t id;
    struct ws_peer peer;
    struct ws_ticket ticket;
    struct ws_arrival *arrival; /* until the library has the socket; or NULL */
    TAILQ_ENTRY(ws_conn) entry;
    struct ws_list *home;
    int64_t since_ms; /* in this state */
    struct pgc_session *session;
    bool is_welcome; /* its token was right */
    bool is_rails;   /* speaks as Rails' own client does */
    uint64_t key;    /* that its token was signed with */
    struct ws_admission *admission;
    struct ws_inbound inbound;
    unsigned idle_count; /* of what came since the last beat and leads to nothing */
    unsigned late_count; /* of what came after our goodbye */
    size_t late_bytes;   /* in that */
    int close_code;      /* for the log */
    int64_t opened_ms;
    uint64_t bytes_in;
};

struct ws_stats {
    struct pgc_metric *connections;
    struct pgc_metric *accepted;
    struct pgc_metric *accept_errors;
    struct pgc_metric *opened;
    struct pgc_metric *refused_origin;
    struct pgc_metric *refused_request;
    struct pgc_metric *refused_token;
    struct pgc_metric *refused_incomplete;
    struct pgc_metric *no_entry[WS_ENTRIES]; /* [OK] is NULL */
    struct pgc_metric *ended_slow;
    struct pgc_metric *ended_shed;
    struct pgc_metric *ended_big;
    struct pgc_metric *ended_fragments;
    struct pgc_metric *ended_unfinished;
    struct pgc_metric *ended_control;
    struct pgc_metric *ended_text;
    struct pgc_metric *received_messages;
    struct pgc_metric *received_bytes;
    struct pgc_metric *sent_frames;
    struct pgc_metric *sent_bytes;
    struct pgc_metric *writes;
    struct pgc_metric *queue_total;
    struct pgc_metric *queue_highest;
    struct pgc_metric *socket_seconds;
};
void ws_stats_init(struct ws_stats *stats, struct pgc_metrics *metrics);

/* What a worker has written since it last told: one by one, the metrics of all workers and the
 * clock would be asked for each client. */
struct ws_sent {
    int64_t writes;
    int64_t frames;
    int64_t bytes;
    int64_t committed_us; /* of the row of the writes that are to be timed */
    int64_t timed;        /* so many, until WS_TIMED_TOGETHER */
};
void ws_sent_add(struct pgc_ws *ws, unsigned frames, size_t bytes);
void ws_sent_time(struct pgc_ws *ws, int64_t committed_us); /* now; 0 = it is not timed */
void ws_sent_tell(struct pgc_ws *ws);

struct ws_listener {
    int fd;      /* -1: none */
    int reserve; /* given up to tell a client that there are no more */
    struct pgc_watch *watch;
    struct pgc_timer *pause;
    struct pgc_log_limit log_limit;
};

/* The end of it all, once it has been asked for. */
struct ws_drain {
    void (*done)(void *arg); /* NULL: it has not, or it has been told */
    void *arg;
    int64_t since_ms;
    int64_t limit_ms;
    size_t total; /* connections that were open then */
    size_t told;  /* of these, goodbye */
};

struct pgc_ws {
    struct pgc_ws_conf conf; /* its numbers and certificate; its texts are in `rules` or not kept */
    struct ws_rules rules;
    struct ws_networks *proxies;
    const struct pgc_auth *auth;
    struct pgc_cable *cable;
    struct pgc_loop *loop;
    struct ws_stats stats;
    struct ws_listener listener;
    struct ws_pace handshakes; /* that may begin */
    int port;

    struct lws_context *context;
    long fd_limit; /* the library has room for descriptors below it, and no care for others */
    struct lws_vhost *vhost;
    lws_log_cx_t log_cx;
    struct pgc_log_limit library_limit;
    struct pgc_log_limit origin_limit;
    struct pgc_log_limit token_limit;
    struct pgc_log_limit entry_limit;

    struct ws_sent sent;
    struct ws_memory memory; /* of all queues */
    size_t conn_count;
    struct ws_list fresh; /* accepted, no websocket yet; oldest first */
    struct ws_list slots[WS_SLOTS];
    struct ws_list closing; /* oldest first */
    struct ws_list gone;
    struct ws_dirty_list dirty;
    bool turn_scheduled;
    bool is_freed; /* the struct itself is, by the turn that is scheduled */

    struct pgc_timer *wheel;
    int64_t wheel_ms; /* when the next slot is due */
    unsigned wheel_slot;

    struct ws_drain drain;

    unsigned char buffer[LWS_PRE + WS_WRITE_BYTES]; /* to put frames together */
};

/* accept.c */
bool ws_listener_open(struct pgc_ws *ws, struct pgc_err *err) PGC_MUSTCHECK;
void ws_listener_close(struct pgc_ws *ws);

/* entry.c */
enum { WS_ENTRY_BYTES = 256 };
const char *ws_entry_label(enum ws_entry entry); /* of its metric */
const char *ws_entry_text(enum ws_entry entry);
const char *ws_entry_answer(enum ws_entry entry, char out[WS_ENTRY_BYTES]); /* of HTTP */
void ws_entry_refuse(struct pgc_ws *ws, int fd, enum ws_entry entry);       /* counts; closes it */

/* arrival.c */
void ws_arrive(struct pgc_ws *ws, int fd, const struct sockaddr *from); /* takes the descriptor */
/* With what the request says of its way here (NULL = nothing): may it still come in? */
enum ws_entry ws_arrival_forwarded(struct ws_conn *conn, const char *header);
void ws_arrival_end(struct ws_conn *conn); /* closes the descriptor, if it still has one */
void ws_arrival_end_all(struct pgc_ws *ws);

/* server.c */
void ws_schedule_turn(struct pgc_ws *ws); /* flush and sweep at the end of this turn */

/* drain.c */
void ws_drain_turn(struct pgc_ws *ws, int64_t now_ms); /* with the wheel's; if it drains at all */
void ws_drained(struct pgc_ws *ws); /* tell the one who waits for it, if anyone does */

/* conn.c: the life of a connection. */
/* In its handshake; takes over what is in the ticket. */
struct ws_conn *ws_conn_new(
    struct pgc_ws *ws, const struct ws_peer *peer, const struct ws_ticket *ticket);
void ws_conn_adopt(struct ws_conn *conn, int fd); /* the library gets the descriptor */
void ws_conn_open(struct ws_conn *conn);          /* the handshake is done */
void ws_conn_move(struct ws_conn *conn, enum ws_state state);
enum pgc_wire ws_conn_wire(const struct ws_conn *conn);
/* Sends what is queued and this close frame, ends the socket after the peer's or in 2 s. */
void ws_conn_close(struct ws_conn *conn, int code, const char *reason);
void ws_conn_kill(struct ws_conn *conn);      /* not from a callback about this connection */
void ws_conn_last_word(struct ws_conn *conn); /* was ours, if we have said why it ends */
void ws_conn_ending(struct ws_conn *conn);    /* the library says so: no more input, no output */
void ws_conn_gone(struct ws_conn *conn);      /* the socket is closed */
void ws_conn_sweep(struct pgc_ws *ws);

/* request.c: all that is read of a request is in one piece of memory, which is wiped in the end,
 * for a token may be anywhere in it. */
struct ws_request_text {
    struct lws *wsi;
    char *data;
    size_t used;
    size_t size;
};
struct ws_request ws_request_read(struct ws_request_text *text, struct ws_conn *conn);
/* The value of the first "<name>=" in the query, or NULL; `name` has its "=". */
const char *ws_request_query(struct ws_request_text *text, const char *name);
/* The argument of that number in the query, good until something else is read. */
bool ws_request_argument(struct ws_request_text *text, int number, const char **argument);
void ws_request_fini(struct ws_request_text *text);

/* upgrade.c: all of these answer with -1 when the library is to hang up. */
int ws_upgrade_confirm(struct ws_conn *conn);
int ws_upgrade_refuse_http(struct ws_conn *conn);
int ws_upgrade_refuse_plain(struct ws_conn *conn); /* text, where TLS is spoken */
/* `reason` may be NULL: nothing was refused. */
int ws_upgrade_answer(struct ws_conn *conn, const char *answer, struct pgc_metric *reason);
int ws_upgrade_no_entry(struct ws_conn *conn, enum ws_entry entry);
void ws_upgrade_log_origin(struct ws_conn *conn, const struct ws_request *request);
/* Looks at the token; the result is in conn->admission. */
void ws_upgrade_admit(struct ws_conn *conn, const struct ws_request *request);
bool ws_admission_is_good(const struct ws_admission *admission);
void ws_admission_free(struct ws_admission *admission);

/* events.c */
int ws_events_request(struct ws_conn *conn);

/* inbound.c */
int ws_inbound_frame(struct ws_conn *conn, size_t announced);
int ws_inbound_receive(struct ws_conn *conn, const char *bytes, size_t length);
int ws_inbound_control(struct ws_conn *conn);
int ws_inbound_close(struct ws_conn *conn, const char *payload, size_t length);
void ws_inbound_beat(struct ws_conn *conn, int64_t now_ms);

/* outbound.c */
extern const struct pgc_session_ops ws_session_ops;
void ws_outbound_touch(struct ws_conn *conn);     /* there is something to write */
void ws_outbound_is_shared(struct ws_conn *conn); /* the library writes by itself from here on */
bool ws_outbound_flush(struct ws_conn *conn);     /* false: the socket is broken */
void ws_outbound_turn(struct pgc_ws *ws);         /* flush the dirty, as many as one turn may */
void ws_outbound_beat(struct ws_conn *conn, int64_t now_ms);
/* Nothing more for this one: the end of the turn says goodbye. */
void ws_outbound_give_up(struct ws_conn *conn, const char *why, struct pgc_metric *metric);

/* shed.c: memory for queues is bounded, over all connections. */
void ws_shed(struct pgc_ws *ws);

/* wheel.c */
void ws_wheel_start(struct pgc_ws *ws);

#endif
