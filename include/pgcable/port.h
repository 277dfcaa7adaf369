/* SPDX-License-Identifier: PostgreSQL */
/*
 * port.h - the street between the feed's thread and one worker's thread.
 *
 * Down come batches and answers, in one order; up go requests for access.  Nothing else is shared
 * between threads but messages and batches, which never change.  A port is made before the threads
 * start and freed after they have ended, the ends are closed before the loops they hang on.
 */
#ifndef PGCABLE_PORT_H
#define PGCABLE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/batch.h"
#include "pgcable/loop.h"

/* The kinds of stream there are; channels.c (cable) maps channel classes to them. */
enum pgc_stream_kind {
    PGC_STREAM_NOTIFICATIONS,
    PGC_STREAM_MEMBER,
    PGC_STREAM_ROOM,
    PGC_STREAM_THREADS,
    PGC_STREAM_CUSTOM, /* a channel of the application's own: only the database knows it */
};

/* worker -> feed: may this member listen? */
struct pgc_ask {
    uint64_t ticket; /* the worker's, comes back with the answer */
    enum pgc_stream_kind kind;
    char *member;        /* the token's member id */
    char *room;          /* ROOM: its id, or NULL */
    char *room_uuid;     /* ROOM: its uuid, or NULL */
    char *channel_class; /* CUSTOM: as the client names it */
    char *params;        /* CUSTOM: the identifier, a JSON object as the client wrote it */
};

/* feed -> worker: yes (stream and topics) or no (stream NULL). Holds after the batches before it.
 */
struct pgc_answer {
    uint64_t ticket;
    char *stream;  /* the topic that is the stream itself; NULL = refused */
    char **topics; /* further topics to attach */
    size_t topic_count;
};

/* One item down the street: exactly one pointer is set. */
struct pgc_down {
    struct pgc_batch *batch;
    struct pgc_answer *answer;
};

struct pgc_port;

/* The worker's side receives `down` items (and owns them: pgc_down_free), the feed's side `ask`s.
 */
struct pgc_port *pgc_port_new(void);
void pgc_port_free(struct pgc_port *port); /* after both threads have ended; closes both ends */

/* Each side opens its end in its own thread before its loop runs; what the other side sent before
 * that waits. */
void pgc_port_open_worker(struct pgc_port *port, struct pgc_loop *loop,
    void (*receive)(struct pgc_down *down, void *arg), void *arg);
void pgc_port_open_feed(struct pgc_port *port, struct pgc_loop *loop,
    void (*receive)(struct pgc_port *port, struct pgc_ask *ask, void *arg), void *arg);

/* Each side closes its end before its loop is freed; what the other side sends after that is freed
 * unseen.  Harmless to repeat. */
void pgc_port_close_worker(struct pgc_port *port);
void pgc_port_close_feed(struct pgc_port *port);

/* Feed's thread.  `batch`: takes a reference of its own.  `answer`: taken over. */
void pgc_port_take_down_batch(struct pgc_port *port, struct pgc_batch *batch);
void pgc_port_take_down_answer(struct pgc_port *port, struct pgc_answer *answer);

/* How many items wait for the worker; any thread; a moment's truth, for back-pressure. */
size_t pgc_port_depth(struct pgc_port *port);

/* Worker's thread: so many that it has received are not done with, and wait as well. */
void pgc_port_owe(struct pgc_port *port, size_t items);

/* Worker's thread.  `ask` is taken over. */
void pgc_port_take_up_ask(struct pgc_port *port, struct pgc_ask *ask);

/*
 * Which members listen to their own member stream right now, counted over all workers: per-viewer
 * payloads are built for these only.  Kept by the workers through the port; any thread may ask its
 * own side.  Feed's thread: is anyone of that id listening on this port?
 */
void pgc_port_viewer(
    struct pgc_port *port, const char *member, int by);              /* worker's thread, +1/-1 */
bool pgc_port_has_viewer(struct pgc_port *port, const char *member); /* feed's thread */

/* Who has gone counts as listening for so long.  Feed's thread, before it opens its end. */
void pgc_port_linger(struct pgc_port *port, int64_t ms);

/* Be told who begins to listen on this port, and who ceases to.  As above. */
void pgc_port_watch_viewers(
    struct pgc_port *port, void (*changed)(const char *member, bool listens, void *arg), void *arg);

struct pgc_ask *pgc_ask_new(uint64_t ticket, enum pgc_stream_kind kind, const char *member,
    const char *room, const char *room_uuid); /* copies; room and uuid may be NULL */
struct pgc_ask *pgc_ask_new_custom(uint64_t ticket, const char *member, const char *channel_class,
    const char *params, size_t params_length); /* copies */
void pgc_ask_free(struct pgc_ask *ask);
struct pgc_answer *pgc_answer_new(uint64_t ticket, const char *stream); /* NULL = refused */
void pgc_answer_add_topic(struct pgc_answer *answer, const char *topic);
void pgc_answer_free(struct pgc_answer *answer);
void pgc_down_free(struct pgc_down *down);

#endif
