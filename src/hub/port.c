/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/port.h"

#include <sys/queue.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mailbox.h"
#include "pgcable/mem.h"
#include "pgcable/table.h"

/*
 * One direction.  A mailbox belongs to a loop, and the two ends open and close in any order: what
 * is sent before the receiver is there waits in `early`, what is sent after it has gone is freed.
 */
struct port_lane {
    pthread_mutex_t lock; /* all below */
    struct pgc_mailbox *box;
    void (*discard)(void *item);
    bool closed;
    void **early;
    size_t early_count;
};

/* What goes up: an ask, or (ask NULL) a change in who listens. */
struct port_up {
    struct pgc_ask *ask;
    int by;
    char member[];
};

struct pgc_port {
    struct port_lane down;
    struct port_lane up;

    void (*receive_down)(struct pgc_down *down, void *arg);
    void *down_arg;
    void (*receive_up)(struct pgc_port *port, struct pgc_ask *ask, void *arg);
    void *up_arg;
    atomic_size_t owed;

    /* feed's thread */
    struct pgc_table *viewers;                    /* member -> struct port_viewer */
    TAILQ_HEAD(port_gone, port_viewer) lingering; /* who has gone, in that order */
    int64_t linger_ms;
    void (*viewer_changed)(const char *member, bool listens, void *arg); /* or NULL */
    void *viewer_arg;
};

struct port_viewer {
    int count;
    int64_t gone_ms;                /* count 0 */
    TAILQ_ENTRY(port_viewer) entry; /* count 0 */
    size_t length;
    char member[];
};

static void
lane_init(struct port_lane *lane, void (*discard)(void *item))
{
    pthread_mutex_init(&lane->lock, NULL); /* cannot fail on Linux */
    lane->discard = discard;
}

static void
lane_open(struct port_lane *lane, struct pgc_loop *loop, void (*receive)(void *item, void *arg),
    void *arg)
{
    pthread_mutex_lock(&lane->lock);
    assert(lane->box == NULL && !lane->closed);
    lane->box = pgc_mailbox_new(loop, receive, arg);
    for (size_t i = 0; i < lane->early_count; i++) {
        pgc_mailbox_send(lane->box, lane->early[i]);
    }
    free(lane->early);
    lane->early = NULL;
    lane->early_count = 0;
    pthread_mutex_unlock(&lane->lock);
}

static void
lane_send(struct port_lane *lane, void *item)
{
    pthread_mutex_lock(&lane->lock);
    if (lane->closed) {
        lane->discard(item);
    } else if (lane->box != NULL) {
        pgc_mailbox_send(lane->box, item);
    } else {
        lane->early = pgc_xrealloc(lane->early, (lane->early_count + 1) * sizeof(*lane->early));
        lane->early[lane->early_count++] = item;
    }
    pthread_mutex_unlock(&lane->lock);
}

static size_t
lane_depth(struct port_lane *lane)
{
    size_t depth;

    pthread_mutex_lock(&lane->lock);
    depth = lane->box != NULL ? pgc_mailbox_depth(lane->box) : lane->early_count;
    pthread_mutex_unlock(&lane->lock);
    return depth;
}

/* The lock keeps senders out, so that the mailbox has none left when it goes. */
static void
lane_close(struct port_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->closed = true;
    if (lane->box != NULL) {
        pgc_mailbox_free(lane->box, lane->discard);
        lane->box = NULL;
    }
    for (size_t i = 0; i < lane->early_count; i++) {
        lane->discard(lane->early[i]);
    }
    free(lane->early);
    lane->early = NULL;
    lane->early_count = 0;
    pthread_mutex_unlock(&lane->lock);
}

static void
lane_fini(struct port_lane *lane)
{
    lane_close(lane);
    pthread_mutex_destroy(&lane->lock);
}

static void
port_discard_down(void *item)
{
    pgc_down_free(item);
}

static void
port_discard_up(void *item)
{
    struct port_up *up = item;

    pgc_ask_free(up->ask);
    free(up);
}

static void
port_received_down(void *item, void *arg)
{
    struct pgc_port *port = arg;

    port->receive_down(item, port->down_arg);
}

static struct port_viewer *
port_need_viewer(struct pgc_port *port, const char *member)
{
    size_t length = strlen(member);
    struct port_viewer *viewer = pgc_table_get(port->viewers, member, length);

    if (viewer == NULL) {
        viewer = pgc_xcalloc(1, sizeof(*viewer) + length + 1);
        viewer->length = length;
        memcpy(viewer->member, member, length);
        (void)pgc_table_put(port->viewers, member, length, viewer);
    } else if (viewer->count == 0) {
        TAILQ_REMOVE(&port->lingering, viewer, entry);
    }
    return viewer;
}

static void
port_forget_gone(struct pgc_port *port)
{
    int64_t now_ms = pgc_monotonic_ms();
    struct port_viewer *viewer = TAILQ_FIRST(&port->lingering);

    while (viewer != NULL && now_ms - viewer->gone_ms >= port->linger_ms) {
        struct port_viewer *next = TAILQ_NEXT(viewer, entry);

        TAILQ_REMOVE(&port->lingering, viewer, entry);
        (void)pgc_table_remove(port->viewers, viewer->member, viewer->length);
        free(viewer);
        viewer = next;
    }
}

static void
port_count_viewer(struct pgc_port *port, const char *member, int by)
{
    struct port_viewer *viewer = port_need_viewer(port, member);
    bool listened = viewer->count > 0;

    viewer->count += by;
    assert(viewer->count >= 0);
    if (port->viewer_changed != NULL && listened != (viewer->count > 0)) {
        port->viewer_changed(member, !listened, port->viewer_arg);
    }
    if (viewer->count == 0) {
        viewer->gone_ms = pgc_monotonic_ms();
        TAILQ_INSERT_TAIL(&port->lingering, viewer, entry);
    }
    port_forget_gone(port);
}

void
pgc_port_linger(struct pgc_port *port, int64_t ms)
{
    port->linger_ms = ms;
}

void
pgc_port_watch_viewers(
    struct pgc_port *port, void (*changed)(const char *member, bool listens, void *arg), void *arg)
{
    port->viewer_changed = changed;
    port->viewer_arg = arg;
}

static void
port_received_up(void *item, void *arg)
{
    struct pgc_port *port = arg;
    struct port_up *up = item;

    if (up->ask != NULL) {
        port->receive_up(port, up->ask, port->up_arg);
    } else {
        port_count_viewer(port, up->member, up->by);
    }
    free(up);
}

struct pgc_port *
pgc_port_new(void)
{
    struct pgc_port *port = pgc_xcalloc(1, sizeof(*port));

    lane_init(&port->down, port_discard_down);
    lane_init(&port->up, port_discard_up);
    port->viewers = pgc_table_new();
    TAILQ_INIT(&port->lingering);
    return port;
}

void
pgc_port_free(struct pgc_port *port)
{
    if (port == NULL) {
        return;
    }
    lane_fini(&port->down);
    lane_fini(&port->up);
    pgc_table_free(port->viewers, free);
    free(port);
}

void
pgc_port_open_worker(struct pgc_port *port, struct pgc_loop *loop,
    void (*receive)(struct pgc_down *down, void *arg), void *arg)
{
    port->receive_down = receive;
    port->down_arg = arg;
    lane_open(&port->down, loop, port_received_down, port);
}

void
pgc_port_open_feed(struct pgc_port *port, struct pgc_loop *loop,
    void (*receive)(struct pgc_port *port, struct pgc_ask *ask, void *arg), void *arg)
{
    port->receive_up = receive;
    port->up_arg = arg;
    lane_open(&port->up, loop, port_received_up, port);
}

void
pgc_port_close_worker(struct pgc_port *port)
{
    lane_close(&port->down);
}

void
pgc_port_close_feed(struct pgc_port *port)
{
    lane_close(&port->up);
}

void
pgc_port_take_down_batch(struct pgc_port *port, struct pgc_batch *batch)
{
    struct pgc_down *down = pgc_xcalloc(1, sizeof(*down));

    down->batch = pgc_batch_ref(batch);
    lane_send(&port->down, down);
}

void
pgc_port_take_down_answer(struct pgc_port *port, struct pgc_answer *answer)
{
    struct pgc_down *down = pgc_xcalloc(1, sizeof(*down));

    down->answer = answer;
    lane_send(&port->down, down);
}

size_t
pgc_port_depth(struct pgc_port *port)
{
    return lane_depth(&port->down) + atomic_load_explicit(&port->owed, memory_order_relaxed);
}

void
pgc_port_owe(struct pgc_port *port, size_t items)
{
    atomic_store_explicit(&port->owed, items, memory_order_relaxed);
}

void
pgc_port_take_up_ask(struct pgc_port *port, struct pgc_ask *ask)
{
    struct port_up *up = pgc_xcalloc(1, sizeof(*up) + 1);

    up->ask = ask;
    lane_send(&port->up, up);
}

void
pgc_port_viewer(struct pgc_port *port, const char *member, int by)
{
    size_t length = strlen(member);
    struct port_up *up = pgc_xcalloc(1, sizeof(*up) + length + 1);

    up->by = by;
    memcpy(up->member, member, length);
    lane_send(&port->up, up);
}

bool
pgc_port_has_viewer(struct pgc_port *port, const char *member)
{
    port_forget_gone(port);
    return pgc_table_get(port->viewers, member, strlen(member)) != NULL;
}

struct pgc_ask *
pgc_ask_new(uint64_t ticket, enum pgc_stream_kind kind, const char *member, const char *room,
    const char *room_uuid)
{
    struct pgc_ask *ask = pgc_xcalloc(1, sizeof(*ask));

    ask->ticket = ticket;
    ask->kind = kind;
    ask->member = pgc_xstrdup(member);
    ask->room = room != NULL ? pgc_xstrdup(room) : NULL;
    ask->room_uuid = room_uuid != NULL ? pgc_xstrdup(room_uuid) : NULL;
    return ask;
}

struct pgc_ask *
pgc_ask_new_custom(uint64_t ticket, const char *member, const char *channel_class,
    const char *params, size_t params_length)
{
    struct pgc_ask *ask = pgc_ask_new(ticket, PGC_STREAM_CUSTOM, member, NULL, NULL);

    ask->channel_class = pgc_xstrdup(channel_class);
    ask->params = pgc_xstrndup(params, params_length);
    return ask;
}

void
pgc_ask_free(struct pgc_ask *ask)
{
    if (ask == NULL) {
        return;
    }
    free(ask->member);
    free(ask->room);
    free(ask->room_uuid);
    free(ask->channel_class);
    free(ask->params);
    free(ask);
}

struct pgc_answer *
pgc_answer_new(uint64_t ticket, const char *stream)
{
    struct pgc_answer *answer = pgc_xcalloc(1, sizeof(*answer));

    answer->ticket = ticket;
    answer->stream = stream != NULL ? pgc_xstrdup(stream) : NULL;
    return answer;
}

void
pgc_answer_add_topic(struct pgc_answer *answer, const char *topic)
{
    answer->topics =
        pgc_xrealloc(answer->topics, (answer->topic_count + 1) * sizeof(*answer->topics));
    answer->topics[answer->topic_count++] = pgc_xstrdup(topic);
}

void
pgc_answer_free(struct pgc_answer *answer)
{
    if (answer == NULL) {
        return;
    }
    for (size_t i = 0; i < answer->topic_count; i++) {
        free(answer->topics[i]);
    }
    free(answer->topics);
    free(answer->stream);
    free(answer);
}

void
pgc_down_free(struct pgc_down *down)
{
    if (down == NULL) {
        return;
    }
    pgc_batch_unref(down->batch);
    pgc_answer_free(down->answer);
    free(down);
}
